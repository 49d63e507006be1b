package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/kernel"
	"rechost/host/task"
)

// greet hands a new worker the module and waits until it is ready.
func (p *processes) greet(ctx context.Context, w *workerProcess) (stale bool, err error) {
	var m *reply
	if p.drill == drillCompiling {
		w.compiles = p.room
	}
	err = p.watch(ctx, w, func() error {
		hello := &message{
			Kind: msgHello, Name: p.options.Name, Limits: p.options.Limits, CacheDir: p.options.Cache, Prepared: p.made,
			Interpreter: p.options.Interpreter, Places: p.options.Places, CPU: p.cpu(), Compile: w.compiles, Drill: p.drill,
			Threads: runtime.GOMAXPROCS(0), Kernels: os.Getenv(kernel.FormEnv),
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
func (m *reply) failed() error { return m.failedAs(fault.Module, fault.Limit) }

func (m *reply) failedAs(codes ...fault.Code) error {
	code := m.Code
	if !slices.Contains(codes, code) {
		code = fault.Failed
	}
	return &fault.Error{Code: code, Msg: fault.Clean(m.Error, errorMost), Hint: fault.Clean(m.Hint, hintMost)}
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
			if t.Phase == task.Planning { // it may refuse what it is asked for
				return &toldError{m.failedAs(fault.Module, fault.Limit, fault.Usage)}
			}
			return &toldError{m.failed()}
		case m.Kind != msgDone || len(m.Emitted) > most:
			return fault.Mod("its worker process broke the protocol: %s", fault.Clean(m.Kind, 20))
		}
		b = m.Emitted
		return nil
	})
	if err = p.at(t, err); err != nil {
		p.options.failed(t, d, err)
	}
	return b, err
}

// diagnosis is what a worker says of a call that failed.
func (p *processes) diagnosis(m *reply) (task.Diagnosis, error) {
	log, err := p.log(m.Log)
	return task.Diagnosis{Trace: trace(m.Trace), Log: log, Stats: m.Stats}, err
}

// loadError is a failure before there was a worker to ask.
type loadError struct{ error }

func (e *loadError) Unwrap() error { return e.error }

// at names the task that failed, or the loading of the module, which is none's.
func (p *processes) at(t *task.Task, err error) error {
	var loading *loadError
	switch {
	case errors.As(err, &loading):
		return at(p.options.Name, "load", err)
	case t.Phase == task.Running:
		err = finer(err)
	}
	return at(p.options.Name, t.Place(), err)
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
		if err = p.at(t, err); err != nil {
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
			var own *fault.Error
			if errors.As(err, &own) { // it is not the worker's doing
				return r, err
			}
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
		return nil, fault.New(fault.Failed, "cannot map an output of %d bytes: %v", size, err)
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
