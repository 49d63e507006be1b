package executor

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"rechost/host/fault"
	"rechost/host/sandbox"
	"rechost/host/task"
)

// Goroutines runs a module's tasks in this process. Guests are stopped at
// their deadline by code that the host adds to the module; what such a guest
// could do if it broke out of wazero's code, nothing stops. It is for modules
// whose author is trusted, and for systems without the other.
type Goroutines struct {
	options Options
	files   files

	once   sync.Once
	module *sandbox.Module
	err    error
}

// NewGoroutines returns an executor in this process. The module is compiled
// when it is first needed.
func NewGoroutines(o Options) (Executor, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.RequireIsolation {
		return nil, fault.Use("guests inside this process are not isolated, and full isolation is required").
			WithHint("use worker processes: --executor processes; or leave out --require-isolation")
	}
	return &Goroutines{options: o, files: files{arrays: o.Arrays, most: maxOpenArrays}}, nil
}

func (g *Goroutines) load(ctx context.Context) (*sandbox.Module, error) {
	g.once.Do(func() {
		o := g.options
		// Not the caller's context: a compiled module outlives the call that
		// was first to need it. The shape checks bound what compiling takes.
		load := func() (*sandbox.Module, error) {
			return sandbox.Load(context.WithoutCancel(ctx), o.Module, sandbox.Options{
				Name: o.Name, Limits: sandbox.Limits(o.Limits), CacheDir: o.Cache, Interpreter: o.Interpreter, Places: o.Places,
				Cooperative: true, Compilers: runtime.GOMAXPROCS(0),
			})
		}
		g.module, g.err = load()
		if stale := (*sandbox.StaleCache)(nil); errors.As(g.err, &stale) {
			if g.err = sandbox.ClearCache(o.Cache); g.err == nil {
				g.module, g.err = load()
			}
		}
	})
	return g.module, at(g.options.Name, "", g.err)
}

// Describe returns the JSON that the module describes itself by.
func (g *Goroutines) Describe(ctx context.Context) ([]byte, error) {
	return g.ask(ctx, &task.Task{Phase: task.Describing}, (*sandbox.Module).Describe)
}

// Plan returns the plan's JSON for the configuration's.
func (g *Goroutines) Plan(ctx context.Context, config []byte) ([]byte, error) {
	return g.ask(ctx, &task.Task{Phase: task.Planning, Config: config}, func(m *sandbox.Module, ctx context.Context) (sandbox.Reply, error) {
		return m.Plan(ctx, config)
	})
}

// ask is what Describe and Plan have in common.
func (g *Goroutines) ask(ctx context.Context, t *task.Task, call func(*sandbox.Module, context.Context) (sandbox.Reply, error)) ([]byte, error) {
	m, err := g.load(ctx)
	var r sandbox.Reply
	if err == nil {
		r, err = call(m, ctx)
		err = at(g.options.Name, t.Place(), err)
	}
	if err != nil {
		g.options.failed(t, diagnosis(r), err)
		return nil, err
	}
	return r.Emitted, nil
}

func diagnosis(r sandbox.Reply) task.Diagnosis {
	return task.Diagnosis{Trace: r.Trace, Log: r.Log, Stats: task.Stats(r.Stats)}
}

// Run runs the tasks, Options.Workers at a time.
func (g *Goroutines) Run(ctx context.Context, tasks []task.Task, done func(int, Result) error) error {
	m, err := g.load(ctx)
	if err != nil {
		return err
	}
	return each(ctx, g.options.Workers, len(tasks), func(ctx context.Context, _, i int) (Result, error) {
		t := &tasks[i]
		r, d, err := g.task(ctx, m, t)
		if err = at(g.options.Name, t.Place(), finer(err)); err != nil {
			g.options.failed(t, d, err)
		}
		return r, err
	}, done)
}

func (g *Goroutines) task(ctx context.Context, m *sandbox.Module, t *task.Task) (Result, task.Diagnosis, error) {
	start := time.Now()
	call := sandbox.Call{Index: t.Index, Config: t.Config, Seed: [32]byte(t.ID), Threads: g.options.threads(t)}
	for _, in := range t.Inputs {
		a, err := g.files.get(in.Array)
		if err != nil {
			return Result{}, task.Diagnosis{}, err
		}
		defer g.files.give(a)
		call.Inputs = append(call.Inputs, sandbox.Input{Name: in.Name, Array: a, First: in.First, Rows: in.Rows})
	}
	for _, o := range t.Outputs {
		call.Outputs = append(call.Outputs, sandbox.Output(o))
	}
	opening := time.Since(start)
	r, err := m.Run(ctx, call)
	r.Stats.Host += opening
	if err != nil {
		return Result{}, diagnosis(r), err
	}
	return Result{Data: r.Data, Log: r.Log, Stats: task.Stats(r.Stats)}, task.Diagnosis{}, nil
}

// Walls names what stands between the guest and the machine.
func (g *Goroutines) Walls() []string {
	if g.options.Interpreter {
		return []string{"wazero's interpreter", "yield counter"}
	}
	return []string{"wazero's compiler", "yield counter"}
}

// Close releases the module and the inputs. No call may be running.
func (g *Goroutines) Close() error {
	g.once.Do(func() { g.err = errors.New("the executor is closed") })
	g.files.close()
	if g.module != nil {
		return g.module.Close()
	}
	return nil
}
