package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

// Source is what the tasks of a run have in common.
type Source struct {
	Module digest.Digest
	Config abi.Config // Task unset
	Salt   string     // set to disown journal entries, of a bad engine say
	// Offsets returns the data of a frame's offsets, to cut entries by.
	Offsets func(array.Meta) ([]uint64, error)
}

// Turn is one stage at one turn of its repeat, cut into tasks.
type Turn struct {
	Stage     *abi.Stage
	Index     int
	Iteration int
	Rows      int // that the stage runs over
	Tasks     []task.Task
	cut       []int   // first rows of the shards, and the end
	Makes     []Bound // one for each output, without digests
	outputs   []place // for each of a task's outputs, where it belongs
	rotated   []bool  // by output frame
}

// place says which output frame and array a task's output is a part of.
type place struct {
	output int
	array  string
}

// identity is what a task's outputs depend on, and nothing else.
type identity struct {
	Module  digest.Digest   `json:"module"`
	Stage   *abi.Stage      `json:"stage"`
	Config  json.RawMessage `json:"config"`
	Inputs  []task.Input    `json:"inputs"`
	ABI     int             `json:"abi"`
	Kernels int             `json:"kernels"`
	Salt    string          `json:"salt,omitempty"`
}

// Unroll cuts stage number index into tasks, with the frames of e as inputs.
func (p *Plan) Unroll(index, iteration int, e Env, shape Shape, src Source) (*Turn, error) {
	s := p.Stages[index]
	// Frames can change their rows from turn to turn of a repeat, in ways that
	// Check, which follows two turns, has not seen.
	if err := checkUse(s, maps.Clone(e), shape); err != nil {
		return nil, err
	}
	extent, rows, err := e.over(s)
	if err != nil {
		return nil, err
	}
	cut := []int{0, 1}
	if s.Over != abi.OverOnce {
		cut = shape.Cut(extent, rows)
	}
	t := &Turn{Stage: s, Index: index, Iteration: iteration, Rows: rows}
	for _, o := range s.Outputs {
		b, err := e.after(s, o, extent, rows)
		if err != nil {
			return nil, err
		}
		t.Makes = append(t.Makes, b)
		t.rotated = append(t.rotated, o.Bind == abi.Rotated)
		for _, n := range b.Names() {
			t.outputs = append(t.outputs, place{len(t.Makes) - 1, n})
		}
	}
	t.cut = cut
	shards := len(cut) - 1
	offsets := map[string][]uint64{}
	for shard := range shards {
		first, n := cut[shard], cut[shard+1]-cut[shard]
		x := task.Task{Stage: s.Name, Index: index, Iteration: iteration, Shard: shard, Shards: shards}
		c := src.Config
		c.Task = &abi.Task{Stage: s.Name, Index: index, Iteration: iteration, Shard: shard, Shards: shards, First: first, Rows: n}
		if x.Config, err = json.Marshal(c); err != nil {
			return nil, err
		}
		for _, in := range s.Inputs {
			f := e[in.Frame]
			lo, hi := 0, f.Rows
			switch in.Bind {
			case abi.Aligned:
				lo, hi = first, first+n
			case abi.Rotated:
				b := shape.Cut(f.Extent, f.Rows)
				part := (shard + iteration) % shards
				lo, hi = b[part], b[part+1]
			}
			ins, err := inputs(in, f, lo, hi, offsets, src.Offsets)
			if err != nil {
				return nil, err
			}
			x.Inputs = append(x.Inputs, ins...)
		}
		for _, pl := range t.outputs {
			x.Outputs = append(x.Outputs, t.output(pl, shard, n, shape))
		}
		x.ID = digest.OfJSON(identity{src.Module, s, x.Config, x.Inputs, abi.Version, abi.KernelVersion, src.Salt})
		t.Tasks = append(t.Tasks, x)
	}
	return t, nil
}

// Sketch is Unroll for a look: with hidden set, some inputs have no content
// yet, entries are not cut, and the tasks have no identity that means anything.
func (p *Plan) Sketch(index, iteration int, e Env, shape Shape, src Source, hidden bool) (*Turn, error) {
	if hidden {
		src.Offsets = func(m array.Meta) ([]uint64, error) { return make([]uint64, m.Rows), nil }
	}
	return p.Unroll(index, iteration, e, shape, src)
}

