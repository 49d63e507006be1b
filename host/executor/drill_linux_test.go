//go:build !cgo

package executor

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { drill = escapeDrill }

// attempts are what an escaped guest might try, as root if need be. Those that
// end the worker are tried one a worker.
var attempts = []struct {
	name  string
	fatal bool // the filter kills for it
	try   func() error
}{
	{"open a file", true, func() error { _, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0); return err }},
	{"open through /proc", true, func() error { _, err := unix.Open("/proc/self/fd/3", unix.O_RDWR, 0); return err }},
	{"socket", true, func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); return err }},
	{"ptrace the parent", true, func() error { return unix.PtraceAttach(os.Getppid()) }},
	{"kill the parent", true, func() error { return unix.Kill(os.Getppid(), 0) }},
	{"execve", true, func() error { return unix.Exec("/bin/true", []string{"true"}, nil) }},
	{"fork", true, func() error { return raw(unix.SYS_CLONE3, 0, 0, 0) }},
	{"io_uring", true, func() error { return raw(unix.SYS_IO_URING_SETUP, 1, 0, 0) }},
	{"raise a limit", true, func() error { return unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, nil, &unix.Rlimit{}) }},
	{"bpf", true, func() error { return raw(unix.SYS_BPF, 0, 0, 0) }},
	{"unshare", true, func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{"mount", true, func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") }},

	{"stat", false, func() error { var st unix.Stat_t; return unix.Stat("/etc/passwd", &st) }},
	{"executable memory", false, func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	}},
	{"make memory executable", false, func() error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return nil // that must work: report it as a success of the attack
		}
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	}},
	{"clone a process", false, func() error { return raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0) }},
	{"duplicate a descriptor", false, func() error { _, err := unix.Dup(3); return err }},
	{"signal another process", false, func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) }},
	{"rename", false, func() error { return unix.Rename("/tmp/a", "/tmp/b") }},
	{"unlink", false, func() error { return unix.Unlink("/tmp/a") }},
	{"become dumpable", false, func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{"second filter", false, func() error { return raw(unix.SYS_SECCOMP, 1, 0, 0) }},
}

func raw(call, a, b, c uintptr) error {
	if _, _, e := syscall.RawSyscall(call, a, b, c); e != 0 {
		return e
	}
	return nil
}

// escapeDrill runs in a worker, on a thread that did not exist when the filter
// was loaded: attempt number-1, or with 0 all that do not end the worker.
func escapeDrill(number int) []string {
	var report []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: a thread of its own
		for i, a := range attempts {
			if number == i+1 || number == 0 && !a.fatal {
				report = append(report, fmt.Sprintf("%s: %v", a.name, a.try()))
			}
		}
	}()
	<-done
	return report
}

func TestEscape(t *testing.T) {
	dir := folder(t.TempDir())
	e := newExecutor(t, "processes", 1, testLimits, dir)
	if w := strings.Join(e.Walls(), ", "); !strings.Contains(w, wallSeccomp) || !strings.Contains(w, wallLandlock) {
		t.Skipf("this kernel's walls are %s", w)
	}
	ask := func(request *message) (m *message, err error) {
		err = e.(*processes).with(context.Background(), 0, func(w *workerProcess) error {
			if err := send(int(w.host.Fd()), request, nil); err != nil {
				return w.died(err)
			}
			m, err = e.(*processes).answer(w, maxReply)
			return err
		})
		return m, err
	}
	m, err := ask(&message{Kind: msgDrill})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range m.Log {
		t.Log(line)
		if !strings.HasSuffix(line, unix.EPERM.Error()) && !strings.HasSuffix(line, unix.EACCES.Error()) {
			t.Errorf("%s", line)
		}
	}
	for i, a := range attempts {
		if !a.fatal {
			continue
		}
		_, err := ask(&message{Kind: msgDrill, Index: i + 1})
		if err == nil || !strings.Contains(err.Error(), "system call that workers may not make") {
			t.Errorf("%s: %v", a.name, err)
		}
	}
	strict, err := NewProcesses(Options{Module: goGuest(t), Name: "guest.wasm", Limits: testLimits, RequireIsolation: true, Cache: e.(*processes).options.Cache})
	if err != nil {
		t.Fatal(err)
	}
	defer strict.Close()
	if _, err := strict.Describe(context.Background()); err != nil {
		t.Errorf("with full isolation required: %v", err)
	}
	// The parent is well.
	if err := e.Run(context.Background(), tasksOf(t, stageFresh, 1, nil, 1), drop); err != nil {
		t.Error(err)
	}
}
