// The lab's pod network: on each node it writes a CNI configuration for the node's podCIDR, and keeps a route to
// every other node's.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	account   = "/var/run/secrets/kubernetes.io/serviceaccount"
	directory = "/etc/cni/net.d"
	interval  = 2 * time.Second
)

type node struct {
	Metadata struct{ Name string }
	Spec     struct{ PodCIDR string }
	Status   struct{ Addresses []struct{ Type, Address string } }
}

func (n node) address() string {
	for _, address := range n.Status.Addresses {
		if address.Type == "InternalIP" {
			return address.Address
		}
	}
	return ""
}

func main() {
	own, written, last := os.Getenv("NODE_NAME"), "", ""
	for {
		nodes, err := list()
		for _, n := range nodes {
			if err != nil || n.Spec.PodCIDR == "" {
				continue
			}
			if n.Metadata.Name != own {
				err = route(n)
			} else if n.Spec.PodCIDR != written {
				err = configure(n.Spec.PodCIDR)
				written = n.Spec.PodCIDR
			}
		}
		if err != nil && err.Error() != last {
			last = err.Error()
			log.Print(last)
		}
		time.Sleep(interval)
	}
}

func list() ([]node, error) {
	authority, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		return nil, err
	}
	// Read each time: the kubelet renews it.
	token, err := os.ReadFile(filepath.Join(account, "token"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/api/v1/nodes", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("nodes: %s", answer.Status)
	}
	var nodes struct{ Items []node }
	return nodes.Items, json.NewDecoder(answer.Body).Decode(&nodes)
}

func route(n node) error {
	_, subnet, err := net.ParseCIDR(n.Spec.PodCIDR)
	if err != nil || n.address() == "" {
		return err
	}
	return netlink.RouteReplace(&netlink.Route{Dst: subnet, Gw: net.ParseIP(n.address())})
}

func configure(podCIDR string) error {
	configuration := map[string]any{
		"cniVersion": "1.0.0",
		"name":       "lab",
		"plugins": []any{
			map[string]any{
				"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
				"ipam": map[string]any{
					"type":   "host-local",
					"ranges": []any{[]any{map[string]string{"subnet": podCIDR}}},
					"routes": []any{map[string]string{"dst": "0.0.0.0/0"}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}
	text, err := json.MarshalIndent(configuration, "", "  ")
	if err != nil {
		return err
	}
	// Written beside and renamed: containerd watches the directory and must not see half a file.
	temporary := filepath.Join(directory, ".10-lab.conflist")
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(directory, "10-lab.conflist"))
}
