// Package plan checks the plan that a module emits and unrolls it into tasks.
//
// A plan is data from a guest and therefore hostile: Parse bounds its size and
// checks every name, Check follows it over the shape of the matrix: every frame
// exists before it is used, has the rows that its use asks for, and the plan
// ends in recommendations. Unroll checks each turn of a stage once more, since
// later turns of a repeat can find other frames than the first two.
package plan

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/task"
)

// Bounds on a plan.
const (
	MaxStages = 1000    // as written, before repeats
	MaxDepth  = 8       // of repeats in repeats
	MaxTurns  = 1e6     // stages run, all repeats unrolled
	MaxWidth  = 1 << 20 // columns of an array
	MaxRows   = 1 << 31 // of a frame made by "once" or a sum
)

// Plan is a checked plan.
type Plan struct {
	Steps  []abi.Step
	Stages []*abi.Stage // depth first; a stage's place is its index
	Emits  []abi.Emit
}

var (
	nameForm  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	namesHelp = "names are lower-case letters, digits and _, at most 63"
)

// Parse decodes and checks a plan on its own, without the data.
func Parse(text []byte) (*Plan, error) {
	if len(text) > abi.MaxPlan {
		return nil, fault.Mod("the plan has %d bytes; at most %d are read", len(text), abi.MaxPlan)
	}
	// encoding/json bounds the nesting at 10,000 levels, below any harm.
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var p abi.Plan
	if err := d.Decode(&p); err != nil {
		return nil, fault.Mod("the plan is not of the form that plan.schema.json describes: %s", fault.Clean(err.Error(), 200))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.Mod("the plan has text after its end")
	}
	c := &Plan{Steps: p.Steps, Emits: p.Emits}
	turns, err := c.checkSteps(p.Steps, 0)
	if err != nil {
		return nil, err
	}
	if turns > MaxTurns {
		return nil, fault.Mod("the plan runs %.0f stages; at most %.0f are run", turns, float64(MaxTurns))
	}
	return c, c.parseEmits()
}

func (p *Plan) checkSteps(steps []abi.Step, depth int) (turns float64, err error) {
	if len(steps) == 0 {
		return 0, fault.Mod("the plan has an empty list of steps")
	}
	if depth > MaxDepth {
		return 0, fault.Mod("the plan nests repeats more than %d deep", MaxDepth)
	}
	for i := range steps {
		s, r := steps[i].Stage, steps[i].Repeat
		switch {
		case (s == nil) == (r == nil):
			return 0, fault.Mod("step %d of the plan is neither a stage nor a repeat, or both", i)
		case s != nil:
			if len(p.Stages) == MaxStages {
				return 0, fault.Mod("the plan has more than %d stages", MaxStages)
			}
			if err := checkStage(s); err != nil {
				return 0, err
			}
			p.Stages = append(p.Stages, s)
			turns++
		default:
			if r.Times < 1 || r.Times > MaxTurns {
				return 0, fault.Mod("the plan repeats steps %d times; 1 to %.0f are allowed", r.Times, float64(MaxTurns))
			}
			n, err := p.checkSteps(r.Steps, depth+1)
			if err != nil {
				return 0, err
			}
			turns += n * float64(r.Times)
		}
	}
	return turns, nil
}