// inputs lists the arrays of frame f that input in asks for, cut to the rows
// lo to hi: per-row arrays to those rows, offsets to the bounds around them,
// entries to what lies between.
func inputs(in abi.Input, f Bound, lo, hi int, cache map[string][]uint64, read func(array.Meta) ([]uint64, error)) ([]task.Input, error) {
	names := f.read(in)
	entries := slices.ContainsFunc(names, func(n string) bool { return f.Arrays[n].PerEntry })
	var from, to int
	if entries && (lo != 0 || hi != f.Rows) {
		off, ok := cache[in.Frame]
		if !ok {
			var err error
			if off, err = read(f.Arrays[abi.Offsets].Meta); err != nil {
				return nil, err
			}
			cache[in.Frame] = off
		}
		from, to = int(off[lo]), int(off[hi])
	}
	var list []task.Input
	for _, n := range names {
		a := f.Arrays[n]
		x := task.Input{Name: in.Frame + "." + n, Array: a.Meta, First: lo, Rows: hi - lo}
		switch {
		case n == abi.Offsets:
			x.Rows++
		case a.PerEntry && lo == 0 && hi == f.Rows:
			x.First, x.Rows = 0, a.Rows
		case a.PerEntry:
			x.First, x.Rows = from, to-from
		}
		list = append(list, x)
	}
	return list, nil
}

func (t *Turn) output(pl place, shard, rows int, shape Shape) task.Output {
	o, b := t.Stage.Outputs[pl.output], t.Makes[pl.output]
	a := b.Arrays[pl.array]
	switch {
	case o.Rows != 0:
		rows = o.Rows
	case t.rotated[pl.output]:
		part := t.part(shard)
		cut := shape.Cut(b.Extent, b.Rows)
		rows = cut[part+1] - cut[part]
	}
	x := task.Output{Name: o.Frame + "." + pl.array, DType: a.DType, Width: a.Width, Rows: rows}
	switch {
	case pl.array == abi.Offsets:
		x.Rows++
	case a.PerEntry:
		x.Rows = -1
	}
	return x
}

// part is the partition that a shard's rotated rows belong to.
func (t *Turn) part(shard int) int { return (shard + t.Iteration) % (len(t.cut) - 1) }

// Order lists the shards in the order in which their tasks are best begun: those
// with the most rows first. Shards have about as many rows and entries together,
// so that where a row takes longer than an entry, workers would otherwise wait
// for one that began the largest last. But where what tasks give is joined while
// later ones run, the order is that of the joining.
func (t *Turn) Order() []int {
	order := make([]int, len(t.Tasks))
	for shard := range order {
		order[shard] = shard
	}
	for k := range t.outputs {
		if t.grows(k) {
			return order
		}
	}
	rows := func(shard int) int { return t.cut[shard+1] - t.cut[shard] }
	slices.SortStableFunc(order, func(a, b int) int { return rows(b) - rows(a) })
	return order
}

// Parts are the outputs of one task: an array for each task.Output.
type Parts []array.Meta

// CheckParts checks what a task gave back against its outputs: shapes as asked
// for, offsets that rise from 0 to the number of entries. What the numbers
// mean is checked where it matters: recommendations before they are written.
func (t *Turn) CheckParts(task task.Task, data [][]byte) ([]array.Meta, error) {
	bad := func(k int, format string, a ...any) error {
		return fault.Mod("stage %s, shard %d of %d: output "+task.Outputs[k].Name+": "+format,
			append([]any{task.Stage, task.Shard + 1, task.Shards}, a...)...)
	}
	if len(data) != len(task.Outputs) {
		return nil, fault.New(fault.Failed, "stage %s, shard %d of %d: %d outputs came back where %d were asked for", task.Stage, task.Shard+1, task.Shards, len(data), len(task.Outputs))
	}
	metas := make([]array.Meta, len(data))
	entries := map[int]int{} // output frame -> entries, by its offsets
	for k, pl := range t.outputs {
		o := task.Outputs[k]
		m := array.Meta{DType: o.DType, Width: o.Width}
		if len(data[k])%m.RowBytes() != 0 {
			return nil, bad(k, "%d bytes are not whole rows of %d bytes", len(data[k]), m.RowBytes())
		}
		m.Rows = len(data[k]) / m.RowBytes()
		if o.Rows >= 0 && m.Rows != o.Rows {
			return nil, bad(k, "%d rows were written, %d were asked for", m.Rows, o.Rows)
		}
		if pl.array == abi.Offsets {
			n, err := rising(array.View[uint64](data[k]))
			if err != nil {
				return nil, bad(k, "%v", err)
			}
			entries[pl.output] = n
		}
		metas[k] = m
	}
	for k, pl := range t.outputs {
		if t.Makes[pl.output].Arrays[pl.array].PerEntry && metas[k].Rows != entries[pl.output] {
			return nil, bad(k, "%d entries were written, the offsets end at %d", metas[k].Rows, entries[pl.output])
		}
	}
	return metas, nil
}

