package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"rechost/guest/abi"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
)

// features are what rewrite.Check lets pass: WebAssembly 2.0. Tail calls,
// exceptions, threads and typed references stay off.
const features = api.CoreFeaturesV2

// Module is a compiled module. It may be used by several goroutines at a time;
// each call has an instance to itself, in the state in which the module begins.
type Module struct {
	name        string
	limits      Limits
	cooperative bool
	lingers     bool
	interpreter bool
	info        *rewrite.Info
	provided    []provided
	bodies      []int // where in the file each of its own functions begins
	budget      budget
	offsets     *rewrite.Offsets // of the code that is run to the module's; nil where traps do not name instructions

	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	compiled wazero.CompiledModule

	restorable bool     // its instances can be put back
	resumes    bool     // it exports abi.ExportResume
	state      []string // globals that this takes

	mu      sync.Mutex
	free    []*memory // reserved address space of ended instances
	idle    []*instance
	ended   []func()  // see Settle
	initial *snapshot // of its instances, or nil: not known yet
}

// Load checks the module's shape, imports and exports, rewrites it as the
// options ask, and compiles it. Nothing of the module runs. Compiling is not
// bounded in time or memory: a caller that does not trust the module loads it
// in a process of its own.
func Load(ctx context.Context, wasm []byte, o Options) (*Module, error) {
	cache := ""
	if !o.Interpreter && o.CacheDir != "" {
		cache = o.CacheDir
		if err := PrivateDir(cache); err != nil {
			return nil, err
		}
	}
	var ready *prepared
	kept := ""
	if cache != "" && o.Prepared != "" {
		kept = PreparedFile(cache, o.Prepared)
		ready = readPrepared(kept)
	}
	m := &Module{name: o.Name, limits: o.Limits, cooperative: o.Cooperative, lingers: o.Lingers, interpreter: o.Interpreter, bodies: bodies(wasm)}
	made := wasm // into what wazero compiles
	known := ready != nil
	if !known {
		info, changed, err := rewrite.Prepare(wasm, rewrite.Caps{}, rewrite.Options{
			Yield: o.Cooperative, Fuel: o.Limits.Fuel > 0, State: true, DWARF: true,
		})
		if err != nil {
			return nil, err
		}
		ready = &prepared{Info: *info, Restorable: changed.Restorable, State: changed.State}
		m.info = info
		made = m.place(changed, mergeData(changed.Wasm), o.Places)
	}
	m.info, m.restorable, m.state = &ready.Info, ready.Restorable, ready.State
	m.resumes = slices.ContainsFunc(m.info.Exports, func(e rewrite.Export) bool { return e.Name == abi.ExportResume })
	if err := checkInterface(m.info); err != nil {
		return nil, err
	}
	stack := int64(StackReserve)
	if o.Interpreter {
		words, err := rewrite.MaxFrame(wasm)
		if err != nil {
			return nil, err
		}
		stack = interpreterStack(words)
	}
	var err error
	if m.budget, err = newBudget(m.info, o.Limits.Memory, stack); err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfigCompiler()
	if o.Interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	// The memory limit is kept by the allocator, which can say that it was hit.
	config = config.WithCoreFeatures(features).WithMemoryLimitPages(maxPages).WithDebugInfoEnabled(true)
	ctx = experimental.WithCompilationWorkers(ctx, max(o.Compilers, 1))
	switch {
	case cache == "":
		err = m.compile(ctx, config, made)
	case known:
		err = m.load(ctx, config, cache, ready)
	default:
		if err = m.compileCached(ctx, config, made, cache, ready); err == nil && kept != "" {
			if m.offsets != nil { // which it has no room for: modules with offsets are small, or run once
				ready = new(prepared)
			}
			ready.keep(kept)
		}
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// compile lets wazero check and compile the module, or find its code.
func (m *Module) compile(ctx context.Context, config wazero.RuntimeConfig, wasm []byte) (err error) {
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if err := m.provide(ctx); err != nil {
		return err
	}
	m.compiled, err = m.runtime.CompileModule(ctx, wasm)
	if err != nil && !ofFiles(err) && !strings.HasPrefix(err.Error(), "compilationcache:") {
		return fault.Mod("not a valid module: %s", fault.Clean(err.Error(), 1000))
	}
	return err
}

// compileCached is compile with a CacheDir: the code is had from there, or
// compiled and put there. It completes what is kept of the module.
func (m *Module) compileCached(ctx context.Context, config wazero.RuntimeConfig, wasm []byte, dir string, p *prepared) (err error) {
	id := digest.Of(wasm)
	p.Hollow = hollow(wasm)
	if p.Code, err = readNote(dir, id); err != nil {
		return &StaleCache{err}
	}
	if p.Code != "" {
		return m.load(ctx, config, dir, p)
	}
	made, err := makeCode(dir)
	if err != nil {
		return unusable(dir, err)
	}
	m.cache = made.cache
	config = config.WithCompilationCache(made.cache)
	if err = m.compile(ctx, config, wasm); err == nil {
		p.Code, err = made.keep(ctx, config, id, p.Hollow)
	}
	if err == nil {
		return nil
	}
	made.remove()
	if fault.CodeOf(err) != fault.Module {
		return unusable(dir, err)
	}
	return err
}

// load has the code from a CacheDir.
func (m *Module) load(ctx context.Context, config wazero.RuntimeConfig, dir string, p *prepared) error {
	found, err := findCode(dir, p.Code)
	if err != nil {
		return &StaleCache{err}
	}
	// It errs where another process clears the folder at this moment and this
	// one may not make it anew, too.
	if m.cache, err = wazero.NewCompilationCacheWithDir(found.folder); err != nil {
		return unusable(dir, err)
	}
	err = m.compile(ctx, config.WithCompilationCache(m.cache), p.Hollow)
	switch {
	case fault.CodeOf(err) == fault.Module:
		return err
	case err != nil:
		return unusable(dir, err)
	case !found.served():
		return &StaleCache{errors.New("it was removed while it was loaded")}
	}
	return nil
}

// unusable is the error of a cache that compiled code cannot be put into or had
// from: where the disk is full, clearing it and compiling again would not help.
func unusable(cache string, err error) error {
	if fault.NoRoom(err) {
		return uncached("keep compiled code in", cache, err)
	}
	return &StaleCache{err}
}

// ofFiles tells whether an error names files: none about the module itself does.
func ofFiles(err error) bool {
	var path *fs.PathError
	var link *os.LinkError // of a rename: somebody clears the folder at this moment
	return errors.As(err, &path) || errors.As(err, &link)
}

// Close releases the compiled code. No call may be running.
func (m *Module) Close() error {
	m.Settle()
	var err error
	if m.runtime != nil {
		err = m.runtime.Close(context.Background())
	}
	if m.cache != nil {
		if e := m.cache.Close(context.Background()); err == nil {
			err = e
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.idle {
		x.mem.close()
	}
	for _, x := range m.free {
		x.close()
	}
	m.idle, m.free = nil, nil
	return err
}

// Info describes the module.
func (m *Module) Info() *rewrite.Info { return m.info }

func (m *Module) takeMemory() (*memory, error) {
	m.mu.Lock()
	var x *memory
	if n := len(m.free); n > 0 {
		x, m.free = m.free[n-1], m.free[:n-1]
	}
	m.mu.Unlock()
	if x == nil {
		x = newMemory()
	}
	return x, x.reset(m.budget.memory(), m.pause)
}

func (m *Module) giveMemory(x *memory) {
	if x.reset(0, m.pause) != nil {
		x.close() // its pages are gone with it
		return
	}
	m.mu.Lock()
	m.free = append(m.free, x)
	m.mu.Unlock()
}

// pause lets others run, where they wait for this goroutine.
func (m *Module) pause() {
	if m.cooperative {
		runtime.Gosched()
	}
}

// carrier is the context of a guest call: host functions find their call in
// it without a search.
type carrier struct {
	context.Context
	call *call
}

type callKey struct{}

// Value lets the call be found behind contexts that wazero derives.
func (c *carrier) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return c.call
	}
	return c.Context.Value(key)
}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.(*carrier); ok {
		return c.call
	}
	return ctx.Value(callKey{}).(*call)
}

// call runs one export in an instance of its own.
func (m *Module) call(ctx context.Context, p phase, t Call) (r Reply, err error) {
	m.Settle() // what the caller has not had time for; else nothing
	start := time.Now()
	c := &call{ctx: ctx, module: m, limits: m.limits, config: t.Config, inputs: t.Inputs, phase: p, threads: max(t.Threads, 1)}
	if err := c.prepare(t); err != nil {
		return r, err
	}
	if m.cooperative && m.limits.Deadline > 0 {
		c.deadline = start.Add(m.limits.Deadline)
	}
	defer func() { c.stats(&r.Stats, time.Since(start)) }()
	defer func() { c.release(err == nil) }()

	err = c.run(&carrier{ctx, c}, t)
	c.guest.finish()
	r.Log, r.Trace = c.guest.said(), c.trace
	if c.instance != nil && c.mem.denied > 0 && (c.failure == nil || c.exited) {
		// Runtimes panic, exit, give up or run into "unreachable" when they get
		// no memory: the limit is why, whatever they say. If it went on without,
		// what it gave depends on the limit, which is in no task's identity.
		err = m.budget.beyond(int64(c.mem.denied))
	}
	if err != nil {
		return r, err
	}
	r.Emitted = c.emitted
	for i := range c.outputs {
		o := &c.outputs[i]
		if err := o.check(); err != nil {
			r.Data = nil
			return r, err
		}
		if err := o.flush(); err != nil {
			r.Data = nil
			return r, fault.New(fault.Failed, "output %s: %v", o.Name, err)
		}
		if o.sink == nil {
			r.Data = append(r.Data, o.pending)
		}
	}
	return r, nil
}

// release parts with the instance, which may serve again if the call ended well.
func (c *call) release(well bool) {
	m, x := c.module, c.instance
	if x == nil {
		return
	}
	part := func() { m.discard(x) }
	if well {
		part = func() { m.give(x) }
	}
	if !m.lingers {
		part()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = append(m.ended, part)
}

// Settle puts back the instances of calls that have ended, where Options.Lingers
// has them wait for it. A caller to whom somebody else is waiting answers first.
// No call begins in an instance that was not put back.
func (m *Module) Settle() {
	m.mu.Lock()
	ended := m.ended
	m.ended = nil
	m.mu.Unlock()
	for _, part := range ended {
		part()
	}
}

// run makes the instance and calls what the phase asks for.
func (c *call) run(ctx context.Context, t Call) (err error) {
	defer func() {
		// wazero recovers what happens in guest calls; an instance that cannot
		// be made may panic elsewhere.
		if x := recover(); x != nil {
			err = c.explain(fmt.Errorf("%v", x))
		}
	}()
	defer func() {
		if c.instance != nil {
			c.times.guest = time.Since(c.times.began)
			c.times.memory = int64(len(c.mem.bytes))
		}
	}()
	if err := c.begin(ctx, t.Seed); err != nil {
		return err
	}
	mod := c.mod
	if fuel := c.fuel(); fuel != nil {
		defer func() { c.times.fuel = c.limits.Fuel - max(int64(fuel.Get()), 0) }()
	}
	export := abi.ExportRun
	var args []uint64
	switch c.phase {
	case describing:
		export = abi.ExportDescribe
	case planning:
		export = abi.ExportPlan
	default:
		if t.Index < 0 || t.Index > math.MaxInt32 {
			return fault.New(fault.Failed, "stage index %d", t.Index)
		}
		args = []uint64{uint64(t.Index)}
	}
	if f := mod.ExportedFunction(abi.ExportResume); f != nil {
		if _, err := f.Call(ctx); err != nil {
			return c.explain(err)
		}
	}
	result, err := mod.ExportedFunction(export).Call(ctx, args...)
	if err != nil {
		return c.explain(err)
	}
	if v := int32(result[0]); v != 0 {
		return fault.Mod("%s returned %d without saying why%s", export, v, c.guest.lastWords())
	}
	if c.phase != running && c.emitted == nil {
		return fault.Mod("%s returned without calling %q", export, map[phase]string{describing: abi.FnDescribe, planning: abi.FnPlan}[c.phase])
	}
	return nil
}
