package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/manifest"
	"rechost/host/plan"
	"rechost/host/recs"
	"rechost/host/store"
	"rechost/host/task"
)

// sampled runs a random share of the recorded tasks again. Each needs its
// inputs as they were, which only the run's store has; their digests are
// checked against the manifest's. What joins and checks the tasks' outputs,
// and writes them, is cheap and repeated in full.
func sampled(ctx context.Context, c Check, st *manifest.Statement, job Job, v *Verification) (err error) {
	job.Store = c.Store
	s, err := open(ctx, job)
	if err != nil {
		return err
	}
	defer s.close()
	defer func() { err = s.hush(err) }()
	s.distrustful = true
	if err := s.prepare(ctx); err != nil {
		return err
	}
	fresh := manifest.BuildDefinition{ExternalParameters: s.external(), ResolvedDependencies: s.dependencies(filepath.Dir(c.Manifest))}
	if v.Difference = compareDefinition(st.Predicate.BuildDefinition, fresh); v.Difference != nil {
		return nil
	}
	picked := draw(len(st.Tasks()), c.Sample, true)
	o := &outcome{env: plan.Env{}}
	for n, b := range s.env {
		o.env[n] = b
	}
	left := st.Tasks()
	err = walk(s.plan, func(index, iteration, _ int) error {
		s.at.Store(int64(index))
		turn, err := s.plan.Unroll(index, iteration, o.env, s.shape, s.source)
		if err != nil {
			return err
		}
		if len(left) < len(turn.Tasks) {
			v.Difference = &Difference{What: "number of tasks", Element: -1, Was: fmt.Sprint(len(st.Tasks())), Is: "more"}
			return errStop
		}
		recorded := left[:len(turn.Tasks)]
		left = left[len(turn.Tasks):]
		parts := make([]plan.Parts, len(recorded))
		var drawn []task.Task
		var at []int
		for i, t := range turn.Tasks {
			r := recorded[i]
			if !records(r, t) {
				v.Difference = &Difference{What: "task", Stage: t.Stage, Turn: iteration, Shard: t.Shard, Element: -1, Was: "task " + r.ID.String(), Is: "task " + t.ID.String()}
				return errStop
			}
			for _, out := range r.Outputs {
				parts[i] = append(parts[i], out.Meta)
			}
			if picked[len(st.Tasks())-len(left)-len(recorded)+i] {
				drawn, at = append(drawn, t), append(at, i)
			}
		}
		frames, err := s.recordedFrames(turn, parts)
		if err != nil {
			return err
		}
		again, err := s.repeat(ctx, s.exec, turn, drawn, at, recorded, frames)
		v.Rerun += again.rerun
		if err != nil {
			return err
		}
		if v.Difference = again.difference; v.Difference != nil {
			return errStop
		}
		for i, b := range frames {
			o.env[turn.Stage.Outputs[i].Frame] = b
		}
		return nil
	}, func(until string) (bool, error) { return s.more(o, until) })
	switch {
	case errors.Is(err, store.ErrGone):
		v.Notes = append(v.Notes, "the store "+s.store.Dir()+" no longer has all arrays of the run, so single tasks cannot be run: the whole job was run again")
		v.Rerun = 0
		return whole(ctx, c, st, job, v)
	case err == errStop:
		return nil
	case err != nil:
		return err
	case len(left) > 0:
		v.Difference = &Difference{What: "number of tasks", Element: -1, Was: fmt.Sprint(len(st.Tasks())), Is: fmt.Sprint(len(st.Tasks()) - len(left))}
		return nil
	}
	v.Caught = 1 - math.Pow(1-0.01, float64(v.Rerun))
	v.Checked = append(v.Checked, sources(st), fmt.Sprintf("%d of %d tasks, drawn at random, were made again: the same bytes", v.Rerun, v.Tasks))
	return s.rewriteOutput(ctx, o, st, v)
}

// recordedFrames are the frames of the recorded outputs of a turn's tasks:
// joined from these where the store has them, otherwise those that a run
// joined, if every output can be cut out of them.
func (s *session) recordedFrames(turn *plan.Turn, parts []plan.Parts) ([]plan.Bound, error) {
	stored := true
	for _, p := range parts {
		for _, m := range p {
			stored = stored && s.store.Check(m) == nil
		}
	}
	if stored {
		return turn.Join(parts, s.store)
	}
	if len(turn.Tasks) < 2 {
		return nil, store.ErrGone
	}
	frames, ok := s.joined(turn, joinIdentity(turn.Tasks))
	if !ok {
		return nil, store.ErrGone
	}
	for shard, p := range parts {
		metas, data, release, err := turn.Cut(frames, shard, s.store)
		if err != nil {
			return nil, store.ErrGone
		}
		for k := range metas {
			if turn.Cuts(k) {
				metas[k].Digest = digestOf(metas[k], data[k])
			} else {
				metas[k] = p[k] // looked at below
			}
		}
		release()
		if !slices.Equal(metas, p) {
			return nil, store.ErrGone
		}
	}
	for k := range turn.Tasks[0].Outputs {
		if turn.Cuts(k) {
			continue
		}
		if m, err := turn.Sum(parts, k, s.store); err != nil || m != turn.Meta(frames, k) {
			return nil, store.ErrGone
		}
	}
	return frames, nil
}

// recordedOutput reads output k of a shard's task, which the store has by
// itself or in the turn's frames, or not at all.
func (s *session) recordedOutput(turn *plan.Turn, frames []plan.Bound, shard, k int, m array.Meta) ([]byte, func(), error) {
	b, release, err := s.store.Read(m)
	if err == nil || frames == nil || !turn.Cuts(k) {
		return b, release, err
	}
	_, data, release, err := turn.Cut(frames, shard, s.store)
	if err != nil {
		return nil, nil, err
	}
	return data[k], release, nil
}

