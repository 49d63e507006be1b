package plan

import (
	"slices"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/task"
)

// Bound is a frame as a plan sees it: the frame, and what its rows are rows
// of. Frames of one extent are cut into shards at the same rows.
type Bound struct {
	array.Frame
	Extent string // users, items, targets, or the name of the frame that came first with these rows
}

// read names the arrays that an input of the frame hands to tasks, sorted:
// those that it asks for, or all, and the offsets with arrays per entry.
func (b Bound) read(in abi.Input) (names []string) {
	all := b.Names()
	if len(in.Arrays) == 0 {
		return all
	}
	want := map[string]bool{}
	for _, n := range in.Arrays {
		want[n] = true
		want[abi.Offsets] = want[abi.Offsets] || b.Arrays[n].PerEntry
	}
	return slices.DeleteFunc(all, func(n string) bool { return !want[n] })
}

// Env is the frames known at one point of a plan.
type Env map[string]Bound

// Shape is the matrix's shape as a plan sees it, and where its extents are
// cut into shards.
type Shape struct {
	Shards int              // wanted; a stage has fewer where it has fewer rows
	Cuts   map[string][]int // extent users, items, targets -> bounds, Shards+1 rising row numbers or fewer
}

// Cut returns the bounds of the shards of an extent with so many rows.
func (s Shape) Cut(extent string, rows int) []int {
	if b, ok := s.Cuts[extent]; ok && len(b) > 1 && b[len(b)-1] == rows {
		return b
	}
	n := max(1, min(s.Shards, rows))
	b := make([]int, n+1)
	for i := range b {
		b[i] = int(int64(rows) * int64(i) / int64(n))
	}
	return b
}

// over tells the extent and rows that a stage runs over.
func (e Env) over(s *abi.Stage) (extent string, rows int, err error) {
	switch s.Over {
	case abi.OverOnce:
		return abi.OverOnce, 1, nil
	case abi.OverUsers:
		return abi.OverUsers, e[abi.ByUser].Rows, nil
	case abi.OverItems:
		return abi.OverItems, e[abi.ByItem].Rows, nil
	}
	f, ok := e[s.Over]
	if !ok {
		return "", 0, fault.Mod("the plan's stage %s runs over %q: stages run over users, items, targets, once, or an earlier frame", s.Name, fault.Clean(s.Over, 80))
	}
	return f.Extent, f.Rows, nil
}

// after returns the frame that output o of stage s makes, without digests.
func (e Env) after(s *abi.Stage, o abi.Output, extent string, rows int) (Bound, error) {
	switch {
	case o.Rows != 0:
		extent, rows = o.Frame, o.Rows
		if old, ok := e[o.Frame]; ok && old.Rows == o.Rows {
			extent = old.Extent
		}
	case o.Bind == abi.Rotated:
		old, ok := e[o.Frame]
		if !ok {
			return Bound{}, fault.Mod("the plan's stage %s writes %s rotated, but there is no earlier frame of that name to take rows from", s.Name, o.Frame)
		}
		extent, rows = old.Extent, old.Rows
	}
	b := Bound{Extent: extent, Frame: array.Frame{Rows: rows, Arrays: map[string]array.Column{}}}
	for _, a := range o.Arrays {
		t, err := array.ParseDType(a.DType)
		if err != nil {
			return Bound{}, err
		}
		c := array.Column{Meta: array.Meta{DType: t, Rows: rows, Width: a.Width}, PerEntry: a.Per == abi.PerEntry}
		if c.PerEntry {
			c.Rows = 0 // known when the stage has run
			b.Arrays[abi.Offsets] = array.Column{Meta: array.Meta{DType: array.U64, Rows: rows + 1}}
		}
		b.Arrays[a.Name] = c
	}
	return b, nil
}

