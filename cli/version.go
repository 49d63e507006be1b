package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"rechost/guest/abi"
	"rechost/host"

	"github.com/urfave/cli/v2"
)

// version is what a run's results may depend on.
type version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Changed bool   `json:"changed,omitempty"` // built from a tree with changes
	Go      string `json:"go"`
	Wazero  string `json:"wazero"`
	System  string `json:"system"`
	ABI     int    `json:"abi"`
	Kernels int    `json:"kernels"`
}

func versionCommand(e *env) *command {
	var asJSON bool
	return &command{
		Command: &cli.Command{
			Name:  "version",
			Usage: "version, commit, and the versions of what results depend on",
			Flags: []cli.Flag{jsonFlag(&asJSON)},
			Action: func(c *cli.Context) error {
				if err := noArgs(c); err != nil {
					return err
				}
				return printVersion(e, asJSON)
			},
		},
		examples: []string{"rechost version", "rechost version --json"},
	}
}

func printVersion(e *env, asJSON bool) error {
	v := buildVersion()
	if asJSON {
		return writeJSON(e.out, v)
	}
	commit := ""
	if v.Commit != "" {
		commit = " (" + v.Commit[:min(12, len(v.Commit))]
		if v.Changed {
			commit += ", changed"
		}
		commit += ")"
	}
	_, err := fmt.Fprintf(e.out, "rechost %s%s\n%s, wazero %s, %s, module ABI %d, kernels %d\n",
		v.Version, commit, v.Go, v.Wazero, v.System, v.ABI, v.Kernels)
	return err
}

// buildVersion reads what the Go linker recorded.
func buildVersion() version {
	v := version{Version: host.Version(), Go: runtime.Version(), Wazero: "unknown",
		System: runtime.GOOS + "/" + runtime.GOARCH, ABI: abi.Version, Kernels: abi.KernelVersion}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Changed = s.Value == "true"
		}
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/tetratelabs/wazero" {
			v.Wazero = d.Version
		}
	}
	return v
}
