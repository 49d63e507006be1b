package executor

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox"
)

// processes runs a module's tasks in worker processes, one guest at a time in
// each. A worker is killed at the deadline, whatever it is doing, and replaced.
type processes struct {
	options Options
	drill   drill    // what its workers are for
	path    string   // of the workers' binary
	module  *os.File // sealed memfd
	scratch string   // folder for compiled code where none was given
	made    string   // name of what the module is made into, see sandbox.Options
	room    int64    // bytes of address space that compiling may take
	slots   []slot

	compiling lock // held by who compiles, or looks whether that is done

	spent atomic.Int64 // processor time of workers that have ended

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
	p := &processes{options: o, drill: drill, room: compileRoom(o.Limits), slots: make([]slot, o.Workers), compiling: newLock()}
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
	p.made = p.madeBy()
	p.compiled = o.Interpreter || drill == drillCompiling || fileExists(p.marker())
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

// madeBy names what this very binary makes of the module, with these options. A
// binary that took another's place has another number or another time of change,
// which nobody sets, though packages set the time of modification.
func (p *processes) madeBy() string {
	var id []int64
	if fi, err := os.Stat(p.path); err == nil {
		id = []int64{fi.Size(), fi.ModTime().UnixNano()}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			id = append(id, int64(st.Dev), int64(st.Ino), st.Ctim.Nano())
		}
	}
	return digest.OfJSON([]any{id, p.options.Limits.Fuel > 0, p.options.Places, runtime.GOARCH, p.options.digest()}).String()
}

// marker is a file that is there when the compiled code is. If it errs, a worker
// says so.
func (p *processes) marker() string { return sandbox.PreparedFile(p.options.Cache, p.made) }

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
		w, stale, err := p.start(ctx)
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
	var w *workerProcess
	for range 2 { // a second time where what lies in the cache is of no use
		stale := false
		if !compiled {
			stale, err = p.compile(ctx)
		}
		if err == nil {
			w, stale, err = p.start(ctx)
		}
		if !stale {
			break
		}
		if err := sandbox.ClearCache(p.options.Cache); err != nil {
			return nil, err
		}
		compiled = false
	}
	if err == nil && !compiled {
		p.setCompiled(true)
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

// compile lets a worker of its own put the module's code into the cache: one
// that has less room than a worker for guests, and may write where that may not.
func (p *processes) compile(ctx context.Context) (stale bool, err error) {
	w, err := spawn(p.path, &p.spent)
	if err != nil {
		return false, err
	}
	defer w.close()
	w.compiles = p.room
	return p.greet(ctx, w)
}

// start starts a worker for guests and waits until it has loaded the module and
// locked itself in.
func (p *processes) start(ctx context.Context) (w *workerProcess, stale bool, err error) {
	if w, err = spawn(p.path, &p.spent); err != nil {
		return nil, false, err
	}
	if stale, err = p.greet(ctx, w); err != nil {
		w.close()
		return nil, stale, err
	}
	return w, false, nil
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
			if !Confines {
				return fault.New(fault.Failed, "this rechost was built with cgo, so its worker processes do without %s, and full isolation is required", need).
					WithHint("build it with CGO_ENABLED=0, as ./build.sh build does; or leave out --require-isolation")
			}
			return fault.New(fault.Failed, "this system does not give its worker processes %s, and full isolation is required", need).
				WithHint("a kernel of 5.13 or newer with Landlock and seccomp has it; or leave out --require-isolation")
		}
	}
	return nil
}

// watch runs f, which talks to the worker, and kills the worker when the
// deadline passes or ctx ends.
func (p *processes) watch(ctx context.Context, w *workerProcess, f func() error) error {
	timer := time.AfterFunc(p.options.Limits.Deadline, func() {
		w.kill(fault.Lim("still running after %v", p.options.Limits.Deadline).
			WithHint("allow more with --deadline"))
	})
	defer timer.Stop()
	for _, c := range []context.Context{ctx, p.closing} {
		stop := context.AfterFunc(c, func() { w.kill(context.Canceled) })
		defer stop()
	}
	return f()
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
		return &loadError{err}
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

// Walls names what stands between the guest and the machine; it waits until
// the first worker has said so.
func (p *processes) Walls() []string {
	p.started.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walls
}

func (p *processes) processor() time.Duration {
	sum := time.Duration(0)
	for i := range p.slots {
		s := &p.slots[i]
		s.take(context.Background())
		if s.w != nil {
			sum += s.w.processor()
		}
		s.give()
	}
	return sum + time.Duration(p.spent.Load())
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