// rising checks offsets, and returns the number of entries that they end at.
func rising(offsets []uint64) (entries int, err error) {
	last := uint64(0)
	for i, x := range offsets {
		if x < last || i == 0 && x != 0 || x > array.MaxElements {
			return 0, fmt.Errorf("offset %d is %d after %d: offsets rise from 0", i, x, last)
		}
		last = x
	}
	return int(last), nil
}

// CheckKept tells whether arrays in the store, which a record says a task gave,
// can be its outputs: what CheckParts looks for. A record may be anybody's.
func (t *Turn) CheckKept(task task.Task, metas Parts, st Store) error {
	if len(metas) != len(task.Outputs) {
		return fmt.Errorf("%d outputs, not %d", len(metas), len(task.Outputs))
	}
	at := make([]kept, len(metas))
	for k, pl := range t.outputs {
		o, m := task.Outputs[k], metas[k]
		if !o.Fits(m) {
			return fmt.Errorf("output %s is %v %dx%d, not %v %dx%d", o.Name, m.DType, m.Rows, m.Width, o.DType, o.Rows, o.Width)
		}
		at[k] = kept{pl.output, pl.array, m}
	}
	return t.checkKept(at, st)
}

// kept is an array in the store that is said to be one of a frame's.
type kept struct {
	output int
	array  string
	meta   array.Meta
}

// checkKept checks that offsets rise to the number of entries.
func (t *Turn) checkKept(arrays []kept, st Store) error {
	entries := map[int]int{}
	for _, a := range arrays {
		if a.array != abi.Offsets {
			continue
		}
		b, release, err := st.Read(a.meta)
		if err != nil {
			return err
		}
		n, err := rising(array.View[uint64](b))
		release()
		if err != nil {
			return err
		}
		entries[a.output] = n
	}
	for _, a := range arrays {
		if t.Makes[a.output].Arrays[a.array].PerEntry && a.meta.Rows != entries[a.output] {
			return fmt.Errorf("%s has %d entries, the offsets end at %d", a.array, a.meta.Rows, entries[a.output])
		}
	}
	return nil
}

// Frames is Join for outputs that were joined before: their arrays in the
// order of the outputs and, in each, of the names.
func (t *Turn) Frames(metas []array.Meta, st Store) ([]Bound, error) {
	var frames []Bound
	var at []kept
	for i, b := range t.Makes {
		f := Bound{Extent: b.Extent, Frame: array.Frame{Rows: b.Rows, Arrays: map[string]array.Column{}}}
		for _, n := range b.Names() {
			if len(metas) == 0 {
				return nil, fault.New(fault.Failed, "the journal's entry for stage %s has too few arrays", t.Stage.Name)
			}
			col := b.Arrays[n]
			m := metas[0]
			if m.DType != col.DType || m.Width != col.Width || !col.PerEntry && m.Rows != col.Rows {
				return nil, fault.New(fault.Failed, "the journal's entry for stage %s has an array of another shape", t.Stage.Name)
			}
			col.Meta = m
			f.Arrays[n] = col
			at = append(at, kept{i, n, m})
			metas = metas[1:]
		}
		frames = append(frames, f)
	}
	if len(metas) != 0 {
		return nil, fault.New(fault.Failed, "the journal's entry for stage %s has too many arrays", t.Stage.Name)
	}
	if err := t.checkKept(at, st); err != nil {
		return nil, fault.New(fault.Failed, "the journal's entry for stage %s: %v", t.Stage.Name, err)
	}
	return frames, nil
}
