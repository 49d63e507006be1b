package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/kernel"
	"rechost/host/sandbox"
	"rechost/host/task"
)

// hostFD is the worker's end of the socket pair. Beside it a worker has stdin
// and stdout on /dev/null and a pipe for what the Go runtime says when it dies.
const hostFD = 3

// IsWorker reports whether this process was started as a worker: with its one
// argument and a socket as spawn makes them.
func IsWorker() bool {
	return len(os.Args) == 2 && os.Args[1] == WorkerCommand && hasSocket()
}

func hasSocket() bool {
	t, err := unix.GetsockoptInt(hostFD, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && t == unix.SOCK_SEQPACKET
}

// WorkerMain is the whole of a worker process: it takes a module from its
// parent, locks itself in, and runs one guest call after the other until the
// parent closes the socket. It does not return.
func WorkerMain() {
	if err := worker(); err != nil {
		fmt.Fprintf(os.Stderr, "rechost worker: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func worker() error {
	if !hasSocket() {
		return errors.New("started by hand: workers are started by rechost itself")
	}
	// From here on Go's runtime does not look any more at how many processors
	// the control group leaves it, for which it holds files open.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	// What the parent left open by mistake must not be there for a guest that
	// breaks out.
	if err := closeInherited(); err != nil {
		return err
	}
	// The runtime's poller starts with the first timer in the heap, which may be
	// the collector's, long after its calls are forbidden.
	time.AfterFunc(time.Hour, func() {}).Stop()
	hello, file, err := receiveMessage(hostFD)
	if err != nil {
		return err
	}
	if hello.Kind != msgHello || file == nil {
		return errLies
	}
	runtime.GOMAXPROCS(hello.Threads)
	kernel.Use(hello.Kernels) // one that there is not, the host has told its user of
	w := &workerState{host: hostFD, open: map[digest.Digest]*sandbox.Array{}}
	walls, err := w.start(hello, file)
	if err != nil {
		var stale *sandbox.StaleCache // or somebody removed its folder before Landlock was told of it
		return send(hostFD, failure(err, errors.As(err, &stale) || errors.Is(err, os.ErrNotExist)), nil)
	}
	if err := send(hostFD, &reply{Kind: msgReady, Walls: walls}, nil); err != nil {
		return err
	}
	for {
		m, file, err := receiveMessage(hostFD)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.serve(m, file); err != nil {
			return err
		}
		if w.module != nil { // as there is in all but a drill
			w.module.Settle() // the host has its answer by now
		}
	}
}

// closeInherited closes every descriptor above the socket but the two of the
// Go runtime's own poller, which may be at work before main is (a package that
// sets a timer while it starts is enough). What this process opened itself is to
// be closed when it executes another program; what it inherited is not, or it
// would have been.
func closeInherited() error {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return closeUnlisted()
	}
	for _, e := range dir {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= hostFD {
			continue
		}
		what, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if poller := what == "anon_inode:[eventpoll]" || what == "anon_inode:[eventfd]"; !poller || inherited(fd) {
			_ = unix.Close(fd) // the one that listed the folder is closed already
		}
	}
	return nil
}

// closeUnlisted is closeInherited without /proc, where nobody says which
// descriptors there are. This process's own have the lowest numbers that were
// free.
func closeUnlisted() error {
	for fd := hostFD + 1; fd < mostOwn; fd++ {
		if inherited(fd) {
			_ = unix.Close(fd)
		}
	}
	if err := unix.CloseRange(mostOwn, math.MaxUint32, 0); err != nil && err != unix.ENOSYS {
		return fmt.Errorf("close_range: %w", err)
	}
	return nil
}

// mostOwn is a number that no descriptor of this process's own reaches while it
// starts.
const mostOwn = 1 << 16

// inherited reports whether a descriptor was there before this program was.
func inherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

func failure(err error, stale bool) *reply {
	return &reply{Kind: msgFailed, Code: fault.CodeOf(err), Error: fault.Clean(err.Error(), errorMost), Hint: fault.Clean(fault.HintOf(err), hintMost), Stale: stale}
}

// diagnosed is the failure of a call of the guest.
func diagnosed(r sandbox.Reply, err error) *reply {
	f := failure(err, false)
	f.Trace, f.Log, f.Stats = trace(r.Trace), r.Log, task.Stats(r.Stats)
	return f
}

// workerState is what a worker keeps between calls: nothing of any guest.
type workerState struct {
	host   int // its end of the socket pair
	module *sandbox.Module
	limits task.Limits
	open   map[digest.Digest]*sandbox.Array
	drill  bool // see Drill
}

// While a module of at most smallModule bytes is loaded, nothing is collected
// before the heap has loadingHeap bytes. Where more than that is in use, as with
// larger modules, the collector would do little else.
const smallModule, loadingHeap = 8 << 20, 256 << 20

// start locks the process in and compiles the module, in the order in which
// that can be done: what compiling needs is given up after it.
func (w *workerState) start(hello *message, file *os.File) (walls []string, err error) {
	w.limits, w.drill = hello.Limits, hello.Drill != ""
	if walls, err = limitProcess(hello); err != nil {
		return nil, err
	}
	more, err := lockFiles(hello.CacheDir, hello.Compile > 0)
	if err != nil {
		return nil, err
	}
	walls = append(walls, more...)
	if err := lockCalls(); err != nil {
		return nil, err
	}
	if hello.Drill == drillCompiling {
		return walls, nil
	}
	size, err := checkSealed(file)
	if err != nil {
		return nil, err
	}
	wasm := make([]byte, size)
	if _, err := file.ReadAt(wasm, 0); err != nil {
		return nil, err
	}
	file.Close()

	if size <= smallModule { // nearly all that loading one allocates is still needed at its end
		every, most := debug.SetGCPercent(-1), debug.SetMemoryLimit(loadingHeap)
		defer func() { debug.SetGCPercent(every); debug.SetMemoryLimit(most) }()
	}
	limits := sandbox.Limits(hello.Limits)
	limits.Deadline = 0 // the parent's affair
	w.module, err = sandbox.Load(context.Background(), wasm, sandbox.Options{
		Name: hello.Name, Limits: limits, CacheDir: hello.CacheDir, Prepared: hello.Prepared, Lingers: true, Interpreter: hello.Interpreter, Places: hello.Places,
		Compilers: runtime.GOMAXPROCS(0),
	})
	if err != nil {
		return nil, err
	}
	more, err = lockDown()
	if err != nil {
		return nil, err
	}
	return append(walls, more...), nil
}

func (w *workerState) serve(m *message, file *os.File) error {
	ctx := context.Background()
	if (file != nil) != (m.Kind == msgArray) {
		return errLies
	}
	switch m.Kind {
	case msgArray:
		a, err := sandbox.OpenArray(file, m.Meta)
		if err != nil {
			return err
		}
		if old := w.open[m.Meta.Digest]; old != nil {
			old.Close()
		}
		w.open[m.Meta.Digest] = a
		return nil
	case msgDescribe, msgPlan:
		var r sandbox.Reply
		var err error
		if m.Kind == msgDescribe {
			r, err = w.module.Describe(ctx)
		} else {
			r, err = w.module.Plan(ctx, m.Config)
		}
		if err != nil {
			return send(w.host, diagnosed(r, err), nil)
		}
		return send(w.host, &reply{Kind: msgDone, Emitted: r.Emitted}, nil)
	case msgRun:
		return w.run(ctx, m)
	case msgDrill:
		if w.drill {
			return send(w.host, play(m), nil)
		}
	}
	return errLies
}

// run runs a task whose outputs go straight into memfds.
func (w *workerState) run(ctx context.Context, m *message) error {
	start := time.Now()
	for _, d := range m.Drop {
		if a := w.open[d]; a != nil {
			a.Close()
			delete(w.open, d)
		}
	}
	call := sandbox.Call{Index: m.Index, Config: m.Config, Seed: [32]byte(m.ID), Threads: m.Threads}
	for _, in := range m.Inputs {
		a := w.open[in.Array.Digest]
		if a == nil || a.Meta != in.Array {
			return errLies
		}
		call.Inputs = append(call.Inputs, sandbox.Input{Name: in.Name, Array: a, First: in.First, Rows: in.Rows})
	}
	var outs []*os.File
	defer func() {
		for _, f := range outs {
			f.Close()
		}
	}()
	for _, o := range m.Outputs {
		f, err := newMemfd("output")
		if err != nil {
			return send(w.host, failure(err, false), nil)
		}
		outs = append(outs, f)
		call.Outputs = append(call.Outputs, sandbox.Output(o))
		call.Sinks = append(call.Sinks, f)
	}
	opening := time.Since(start)
	r, err := w.module.Run(ctx, call)
	if err != nil {
		return send(w.host, diagnosed(r, err), nil)
	}
	start = time.Now()
	for i, f := range outs {
		fi, err := f.Stat()
		if err == nil {
			err = seal(f)
		}
		if err == nil {
			err = send(w.host, &reply{Kind: msgOutput, Output: i, Size: fi.Size()}, f)
		}
		if err != nil {
			return err
		}
	}
	s := task.Stats(r.Stats)
	s.Host += opening + time.Since(start)
	return send(w.host, &reply{Kind: msgDone, Log: r.Log, Stats: s}, nil)
}
