package guest

import "rechost/guest/abi"

// Host is what stands behind a task: the imports of the sandbox, or a driver
// that runs a module as plain Go. Authors of modules do not need it.
type Host interface {
	// Open finds an input by "frame.array".
	Open(name string) (Input, bool)
	// Read copies elements [first, first+n) of an input without Data to dst,
	// which has room for just these.
	Read(in Input, first, n int, dst []byte)
	// Write appends to the output "frame.array". It does not keep data.
	Write(name string, data []byte)
	Log(level int, msg string)
	Progress(done, total int)
}

// Input is an opened input array.
type Input struct {
	Handle   int32
	DType    string
	Rows     int
	Width    int // columns; 0: 1-D
	Elements int
	Data     any // the slice itself where the driver has it; nil in the sandbox
}

// Levels of [Host.Log].
const (
	debugLevel = iota
	infoLevel
	warnLevel
)

// DescribeJSON returns what the host learns of the module.
func (m *Module) DescribeJSON() (b []byte, err error) {
	defer caught(&err)
	d := abi.Description{Name: m.Name, Version: m.Version, Summary: m.Summary, Source: m.Source, Uses: m.Uses, Needs: m.Needs}
	for _, p := range m.Params {
		d.Parameters = append(d.Parameters, p.p)
	}
	return encodeDescription(d), nil
}

// PlanJSON returns the plan for a configuration. The error may be a [Refusal].
func (m *Module) PlanJSON(config []byte) (b []byte, err error) {
	defer caught(&err)
	c, err := decodeConfig(string(config))
	if err != nil {
		return nil, err
	}
	return encodePlan(m.build(&Config{c}).encoded()), nil
}

// RunJSON runs the task of a configuration, whose stage must have the given
// place in the plan, on a host. A [Failure] comes back as the error, any other
// panic goes through.
func (m *Module) RunJSON(config []byte, i int, h Host) (err error) {
	defer caught(&err)
	c, err := decodeConfig(string(config))
	if err != nil {
		return err
	}
	if c.Task == nil || c.Task.Index != i {
		return Failure("stage " + text(i) + " was called, which is not the configuration's task")
	}
	conf := &Config{c}
	stages := *m.build(conf).stages
	if i < 0 || i >= len(stages) {
		return Failure("the plan has no stage " + text(i))
	}
	s := stages[i]
	if s.s.Name != c.Task.Stage {
		return Failure("stage " + text(i) + " of the plan is " + s.s.Name + ", not " + c.Task.Stage +
			": Plan depends on something beside its configuration")
	}
	if s.run == nil {
		return Failure("stage " + s.s.Name + " has no function")
	}
	t := &Task{Config: conf, Stage: c.Task.Stage, Iteration: c.Task.Iteration, Shard: c.Task.Shard,
		Shards: c.Task.Shards, First: c.Task.First, Rows: c.Task.Rows, stage: s, host: h}
	s.run(t)
	t.flush()
	return nil
}

// caught turns a Failure or a Refusal into an error.
func caught(err *error) {
	switch f := recover().(type) {
	case nil:
	case Failure:
		*err = f
	case Refusal:
		*err = f
	default:
		panic(f)
	}
}
