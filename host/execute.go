package host

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/emit"
	"rechost/host/executor"
	"rechost/host/manifest"
	"rechost/host/plan"
	"rechost/host/task"
)

// outcome is what the stages of a run gave.
type outcome struct {
	env    plan.Env
	tasks  []manifest.Task // in the plan's order
	last   []task.Task     // those of the stage that recommends, in its last turn
	stages []StageTime     // by index
	reused int
	shadow shadowed
	log    []string
	logged int64 // bytes of log, of the guests' own
	free   int   // arrays of the tasks' outputs that have as many entries as the guest likes
	asked  int   // times that a stop test was read

	emissions []*emit.Emission // for Job.Emit, in its order
}

// maxLog bounds the guests' messages that a summary shows.
const maxLog = 100

// walk goes through a plan's stages in the order in which they run. again is
// asked after each turn of a repeat that has a stop test.
func walk(p *plan.Plan, visit func(index, iteration, times int) error, again func(until string) (bool, error)) error {
	index := map[*abi.Stage]int{}
	for i, s := range p.Stages {
		index[s] = i
	}
	var steps func(list []abi.Step, iteration, times int) error
	steps = func(list []abi.Step, iteration, times int) error {
		for _, st := range list {
			if st.Stage != nil {
				if err := visit(index[st.Stage], iteration, times); err != nil {
					return err
				}
				continue
			}
			for i := range st.Repeat.Times {
				if err := steps(st.Repeat.Steps, i, st.Repeat.Times); err != nil {
					return err
				}
				if st.Repeat.Until == "" {
					continue
				}
				if more, err := again(st.Repeat.Until); err != nil || !more {
					if err != nil {
						return err
					}
					break
				}
			}
		}
		return nil
	}
	return steps(p.Steps, 0, 1)
}

// execute runs every stage of the plan.
func (s *session) execute(ctx context.Context) (*outcome, error) {
	o := &outcome{env: plan.Env{}, stages: make([]StageTime, len(s.plan.Stages))}
	for n, b := range s.env {
		o.env[n] = b
	}
	for i, st := range s.plan.Stages {
		o.stages[i].Stage = s.label(i, st.Name)
	}
	err := walk(s.plan,
		func(index, iteration, times int) error { return s.stage(ctx, o, index, iteration, times) },
		func(until string) (bool, error) { return s.more(o, until) })
	return o, err
}

// more reads a stop test: the one element of a frame, zero to go on.
func (s *session) more(o *outcome, until string) (bool, error) {
	o.asked++
	for _, c := range o.env[until].Arrays {
		b, release, err := s.store.Read(c.Meta)
		if err != nil {
			return false, err
		}
		defer release()
		for _, x := range b {
			if x != 0 {
				return false, nil
			}
		}
	}
	return true, nil
}

// stage runs the tasks of one turn of a stage that the journal does not have,
// and joins their outputs to frames.
func (s *session) stage(ctx context.Context, o *outcome, index, iteration, times int) error {
	start := time.Now()
	s.at.Store(int64(index))
	turn, err := s.plan.Unroll(index, iteration, o.env, s.shape, s.source)
	if err != nil {
		return err
	}
	st := &o.stages[index]
	ev := Event{Phase: "stage", Stage: st.Stage, Total: len(turn.Tasks)}
	if times > 1 {
		ev.Turn = fmt.Sprintf("%d/%d", iteration+1, times)
	}
	s.progress(ev)

	parts := make([]plan.Parts, len(turn.Tasks))
	joinID := joinIdentity(turn.Tasks)
	frames, joined := s.joined(turn, joinID)
	if joined {
		// The parts need not be there any more, but the record of each must.
		for i, t := range turn.Tasks {
			e, ok := s.journal.Peek(t.ID)
			joined = joined && ok && slices.EqualFunc(t.Outputs, e.Outputs, task.Output.Fits)
			parts[i] = e.Outputs
		}
	}
	var missing []task.Task
	var at []int
	var joiner *plan.Joiner
	if !joined {
		joiner = turn.Joiner(s.store)
		defer joiner.Close()
	}
	for i, t := range turn.Tasks {
		if joined {
			break
		}
		if e, ok := s.journal.Get(t.ID); ok {
			if turn.CheckKept(t, e.Outputs, s.store) == nil {
				parts[i] = e.Outputs
				joiner.Add(i, parts[i])
				continue
			}
			s.journal.Drop(t.ID) // it is of something else
		}
		missing, at = append(missing, t), append(at, i)
	}
	ev.Kept = len(turn.Tasks) - len(missing)
	ev.Done = ev.Kept
	if ev.Kept > 0 && len(missing) > 0 {
		s.progress(ev)
	}
	picked := s.drawShadow(o, len(turn.Tasks))
	var withheld []record
	if len(missing) > 0 {
		if withheld, err = s.runTasks(ctx, turn, missing, at, picked, parts, joiner, st, o, &ev); err != nil {
			return err
		}
	}
	recorded := make([]manifest.Task, len(turn.Tasks))
	for i, t := range turn.Tasks {
		r := &recorded[i]
		*r = manifest.Task{ID: t.ID, Stage: t.Stage, Index: t.Index, Iteration: t.Iteration, Shard: t.Shard, Shards: t.Shards}
		for k, m := range parts[i] {
			r.Outputs = append(r.Outputs, manifest.Output{Name: t.Outputs[k].Name, Meta: m})
		}
	}
	if err := s.shadowTurn(ctx, turn, picked, recorded, o); err != nil {
		return err
	}
	for _, w := range withheld {
		if err := s.journal.Put(w.id, w.outputs, w.stats); err != nil {
			return err
		}
	}
	s.times.Stages += seconds(time.Since(start))
	reduce := time.Now()
	if !joined {
		if frames, err = joiner.Frames(); err != nil {
			return err
		}
		if err := s.journal.Put(joinID, frameMetas(frames), task.Stats{}); err != nil {
			return err
		}
	}
	s.times.Reduce += seconds(time.Since(reduce))
	for i, b := range frames {
		o.env[turn.Stage.Outputs[i].Frame] = b
	}
	o.tasks = append(o.tasks, recorded...)
	for _, t := range turn.Tasks {
		for _, out := range t.Outputs {
			if out.Rows < 0 {
				o.free++
			}
		}
	}
	for _, out := range turn.Stage.Outputs {
		if out.Frame == abi.Recommendations {
			o.last = turn.Tasks
		}
	}
	o.reused += ev.Kept
	st.Turns++
	st.Tasks += len(turn.Tasks)
	st.Reused += ev.Kept
	st.Wall += seconds(time.Since(start))
	ev.End, ev.Done = true, len(turn.Tasks)
	s.progress(ev)
	return nil
}

