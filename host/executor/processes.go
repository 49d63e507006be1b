package executor

import "rechost/host/digest"

// WorkerCommand is the one argument with which a binary is started as a worker:
// it then calls WorkerMain and nothing else. A test binary, whose arguments are
// not its own, does so in TestMain:
//
//	func TestMain(m *testing.M) {
//		if executor.IsWorker() {
//			executor.WorkerMain()
//		}
//		os.Exit(m.Run())
//	}
const WorkerCommand = "worker"

// WorkerEnv is the environment variable that names the binary to start as a
// worker instead of this program's own.
const WorkerEnv = "RECHOST_WORKER"

// digest names the module.
func (o Options) digest() digest.Digest { return digest.Of(o.Module) }
