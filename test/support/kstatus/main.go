// Command kstatus prints how Flux and Helm 4 judge the Kubernetes object that is given as JSON on standard input: one of
// Current, InProgress, Failed, Terminating, NotFound, Unknown, then a tab, then the reason in words.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	if err := judge(); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func judge() error {
	var object unstructured.Unstructured
	if err := json.NewDecoder(os.Stdin).Decode(&object); err != nil {
		return err
	}
	result, err := status.Compute(&object)
	if err != nil {
		return err
	}
	fmt.Printf("%s\t%s\n", result.Status, result.Message)
	return nil
}
