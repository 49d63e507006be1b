//go:build !cgo

package executor

import (
	"fmt"
	"os"
	"runtime"

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
	runtime.LockOSThread() // the filter goes from this thread to the others
	defer runtime.UnlockOSThread()
	policy, err := systemCalls()
	if err != nil {
		return nil, err
	}
	if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy}); err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	return []string{wallSeccomp}, nil
}

// systemCalls is what a locked worker may ask of the kernel, found by leaving
// out one name at a time: what the Go runtime needs to run goroutines, timers
// and collections on threads that come and go, and what a call needs.
// Whatever is in neither list fails with EPERM, so that a stray call of the
// runtime's does not end an honest worker.
func systemCalls() (seccomp.Policy, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, fmt.Errorf("seccomp: %w", err)
	}
	known := func(names ...string) (s []string) {
		for _, n := range names {
			if _, ok := info.SyscallNames[n]; ok { // some exist on one architecture only
				s = append(s, n)
			}
		}
		return s
	}
	when := func(name string, arg uint32, op seccomp.Operation, v uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: arg, Operation: op, Value: v}}}
	}
	// The flags of Go's newosproc: a thread of this process and nothing else.
	thread := uint64(unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD)
	if runtime.GOARCH == "amd64" {
		thread |= unix.CLONE_SETTLS
	}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{
				// No honest worker comes near these.
				Action: seccomp.ActionKillProcess,
				Names: known("open", "openat", "openat2", "creat", "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
					"execve", "execveat", "fork", "vfork", "clone3", "ptrace", "process_vm_readv", "process_vm_writev", "kill", "tkill",
					"io_uring_setup", "io_uring_enter", "io_uring_register", "pidfd_open", "pidfd_getfd", "pidfd_send_signal",
					"mount", "umount2", "unshare", "setns", "chroot", "pivot_root", "bpf", "perf_event_open", "userfaultfd",
					"keyctl", "add_key", "request_key", "setrlimit", "prlimit64", "init_module", "finit_module", "kexec_load", "reboot"),
			},
			{
				Action: seccomp.ActionAllow,
				Names: known(
					"futex", "nanosleep", "sched_yield", "epoll_pwait", // scheduler
					"gettid", "sigaltstack", "rt_sigprocmask", "exit", // threads
					"getpid", "rt_sigreturn", "rt_sigaction", // preemption and the crash path
					"munmap", "madvise", // memory
					"recvmsg", "sendmsg", "read", "write", "close", "fstat", "pread64", // input, output
					"memfd_create", "ftruncate", // results
					"clock_gettime", // where the vDSO falls back to it
					"exit_group", "restart_syscall"),
				NamesWithCondtions: []seccomp.NameWithConditions{
					when("clone", 0, seccomp.Equal, thread),
					when("tgkill", 0, seccomp.Equal, uint64(os.Getpid())),
					when("mmap", 2, seccomp.BitsNotSet, unix.PROT_EXEC),
					when("mprotect", 2, seccomp.BitsNotSet, unix.PROT_EXEC),
					when("fcntl", 1, seccomp.Equal, unix.F_ADD_SEALS),
					when("fcntl", 1, seccomp.Equal, unix.F_GET_SEALS),
				},
			},
		},
	}, nil
}
