package guesttest

import (
	"fmt"
	"math"
	"regexp"
	"slices"

	"rechost/guest/abi"
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// lawful holds a stage to what the host asks of it, beside what following the
// plan shows by itself.
func lawful(s abi.Stage) error {
	if !nameForm.MatchString(s.Name) {
		return fmt.Errorf("the name is not of the form %v", nameForm)
	}
	bound := map[string]bool{}
	for _, in := range s.Inputs {
		if bound[in.Frame] {
			return fmt.Errorf("input %s is bound twice", in.Frame)
		}
		if s.Over == abi.OverOnce && in.Bind != abi.Whole {
			return fmt.Errorf("input %s is bound %s, but the stage runs once", in.Frame, in.Bind)
		}
		bound[in.Frame] = true
	}
	if len(s.Outputs) == 0 {
		return fmt.Errorf("no output")
	}
	taken := map[string]bool{abi.ByUser: true, abi.ByItem: true, abi.Targets: true, abi.Candidates: true, abi.OverUsers: true, abi.OverItems: true, abi.OverOnce: true}
	for _, o := range s.Outputs {
		if taken[o.Frame] || !nameForm.MatchString(o.Frame) {
			return fmt.Errorf("output %q: the name is taken or not of the form %v", o.Frame, nameForm)
		}
		taken[o.Frame] = true
		if whole := o.Combine == abi.Sum || s.Over == abi.OverOnce; whole != (o.Rows > 0) {
			return fmt.Errorf("output %s has rows %d: outputs of a stage that runs once, and sums, say how many rows they have, others do not", o.Frame, o.Rows)
		}
		for _, a := range o.Arrays {
			if !nameForm.MatchString(a.Name) || a.Name == abi.Offsets || taken[o.Frame+"."+a.Name] {
				return fmt.Errorf("output %s has an array %q: the name is taken or not of the form %v", o.Frame, a.Name, nameForm)
			}
			taken[o.Frame+"."+a.Name] = true
		}
	}
	return nil
}

// check holds the recommendations to what the host asks of them.
func (v *driver) check(r *Result) error {
	f, ok := r.Frames[abi.Recommendations]
	if !ok {
		return fmt.Errorf("the plan makes no recommendations")
	}
	if f.Rows != v.config.Data.Targets {
		return fmt.Errorf("recommendations for %d targets, not %d", f.Rows, v.config.Data.Targets)
	}
	for row := range f.Rows {
		items, scores := f.Row(row, "item", "score")
		if len(items) > v.config.Top {
			return fmt.Errorf("row %d: %d recommendations, more than %d", row, len(items), v.config.Top)
		}
		seen, _ := v.frames[abi.Targets].Row(row, "item", "value")
		allowed := v.candidates(row)
		for i, item := range items {
			s := float64(scores[i])
			switch {
			case int(item) >= v.config.Data.Items:
				return fmt.Errorf("row %d: item %d is out of range", row, item)
			case math.IsNaN(s) || math.IsInf(s, 0):
				return fmt.Errorf("row %d: item %d has the score %v", row, item, s)
			case slices.Contains(items[:i], item):
				return fmt.Errorf("row %d: item %d twice", row, item)
			case i > 0 && (scores[i] > scores[i-1] || scores[i] == scores[i-1] && item < items[i-1]):
				return fmt.Errorf("row %d: item %d after item %d, out of order", row, item, items[i-1])
			case !v.config.KeepSeen && slices.Contains(seen, item):
				return fmt.Errorf("row %d: item %d is the target's own", row, item)
			case v.config.Candidates != "" && !slices.Contains(allowed, item):
				return fmt.Errorf("row %d: item %d is none of the target's candidates", row, item)
			}
		}
	}
	return nil
}

// candidates are those of row of the targets.
func (v *driver) candidates(row int) []uint32 {
	if v.config.Candidates == "" {
		return nil
	}
	if v.config.Candidates == abi.ForAll {
		row = 0
	}
	f := v.frames[abi.Candidates]
	o := f.Arrays[abi.Offsets].Data.([]uint64)
	return f.Arrays["item"].Data.([]uint32)[o[row]:o[row+1]]
}

// emits holds what a plan offers beside the recommendations to what the host
// asks of it.
func (v *driver) emits(e abi.Emit) error {
	counts := map[string]int{abi.OverUsers: v.config.Data.Users, abi.OverItems: v.config.Data.Items}
	f, ok := v.frames[e.Frame]
	values, has := f.Arrays[e.Values]
	switch {
	case !nameForm.MatchString(e.Name) || e.Help == "":
		return fmt.Errorf("the name is not of the form %v, or there is no help", nameForm)
	case !ok || !has:
		return fmt.Errorf("there is no array %s.%s", e.Frame, e.Values)
	case f.Rows != counts[e.Rows]:
		return fmt.Errorf("%d rows for %d %s", f.Rows, counts[e.Rows], e.Rows)
	case values.PerEntry != (e.IDs != ""):
		return fmt.Errorf("%s.%s is per entry: %v", e.Frame, e.Values, values.PerEntry)
	case e.IDs == "" && e.Of != "" && (e.Of != e.Rows || values.Width != f.Rows):
		return fmt.Errorf("%d columns of %s for rows of %s", values.Width, e.Of, e.Rows)
	}
	var numbers []float64
	switch d := values.Data.(type) {
	case []float32:
		for _, x := range d {
			numbers = append(numbers, float64(x))
		}
	case []float64:
		numbers = d
	default:
		return fmt.Errorf("%s.%s is %s, not f32 or f64", e.Frame, e.Values, values.DType())
	}
	for i, x := range numbers {
		if math.IsNaN(x) || math.Abs(x) > math.MaxFloat32 {
			return fmt.Errorf("number %d is %v", i, x)
		}
	}
	if e.IDs == "" {
		return nil
	}
	ids, ok := f.Arrays[e.IDs].Data.([]uint32)
	if !ok {
		return fmt.Errorf("%s.%s is not u32", e.Frame, e.IDs)
	}
	offsets := f.Arrays[abi.Offsets].Data.([]uint64)
	for r := range f.Rows {
		row := slices.Sorted(slices.Values(ids[offsets[r]:offsets[r+1]]))
		if n := len(row); n > 0 && int(row[n-1]) >= counts[e.Of] || len(slices.Compact(row)) != n {
			return fmt.Errorf("list %d has an id twice, or one that is none of %d", r, counts[e.Of])
		}
	}
	return nil
}
