package executor

import (
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// The walls that a worker may stand behind, as Executor.Walls names them.
const (
	wallProcess  = "process of its own"
	wallLimits   = "rlimits"
	wallLandlock = "Landlock"
	wallSeccomp  = "seccomp"
)

// ownNeeds is what a worker itself may allocate: compiling a Go module takes
// 140 MB, a recursion of the guest's up to 165 MB.
const ownNeeds = 1 << 30

// limitProcess sets what the kernel keeps for the worker: a second line behind
// the parent's deadline and the sandbox's own counting. It comes before the
// locks, which forbid it: under Landlock alone it could reach the parent too.
func limitProcess(hello *message) (walls []string, err error) {
	l := hello.Limits
	for _, x := range []struct {
		what  int
		limit uint64
		name  string
	}{
		{unix.RLIMIT_CORE, 0, "RLIMIT_CORE"},
		{unix.RLIMIT_NOFILE, maxOpenArrays + 512, "RLIMIT_NOFILE"},
		// Not RLIMIT_AS: the guest's address space is reserved at once.
		{unix.RLIMIT_DATA, uint64(l.Memory) + ownNeeds, "RLIMIT_DATA"},
		{unix.RLIMIT_FSIZE, uint64(max(l.Output, ownNeeds)), "RLIMIT_FSIZE"},
		{unix.RLIMIT_CPU, hello.CPU, "RLIMIT_CPU"},
	} {
		// Where somebody (a shell, a service manager) allows less already, that stands.
		var old unix.Rlimit
		if err := unix.Getrlimit(x.what, &old); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", x.name, err)
		}
		limit := min(x.limit, old.Max)
		if err := unix.Setrlimit(x.what, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return nil, fmt.Errorf("cannot set %s: %w", x.name, err)
		}
	}
	// A worker's own heap is small; what it does not need goes back early.
	debug.SetMemoryLimit(ownNeeds / 2)
	return []string{wallProcess, wallLimits}, nil
}
