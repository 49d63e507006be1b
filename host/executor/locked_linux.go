//go:build !cgo

package executor

import (
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/elastic/go-seccomp-bpf" // assembles filters with conditions on arguments
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock" // Landlock for all threads, on every version of the kernel
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Confines reports whether workers of this binary lock themselves in.
const Confines = true

// lockFiles leaves the process one folder: to read, or to write what it
// compiles. On a kernel without Landlock it leaves everything, and no wall.
func lockFiles(dir string, write bool) (walls []string, err error) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return nil, nil
	}
	var rules []landlock.Rule
	switch {
	case dir == "":
	case write:
		rules = append(rules, landlock.RWDirs(dir))
	default:
		rules = append(rules, landlock.RODirs(dir))
	}
	if err := landlock.V7.BestEffort().Restrict(rules...); err != nil {
		return nil, fmt.Errorf("restricting by Landlock: %w", err)
	}
	return []string{fmt.Sprintf("%s %d", wallLandlock, abi)}, nil
}

// lockCalls leaves the process the system calls of compiling: it can open what
// Landlock leaves it and map executable memory, but no socket, no other process
// and nothing of theirs.
func lockCalls() error { return filter(callsToCompile) }

// lockDown gives up everything that serving calls does not need. From here on
// no thread of this process can open a file or a socket, start a process, or
// map executable memory.
func lockDown() (walls []string, err error) {
	if abi, err := ll.LandlockGetABIVersion(); err == nil && abi >= 1 {
		if err := landlock.V7.BestEffort().Restrict(); err != nil {
			return nil, fmt.Errorf("restricting by Landlock: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("prctl: %w", err)
	}
	if !seccomp.Supported() {
		return nil, nil
	}
	if err := filter(callsToServe); err != nil {
		return nil, err
	}
	return []string{wallSeccomp}, nil
}

// filter puts a filter on every thread, where the kernel has such. Filters add
// up: what one of them refuses is refused.
func filter(calls func(*arch.Info) seccomp.Policy) error {
	if !seccomp.Supported() {
		return nil
	}
	runtime.LockOSThread() // the filter goes from this thread to the others
	defer runtime.UnlockOSThread()
	info, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: calls(info)}); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// Calls that no honest worker comes near, and those to open files, which it
// does until it has compiled.
var (
	killing = []string{"open", "openat2", "creat", "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
		"execve", "execveat", "fork", "vfork", "clone3", "ptrace", "process_vm_readv", "process_vm_writev", "kill", "tkill",
		"io_uring_setup", "io_uring_enter", "io_uring_register", "pidfd_open", "pidfd_getfd", "pidfd_send_signal",
		"mount", "umount2", "unshare", "setns", "chroot", "pivot_root", "bpf", "perf_event_open", "userfaultfd",
		"keyctl", "add_key", "request_key", "setrlimit", "prlimit64", "init_module", "finit_module", "kexec_load", "reboot"}
	opening = []string{"openat"}
)

// serving is what the Go runtime needs to run goroutines, timers and
// collections on threads that come and go, and what a call needs, found by
// leaving out one name at a time. Whatever is in no list fails with EPERM, so
// that a stray call of the runtime's does not end an honest worker.
var serving = []string{
	"futex", "nanosleep", "sched_yield", "epoll_pwait", // scheduler
	"gettid", "sigaltstack", "rt_sigprocmask", "exit", // threads
	"getpid", "rt_sigreturn", "rt_sigaction", // preemption and the crash path
	"munmap", "madvise", // memory
	"recvmsg", "sendmsg", "read", "write", "close", "fstat", "pread64", // input, output
	"memfd_create", "ftruncate", // results
	"clock_gettime", // where the vDSO falls back to it
	"exit_group", "restart_syscall",
}

// compiling is what it takes besides, until the module is loaded: its code is
// mapped, its cache is a folder of files, and then the last locks are put on.
var compiling = []string{
	"mprotect",
	"openat", "newfstatat", "getdents64", "unlinkat", "renameat", "mkdirat", "fsync", "geteuid",
	"landlock_create_ruleset", "landlock_restrict_self", "seccomp",
}

func callsToCompile(info *arch.Info) seccomp.Policy {
	return policy(info, killing, append(slices.Clone(serving), compiling...), append(mmap(),
		when("prctl", 0, seccomp.Equal, unix.PR_SET_NO_NEW_PRIVS),
		seccomp.NameWithConditions{Name: "prctl", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.Equal, Value: unix.PR_SET_DUMPABLE}, {Argument: 1, Operation: seccomp.Equal, Value: 0}}},
	))
}

func callsToServe(info *arch.Info) seccomp.Policy {
	inert := seccomp.Condition{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}
	return policy(info, append(slices.Clone(killing), opening...), serving, append(mmap(inert),
		when("mprotect", 2, seccomp.BitsNotSet, unix.PROT_EXEC),
	))
}

// mmap allows the mappings that RLIMIT_DATA counts, and those of a file. It does
// not count what is shared or grows as a stack does, so of no file are these
// refused.
func mmap(more ...seccomp.Condition) (list []seccomp.NameWithConditions) {
	for _, without := range []uint64{unix.MAP_SHARED, unix.MAP_ANONYMOUS} { // of the two together one is not there
		flags := seccomp.Condition{Argument: 3, Operation: seccomp.BitsNotSet, Value: without | unix.MAP_GROWSDOWN}
		list = append(list, seccomp.NameWithConditions{Name: "mmap", Conditions: append(seccomp.ArgumentConditions{flags}, more...)})
	}
	return list
}

func when(name string, arg uint32, op seccomp.Operation, v uint64) seccomp.NameWithConditions {
	return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: arg, Operation: op, Value: v}}}
}

// policy kills, allows, allows under conditions, and refuses the rest.
func policy(info *arch.Info, kill, allow []string, conditions []seccomp.NameWithConditions) seccomp.Policy {
	known := func(names []string) (s []string) {
		for _, n := range names {
			if _, ok := info.SyscallNames[n]; ok { // some exist on one architecture only
				s = append(s, n)
			}
		}
		return s
	}
	// The flags of Go's newosproc: a thread of this process and nothing else.
	thread := uint64(unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD)
	if runtime.GOARCH == "amd64" {
		thread |= unix.CLONE_SETTLS
	}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionKillProcess, Names: known(kill)},
			{Action: seccomp.ActionAllow, Names: known(allow), NamesWithCondtions: append(conditions,
				when("clone", 0, seccomp.Equal, thread),
				when("tgkill", 0, seccomp.Equal, uint64(os.Getpid())),
				when("fcntl", 1, seccomp.Equal, unix.F_ADD_SEALS),
				when("fcntl", 1, seccomp.Equal, unix.F_GET_SEALS),
			)},
		},
	}
}
