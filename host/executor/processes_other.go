//go:build !linux

package executor

import "os"

// NewProcesses is not to be had here.
func NewProcesses(Options) (Executor, error) { return nil, errNoProcesses() }

// WorkerMain ends the process: there are no workers here.
func WorkerMain() {
	os.Stderr.WriteString("rechost: worker processes need Linux\n")
	os.Exit(1)
}
