package guesttest

import (
	"fmt"
	"slices"

	"rechost/guest/abi"
)

// stage runs all tasks of a stage and adds the frames it makes.
func (v *driver) stage(s abi.Stage, index, iteration int) error {
	rows, ok := map[string]int{abi.OverUsers: v.config.Data.Users, abi.OverItems: v.config.Data.Items,
		abi.OverTargets: v.config.Data.Targets, abi.OverOnce: 1}[s.Over]
	if f, earlier := v.frames[s.Over]; !ok && earlier {
		rows, ok = f.Rows, true
	}
	if !ok {
		return fmt.Errorf("stage %s is over %q, which is nothing", s.Name, s.Over)
	}
	if err := lawful(s); err != nil {
		return fmt.Errorf("stage %s: %w", s.Name, err)
	}
	bounds := cuts(rows, v.shards)
	parts := make([]map[string]Array, len(bounds)-1)
	for shard := range parts {
		c := v.config
		c.Task = &abi.Task{Stage: s.Name, Index: index, Iteration: iteration, Shard: shard, Shards: len(parts),
			First: bounds[shard], Rows: bounds[shard+1] - bounds[shard]}
		inputs, err := v.inputs(s, c.Task)
		if err != nil {
			return fmt.Errorf("stage %s: %w", s.Name, err)
		}
		if v.only != nil && !v.only(s.Name, c.Task.First, c.Task.Rows) {
			if parts[shard], err = nothing(s, c.Task); err != nil {
				return err
			}
			continue
		}
		out, log, err := v.run.Task(c, inputs, s.Outputs)
		v.log = append(v.log, log...)
		if err == nil {
			err = v.whole(s, c.Task, out)
		}
		if err != nil {
			return fmt.Errorf("stage %s, shard %d of %d: %w", s.Name, shard, len(parts), err)
		}
		parts[shard] = out
	}
	for _, o := range s.Outputs {
		f, err := combine(o, parts, iteration, rows)
		if err != nil {
			return fmt.Errorf("stage %s: %s: %w", s.Name, o.Frame, err)
		}
		v.frames[o.Frame], v.made[o.Frame] = f, true
	}
	return nil
}

// nothing is the outputs of a task that was not run: zeros, and no entries.
func nothing(s abi.Stage, t *abi.Task) (map[string]Array, error) {
	written := map[string][]byte{}
	for _, o := range s.Outputs {
		rows := t.Rows
		if o.Rows != 0 {
			rows = o.Rows
		}
		written[o.Frame+"."+abi.Offsets] = make([]byte, 8*(rows+1))
		entries := false
		for _, a := range o.Arrays {
			if a.Per == abi.PerEntry {
				entries = true
				continue
			}
			written[o.Frame+"."+a.Name] = make([]byte, rows*max(a.Width, 1)*sizes[a.DType])
		}
		if !entries {
			delete(written, o.Frame+"."+abi.Offsets)
		}
	}
	return Collect(s.Outputs, written)
}

// cuts is the bounds of the shards of so many rows.
func cuts(rows, shards int) []int {
	n := max(1, min(shards, rows))
	b := make([]int, n+1)
	for i := range b {
		b[i] = rows * i / n
	}
	return b
}

// inputs binds a stage's inputs for a task.
func (v *driver) inputs(s abi.Stage, t *abi.Task) (map[string]Array, error) {
	m := map[string]Array{}
	for _, in := range s.Inputs {
		f, ok := v.frames[in.Frame]
		if !ok {
			return nil, fmt.Errorf("reads %s, which no earlier stage makes", in.Frame)
		}
		lo, hi := 0, f.Rows
		switch in.Bind {
		case abi.Aligned:
			if lo, hi = t.First, t.First+t.Rows; s.Over != abi.OverOnce && hi > f.Rows {
				return nil, fmt.Errorf("aligned input %s has %d rows, too few", in.Frame, f.Rows)
			}
		case abi.Rotated:
			b := cuts(f.Rows, v.shards)
			if len(b)-1 != t.Shards {
				return nil, fmt.Errorf("rotated input %s is cut into %d, not %d", in.Frame, len(b)-1, t.Shards)
			}
			p := (t.Shard + t.Iteration) % t.Shards
			lo, hi = b[p], b[p+1]
		case abi.Whole:
		default:
			return nil, fmt.Errorf("input %s is bound %q", in.Frame, in.Bind)
		}
		names := in.Arrays
		if len(names) == 0 {
			names = sorted(f.Arrays)
		}
		for _, n := range names {
			a, ok := f.Arrays[n]
			if !ok {
				return nil, fmt.Errorf("reads %s.%s: the frame has %v", in.Frame, n, sorted(f.Arrays))
			}
			switch {
			case a.PerEntry:
				o := f.Arrays[abi.Offsets]
				m[in.Frame+"."+abi.Offsets] = o.cut(lo, hi+1)
				off := o.Data.([]uint64)
				a = a.cut(int(off[lo]), int(off[hi]))
			case n == abi.Offsets:
				a = a.cut(lo, hi+1)
			default:
				a = a.cut(lo, hi)
			}
			m[in.Frame+"."+n] = a
		}
	}
	return m, nil
}

