package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"rechost/guest/abi"
	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
)

// features are what rewrite.Check lets pass: WebAssembly 2.0. Tail calls,
// exceptions, threads and typed references stay off.
const features = api.CoreFeaturesV2

// Module is a compiled module. It may be used by several goroutines at a time;
// each call has an instance of its own.
type Module struct {
	name        string
	limits      Limits
	cooperative bool
	info        *rewrite.Info
	provided    []provided
	bodies      []int // where in the file each of its own functions begins
	budget      budget
	offsets     *rewrite.Offsets // of the code that is run to the module's; nil where traps do not name instructions

	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	compiled wazero.CompiledModule

	mu   sync.Mutex
	free []*memory // reserved address space of ended instances
}

// Load checks the module's shape, imports and exports, rewrites it as the
// options ask, and compiles it. Nothing of the module runs. Compiling is not
// bounded in time or memory: a caller that does not trust the module loads it
// in a process of its own.
func Load(ctx context.Context, wasm []byte, o Options) (*Module, error) {
	cache, checked := "", make(chan error, 1)
	if !o.Interpreter && o.CacheDir != "" {
		cache = o.CacheDir
		if err := PrivateDir(cache); err != nil {
			return nil, err
		}
		go func() { checked <- checkCache(cache) }() // which takes as long as looking at the module
	}
	info, ready, err := rewrite.Prepare(wasm, rewrite.Caps{}, rewrite.Options{
		Yield: o.Cooperative, Fuel: o.Limits.Fuel > 0, DWARF: true,
	})
	if err != nil {
		return nil, err
	}
	if err := checkInterface(info); err != nil {
		return nil, err
	}
	m := &Module{name: o.Name, limits: o.Limits, cooperative: o.Cooperative, info: info, bodies: bodies(wasm)}
	if m.budget, err = newBudget(info, o.Limits.Memory); err != nil {
		return nil, err
	}
	wasm = m.place(ready, mergeData(ready.Wasm), o.Places)
	config := wazero.NewRuntimeConfigCompiler()
	if o.Interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	if cache != "" {
		if err := <-checked; err != nil {
			return nil, &StaleCache{err}
		}
		// It errs where another process clears the folder at this moment and
		// this one may not make it anew, too.
		if m.cache, err = wazero.NewCompilationCacheWithDir(cache); err != nil {
			return nil, &StaleCache{err}
		}
		config = config.WithCompilationCache(m.cache)
	}
	// The memory limit is kept by the allocator, which can say that it was hit.
	config = config.WithCoreFeatures(features).WithMemoryLimitPages(maxPages).WithDebugInfoEnabled(true)
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if err := m.provide(ctx); err != nil {
		m.Close()
		return nil, err
	}
	m.compiled, err = m.runtime.CompileModule(experimental.WithCompilationWorkers(ctx, max(o.Compilers, 1)), wasm)
	if err != nil {
		m.Close()
		// A path is in no error about the module itself.
		if path := (*fs.PathError)(nil); errors.As(err, &path) || strings.HasPrefix(err.Error(), "compilationcache:") {
			return nil, &StaleCache{err}
		}
		return nil, fault.Mod("not a valid module: %s", fault.Clean(err.Error(), 1000))
	}
	if m.cache != nil {
		sealCache(cache)
	}
	return m, nil
}

// Close releases the compiled code. No call may be running.
func (m *Module) Close() error {
	err := m.runtime.Close(context.Background())
	if m.cache != nil {
		if e := m.cache.Close(context.Background()); err == nil {
			err = e
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.free {
		x.close()
	}
	m.free = nil
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
	return x, x.reset(m.budget.memory())
}

func (m *Module) giveMemory(x *memory) {
	if x.reset(0) != nil {
		x.close() // its pages are gone with it
		return
	}
	m.mu.Lock()
	m.free = append(m.free, x)
	m.mu.Unlock()
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

// call runs one export in a fresh instance.
func (m *Module) call(ctx context.Context, p phase, t Call) (r Reply, err error) {
	start := time.Now()
	c := &call{ctx: ctx, module: m, limits: m.limits, config: t.Config, inputs: t.Inputs, phase: p, threads: max(t.Threads, 1)}
	if err := c.prepare(t); err != nil {
		return r, err
	}
	if m.cooperative && m.limits.Deadline > 0 {
		c.deadline = start.Add(m.limits.Deadline)
	}
	if c.mem, err = m.takeMemory(); err != nil {
		return r, fault.New(fault.Failed, "cannot get memory for a guest: %v", err)
	}
	defer m.giveMemory(c.mem)
	defer func() { c.stats(&r.Stats, time.Since(start)) }()

	gctx := &carrier{experimental.WithMemoryAllocator(ctx, c.mem), c}
	err = c.run(gctx, t.Index)
	c.guest.finish()
	r.Log, r.Trace = c.guest.log, c.trace
	if n := c.mem.denied; n > 0 && (c.failure == nil || c.exited) {
		// Runtimes panic, exit, give up or run into "unreachable" when they get
		// no memory: the limit is why, whatever they say. If it went on without,
		// what it gave depends on the limit, which is in no task's identity.
		err = m.budget.beyond(int64(n))
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

// run makes the instance and calls what the phase asks for.
func (c *call) run(ctx context.Context, index int) (err error) {
	var mod api.Module
	defer func() {
		// wazero recovers what happens in guest calls; an instance that cannot
		// be made may panic elsewhere.
		if x := recover(); x != nil {
			err = c.explain(fmt.Errorf("%v", x))
		}
		if mod != nil {
			mod.Close(context.Background())
		}
	}()
	guest := time.Now()
	mod, err = c.module.runtime.InstantiateModule(ctx, c.module.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return c.explain(err)
	}
	fuel, _ := mod.ExportedGlobal(rewrite.FuelGlobal).(api.MutableGlobal)
	if fuel != nil {
		spent := rewrite.StartFuel - int64(fuel.Get())
		fuel.Set(uint64(c.limits.Fuel - spent))
		defer func() { c.times.fuel = c.limits.Fuel - max(int64(fuel.Get()), 0) }()
	}
	c.times.instance = time.Since(guest)
	guest = time.Now()
	defer func() {
		c.times.guest = time.Since(guest)
		c.times.memory = int64(len(c.mem.bytes))
	}()
	if f := mod.ExportedFunction(abi.ExportInitialize); f != nil {
		if _, err := f.Call(ctx); err != nil {
			return c.explain(err)
		}
	}
	version, err := mod.ExportedFunction(abi.ExportABI).Call(ctx)
	if err != nil {
		return c.explain(err)
	}
	if v := int32(version[0]); v != abi.Version {
		return fault.Mod("the module speaks ABI version %d, this rechost %d", v, abi.Version).
			WithHint("build the module with the SDK of this version of rechost")
	}
	export := abi.ExportRun
	var args []uint64
	switch c.phase {
	case describing:
		export = abi.ExportDescribe
	case planning:
		export = abi.ExportPlan
	default:
		if index < 0 || index > math.MaxInt32 {
			return fault.New(fault.Failed, "stage index %d", index)
		}
		args = []uint64{uint64(index)}
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
