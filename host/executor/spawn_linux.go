package executor

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

// workerProcess is one worker, used by one goroutine at a time.
type workerProcess struct {
	cmd     *exec.Cmd
	host    *os.File // our end of the socket pair
	ended   chan struct{}
	said    tail
	started time.Time

	compiles int64 // address space for that, of one that puts the module's code into the cache and serves no guests

	sent  map[digest.Digest]idle // arrays it has open
	clock uint64

	mu     sync.Mutex
	killed error // why we killed it
	closed bool  // host is
}

// spawner starts processes from one thread that lives as long as this process
// does: a worker is killed when the thread that started it ends.
var spawner = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
})

// binary is the program that is started as a worker.
func (o Options) binary() (string, error) {
	if o.Worker != "" {
		return o.Worker, nil
	}
	if path := os.Getenv(WorkerEnv); path != "" {
		return path, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fault.New(fault.Failed, "cannot find the program for workers: %v", err)
	}
	return path, nil
}

// spawn starts a worker. It has no environment and no descriptor of ours but
// its end of the socket pair; what it has to know, the first message says. When
// it ends, the processor time that it took is added to spent.
func spawn(path string, spent *atomic.Int64) (*workerProcess, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot make a socket pair: %v", err)
	}
	host, guest := os.NewFile(uintptr(pair[0]), "host"), os.NewFile(uintptr(pair[1]), "worker")
	defer guest.Close()
	w := &workerProcess{host: host, ended: make(chan struct{}), started: time.Now(), sent: map[digest.Digest]idle{}}
	w.cmd = exec.Command(path, WorkerCommand)
	w.cmd.ExtraFiles = []*os.File{guest}
	w.cmd.Stderr = &w.said
	w.cmd.WaitDelay = time.Second
	w.cmd.Dir = "/"
	w.cmd.Env = []string{} // nil would be ours
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	spawner() <- func() { started <- w.cmd.Start() }
	if err := <-started; err != nil {
		host.Close()
		return nil, fault.New(fault.Failed, "cannot start a worker: %v", err)
	}
	go func() {
		w.cmd.Wait()
		if s := w.cmd.ProcessState; s != nil {
			spent.Add(int64(s.UserTime() + s.SystemTime()))
		}
		close(w.ended)
	}()
	return w, nil
}

// kill ends the worker at once; why is what a request that it was working on
// fails with. A timer may call it at any time.
func (w *workerProcess) kill(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.killed == nil {
		w.killed = why
	}
	if w.closed {
		return
	}
	select {
	case <-w.ended: // its number may be another's by now
	default:
		syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL)
		w.cmd.Process.Kill()
	}
	// Wakes us where something else holds the worker's end.
	unix.Shutdown(int(w.host.Fd()), unix.SHUT_RDWR)
}

// processor is the processor time that a worker which has not ended has taken.
func (w *workerProcess) processor() time.Duration {
	// The clock of a process, as clock_getcpuclockid makes its number.
	const perProcess = 2
	var t unix.Timespec
	if unix.ClockGettime(int32(^w.cmd.Process.Pid<<3|perProcess), &t) != nil {
		return 0 // it has ended meanwhile
	}
	return time.Duration(t.Nano())
}

func (w *workerProcess) wasKilled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.killed != nil
}

// close ends the worker and waits until it is gone.
func (w *workerProcess) close() {
	w.kill(errors.New("closed"))
	<-w.ended
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		w.host.Close()
	}
}

// died explains why the worker cannot be talked to; err is what talking gave.
func (w *workerProcess) died(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		w.kill(fault.Mod("its worker process broke the protocol: %v", err))
	}
	select {
	case <-w.ended:
	case <-time.After(500 * time.Millisecond):
		w.kill(fault.Mod("its worker process hung up"))
		<-w.ended
	}
	w.mu.Lock()
	why := w.killed
	w.mu.Unlock()
	if why != nil {
		return why
	}
	said := w.said.String()
	state, _ := w.cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case outOfMemory(said) && w.compiles > 0:
		return fault.Lim("compiling it takes more than %d MiB of address space (RLIMIT_AS)", w.compiles>>20).
			WithHint("allow more with --memory %dMiB", w.compiles>>19)
	case outOfMemory(said):
		return fault.Lim("its worker process ran out of memory").
			WithHint("allow more with --memory")
	case state.Signaled() && state.Signal() == syscall.SIGSYS:
		return fault.Mod("its worker process was killed: it made a system call that workers may not make")
	case state.Signaled() && state.Signal() == syscall.SIGXCPU:
		return fault.Lim("its worker process used up its processor time")
	case state.Signaled() && state.Signal() == syscall.SIGKILL:
		return fault.New(fault.Failed, "its worker process was killed by somebody else (%v)", errKilled).
			WithHint("was the machine out of memory? fewer at a time need less: --workers 1; finished tasks are kept, the same command goes on")
	case state.Signaled():
		return fault.Mod("its worker process died: %v%s", state.Signal(), said)
	}
	return fault.Mod("its worker process ended with status %d%s", state.ExitStatus(), said)
}

// outOfMemory reports whether these last words, of Go's runtime or wazero, are
// of a process that got no more memory.
func outOfMemory(said string) bool {
	return strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory")
}

// arrays hands the worker those of a task's inputs that it does not have, and
// names those that it is to close.
func (w *workerProcess) arrays(t *task.Task, where Arrays) (drop []digest.Digest, err error) {
	w.clock++
	for _, in := range t.Inputs {
		d := in.Array.Digest
		_, ok := w.sent[d]
		w.sent[d] = idle{d, in.Array.Bytes(), w.clock}
		if ok {
			continue
		}
		if err := w.handOver(in.Array, where); err != nil {
			delete(w.sent, d)
			return nil, err
		}
	}
	var others []idle
	for _, x := range w.sent {
		if x.used != w.clock {
			others = append(others, x)
		}
	}
	drop = excess(others, len(w.sent), maxOpenArrays)
	for _, d := range drop {
		delete(w.sent, d)
	}
	return drop, nil
}

func (w *workerProcess) handOver(m array.Meta, where Arrays) error {
	f, err := os.Open(where.Path(m.Digest))
	if err != nil {
		return fault.New(fault.Failed, "cannot open an input: %v", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return fault.New(fault.Failed, "cannot use an input: %v", err)
	}
	got, err := array.ReadHeader(f, fi.Size())
	got.Digest = m.Digest
	if err == nil && got != m {
		err = errors.New("it has another shape")
	}
	if err != nil {
		return fault.New(fault.Failed, "cannot use input %s: %v", m.Digest.Short(), err)
	}
	err = send(int(w.host.Fd()), &message{Kind: msgArray, Meta: m}, f)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		err = w.died(err)
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailKept = 16 << 10

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p[max(0, len(p)-tailKept):]...)
	if len(t.b) > 2*tailKept {
		t.b = append([]byte(nil), t.b[len(t.b)-tailKept:]...)
	}
	return len(p), nil
}

// String is the first of what is kept, cleaned, as the end of a message.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.b) == 0 {
		return ""
	}
	return ": " + fault.Clean(string(t.b), 2000)
}
