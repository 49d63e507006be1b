//go:build !linux

package executor

import (
	"os"

	"rechost/host/fault"
)

// NewProcesses fails: a worker cannot be locked in here.
func NewProcesses(Options) (Executor, error) {
	return nil, fault.Use("worker processes need Linux").
		WithHint("run modules that you trust in this process: --executor goroutines")
}

// WorkerMain ends the process: there are no workers here.
func WorkerMain() {
	os.Stderr.WriteString("rechost: worker processes need Linux\n")
	os.Exit(1)
}
