// Command restricted-runc stands before runc on a host that lacks CAP_SYS_RESOURCE, where runc
// refuses every privileged container ("unable to apply caps") and every negative OOM score. It
// takes both out of what a container asks for and becomes the real runc.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const denied = "CAP_SYS_RESOURCE"

// flagValue returns the value of a runc flag, given as `--flag value` or `--flag=value`.
func flagValue(arguments []string, names ...string) string {
	for index, argument := range arguments {
		for _, name := range names {
			if argument == name && index+1 < len(arguments) {
				return arguments[index+1]
			}
			if value, found := strings.CutPrefix(argument, name+"="); found {
				return value
			}
		}
	}
	return ""
}

// restrict removes the denied capability and a negative OOM score from a process specification.
func restrict(process map[string]any) {
	if sets, ok := process["capabilities"].(map[string]any); ok {
		for name, value := range sets {
			set, ok := value.([]any)
			if !ok {
				continue
			}
			kept := make([]any, 0, len(set))
			for _, capability := range set {
				if capability != denied {
					kept = append(kept, capability)
				}
			}
			sets[name] = kept
		}
	}
	if score, ok := process["oomScoreAdj"].(json.Number); ok && strings.HasPrefix(score.String(), "-") {
		process["oomScoreAdj"] = 0
	}
}

// rewrite changes a container's config.json (nested) or an exec's process file in place.
func rewrite(path string, nested bool) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Contains(content, []byte(denied)) && !bytes.Contains(content, []byte(`"oomScoreAdj":-`)) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber() // limits such as 2^63-1 don't survive a float64
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		return err
	}
	process := document
	if nested {
		process, _ = document["process"].(map[string]any)
	}
	restrict(process)
	changed, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return os.WriteFile(path, changed, 0o600)
}

func run() error {
	arguments := os.Args[1:]
	if bundle := flagValue(arguments, "--bundle", "-b"); bundle != "" {
		if err := rewrite(filepath.Join(bundle, "config.json"), true); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if process := flagValue(arguments, "--process", "-p"); process != "" {
		if err := rewrite(process, false); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, arguments...), os.Environ())
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "restricted-runc:", err)
		os.Exit(1)
	}
}
