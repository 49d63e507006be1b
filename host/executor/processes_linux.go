package executor

import "rechost/host/fault"

// NewProcesses returns an executor whose guests run in worker processes.
func NewProcesses(o Options) (Executor, error) {
	return nil, fault.New(fault.Failed, "worker processes: not built yet")
}

// WorkerMain is the whole of a worker process; it does not return.
func WorkerMain() {}