// record is an entry of the journal.
type record struct {
	id      digest.Digest
	outputs plan.Parts
	stats   task.Stats
}

// runTasks runs tasks and records what each gave as soon as it has, so that a
// run that is killed loses only the tasks under way. Tasks that are picked to be
// shadowed are not entered in the journal but returned.
func (s *session) runTasks(ctx context.Context, turn *plan.Turn, missing []task.Task, at []int, picked []bool, parts []plan.Parts, joiner *plan.Joiner, st *StageTime, o *outcome, ev *Event) (withheld []record, err error) {
	s.ran.Store(true)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		first error
		slots = make(chan struct{}, s.job.Workers)
	)
	err = s.exec.Run(ctx, missing, func(i int, r executor.Result) error {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			defer r.Release()
			metas, err := s.keep(turn, missing[i], r)
			if err == nil && !picked[at[i]] {
				err = s.journal.Put(missing[i].ID, metas, r.Stats)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if first == nil {
					first = err
				}
				cancel()
				return
			}
			if picked[at[i]] {
				withheld = append(withheld, record{missing[i].ID, metas, r.Stats})
			}
			parts[at[i]] = metas
			joiner.Add(at[i], metas)
			addStats(&st.Sum, r.Stats)
			for _, l := range r.Log {
				if len(o.log) < maxLog && !s.job.QuietGuest {
					o.logged += int64(len(l))
					o.log = append(o.log, fmt.Sprintf("%s %d/%d: %s", missing[i].Stage, missing[i].Shard+1, missing[i].Shards, l))
				}
			}
			ev.Done++
			s.progress(*ev)
		})
		return nil
	})
	wg.Wait()
	s.tellSaved()
	if first != nil {
		return nil, first
	}
	return withheld, s.ofGuest(err)
}

// keep checks a task's outputs and stores them.
func (s *session) keep(turn *plan.Turn, t task.Task, r executor.Result) ([]array.Meta, error) {
	metas, err := turn.CheckParts(t, r.Data)
	if err != nil {
		err = s.blame(err)
		s.saveRefused(&t, shapes(&t, r.Data), err)
		return nil, err
	}
	errs := make([]error, len(metas))
	var wg sync.WaitGroup
	for k := range metas {
		wg.Go(func() { metas[k], errs[k] = s.store.Put(metas[k], r.Data[k]) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return metas, nil
}

func addStats(sum *task.Stats, t task.Stats) {
	sum.Guest += t.Guest
	sum.Kernel += t.Kernel
	sum.Host += t.Host
	sum.Memory = max(sum.Memory, t.Memory)
	sum.LogBytes += t.LogBytes
	sum.Calls += t.Calls
	sum.Fuel += t.Fuel
}

// joinIdentity names the frames that tasks give together.
func joinIdentity(tasks []task.Task) digest.Digest {
	b := []byte("join")
	for _, t := range tasks {
		b = append(b, t.ID[:]...)
	}
	return digest.Of(b)
}

// joined returns the frames of a turn where the journal has them already.
func (s *session) joined(turn *plan.Turn, id digest.Digest) ([]plan.Bound, bool) {
	e, ok := s.journal.Get(id)
	if !ok {
		return nil, false
	}
	frames, err := turn.Frames(e.Outputs, s.store)
	if err != nil {
		s.journal.Drop(id)
	}
	return frames, err == nil
}

func frameMetas(frames []plan.Bound) []array.Meta {
	var list []array.Meta
	for _, f := range frames {
		for _, n := range f.Names() {
			list = append(list, f.Arrays[n].Meta)
		}
	}
	return list
}
