package executor

import (
	"context"
	"fmt"
	"time"

	"rechost/guest"
	"rechost/guest/num"
	"rechost/host/array"
	"rechost/host/task"
)

// Linked is the module of this program, compiled for this machine. Whatever
// module a job names, its tasks run this one.
var Linked *guest.Module

// Goroutines runs Linked's tasks in this process, with nothing in between.
type Goroutines struct{ options Options }

// NewGoroutines returns an executor in this process.
func NewGoroutines(o Options) (Executor, error) {
	o, err := o.withDefaults()
	return &Goroutines{o}, err
}

func (g *Goroutines) Describe(context.Context) ([]byte, error) { return Linked.DescribeJSON() }

func (g *Goroutines) Plan(_ context.Context, config []byte) ([]byte, error) {
	return Linked.PlanJSON(config)
}

func (g *Goroutines) Run(ctx context.Context, tasks []task.Task, done func(int, Result) error) error {
	num.Threads = g.options.threads(&tasks[0]) // of one stage: the others have as many shards
	return each(ctx, g.options.Workers, len(tasks), func(_ context.Context, _, i int) (Result, error) {
		t := &tasks[i]
		r, err := g.task(t)
		return r, at(g.options.Name, t.Place(), err)
	}, done)
}

func (g *Goroutines) task(t *task.Task) (Result, error) {
	start := time.Now()
	h := &linked{inputs: map[string]guest.Input{}, outputs: map[string]*[]byte{}}
	for _, in := range t.Inputs {
		b, release, err := g.options.Arrays.(interface {
			Read(array.Meta) ([]byte, func(), error)
		}).Read(in.Array)
		if err != nil {
			return Result{}, err
		}
		defer release()
		row := max(in.Array.Width, 1)
		b = b[in.First*row*in.Array.DType.Size():][:in.Rows*row*in.Array.DType.Size()]
		h.inputs[in.Name] = guest.Input{DType: in.Array.DType.String(), Rows: in.Rows, Width: in.Array.Width,
			Elements: in.Rows * row, Data: elements(in.Array.DType, b)}
	}
	r := Result{Data: make([][]byte, len(t.Outputs))}
	for i, o := range t.Outputs {
		if o.Rows > 0 {
			r.Data[i] = make([]byte, 0, o.Rows*max(o.Width, 1)*o.DType.Size())
		}
		h.outputs[o.Name] = &r.Data[i]
	}
	opened := time.Now()
	if err := Linked.RunJSON(t.Config, t.Index, h); err != nil {
		return Result{}, err
	}
	ran := time.Now()
	for i, o := range t.Outputs {
		array.OneNaN(o.DType, r.Data[i])
		if want := o.Rows * max(o.Width, 1) * o.DType.Size(); o.Rows >= 0 && len(r.Data[i]) != want {
			return Result{}, fmt.Errorf("output %s: %d bytes written, %d wanted", o.Name, len(r.Data[i]), want)
		}
	}
	r.Log = h.log
	r.Stats = task.Stats{Guest: ran.Sub(opened), Host: opened.Sub(start) + time.Since(ran)}
	return r, nil
}

// elements views bytes as a slice of the type, as guest.Input.Data is.
func elements(d array.DType, b []byte) any {
	switch d {
	case array.U8:
		return array.View[uint8](b)
	case array.U32:
		return array.View[uint32](b)
	case array.I32:
		return array.View[int32](b)
	case array.U64:
		return array.View[uint64](b)
	case array.I64:
		return array.View[int64](b)
	case array.F32:
		return array.View[float32](b)
	default:
		return array.View[float64](b)
	}
}

func (g *Goroutines) Walls() []string { return []string{"none: the module is part of this program"} }

func (g *Goroutines) Close() error { return nil }

// linked is what stands behind a task of a linked module.
type linked struct {
	inputs  map[string]guest.Input
	outputs map[string]*[]byte
	log     []string
}

func (h *linked) Open(name string) (guest.Input, bool) {
	in, ok := h.inputs[name]
	return in, ok
}

func (h *linked) Read(guest.Input, int, int, []byte) { panic("every input has Data") }

func (h *linked) Write(name string, data []byte) {
	*h.outputs[name] = append(*h.outputs[name], data...)
}

func (h *linked) Log(level int, msg string) {
	h.log = append(h.log, []string{"debug: ", "info: ", "warn: "}[level]+msg)
}

func (h *linked) Progress(done, total int) {}
