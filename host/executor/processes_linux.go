package executor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox"
	"rechost/host/task"
)

// processes runs a module's tasks in worker processes, one guest at a time in
// each. A worker is killed at the deadline, whatever it is doing, and replaced.
type processes struct {
	options Options
	drill   drill    // what its workers are for
	path    string   // of the workers' binary
	module  *os.File // sealed memfd
	scratch string   // folder for compiled code where none was given
	slots   []slot

	compiling lock // held by who compiles, or looks whether that is done

	mu       sync.Mutex
	compiled bool  // the compiled code is in the cache
	refused  error // why no worker will ever be ready
	walls    []string

	started sync.WaitGroup // workers that are started ahead of use
	closing context.Context
	close   context.CancelFunc
	ended   sync.Once
}

// slot is the place of one worker.
type slot struct {
	lock
	w *workerProcess
}

// lock is a mutex that can be waited for until a context ends.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l lock) give() { <-l }

// NewProcesses returns an executor whose guests run in worker processes: this
// program's own binary with the argument WorkerCommand, or what Options.Worker
// or the environment variable WorkerEnv names. They are started at once, so that they
// compile the module while the caller reads its data.
func NewProcesses(o Options) (Executor, error) { return newProcesses(o, "") }

func newProcesses(o Options, drill drill) (Executor, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &processes{options: o, drill: drill, slots: make([]slot, o.Workers), compiling: newLock()}
	for i := range p.slots {
		p.slots[i].lock = newLock()
	}
	if p.path, err = o.binary(); err != nil {
		return nil, err
	}
	p.closing, p.close = context.WithCancel(context.Background())
	if p.options.Cache == "" && !o.Interpreter {
		if p.scratch, err = os.MkdirTemp("", "rechost-code-"); err != nil {
			return nil, fault.New(fault.Failed, "cannot make a folder for compiled code: %v", err)
		}
		p.options.Cache = p.scratch
	}
	if p.options.Cache != "" {
		if p.options.Cache, err = filepath.Abs(p.options.Cache); err == nil {
			err = sandbox.PrivateDir(p.options.Cache)
		}
		if err != nil {
			p.Close()
			return nil, err
		}
	}
	f, err := newMemfd("module")
	if err == nil {
		p.module = f
		if _, err = f.Write(o.Module); err == nil {
			err = seal(f)
		}
	}
	if err != nil {
		p.Close()
		return nil, fault.New(fault.Failed, "cannot hand over the module: %v", err)
	}
	p.compiled = o.Interpreter || fileExists(p.marker())
	others := func() {
		for i := 1; i < min(len(p.slots), runtime.NumCPU()); i++ { // more start when they have something to do
			p.started.Go(func() { p.warm(i) })
		}
	}
	if p.compiled {
		others()
		p.started.Go(func() { p.warm(0) })
	} else { // the first has to compile for all
		p.started.Go(func() { p.warm(0); others() })
	}
	return p, nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// marker is the file that says that the compiled code is in the cache, for
// this very binary and these options. If it errs, a worker says so.
func (p *processes) marker() string {
	var id string
	if fi, err := os.Stat(p.path); err == nil {
		id = fmt.Sprint(fi.Size(), fi.ModTime().UnixNano())
	}
	key := digest.OfJSON([]any{id, p.options.Limits.Fuel > 0, p.options.Places, runtime.GOARCH, p.options.digest()})
	return filepath.Join(p.options.Cache, "compiled-"+key.Short())
}

// warm starts slot i's worker ahead of use. Why it fails, the first use says.
func (p *processes) warm(i int) {
	s := &p.slots[i]
	if s.take(p.closing) != nil {
		return
	}
	defer s.give()
	p.ready(p.closing, s)
}

// ready returns the slot's worker, started where there is none. The slot is
// locked.
func (p *processes) ready(ctx context.Context, s *slot) (*workerProcess, error) {
	if s.w != nil {
		return s.w, nil
	}
	compiled, err := p.state()
	if err != nil {
		return nil, err
	}
	if compiled {
		w, stale, err := p.start(ctx, false)
		if !stale {
			return p.accept(s, w, err)
		}
		p.setCompiled(false)
		os.Remove(p.marker())
	}
	// One worker compiles, for all.
	if err := p.compiling.take(ctx); err != nil {
		return nil, err
	}
	defer p.compiling.give()
	compiled, err = p.state()
	if err != nil {
		return nil, err
	}
	w, stale, err := p.start(ctx, !compiled)
	if stale {
		if err := sandbox.ClearCache(p.options.Cache); err != nil {
			return nil, err
		}
		compiled = false
		w, _, err = p.start(ctx, true)
	}
	if err == nil && !compiled {
		p.setCompiled(true)
		// Only a hint for the next run: without it that run's first worker
		// starts alone.
		os.WriteFile(p.marker(), nil, 0o600)
	}
	return p.accept(s, w, err)
}

// state tells whether the compiled code is in the cache. A folder that somebody
// removed meanwhile, by pruning the store, is made anew.
func (p *processes) state() (compiled bool, refused error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cache := p.options.Cache; p.refused == nil && cache != "" && !fileExists(cache) {
		if err := sandbox.PrivateDir(cache); err != nil {
			return false, err
		}
		p.compiled = p.options.Interpreter
	}
	return p.compiled, p.refused
}

func (p *processes) setCompiled(v bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.compiled = v
}

// accept puts a worker into its slot. A module that was refused once is
// refused for good.
func (p *processes) accept(s *slot, w *workerProcess, err error) (*workerProcess, error) {
	if err != nil {
		if c := fault.CodeOf(err); c == fault.Module || c == fault.Limit {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.refused == nil {
				p.refused = err
			}
			return nil, p.refused
		}
		return nil, err
	}
	s.w = w
	return w, nil
}

// start starts a worker and waits until it has compiled and locked itself in.
func (p *processes) start(ctx context.Context, mayCompile bool) (w *workerProcess, stale bool, err error) {
	if w, err = spawn(p.path); err != nil {
		return nil, false, err
	}
	if stale, err = p.greet(ctx, w, mayCompile); err != nil {
		w.close()
		return nil, stale, err
	}
	return w, false, nil
}

// greet hands a new worker the module and waits until it is ready.
func (p *processes) greet(ctx context.Context, w *workerProcess, mayCompile bool) (stale bool, err error) {
	var m *reply
	err = p.watch(ctx, w, func() error {
		hello := &message{
			Kind: msgHello, Name: p.options.Name, Limits: p.options.Limits, CacheDir: p.options.Cache,
			MayCompile: mayCompile, Interpreter: p.options.Interpreter, Places: p.options.Places, CPU: p.cpu(), Drill: p.drill,
		}
		if err := send(int(w.host.Fd()), hello, p.module); err != nil {
			return w.died(err)
		}
		m, err = p.answer(w, replyPage)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case m.Kind == msgReady:
		return false, p.noteWalls(m.Walls)
	case m.Kind == msgFailed:
		return m.Stale, m.failed()
	}
	return false, fault.Mod("its worker process broke the protocol: %s before ready", fault.Clean(m.Kind, 20))
}

// retireAfter is how long a worker may live in busy time of all its threads;
// its hard processor limit, which counts over its life, lies beyond.
const retireAfter = time.Hour

func (p *processes) cpu() uint64 {
	threads := float64(runtime.GOMAXPROCS(0))
	return uint64(math.Ceil((retireAfter.Seconds() + p.options.Limits.Deadline.Seconds() + 60) * threads))
}

// noteWalls keeps what a worker says that it stands behind, and refuses it
// where that is not all and all is asked for.
func (p *processes) noteWalls(walls []string) error {
	if len(walls) > 50 {
		walls = walls[:50]
	}
	for i := range walls {
		walls[i] = fault.Clean(walls[i], 100)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.walls = walls
	if !p.options.RequireIsolation {
		return nil
	}
	for _, need := range []string{wallProcess, wallLimits, wallLandlock, wallSeccomp} {
		if !slices.ContainsFunc(walls, func(w string) bool { return strings.HasPrefix(w, need) }) {
			return fault.New(fault.Failed, "this system does not give its worker processes %s, and full isolation is required", need).
				WithHint("a kernel of 5.13 or newer with Landlock and seccomp, and a binary built with CGO_ENABLED=0; or leave out --require-isolation")
		}
	}
	return nil
}

// watch runs f, which talks to the worker, and kills the worker when the
// deadline passes or ctx ends.
func (p *processes) watch(ctx context.Context, w *workerProcess, f func() error) error {
	timer := time.AfterFunc(p.options.Limits.Deadline, func() {
		w.kill(fault.Lim("still running after %v", p.options.Limits.Deadline).
			WithHint("allow more with --deadline, or cut the work finer with --shards"))
	})
	defer timer.Stop()
	for _, c := range []context.Context{ctx, p.closing} {
		stop := context.AfterFunc(c, func() { w.kill(context.Canceled) })
		defer stop()
	}
	return f()
}

// answer reads the worker's next message that carries no descriptor.
func (p *processes) answer(w *workerProcess, most int64) (*reply, error) {
	m, f, err := receiveReply(int(w.host.Fd()), most)
	if err != nil {
		return nil, w.died(err)
	}
	if f != nil {
		f.Close()
		return nil, fault.Mod("its worker process broke the protocol: %s with a descriptor", fault.Clean(m.Kind, 20))
	}
	return m, nil
}

// Bytes of a worker's error and of its hint, and lines of its trace.
const errorMost, hintMost, traceMost = 8000, 2000, 200

// failed is the error that a worker reports: a code that it may give, and text
// that is clean.
func (m *reply) failed() error {
	code := m.Code
	if code != fault.Module && code != fault.Limit {
		code = fault.Failed
	}
	return &fault.Error{Code: code, Msg: fault.Clean(m.Error, errorMost), Hint: fault.Clean(m.Hint, hintMost)}
}

// with runs f on slot i's worker, which is replaced if f fails in a way that
// leaves it in doubt.
func (p *processes) with(ctx context.Context, i int, f func(w *workerProcess) error) error {
	s := &p.slots[i]
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := p.ready(ctx, s)
	if err != nil {
		return err
	}
	err = p.watch(ctx, w, func() error { return f(w) })
	var told *toldError
	switch {
	case errors.As(err, &told):
		// The worker is well: it reported what the guest did.
		err = told.error
	case err != nil || time.Since(w.started) > retireAfter:
		w.close()
		s.w = nil
	}
	if s.w != nil && w.wasKilled() {
		w.close() // too late: the deadline and the answer met
		s.w = nil
	}
	return err
}

// toldError is a failure that a healthy worker reported.
type toldError struct{ error }

// Describe returns the JSON that the module describes itself by.
func (p *processes) Describe(ctx context.Context) ([]byte, error) {
	return p.ask(ctx, &message{Kind: msgDescribe}, &task.Task{Phase: task.Describing}, abi.MaxDescription)
}

// Plan returns the plan's JSON for the configuration's.
func (p *processes) Plan(ctx context.Context, config []byte) ([]byte, error) {
	return p.ask(ctx, &message{Kind: msgPlan, Config: config}, &task.Task{Phase: task.Planning, Config: config}, abi.MaxPlan)
}

// ask is what Describe and Plan have in common; the answer has at most most
// bytes.
func (p *processes) ask(ctx context.Context, request *message, t *task.Task, most int) (b []byte, err error) {
	var d task.Diagnosis
	err = p.with(ctx, 0, func(w *workerProcess) error {
		if err := send(int(w.host.Fd()), request, nil); err != nil {
			return w.died(err)
		}
		m, err := p.answer(w, max(emittedMost(int64(most)), replyMost(p.options.Limits.Log)))
		switch {
		case err != nil:
			return err
		case m.Kind == msgFailed:
			if d, err = p.diagnosis(m); err != nil {
				return err
			}
			return &toldError{m.failed()}
		case m.Kind != msgDone || len(m.Emitted) > most:
			return fault.Mod("its worker process broke the protocol: %s", fault.Clean(m.Kind, 20))
		}
		b = m.Emitted
		return nil
	})
	if err = p.at(t.Place(), err); err != nil {
		p.options.failed(t, d, err)
	}
	return b, err
}

// diagnosis is what a worker says of a call that failed.
func (p *processes) diagnosis(m *reply) (task.Diagnosis, error) {
	log, err := p.log(m.Log)
	return task.Diagnosis{Trace: trace(m.Trace), Log: log, Stats: m.Stats}, err
}

// at is where a failure happened; one of loading the module has no place.
func (p *processes) at(place string, err error) error {
	p.mu.Lock()
	if p.refused != nil && err == p.refused {
		place = "load"
	}
	p.mu.Unlock()
	return at(p.options.Name, place, err)
}

// Run runs the tasks, Options.Workers at a time. One whose worker somebody else
// killed is tried a second time.
func (p *processes) Run(ctx context.Context, tasks []task.Task, done func(int, Result) error) error {
	return each(ctx, len(p.slots), len(tasks), func(ctx context.Context, i, k int) (r Result, err error) {
		t := &tasks[k]
		var d task.Diagnosis
		for range 2 {
			d = task.Diagnosis{}
			err = p.with(ctx, i, func(w *workerProcess) error {
				r, err = p.task(w, t, &d)
				return err
			})
			if !errors.Is(err, errKilled) || ctx.Err() != nil {
				break
			}
		}
		if err = p.at(t.Place(), err); err != nil {
			p.options.failed(t, d, err)
		}
		return r, err
	}, done)
}

// task runs one task on a worker; of one that fails it may say more in d.
func (p *processes) task(w *workerProcess, t *task.Task, d *task.Diagnosis) (r Result, err error) {
	start := time.Now()
	drop, err := w.arrays(t, p.options.Arrays)
	if err != nil {
		return r, err
	}
	request := &message{Kind: msgRun, Index: t.Index, ID: t.ID, Config: t.Config, Inputs: t.Inputs, Outputs: t.Outputs, Drop: drop,
		Threads: p.options.threads(t)}
	if err := send(int(w.host.Fd()), request, nil); err != nil {
		return r, w.died(err)
	}
	handing := time.Since(start)
	var maps [][]byte
	r.release = func() {
		for _, b := range maps {
			unix.Munmap(b)
		}
	}
	defer func() {
		if err != nil {
			r.Release()
			r = Result{}
		}
	}()
	left := p.options.Limits.Output
	for {
		m, f, err := receiveReply(int(w.host.Fd()), replyMost(p.options.Limits.Log))
		if err != nil {
			return r, w.died(err)
		}
		switch {
		case m.Kind == msgOutput && f != nil && len(r.Data) < len(t.Outputs) && m.Output == len(r.Data):
			b, err := mapOutput(f, m.Size, left, t.Outputs[m.Output])
			f.Close()
			if err != nil {
				return r, fault.Mod("its worker process broke the protocol: output %s: %v", t.Outputs[m.Output].Name, err)
			}
			left -= m.Size
			if len(b) > 0 {
				maps = append(maps, b)
			}
			r.Data = append(r.Data, b)
		case m.Kind == msgFailed && f == nil:
			if *d, err = p.diagnosis(m); err != nil {
				return r, err
			}
			return r, &toldError{m.failed()}
		case m.Kind == msgDone && f == nil && len(r.Data) == len(t.Outputs):
			if s := m.Stats; min(s.Guest, s.Kernel, s.Host) < 0 || min(s.Memory, s.LogBytes, s.Calls, s.Fuel) < 0 {
				return r, fault.Mod("its worker process broke the protocol: figures below nothing")
			}
			r.Stats = m.Stats
			r.Stats.Host += handing
			r.Log, err = p.log(m.Log)
			return r, err
		default:
			if f != nil {
				f.Close()
			}
			return r, fault.Mod("its worker process broke the protocol: %s out of turn", fault.Clean(m.Kind, 20))
		}
	}
}

// mapOutput maps a result, read-only, if it is what it should be.
func mapOutput(f *os.File, size, left int64, o task.Output) ([]byte, error) {
	got, err := checkSealed(f)
	if err != nil {
		return nil, err
	}
	row := int64(max(o.Width, 1)) * int64(o.DType.Size())
	switch {
	case got != size:
		return nil, fmt.Errorf("%d bytes announced, %d sent", size, got)
	case size > left:
		return nil, fmt.Errorf("%d bytes, more than %d", size, left)
	case size%row != 0 || o.Rows >= 0 && size != int64(o.Rows)*row:
		return nil, fmt.Errorf("%d bytes are not the rows asked for", size)
	case size == 0:
		return []byte{}, nil
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	if i := array.OddNaN(o.DType, b); i >= 0 {
		unix.Munmap(b)
		return nil, fmt.Errorf("a NaN that is not the one for results, at byte %d", i)
	}
	return b, nil
}

// trace cleans and bounds what a worker says of where the guest was.
func trace(lines []string) []string {
	lines = slices.Clip(lines[:min(len(lines), traceMost)])
	for i, s := range lines {
		lines[i] = fault.Clean(s, 500)
	}
	return lines
}

// log cleans what a worker says that the guest said. More messages than the
// limit leaves room for are a lie.
func (p *processes) log(lines []string) ([]string, error) {
	if int64(len(lines)) > p.options.Limits.Log/logMost {
		return nil, fault.Mod("its worker process broke the protocol: %d messages of the guest", len(lines))
	}
	for i, s := range lines {
		lines[i] = fault.Clean(s, 10<<10)
	}
	return lines, nil
}

// Walls names what stands between the guest and the machine; it waits until
// the first worker has said so.
func (p *processes) Walls() []string {
	p.started.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walls
}

// Close kills the workers and waits until they are gone.
func (p *processes) Close() error {
	p.ended.Do(func() {
		p.close()
		p.started.Wait()
		for i := range p.slots {
			s := &p.slots[i]
			s.take(context.Background())
			if s.w != nil {
				s.w.close()
				s.w = nil
			}
			s.give()
		}
		if p.module != nil {
			p.module.Close()
		}
		if p.scratch != "" {
			os.RemoveAll(p.scratch)
		}
	})
	return nil
}
