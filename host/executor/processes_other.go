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

// IsWorker reports whether this process was started as a worker: there are none
// here.
func IsWorker() bool { return false }

// WorkerMain ends the process: there are no workers here.
func WorkerMain() {
	os.Stderr.WriteString("rechost: worker processes need Linux\n")
	os.Exit(1)
}