// records reports whether r is a record of task t, with outputs of the shapes
// that the task must give.
func records(r manifest.Task, t task.Task) bool {
	if r.ID != t.ID || r.Stage != t.Stage || r.Index != t.Index || r.Iteration != t.Iteration ||
		r.Shard != t.Shard || r.Shards != t.Shards || len(r.Outputs) != len(t.Outputs) {
		return false
	}
	for k, o := range r.Outputs {
		want := t.Outputs[k]
		if o.Name != want.Name || o.DType != want.DType || o.Width != want.Width || o.Rows < 0 || want.Rows >= 0 && o.Rows != want.Rows {
			return false
		}
	}
	return true
}

// errStop ends a walk at a difference.
var errStop = fault.New(fault.Differs, "a difference")

// repetition is what running some tasks again showed.
type repetition struct {
	rerun      int         // tasks that ran to their end
	difference *Difference // the first, in the order of shards; nil where there is none
	at         int         // its task, among those recorded
	outputs    plan.Parts  // what that task gave this time
}

// repeat runs tasks of a turn again and compares what they give with what is
// recorded of them: task i of drawn is number at[i] of recorded. frames are what
// was joined of that, where it is known.
func (s *session) repeat(ctx context.Context, on executor.Executor, turn *plan.Turn, drawn []task.Task, at []int, recorded []manifest.Task, frames []plan.Bound) (again repetition, err error) {
	if len(drawn) == 0 {
		return again, nil
	}
	var mu sync.Mutex
	again.at = len(recorded)
	err = on.Run(ctx, drawn, func(i int, r executor.Result) error {
		defer r.Release()
		data := r.Data
		if forge != nil && on == s.shadow {
			data = forge(drawn[i], data)
		}
		metas, err := turn.CheckParts(drawn[i], data)
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			again.at = min(again.at, at[i])
			return s.blame(err)
		}
		for k := range metas {
			metas[k].Digest = digestOf(metas[k], data[k])
		}
		mu.Lock()
		defer mu.Unlock()
		again.rerun++
		if at[i] > again.at {
			return nil
		}
		for k, m := range metas {
			was := recorded[at[i]].Outputs[k]
			if m == was.Meta {
				continue
			}
			d := &Difference{What: "task", Stage: turn.Stage.Name, Turn: turn.Iteration, Shard: drawn[i].Shard, Array: was.Name, Element: -1}
			d.Was, d.Is = describe(was), describe(manifest.Output{Name: was.Name, Meta: m})
			if b, release, err := s.recordedOutput(turn, frames, at[i], k, was.Meta); err == nil && s.job.QuietGuest {
				release()
			} else if err == nil {
				d.Element, d.Was, d.Is = firstDifference(m.DType, b, data[k])
				release()
			}
			// The first shard that differs, whichever ended first.
			again.at, again.outputs, again.difference = at[i], metas, d
			break
		}
		return nil
	})
	return again, s.ofGuest(err)
}

// forge, in tests, stands for an engine that computes wrongly: it changes what
// a shadow gave.
var forge func(t task.Task, data [][]byte) [][]byte

// rewriteOutput checks and writes the recommendations again, from the recorded
// tasks, and compares the file's digest.
func (s *session) rewriteOutput(ctx context.Context, o *outcome, st *manifest.Statement, v *Verification) error {
	lists, release, err := s.results(o)
	if err != nil {
		return err
	}
	defer release()
	tmp, err := os.MkdirTemp("", "rechost-verify-")
	if err != nil {
		return fault.New(fault.Failed, "cannot make a temporary folder: %v", err)
	}
	defer os.RemoveAll(tmp)
	w, err := recs.Write(ctx, filepath.Join(tmp, "out.parquet"), lists, s.matrix, nil)
	if err != nil {
		return err
	}
	for i := range s.job.Emit {
		s.job.Emit[i].File = filepath.Join(tmp, strconv.Itoa(i)+s.job.Emit[i].File)
	}
	also, err := s.writeEmissions(ctx, o, func(name string) string { return name })
	if err != nil {
		return err
	}
	for i, x := range append([]Emitted{{Written: w}}, also...) {
		if v.Difference = compareSubject(st, i, x.Digest); v.Difference != nil {
			return nil
		}
	}
	v.Checked = append(v.Checked, "the output was joined, checked and written again from all recorded tasks: the same bytes")
	return nil
}

// draw picks each of n tasks with probability p; some asks for one at least. It
// draws when the check is made, so that neither who made a run nor a module that
// knows its seed can know which tasks will be looked at.
func draw(n int, p float64, some bool) []bool {
	random := func() float64 {
		var b [8]byte
		rand.Read(b[:]) // never fails: the program ends where the system has no randomness
		return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
	}
	picked, any := make([]bool, n), false
	for i := range picked {
		picked[i] = random() < p
		any = any || picked[i]
	}
	if !any && some && n > 0 {
		picked[int(random()*float64(n))] = true
	}
	return picked
}

// digestOf is the digest that the store would give an array.
func digestOf(m array.Meta, data []byte) digest.Digest {
	return digest.OfParts(m.Header(), data)
}

// firstDifference finds the first element in which two arrays of one type
// differ, and tells both values and their bits.
func firstDifference(t array.DType, was, is []byte) (element int, a, b string) {
	size := t.Size()
	n := min(len(was), len(is)) / size
	for i := range n {
		x, y := was[i*size:(i+1)*size], is[i*size:(i+1)*size]
		if string(x) != string(y) {
			return i, t.Format(x), t.Format(y)
		}
	}
	return n, fmt.Sprintf("%d elements", len(was)/size), fmt.Sprintf("%d elements", len(is)/size)
}
