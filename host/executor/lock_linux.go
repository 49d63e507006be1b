package executor

import (
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"rechost/host/task"
)

// The walls that a worker may stand behind, as Executor.Walls names them.
const (
	wallProcess  = "process of its own"
	wallLimits   = "rlimits"
	wallLandlock = "Landlock"
	wallSeccomp  = "seccomp"
)

// ownNeeds is what a worker itself may allocate beside the guest's memory: a
// recursion of the guest's takes up to 165 MB.
const ownNeeds = 1 << 30

// compileRoom is how much address space a worker may take to compile: as much
// as a guest gets memory, but enough for the largest modules that there are.
func compileRoom(l task.Limits) int64 { return max(l.Memory, compileNeeds) }

// compileNeeds is what a module of 64 MiB takes: one of 46 MB takes 1.2 GB.
const compileNeeds = 2 << 30

// addressSpace is the limit for a worker: what it has now and so much besides.
// For guests there is none: the address space of a guest's memory is reserved at
// once, and arrays of any size are mapped. Nor is there one where nobody tells
// what it has now.
func addressSpace(more int64) uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	var pages uint64
	if _, bad := fmt.Sscan(string(b), &pages); more == 0 || err != nil || bad != nil {
		return unix.RLIM_INFINITY
	}
	return pages*uint64(os.Getpagesize()) + uint64(more)
}

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
		{unix.RLIMIT_NOFILE, maxOpenArrays + 2*task.MaxArrays, "RLIMIT_NOFILE"},
		{unix.RLIMIT_AS, addressSpace(hello.Compile), "RLIMIT_AS"},
		// More than the address space of one that compiles, whose code it does not count.
		{unix.RLIMIT_DATA, uint64(max(l.Memory, hello.Compile)) + ownNeeds, "RLIMIT_DATA"},
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
