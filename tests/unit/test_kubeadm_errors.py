"""kubeadm's output: nothing secret stays in it, and each failure becomes one line that says what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._host.command import TIMED_OUT, Done
from ansible_collections.eco2.platform.plugins.module_utils._node import kubeadm_errors
from ansible_collections.eco2.platform.plugins.module_utils._node.kubeadm_errors import MASK, explain, mask

TOKEN = "abcdef.0123456789abcdef"
STACK = "To see the stack trace of this error execute with --v=5 or higher\n"

PREFLIGHT = (
    "[preflight] Running pre-flight checks\n"
    "\x1b[0;37mOS\x1b[0m: \x1b[0;32mLinux\x1b[0m\n"
    '\t[WARNING Hostname]: hostname "k8s-a" could not be reached\n'
    "[preflight] Some fatal errors occurred:\n"
    "\t[ERROR Port-10250]: Port 10250 is in use\n"
    "\t[ERROR FileAvailable--etc-kubernetes-kubelet.conf]: /etc/kubernetes/kubelet.conf already exists\n"
    "\t[ERROR FileContent--proc-sys-net-ipv4-ip_forward]: /proc/sys/net/ipv4/ip_forward contents are not set to 1\n"
    "\t[ERROR Unheard]: something new\n"
    "[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`\n"
    "error: error execution phase preflight: preflight checks failed\n" + STACK
)


def test_every_failed_preflight_check_is_named_with_what_to_do() -> None:
    line = explain(Done(1, PREFLIGHT, ""))
    assert "\n" not in line
    assert "Port-10250: Port 10250 is in use (another kubelet or another program" in line
    assert "FileAvailable--etc-kubernetes-kubelet.conf: /etc/kubernetes/kubelet.conf already exists (left over" in line
    assert "ip_forward contents are not set to 1 (enable forwarding" in line
    assert "Unheard: something new (see kubeadm's documentation" in line
    assert "Hostname" not in line


def test_warnings_are_kept_apart() -> None:
    assert kubeadm_errors.warnings(PREFLIGHT) == ['Hostname: hostname "k8s-a" could not be reached']


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (
            "error: error execution phase preflight: couldn't validate the identity of the API Server: could not find a JWS signature "
            'in the cluster-info ConfigMap for token ID "abcdef"\n',
            "it has expired, was removed, or is not signed yet",
        ),
        ('error: token id "abcdef" is invalid for this cluster or it has expired. Use "kubeadm token create"', "does not know the token"),
        (
            "error: couldn't validate the identity of the API Server: failed to verify JWS signature of received cluster info object, "
            "can't trust this API Server\n",
            "check that 10.0.0.10:6443 belongs to the right cluster",
        ),
        (
            "error: couldn't validate the identity of the API Server: cluster CA found in cluster-info ConfigMap is invalid: none of the "
            f'public keys "sha256:{"a" * 64}" are pinned\n',
            "is not the expected one (it has sha256:aaaa",
        ),
        (
            'error: a Node with name "k8s-a" and status "Ready" already exists in the cluster. You must delete the existing Node',
            "node_join_existing=replace",
        ),
        (
            'failed to request the cluster-info ConfigMap: Get "https://10.0.0.10:6443/api": tls: failed to verify certificate: x509: '
            "certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2026-11-29T20:00:00Z\n",
            "is valid from 2026-11-29T20:00:00Z on, and this machine's clock says 2020-01-01T00:00:00Z; set the clock",
        ),
        (
            'failed to request the cluster-info ConfigMap: Get "https://10.0.0.10:6443/api": tls: failed to verify certificate: x509: '
            "certificate has expired or is not yet valid: current time 2027-12-01T00:00:00Z is after 2027-11-29T20:00:00Z\n",
            "has expired: it is valid until 2027-11-29T20:00:00Z, and this machine's clock says 2027-12-01T00:00:00Z; renew it",
        ),
        (
            'failed to request the cluster-info ConfigMap: Get "https://10.0.0.10:6443/api": tls: failed to verify certificate: x509: '
            "certificate is valid for 10.96.0.1, not 10.0.0.10\n",
            "the certificate of 10.0.0.10:6443 cannot be trusted: x509: certificate is valid for 10.96.0.1, not 10.0.0.10",
        ),
        (
            'failed to request the cluster-info ConfigMap: configmaps "cluster-info" is forbidden: User "system:anonymous" cannot get\n',
            "10.0.0.10:6443 does not show the ConfigMap kube-public/cluster-info to this machine",
        ),
        (
            'failed to request the cluster-info ConfigMap: Get "https://10.0.0.10:6443/api": dial tcp 10.0.0.10:6443: connect: connection '
            "refused\n",
            "10.0.0.10:6443 does not answer this machine: dial tcp 10.0.0.10:6443: connect: connection refused",
        ),
        (
            "[kubelet-check] The kubelet is not healthy after 4m0s\nerror: failed while waiting for the kubelet to start\n",
            "kubelet says: E-LINE",
        ),
        (
            "[kubelet-check] It seems like the kubelet isn't running or healthy.\n",
            "the kubelet does not become healthy; the kubelet says: E-LINE",
        ),
        ("error: failed while waiting for TLS bootstrap: context deadline exceeded\n", "did not get a client certificate"),
        ("error: kube-apiserver check failed at https://x/livez", "the control plane does not become healthy"),
    ],
)
def test_what_kubeadm_says_and_what_it_means(said: str, means: str) -> None:
    line = explain(Done(1, said + STACK, ""), endpoint="10.0.0.10:6443", kubelet_says="E-LINE")
    assert means in line
    assert "\n" not in line
    assert "stack trace" not in line


def test_the_unknown_is_told_in_kubeadms_own_words() -> None:
    assert explain(Done(1, "[init] x\nerror: something new\n" + STACK, "")) == "error: something new"
    assert explain(Done(1, "", "")) == "it said nothing"


def test_a_time_limit_is_told_with_the_last_words() -> None:
    output = "[preflight] Running pre-flight checks\n[preflight] Reading configuration\n"
    done = Done(TIMED_OUT, output, "kubeadm did not end within 30 s")
    assert explain(done, kubelet_says="boom") == (
        "kubeadm did not end within 30 s and was stopped; its last line: [preflight] Reading configuration; the kubelet says: boom"
    )
    assert not kubeadm_errors.wrote_nothing(done)
    assert kubeadm_errors.wrote_nothing(Done(1, PREFLIGHT, ""))


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        "f" * 64,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\ncut off",
        "eyJhbGciOiJIUzI1NiJ9..c2lnbmF0dXJl",
        "client-key-data: TFMwdExTMUNSVWRKTFMwdExT",
        "token: abcdefghijklmnopqrstuvwxyz",
    ],
)
def test_what_looks_like_a_secret_is_hidden(secret: str) -> None:
    masked = mask(f"before\n{secret}\nafter")
    assert MASK in masked
    assert secret not in masked
    assert masked.startswith("before\n")


@pytest.mark.parametrize(
    "plain",
    ["sha256:" + "a" * 64, "k8s-event-router.example.org", "10.0.0.10:6443", 'token ID "abcdef"', "the token: it has expired", "v1.36.3"],
)
def test_what_is_no_secret_stays(plain: str) -> None:
    assert mask(f"x {plain} y") == f"x {plain} y"


@given(st.text(), st.from_regex("[a-z0-9]{6}[.][a-z0-9]{16}", fullmatch=True), st.text())
def test_a_known_token_never_stays(before: str, token: str, after: str) -> None:
    masked = mask(before + token + after, token, token.partition(".")[2])
    assert token not in masked
    assert token.partition(".")[2] not in masked


def test_the_kubelets_last_error_is_found() -> None:
    journal = (
        "I1124 13:00:00.000000     100 server.go:1] starting\n"
        'E1124 13:00:01.000000     100 run.go:74] "command failed" err="failed to load kubelet config file"\n'
        "kubelet.service: Main process exited, code=exited, status=1/FAILURE\n"
    )
    assert kubeadm_errors.kubelet_error(journal) == '"command failed" err="failed to load kubelet config file"'
    assert kubeadm_errors.kubelet_error("nothing wrong\n") == ""


def test_an_error_of_several_lines_is_one() -> None:
    journal = (
        'E1124 13:00:01.000000     100 run.go:74] "command failed" err=<\n'
        "\tfailed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels\n"
        " >\n"
        "kubelet.service: Failed with result 'exit-code'.\n"
    )
    said = kubeadm_errors.kubelet_error(journal)
    assert said.endswith("err=< failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels")
