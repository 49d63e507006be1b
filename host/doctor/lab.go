package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/sandbox"
	"rechost/host/task"
)

// Limits of hostile guests: small, so that they are met soon.
const (
	labMemory = 64 << 20 // for memory and tables, the stack's part not counted
	labLog    = 64 << 10
	labOutput = 1 << 20
	// patience is the deadline of attacks that end by themselves; see patiently.
	patience = 30 * time.Second
)

// inputRows is the length of the input that guests may open: 0, 1, 2, … as
// u32, several pages of them.
const inputRows = 64 << 10

// lab is one executor under attack.
type lab struct {
	kind    string
	options Options
	dir     string // scratch; arrays lie in it
	// patience is the constant of that name, but in tests.
	patience time.Duration
	input    array.Meta
	cache    string // compiled code of the neighbour

	// neighbour runs an honest module beside every attack.
	neighbour executor.Executor
	every     executor.Executor // of the guest with every host function; see evil.go
}

func newLab(ctx context.Context, kind, scratch string, o Options) (*lab, error) {
	l := &lab{kind: kind, options: o, patience: patience, dir: filepath.Join(scratch, kind)}
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		return nil, fault.New(fault.Failed, "cannot make a scratch folder: %v", err)
	}
	var err error
	if l.input, err = l.put(inputRows); err != nil {
		return nil, err
	}
	l.cache = filepath.Join(l.dir, "neighbour")
	if l.neighbour, err = l.open(guest{}.bytes(), &attack{}, l.cache); err != nil {
		return nil, err
	}
	if err := l.honest(ctx, l.neighbour); err != nil {
		l.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.New(fault.Failed, "an honest module does not run in %s: %v", kind, err)
	}
	return l, nil
}

func (l *lab) close() {
	l.neighbour.Close()
	if l.every != nil {
		l.every.Close()
	}
}

// Path is where an array lies: the lab is its guests' store.
func (l *lab) Path(d digest.Digest) string { return filepath.Join(l.dir, d.String()+".npy") }

// put writes an array of 0, 1, 2, … as the store does.
func (l *lab) put(rows int) (array.Meta, error) {
	v := make([]uint32, rows)
	for i := range v {
		v[i] = uint32(i)
	}
	m := array.Meta{DType: array.U32, Rows: rows}
	b := append(m.Header(), array.BytesOf(v)...)
	m.Digest = digest.Of(b)
	if err := os.WriteFile(l.Path(m.Digest), b, 0o400); err != nil {
		return m, fault.New(fault.Failed, "cannot write an array: %v", err)
	}
	return m, nil
}

// intact checks that nobody changed the input.
func (l *lab) intact() error {
	b, err := os.ReadFile(l.Path(l.input.Digest))
	if err == nil && digest.Of(b) != l.input.Digest {
		err = errors.New("it was changed")
	}
	return err
}

// setup is how a module is run here.
func (l *lab) setup(wasm []byte, a *attack, cache string) executor.Options {
	o := executor.Options{
		Module: wasm, Name: "attack.wasm", Arrays: l, Cache: cache, Worker: l.options.Worker, Workers: 1, Interpreter: l.options.Interpreter,
		Limits: task.Limits{Memory: labMemory + sandbox.StackReserve, Deadline: l.deadline(a), Log: labLog, Output: labOutput, Calls: a.calls, Fuel: a.fuel}.WithDefaults(),
	}
	switch {
	case a.frames > 0 && l.options.Interpreter:
		o.Limits.Memory = a.frames
	case a.memory > 0:
		o.Limits.Memory = a.memory + sandbox.StackReserve
	}
	return o
}

// deadline is that of a guest.
func (l *lab) deadline(a *attack) time.Duration {
	if a.endless {
		return l.options.Deadline
	}
	return l.patience
}

// open makes an executor of the lab's kind for a module.
func (l *lab) open(wasm []byte, a *attack, cache string) (executor.Executor, error) {
	return l.start(l.setup(wasm, a, cache))
}

func (l *lab) start(o executor.Options) (executor.Executor, error) {
	if l.kind == Processes {
		return executor.NewProcesses(o)
	}
	return executor.NewGoroutines(o)
}

// task is a stage of a guest. One output, as many rows as the guest writes.
func (l *lab) task(stage, rows int) task.Task {
	return task.Task{
		ID: digest.Of([]byte{byte(stage)}), Stage: "attack", Index: stage, Shards: 1, Config: []byte("{}"),
		Inputs:  []task.Input{{Name: "in.x", Array: l.input, Rows: l.input.Rows}},
		Outputs: []task.Output{{Name: "out.y", DType: array.U32, Rows: rows}},
	}
}

// run runs one task and copies what it gave.
func run(ctx context.Context, e executor.Executor, t task.Task) (r reply, err error) {
	err = e.Run(ctx, []task.Task{t}, func(_ int, x executor.Result) error {
		for _, b := range x.Data {
			r.data = append(r.data, append([]byte(nil), b...))
		}
		r.log, r.stats = x.Log, x.Stats
		x.Release()
		return nil
	})
	return r, err
}

// honest runs the honest stage of a guest and checks its sum.
func (l *lab) honest(ctx context.Context, e executor.Executor) error {
	r, err := run(ctx, e, l.task(stageHonest, 1))
	if err == nil && binary.LittleEndian.Uint32(r.data[0]) != honestSum {
		err = fmt.Errorf("the honest stage gave %v", r.data[0])
	}
	return err
}

// recovers is honest, where a deadline too short for a slow machine to start a
// worker in is forgiven twice.
func (l *lab) recovers(ctx context.Context, e executor.Executor, a *attack) error {
	err := l.honest(ctx, e)
	for i := 0; i < 2 && a.endless && fault.CodeOf(err) == fault.Limit; i++ {
		err = l.honest(ctx, e)
	}
	return err
}