// Check follows the plan over the frames that the host provides: every frame
// exists before it is used and has the rows that its use asks for, also in the
// second turn of a repeat, and the last recommendations are complete.
func (p *Plan) Check(start Env, shape Shape) error {
	e := Env{}
	for n, b := range start {
		e[n] = b
	}
	if err := p.follow(p.Steps, e, shape); err != nil {
		return err
	}
	r, ok := e[abi.Recommendations]
	if !ok {
		return fault.Mod("the plan makes no frame %s", abi.Recommendations)
	}
	if _, ok := start[abi.Candidates]; ok {
		if err := p.ranksCandidates(); err != nil {
			return err
		}
	}
	item, score := r.Arrays["item"], r.Arrays["score"]
	if r.Extent != abi.OverTargets || item.DType != array.U32 || !item.PerEntry || item.Width != 0 ||
		score.DType != array.F32 || !score.PerEntry || score.Width != 0 {
		return fault.Mod("the plan's frame %s must be made over targets with arrays item (u32 per entry) and score (f32 per entry); it is over %s with %s",
			abi.Recommendations, r.Extent, listNames(r.Frame))
	}
	for _, x := range p.Emits {
		if err := CheckEmit(x, e, start[abi.ByUser].Rows, start[abi.ByItem].Rows); err != nil {
			return err
		}
	}
	return nil
}

// ranksCandidates checks that what makes the recommendations reads the
// candidates. Whether it keeps to them shows in the lists.
func (p *Plan) ranksCandidates() error {
	for _, s := range p.Stages {
		makes := slices.ContainsFunc(s.Outputs, func(o abi.Output) bool { return o.Frame == abi.Recommendations })
		reads := slices.ContainsFunc(s.Inputs, func(in abi.Input) bool { return in.Frame == abi.Candidates })
		if makes && !reads {
			return fault.Mod("the plan's stage %s makes the lists without reading %s: the module cannot rank candidates only", s.Name, abi.Candidates)
		}
	}
	return nil
}

func (p *Plan) follow(steps []abi.Step, e Env, shape Shape) error {
	for _, st := range steps {
		if r := st.Repeat; r != nil {
			for range min(r.Times, 2) {
				if err := p.follow(r.Steps, e, shape); err != nil {
					return err
				}
			}
			if r.Until != "" {
				if f, ok := e[r.Until]; !ok || f.Rows != 1 || len(f.Arrays) != 1 || untilArray(f).Elements() != 1 {
					return fault.Mod("the plan repeats until %q: that must be a frame of one array with one element", fault.Clean(r.Until, 80))
				}
			}
			continue
		}
		if err := checkUse(st.Stage, e, shape); err != nil {
			return err
		}
	}
	return nil
}

func untilArray(b Bound) array.Column {
	for _, c := range b.Arrays {
		return c
	}
	return array.Column{}
}

// checkUse checks one stage against the frames known and adds its outputs.
func checkUse(s *abi.Stage, e Env, shape Shape) error {
	extent, rows, err := e.over(s)
	if err != nil {
		return err
	}
	shards, arrays := len(shape.Cut(extent, rows)), 0
	for _, in := range s.Inputs {
		f, ok := e[in.Frame]
		if !ok {
			return fault.Mod("the plan's stage %s reads %s, which no earlier stage makes", s.Name, fault.Clean(in.Frame, 80))
		}
		for _, a := range in.Arrays {
			if _, ok := f.Arrays[a]; !ok {
				return fault.Mod("the plan's stage %s reads %s.%s: the frame has %s", s.Name, in.Frame, fault.Clean(a, 80), listNames(f.Frame))
			}
		}
		if in.Bind == abi.Aligned && f.Rows != rows {
			return fault.Mod("the plan's stage %s runs over %d rows (%s), but its aligned input %s has %d", s.Name, rows, s.Over, in.Frame, f.Rows)
		}
		if in.Bind == abi.Rotated && len(shape.Cut(f.Extent, f.Rows)) != shards {
			return fault.Mod("the plan's stage %s has %d shards, but its rotated input %s is cut into %d", s.Name, shards-1, in.Frame, len(shape.Cut(f.Extent, f.Rows))-1)
		}
		arrays += len(f.read(in))
	}
	if arrays > task.MaxArrays {
		return fault.Mod("the plan's stage %s: its inputs have %d arrays, offsets included; a stage reads at most %d", s.Name, arrays, task.MaxArrays)
	}
	made := Env{}
	for _, o := range s.Outputs {
		b, err := e.after(s, o, extent, rows)
		if err != nil {
			return err
		}
		if o.Bind == abi.Rotated && len(shape.Cut(b.Extent, b.Rows)) != shards {
			return fault.Mod("the plan's stage %s has %d shards, but its rotated output %s is cut into %d", s.Name, shards-1, o.Frame, len(shape.Cut(b.Extent, b.Rows))-1)
		}
		made[o.Frame] = b
	}
	for n, b := range made {
		e[n] = b
	}
	return nil
}
