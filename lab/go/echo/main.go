// A workload for the lab: it answers HTTP with the name of the node that it runs on, or, with an address, asks for one.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		ask(os.Args[1])
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, os.Getenv("NODE_NAME")) })
	log.Fatal(http.ListenAndServe(":8080", nil))
}

func ask(address string) {
	client := &http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(address)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	io.Copy(os.Stdout, answer.Body)
}
