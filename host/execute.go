package host

import (
	"cmp"
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
	turns  [][]manifest.Task // in the order in which they ran; outputs are there when rest has ended
	tasks  []manifest.Task   // of all turns, in the end
	rest   chan error        // what is left of the last turn, see meanwhile; nil: nothing
	last   []task.Task       // those of the stage that recommends, in its last turn
	stages []StageTime       // by index
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
	if e := o.settle(); e != nil {
		err = e // it came first
	}
	o.tasks = slices.Concat(o.turns...)
	return o, err
}

// meanwhile does what is left of a turn while the next one runs, when that of the
// turn before is done. If that failed, do is not called.
func (o *outcome) meanwhile(do func() error) error {
	if err := o.settle(); err != nil {
		return err
	}
	o.rest = make(chan error, 1)
	go func() { o.rest <- do() }()
	return nil
}

// settle waits for what is left of the last turn.
func (o *outcome) settle() (err error) {
	if o.rest != nil {
		err = <-o.rest
		o.rest = nil
	}
	return err
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
func (s *session) stage(ctx context.Context, o *outcome, index, iteration, times int) (err error) {
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

	r := running{s: s, turn: turn, parts: make([]plan.Parts, len(turn.Tasks)), unsaved: unsaved{session: s, turn: turn},
		stage: st, outcome: o, event: &ev}
	joinID := joinIdentity(turn.Tasks)
	frames, joined := s.joined(turn, joinID)
	if joined {
		// The parts need not be there any more, but the record of each must.
		for i, t := range turn.Tasks {
			e, ok := s.journal.Peek(t.ID)
			joined = joined && ok && slices.EqualFunc(t.Outputs, e.Outputs, task.Output.Fits)
			r.parts[i] = e.Outputs
		}
	}
	if !joined {
		frames = nil
		r.joiner = turn.Joiner(s.store)
		defer func() {
			r.joiner.Close()
			if err != nil {
				r.taking.Wait()
				r.unsaved.end(err)
			}
		}()
	}
	for _, i := range turn.Order() {
		if joined {
			break
		}
		t := turn.Tasks[i]
		if e, ok := s.journal.Get(t.ID); ok {
			if turn.CheckKept(t, e.Outputs, s.store) == nil {
				r.parts[i] = e.Outputs
				r.joiner.Add(i, e.Outputs, nil)
				continue
			}
			s.journal.Drop(t.ID) // it is of something else
		}
		r.missing, r.at = append(r.missing, t), append(r.at, i)
	}
	ev.Kept = len(turn.Tasks) - len(r.missing)
	ev.Done = ev.Kept
	if ev.Kept > 0 && len(r.missing) > 0 {
		s.progress(ev)
	}
	r.picked = s.drawShadow(o, len(turn.Tasks))
	if len(r.missing) > 0 {
		if err := r.run(ctx); err != nil {
			return err
		}
	}
	recorded := make([]manifest.Task, len(turn.Tasks))
	if slices.Contains(r.picked, true) {
		if err := r.record(recorded); err != nil {
			return err
		}
		if err := s.shadowTurn(ctx, turn, r.picked, recorded, frames, o); err != nil {
			return err
		}
		for _, w := range r.withheld {
			if err := s.journal.Put(w.id, w.outputs, w.stats); err != nil {
				return err
			}
		}
	}
	s.times.Stages += seconds(time.Since(start))
	reduce := time.Now()
	if !joined {
		if frames, err = r.joiner.Frames(); err != nil {
			return err
		}
	}
	// The next stage needs the frames, and none of the rest.
	if err := o.meanwhile(func() error {
		err := r.record(recorded)
		if err == nil && !joined {
			err = s.journal.Put(joinID, frameMetas(frames), task.Stats{})
		}
		r.unsaved.end(err)
		return err
	}); err != nil {
		return err
	}
	s.times.Reduce += seconds(time.Since(reduce))
	for i, b := range frames {
		o.env[turn.Stage.Outputs[i].Frame] = b
	}
	o.turns = append(o.turns, recorded)
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

// running is a turn whose tasks are running.
type running struct {
	s       *session
	turn    *plan.Turn
	missing []task.Task // that the journal does not have, in the order in which they begin
	at      []int       // which tasks of the turn these are
	picked  []bool      // to be shadowed, by task of the turn

	joiner  *plan.Joiner
	unsaved unsaved
	taking  sync.WaitGroup // what tasks gave is being hashed and recorded

	mu       sync.Mutex
	failed   error        // why that failed first
	parts    []plan.Parts // what the turn's tasks gave
	withheld []record     // of tasks that are to be shadowed, which are in the journal when they were

	stage   *StageTime
	outcome *outcome
	event   *Event
}

// run runs the missing tasks and records what each gave as soon as it has: a
// run that is killed loses the tasks under way, and short ones of the last second.
// It returns when everything was given to the joiner; see record.
func (r *running) run(ctx context.Context) error {
	r.s.ran.Store(true)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var joined sync.WaitGroup
	slots := make(chan struct{}, r.s.job.Workers)
	err := r.s.exec.Run(ctx, r.missing, func(i int, gave executor.Result) error {
		slots <- struct{}{}
		joined.Add(1)
		r.taking.Go(func() {
			added := sync.OnceFunc(joined.Done)
			defer added()
			defer func() { <-slots }()
			if err := r.take(i, gave, added); err != nil {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.failed = cmp.Or(r.failed, err)
				cancel()
			}
		})
		return nil
	})
	joined.Wait()
	r.s.tellSaved()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.failed
	}
	return r.s.ofGuest(err)
}

// record waits until what the tasks gave has its digests, and fills them in.
func (r *running) record(recorded []manifest.Task) error {
	r.taking.Wait()
	if r.failed != nil {
		return r.failed
	}
	for i, t := range r.turn.Tasks {
		recorded[i] = manifest.Task{ID: t.ID, Stage: t.Stage, Index: t.Index, Iteration: t.Iteration, Shard: t.Shard, Shards: t.Shards}
		for k, m := range r.parts[i] {
			recorded[i].Outputs = append(recorded[i].Outputs, manifest.Output{Name: t.Outputs[k].Name, Meta: m})
		}
	}
	return nil
}

// take checks, joins and stores what missing task i gave. It calls added when the
// joiner has it, which may be before it is hashed.
func (r *running) take(i int, gave executor.Result, added func()) error {
	t, at := &r.missing[i], r.at[i]
	metas, err := r.s.check(r.turn, *t, gave)
	later := err == nil && !r.picked[at] && r.unsaved.takes(gave)
	if !later {
		defer gave.Release()
	}
	if err != nil {
		return err
	}
	var putOff func(k int) bool
	if later { // joined while it is hashed
		r.end(i, slices.Clone(metas), gave.Data, gave)
		added()
		putOff = r.turn.Cuts
	}
	if err = r.s.keep(metas, gave.Data, putOff); err != nil {
		return err
	}
	if !r.picked[at] {
		if err = r.s.journal.Put(t.ID, metas, gave.Stats); err != nil {
			return err
		}
	}
	if later {
		r.unsaved.add(metas, gave.Data)
	} else {
		r.end(i, metas, nil, gave)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.picked[at] {
		r.withheld = append(r.withheld, record{t.ID, metas, gave.Stats})
	}
	r.parts[at] = metas
	return nil
}

// end gives the joiner what missing task i gave, and tells that it has ended.
func (r *running) end(i int, metas plan.Parts, data [][]byte, gave executor.Result) {
	t := &r.missing[i]
	r.mu.Lock()
	defer r.mu.Unlock()
	r.joiner.Add(r.at[i], metas, data)
	addStats(&r.stage.Sum, gave.Stats)
	o := r.outcome
	for _, l := range gave.Log {
		if len(o.log) < maxLog && !r.s.job.QuietGuest {
			o.logged += int64(len(l))
			o.log = append(o.log, fmt.Sprintf("%s %d/%d: %s", t.Stage, t.Shard+1, t.Shards, l))
		}
	}
	r.event.Done++
	r.s.progress(*r.event)
}

// check checks the shapes of a task's outputs.
func (s *session) check(turn *plan.Turn, t task.Task, r executor.Result) (plan.Parts, error) {
	metas, err := turn.CheckParts(t, r.Data)
	if err != nil {
		err = s.blame(err)
		s.saveRefused(&t, shapes(&t, r.Data), err)
	}
	return metas, err
}

// keep gives a task's outputs their digests and stores those that are not to be
// stored later.
func (s *session) keep(metas plan.Parts, data [][]byte, later func(k int) bool) error {
	errs := make([]error, len(metas))
	var wg sync.WaitGroup
	for k := range metas {
		wg.Go(func() {
			if later != nil && later(k) {
				metas[k].Digest = digestOf(metas[k], data[k])
			} else {
				metas[k], errs[k] = s.store.Put(metas[k], data[k])
			}
		})
	}
	wg.Wait()
	return cmp.Or(errs...)
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
