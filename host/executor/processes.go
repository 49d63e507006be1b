package executor

import (
	"os"

	"rechost/host/digest"
)

// WorkerCommand is the argument with which a binary is started as a worker: it
// then calls WorkerMain and nothing else.
const WorkerCommand = "worker"

// WorkerEnv is the environment variable that names the binary to start as a
// worker instead of this program's own.
const WorkerEnv = "RECHOST_WORKER"

// WorkerCommandEnv is set in the environment of a worker, which has nothing
// else of the parent's. A test binary, whose arguments are not its own, calls
// IsWorker in TestMain:
//
//	func TestMain(m *testing.M) {
//		if executor.IsWorker() {
//			executor.WorkerMain()
//		}
//		os.Exit(m.Run())
//	}
const WorkerCommandEnv = "RECHOST_IS_WORKER"

// IsWorker reports whether this process was started as a worker.
func IsWorker() bool {
	return os.Getenv(WorkerCommandEnv) != "" && len(os.Args) == 2 && os.Args[1] == WorkerCommand
}

// digest names the module.
func (o Options) digest() digest.Digest { return digest.Of(o.Module) }
