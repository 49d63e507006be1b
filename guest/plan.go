package guest

import "rechost/guest/abi"

// What a stage runs over, beside the name of an earlier frame.
const (
	Users   = abi.OverUsers   // shards of the matrix's rows
	Items   = abi.OverItems   // shards of its columns
	Targets = abi.OverTargets // shards of the users to recommend for
	Once    = abi.OverOnce    // a single task
)

// Plan is the stages of a run, in order.
type Plan struct {
	steps  []abi.Step
	stages *[]*Stage // all stages of the plan, depth first: the place is the stage's index
	emits  *[]abi.Emit
	config *Config
}

func newPlan(c *Config) *Plan {
	return &Plan{stages: new([]*Stage), emits: new([]abi.Emit), config: c}
}

// Refuse ends the plan, and the run, with a message: what is asked for is wrong,
// such as parameters that do not go together, and not the module. The host's
// command ends as it does where a single parameter is wrong.
func (p *Plan) Refuse(parts ...any) { panic(Refusal(join(parts))) }

func (p *Plan) encoded() abi.Plan { return abi.Plan{Steps: p.steps, Emits: *p.emits} }

// Stage adds a stage: run is called once for each shard of what the stage is
// [Stage.Over]. Stages follow each other; all tasks of one end before the next
// begins.
func (p *Plan) Stage(name string, run func(t *Task)) *Stage {
	s := &Stage{s: abi.Stage{Name: name, Inputs: []abi.Input{}, Outputs: []abi.Output{}}, run: run, config: p.config}
	p.steps = append(p.steps, abi.Step{Stage: &s.s})
	*p.stages = append(*p.stages, s)
	return s
}

// Repeat adds steps that run times times, one turn after the other. A frame
// that the steps write takes the place of the earlier one of that name.
func (p *Plan) Repeat(times int, body func(p *Plan)) { p.RepeatUntil(times, "", body) }

// RepeatUntil is Repeat that ends early, after the turn in which the frame
// until, one array of one element, is not zero.
func (p *Plan) RepeatUntil(times int, until string, body func(p *Plan)) {
	inner := &Plan{stages: p.stages, emits: p.emits, config: p.config}
	body(inner)
	p.steps = append(p.steps, abi.Step{Repeat: &abi.Repeat{Times: times, Until: until, Steps: inner.steps}})
}

// EmitsLists declares that users can have the lists of a frame written to a
// file beside the recommendations, by the given name. The frame, in its last
// form, has a row for each of rows, [Users] or [Items]; ids is its array of
// entries "user" or "item", whose name says what the lists are of, and values
// that of their scores.
func (p *Plan) EmitsLists(name, frame, rows, ids, values, help string) {
	of := map[string]string{"user": Users, "item": Items}[ids]
	*p.emits = append(*p.emits, abi.Emit{Name: name, Frame: frame, Rows: rows, IDs: ids, Of: of, Values: values, Help: help})
}

// EmitsMatrix is EmitsLists for an array of numbers, one or a row of them for
// each of rows. of says what its columns are, the same as rows, or is "" where
// they are nobody's, such as factors.
func (p *Plan) EmitsMatrix(name, frame, rows, of, values, help string) {
	*p.emits = append(*p.emits, abi.Emit{Name: name, Frame: frame, Rows: rows, Of: of, Values: values, Help: help})
}

// Stage is one function of the module and the data it is run on.
type Stage struct {
	s      abi.Stage
	run    func(t *Task)
	config *Config
}

// Over sets what the stage is cut by: [Users], [Items], [Targets], [Once], or
// the name of an earlier frame. A task has a contiguous range of its rows.
func (s *Stage) Over(what string) *Stage { s.s.Over = what; return s }

// Whole gives every row of a frame to every task; arrays names the ones that
// are wanted, all when there is none.
func (s *Stage) Whole(frame string, arrays ...string) *Stage {
	return s.input(frame, abi.Whole, arrays)
}

// Aligned gives each task the rows of a frame that the task is about. The
// frame must have as many rows as what the stage is over.
func (s *Stage) Aligned(frame string, arrays ...string) *Stage {
	return s.input(frame, abi.Aligned, arrays)
}

// Rotated gives each task the rows of partition (shard + iteration) mod
// shards of a frame, as block schedules need.
func (s *Stage) Rotated(frame string, arrays ...string) *Stage {
	return s.input(frame, abi.Rotated, arrays)
}

