// Package guesttest runs modules on small matrices.
//
// Run follows a module's plan as plain Go: the stages in order, one task a
// shard, outputs joined or summed in shard order, as the host does. Drive does
// the same with any Runner, such as one that runs the built module in the
// sandbox; Same then tells whether both gave the same bits. Suite is a set of
// tests that every recommender should pass:
//
//	func TestSuite(t *testing.T) {
//		guesttest.Suite(t, module, guesttest.Expect{Personal: true})
//	}
package guesttest

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"rechost/guest"
	"rechost/guest/abi"
)

// Options is how a module is run.
type Options struct {
	Params   map[string]any // those that are not at their default
	Seed     int64
	Top      int // 10 when 0
	KeepSeen bool
	Targets  []uint32 // users to recommend for; everybody when nil

	// Candidates are the items that a target's list may hold, ascending, a row a
	// target; a single row is the same for all. All items when nil.
	Candidates [][]uint32
	Shards     int // 1 when 0

	// Only tells which tasks to run, for a look at a few rows of a large
	// matrix; the rows of others are 0, or have no entries. All when nil.
	Only func(stage string, first, rows int) bool
}

// Result is what a run gave.
type Result struct {
	Frames map[string]Frame // every frame that the plan made, in its last form
	Log    []string
}

// List returns the recommendations for row t of the targets.
func (r *Result) List(t int) (items []uint32, scores []float32) {
	return r.Frames[abi.Recommendations].Row(t, "item", "score")
}

// Row returns the entries of row r of a frame: ids and values by their names.
func (f Frame) Row(r int, ids, values string) ([]uint32, []float32) {
	o := f.Arrays[abi.Offsets].Data.([]uint64)
	lo, hi := o[r], o[r+1]
	return f.Arrays[ids].Data.([]uint32)[lo:hi:hi], f.Arrays[values].Data.([]float32)[lo:hi:hi]
}

// Runner runs a module's three functions.
type Runner interface {
	Describe() (abi.Description, error)
	Plan(c abi.Config) (abi.Plan, error)
	// Task runs the task c.Task on its inputs, by "frame.array", and returns
	// the outputs declared.
	Task(c abi.Config, inputs map[string]Array, outputs []abi.Output) (map[string]Array, []string, error)
}

// Run runs a module as plain Go.
func Run(m guest.Module, x *Matrix, o Options) (*Result, error) {
	return Drive(Native(m), x, o)
}

// Drive runs a module through a runner, checks what it gives and returns it.
func Drive(run Runner, x *Matrix, o Options) (*Result, error) {
	d, err := run.Describe()
	if err != nil {
		return nil, err
	}
	params, err := Parameters(d, o.Params)
	if err != nil {
		return nil, err
	}
	targets := o.Targets
	if targets == nil {
		for u := range x.Users {
			targets = append(targets, uint32(u))
		}
	}
	top := o.Top
	if top == 0 {
		top = 10
	}
	times := x.Times && (slices.Contains(d.Uses, abi.Time) || slices.Contains(d.Needs, abi.Time)) // as the host does
	v := &driver{run: run, shards: max(o.Shards, 1), only: o.Only, frames: x.frames(targets, times), made: map[string]bool{}}
	v.config = abi.Config{ABI: abi.Version, Parameters: params, Seed: o.Seed, Top: top, KeepSeen: o.KeepSeen,
		Data: abi.Data{Users: x.Users, Items: x.Items, Interactions: x.Interactions(), Targets: len(targets), Values: x.Values, Times: times}}
	if o.Candidates != nil {
		v.config.Candidates = abi.ForEach
		if len(o.Candidates) == 1 {
			v.config.Candidates = abi.ForAll
		} else if len(o.Candidates) != len(targets) {
			return nil, fmt.Errorf("candidates for %d targets of %d", len(o.Candidates), len(targets))
		}
		v.frames[abi.Candidates] = candidates(o.Candidates)
	}
	plan, err := run.Plan(v.config)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if err := v.steps(plan.Steps, 0, 0); err != nil {
		return nil, err
	}
	for _, e := range plan.Emits {
		if err := v.emits(e); err != nil {
			return nil, fmt.Errorf("emits %s: %w", e.Name, err)
		}
	}
	r := &Result{Frames: map[string]Frame{}, Log: v.log}
	for n := range v.made {
		r.Frames[n] = v.frames[n]
	}
	return r, v.check(r)
}

// Parameters fills in defaults and checks what is given against the
// declaration, as the host does.
func Parameters(d abi.Description, given map[string]any) (map[string]any, error) {
	p := map[string]any{}
	for _, q := range d.Parameters {
		p[q.Name] = q.Default
		v, ok := given[q.Name]
		if !ok {
			continue
		}
		p[q.Name] = v
		var n float64
		switch v := v.(type) {
		case int:
			n, p[q.Name] = float64(v), int64(v)
		case float64:
			if n = v; q.Type == abi.Int && v == math.Trunc(v) {
				p[q.Name] = int64(v)
			}
		case string:
			if q.Choices != nil && !slices.Contains(q.Choices, v) {
				return nil, fmt.Errorf("parameter %s is %q, not one of %v", q.Name, v, q.Choices)
			}
			continue
		}
		if q.Min != nil && n < *q.Min || q.Max != nil && n > *q.Max || math.IsNaN(n) {
			return nil, fmt.Errorf("parameter %s is %v, out of range", q.Name, v)
		}
	}
	for n := range given {
		if _, ok := p[n]; !ok {
			return nil, fmt.Errorf("no parameter %s: the parameters are %v", n, sorted(p))
		}
	}
	return p, nil
}

type driver struct {
	run    Runner
	config abi.Config
	shards int
	only   func(stage string, first, rows int) bool
	frames map[string]Frame
	made   map[string]bool
	log    []string
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// steps runs steps whose first stage has the given index.
func (v *driver) steps(steps []abi.Step, index, iteration int) error {
	for _, s := range steps {
		if s.Stage != nil {
			if err := v.stage(*s.Stage, index, iteration); err != nil {
				return err
			}
			index++
			continue
		}
		for turn := range s.Repeat.Times {
			if err := v.steps(s.Repeat.Steps, index, turn); err != nil {
				return err
			}
			if u := s.Repeat.Until; u != "" {
				if end, err := v.ends(u); err != nil {
					return err
				} else if end {
					break
				}
			}
		}
		index += count(s.Repeat.Steps)
	}
	return nil
}

// ends tells whether a frame of one number ends a repeat.
func (v *driver) ends(until string) (bool, error) {
	f := v.frames[until]
	for _, a := range f.Arrays {
		if len(f.Arrays) == 1 && a.Len() == 1 {
			return fmt.Sprint(a.Data) != "[0]", nil
		}
	}
	return false, fmt.Errorf("repeat until %s: not one array of one element", until)
}

func count(steps []abi.Step) (n int) {
	for _, s := range steps {
		if s.Stage != nil {
			n++
		} else {
			n += count(s.Repeat.Steps)
		}
	}
	return n
}