// whole checks that a task wrote every row of its outputs.
func (v *driver) whole(s abi.Stage, t *abi.Task, out map[string]Array) error {
	for _, o := range s.Outputs {
		rows := t.Rows
		if o.Rows != 0 {
			rows = o.Rows
		}
		if o.Bind == abi.Rotated {
			b := cuts(v.frames[o.Frame].Rows, v.shards)
			p := (t.Shard + t.Iteration) % t.Shards
			rows = b[p+1] - b[p]
		}
		entries := -1
		if off, ok := out[o.Frame+"."+abi.Offsets]; ok {
			l := off.Data.([]uint64)
			if len(l) != rows+1 || l[0] != 0 || !slices.IsSorted(l) {
				return fmt.Errorf("%s.offsets are not %d rising numbers from 0", o.Frame, rows+1)
			}
			entries = int(l[rows])
		}
		for _, a := range o.Arrays {
			want, got := rows, out[o.Frame+"."+a.Name].Rows()
			if a.Per == abi.PerEntry {
				want = entries
			}
			if got != want {
				return fmt.Errorf("%s.%s has %d rows, not %d", o.Frame, a.Name, got, want)
			}
		}
	}
	return nil
}

// combine makes one frame of the tasks' outputs.
func combine(o abi.Output, parts []map[string]Array, iteration, rows int) (Frame, error) {
	f := Frame{Rows: rows, Arrays: map[string]Array{}}
	if o.Rows != 0 {
		f.Rows = o.Rows
	}
	n := len(parts)
	order := make([]map[string]Array, n)
	for shard, p := range parts {
		if o.Bind == abi.Rotated {
			shard = (shard + iteration) % n
		}
		order[shard] = p
	}
	for _, a := range o.Arrays {
		var l []Array
		for _, p := range order {
			l = append(l, p[o.Frame+"."+a.Name])
		}
		all := l[0]
		switch {
		case o.Combine == abi.Sum:
			var err error
			if all, err = sum(l); err != nil {
				return f, err
			}
		case n > 1:
			all = join(l)
		}
		all.PerEntry = a.Per == abi.PerEntry
		f.Arrays[a.Name] = all
		if o.Combine == "" && o.Rows == 0 && !all.PerEntry {
			f.Rows = all.Rows()
		}
	}
	if _, ok := order[0][o.Frame+"."+abi.Offsets]; ok {
		off := []uint64{0}
		for _, p := range order {
			base := off[len(off)-1]
			for _, e := range p[o.Frame+"."+abi.Offsets].Data.([]uint64)[1:] {
				off = append(off, base+e)
			}
		}
		f.Arrays[abi.Offsets] = Array{Data: off}
		f.Rows = len(off) - 1
	}
	return f, nil
}

// sum adds arrays element by element, in order.
func sum(l []Array) (Array, error) {
	all := l[0]
	switch first := all.Data.(type) {
	case []float32:
		s := slices.Clone(first)
		for _, p := range l[1:] {
			for i, x := range p.Data.([]float32) {
				s[i] += x
			}
		}
		all.Data = s
	case []float64:
		s := slices.Clone(first)
		for _, p := range l[1:] {
			for i, x := range p.Data.([]float64) {
				s[i] += x
			}
		}
		all.Data = s
	default:
		return all, fmt.Errorf("a sum of %s: sums are of f32 or f64", all.DType())
	}
	return all, nil
}