func checkStage(s *abi.Stage) error {
	if !nameForm.MatchString(s.Name) {
		return fault.Mod("the plan has a stage named %q: %s", fault.Clean(s.Name, 80), namesHelp)
	}
	bad := func(format string, a ...any) error {
		return fault.Mod("the plan's stage "+s.Name+": "+format, a...)
	}
	if len(s.Inputs) > 64 || len(s.Outputs) > 64 || len(s.Outputs) == 0 {
		return bad("%d inputs and %d outputs; at most 64 of each and at least one output are allowed", len(s.Inputs), len(s.Outputs))
	}
	seen := map[string]bool{}
	for _, in := range s.Inputs {
		if in.Bind != abi.Whole && in.Bind != abi.Aligned && in.Bind != abi.Rotated {
			return bad("input %s is bound %q: the bindings are whole, aligned, rotated", fault.Clean(in.Frame, 80), fault.Clean(in.Bind, 80))
		}
		if in.Bind != abi.Whole && s.Over == abi.OverOnce {
			return bad("input %s is bound %s, but the stage runs once", fault.Clean(in.Frame, 80), in.Bind)
		}
		if seen[in.Frame] {
			return bad("input %s is bound twice", fault.Clean(in.Frame, 80))
		}
		seen[in.Frame] = true
	}
	outs, arrays := map[string]bool{}, 0
	for _, o := range s.Outputs {
		if !nameForm.MatchString(o.Frame) {
			return bad("output named %q: %s", fault.Clean(o.Frame, 80), namesHelp)
		}
		if o.Frame == abi.ByUser || o.Frame == abi.ByItem || o.Frame == abi.Targets || o.Frame == abi.Candidates {
			return bad("output %s would take the place of a frame of the host", o.Frame)
		}
		if o.Frame == abi.OverUsers || o.Frame == abi.OverItems || o.Frame == abi.OverOnce {
			return bad("output %s has the name of something that stages run over", o.Frame)
		}
		if outs[o.Frame] {
			return bad("output %s is written twice", o.Frame)
		}
		outs[o.Frame] = true
		if err := checkOutput(s, o, bad); err != nil {
			return err
		}
		arrays += len(o.Arrays)
		if slices.ContainsFunc(o.Arrays, func(a abi.Array) bool { return a.Per == abi.PerEntry }) {
			arrays++ // offsets
		}
	}
	if arrays > task.MaxArrays {
		return bad("its outputs have %d arrays, offsets included; a stage writes at most %d", arrays, task.MaxArrays)
	}
	return nil
}

func checkOutput(s *abi.Stage, o abi.Output, bad func(string, ...any) error) error {
	if c := o.Combine; c != "" && c != abi.Concat && c != abi.Sum {
		return bad("output %s combines by %q: the ways are concat and sum", o.Frame, fault.Clean(c, 80))
	}
	if b := o.Bind; b != "" && b != abi.Aligned && b != abi.Rotated {
		return bad("output %s is bound %q: the bindings of outputs are aligned and rotated", o.Frame, fault.Clean(b, 80))
	}
	whole := o.Combine == abi.Sum || s.Over == abi.OverOnce
	if whole != (o.Rows != 0) || o.Rows < 0 || o.Rows > MaxRows {
		return bad("output %s has rows %d: outputs of a stage that runs once, and sums, say how many rows they have, others do not", o.Frame, o.Rows)
	}
	if whole && o.Bind == abi.Rotated {
		return bad("output %s is rotated, but a sum or a stage that runs once has one part only", o.Frame)
	}
	if len(o.Arrays) == 0 || len(o.Arrays) > 64 {
		return bad("output %s has %d arrays; 1 to 64 are allowed", o.Frame, len(o.Arrays))
	}
	names := map[string]bool{}
	for _, a := range o.Arrays {
		t, err := array.ParseDType(a.DType)
		switch {
		case !nameForm.MatchString(a.Name) || a.Name == abi.Offsets:
			return bad("output %s has an array named %q: %s, and offsets come by themselves", o.Frame, fault.Clean(a.Name, 80), namesHelp)
		case names[a.Name]:
			return bad("output %s has two arrays named %s", o.Frame, a.Name)
		case err != nil:
			return bad("output %s.%s: %s", o.Frame, a.Name, fault.Clean(err.Error(), 200))
		case a.Per != "" && a.Per != abi.PerRow && a.Per != abi.PerEntry:
			return bad("output %s.%s is per %q: arrays are per row or per entry", o.Frame, a.Name, fault.Clean(a.Per, 80))
		case a.Width < 0 || a.Width > MaxWidth:
			return bad("output %s.%s is %d wide; at most %d is allowed", o.Frame, a.Name, a.Width, MaxWidth)
		case o.Combine == abi.Sum && (t != array.F32 && t != array.F64 || a.Per == abi.PerEntry):
			return bad("output %s.%s: only f32 and f64 arrays per row can be summed", o.Frame, a.Name)
		}
		names[a.Name] = true
	}
	return nil
}

func listNames(f array.Frame) string { return strings.Join(f.Names(), ", ") }

// Reads tells whether a stage names the array of a frame among its inputs.
func (p *Plan) Reads(frame, array string) bool {
	for _, s := range p.Stages {
		for _, in := range s.Inputs {
			if in.Frame == frame && slices.Contains(in.Arrays, array) {
				return true
			}
		}
	}
	return false
}
