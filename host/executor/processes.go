package executor

import (
	"rechost/host/fault"
)

// WorkerCommand is the name of the hidden command of rechost that runs
// WorkerMain.
const WorkerCommand = "worker"

// WorkerEnv names the binary whose worker command is started instead of this
// program's own, for programs that embed rechost and tests.
const WorkerEnv = "RECHOST_WORKER"

// errNoProcesses is for systems where a worker cannot be locked in.
func errNoProcesses() error {
	return fault.Use("worker processes need Linux").
		WithHint("run modules that you trust in this process: --executor goroutines")
}