func (s *Stage) input(frame, bind string, arrays []string) *Stage {
	s.s.Inputs = append(s.s.Inputs, abi.Input{Frame: frame, Arrays: arrays, Bind: bind})
	return s
}

// Writes declares a frame that the stage makes: each task writes its shard's
// rows, the frame is all of them in shard order. Arrays of entries
// ([Array.Entries]) are written with [Task.Lists].
func (s *Stage) Writes(frame string, arrays ...Array) *Stage {
	return s.output(abi.Output{Frame: frame}, arrays)
}

// WritesRows declares a frame of so many rows that a stage over [Once] makes.
func (s *Stage) WritesRows(frame string, rows int, arrays ...Array) *Stage {
	return s.output(abi.Output{Frame: frame, Rows: rows}, arrays)
}

// WritesRotated declares a frame whose rows in a task are those of partition
// (shard + iteration) mod shards.
func (s *Stage) WritesRotated(frame string, arrays ...Array) *Stage {
	return s.output(abi.Output{Frame: frame, Bind: abi.Rotated}, arrays)
}

// Sums declares a frame of so many rows that every task writes whole; the
// frame is their sum, element by element, in shard order. Its value can depend
// on the number of shards, as sums of rounded numbers do.
func (s *Stage) Sums(frame string, rows int, arrays ...Array) *Stage {
	return s.output(abi.Output{Frame: frame, Combine: abi.Sum, Rows: rows}, arrays)
}

// Recommends declares that the stage, over [Targets], makes the
// recommendations. Its tasks write them with [Task.Recommendations], and leave
// out what [Task.Mask] leaves out. Where the run ranks candidates only it binds
// them.
func (s *Stage) Recommends() *Stage {
	switch s.config.c.Candidates {
	case abi.ForEach:
		s.Aligned(abi.Candidates, "item")
	case abi.ForAll:
		s.Whole(abi.Candidates, "item")
	}
	return s.Writes(abi.Recommendations, U32("item").Entries(), F32("score").Entries())
}

func (s *Stage) output(o abi.Output, arrays []Array) *Stage {
	for _, a := range arrays {
		o.Arrays = append(o.Arrays, a.a)
	}
	s.s.Outputs = append(s.s.Outputs, o)
	return s
}

// declares finds the output array "frame.array", also the offsets that a
// frame with entries has.
func (s *Stage) declares(name string) (abi.Array, bool) {
	for _, o := range s.s.Outputs {
		entries := false
		for _, a := range o.Arrays {
			entries = entries || a.Per == abi.PerEntry
			if o.Frame+"."+a.Name == name {
				return a, true
			}
		}
		if entries && o.Frame+"."+abi.Offsets == name {
			return abi.Array{Name: abi.Offsets, DType: "u64"}, true
		}
	}
	return abi.Array{}, false
}

// Array declares one array of an output. Make one with [F32] and its like.
type Array struct{ a abi.Array }

// F32 declares an array of float32.
func F32(name string) Array { return Array{abi.Array{Name: name, DType: "f32"}} }

// F64 declares an array of float64.
func F64(name string) Array { return Array{abi.Array{Name: name, DType: "f64"}} }

// U32 declares an array of uint32.
func U32(name string) Array { return Array{abi.Array{Name: name, DType: "u32"}} }

// I32 declares an array of int32.
func I32(name string) Array { return Array{abi.Array{Name: name, DType: "i32"}} }

// U64 declares an array of uint64.
func U64(name string) Array { return Array{abi.Array{Name: name, DType: "u64"}} }

// I64 declares an array of int64.
func I64(name string) Array { return Array{abi.Array{Name: name, DType: "i64"}} }

// U8 declares an array of bytes.
func U8(name string) Array { return Array{abi.Array{Name: name, DType: "u8"}} }

// Entries makes it an array with any number of entries a row instead of one.
func (a Array) Entries() Array { a.a.Per = abi.PerEntry; return a }

// Wide makes it a matrix of so many columns.
func (a Array) Wide(columns int) Array { a.a.Width = columns; return a }

// build calls the module's Plan on the configuration.
func (m *Module) build(c *Config) *Plan {
	p := newPlan(c)
	if m.Plan == nil {
		mistake[int]("module " + m.Name + " has no Plan")
	}
	m.Plan(c, p)
	return p
}