// try makes an attack, in all its variants, and judges it.
func (l *lab) try(ctx context.Context, a attack) Row {
	start := time.Now()
	row := Row{Kind: a.kind, Attack: a.name, Executor: l.kind, Tries: a.count(), Want: a.want.String()}
	var sum outcome
	if a.do != nil {
		sum = a.do(ctx, l, &a)
	} else {
		var all []outcome
		for _, build := range a.modules {
			o := l.patiently(ctx, &a, build())
			all = append(all, o)
			if ctx.Err() != nil {
				return row
			}
		}
		sum = sumUp(all, a.want)
	}
	row.Held = a.want.may(sum.end)
	if row.Held {
		if err := l.well(ctx); err != nil {
			row.Held, sum.text, sum.wall = false, err.Error(), ""
		}
	}
	row.Happened, row.Wall = fault.Clean(strings.ReplaceAll(sum.text, "\n", " "), 300), sum.wall
	row.Seconds = time.Since(start).Seconds()
	return row
}

// sumUp is the outcome of several variants: that of the first which did not
// end as it must, or the first one's with the walls of all.
func sumUp(all []outcome, want want) outcome {
	sum := all[0]
	walls := []string{}
	for _, o := range all {
		if !want.may(o.end) {
			return o
		}
		if o.wall != "" && !slices.Contains(walls, o.wall) {
			walls = append(walls, o.wall)
		}
	}
	slices.Sort(walls)
	sum.wall = strings.Join(walls, ", ")
	if len(all) > 1 {
		sum.text = fmt.Sprintf("%d of %d; the first: %s", len(all), len(all), sum.text)
	}
	return sum
}

// once runs one module as the attack wants, and tells how much processor time
// that took.
func (l *lab) once(ctx context.Context, a *attack, wasm []byte, deadline time.Duration) (o outcome, spent time.Duration) {
	undo := a.surroundings()
	defer undo()
	var before time.Duration
	if l.kind != Processes {
		before = executor.Processor(nil)
	}
	options := l.setup(wasm, a, "")
	options.Limits.Deadline = deadline
	e, err := l.start(options)
	if err != nil {
		return outcome{end: failed, text: err.Error()}, 0
	}
	defer e.Close()
	defer func() { spent = executor.Processor(e) - before }()
	var r reply
	switch a.call {
	case describing:
		r.text, err = e.Describe(ctx)
	case planning:
		r.text, err = e.Plan(ctx, []byte("{}"))
	default:
		r, err = run(ctx, e, l.task(stageAttack, -1))
	}
	undo()
	if err == nil && a.want.check != nil {
		if err = a.want.check(r); err != nil {
			err = wrongResult(err)
		}
	}
	o = a.want.judge(err, wasm, l.kind)
	if o.end == harmless && a.want.gives != "" {
		o.text = a.want.gives
	}
	if o.end != refused && o.end != broken && !a.everywhere {
		if err := l.recovers(ctx, e, a); err != nil {
			return a.want.judge(sick("the attack's own module, its honest stage", err), wasm, l.kind), 0
		}
	}
	return o, 0
}

// well checks that nothing outside the attack suffered.
func (l *lab) well(ctx context.Context) error {
	if err := l.honest(ctx, l.neighbour); err != nil {
		return sick("the module beside it", err)
	}
	if err := l.intact(); err != nil {
		return sick("the input", err)
	}
	return nil
}

// surroundings makes the host what the attack wants it to be, and returns what
// undoes it, any number of times.
func (a *attack) surroundings() func() {
	var done atomic.Bool
	before := 0
	if a.oneThread {
		before = runtime.GOMAXPROCS(1)
	}
	ended := make(chan struct{})
	if a.garbage {
		go func() {
			defer close(ended)
			for !done.Load() {
				runtime.GC()
				time.Sleep(time.Millisecond)
			}
		}()
	}
	return func() {
		if done.Swap(true) {
			return
		}
		if a.garbage {
			<-ended
		}
		if before > 0 {
			runtime.GOMAXPROCS(before)
		}
	}
}

const withCgo = "a guest that breaks out can open files and sockets, fork and read other processes: " +
	"this rechost was built with cgo, whose threads cannot be locked in; build it with CGO_ENABLED=0, as ./build.sh build does"

// walls says what stands around guests here, and what should.
func (l *lab) walls() []Wall {
	stand := l.neighbour.Walls()
	engine := "wazero's compiler"
	if l.options.Interpreter {
		engine = "wazero's interpreter"
	}
	should := []Wall{
		{Name: engine, Means: "guests cannot be run"},
		{Name: "yield counter", Means: "a busy guest would hang this process"},
	}
	if l.kind == Processes {
		should = []Wall{
			{Name: "process of its own", Means: "a guest that breaks out is in the host's process"},
			{Name: "rlimits", Means: "a guest that breaks out can take memory of its own and processor time without end; memfds and threads only a control group bounds in any case"},
			{Name: "Landlock", Means: "only seccomp keeps a guest that breaks out from files: it needs Linux 5.13 with Landlock enabled"},
			{Name: "seccomp", Means: "a guest that breaks out can open sockets, fork and read other processes: it needs a kernel with seccomp filters"},
		}
		if !executor.Confines {
			should[2].Means, should[3].Means = withCgo, withCgo
		}
	}
	for i := range should {
		w := &should[i]
		w.Executor = l.kind
		for _, s := range stand {
			if strings.HasPrefix(s, w.Name) {
				w.Name, w.Stands, w.Means = s, true, ""
			}
		}
	}
	return should
}
