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

// PlanFor returns the plan for a configuration.
func (m *Module) PlanFor(c abi.Config) (plan abi.Plan, err error) {
	defer caught(&err)
	return abi.Plan{Steps: m.build(&Config{c}).steps}, nil
}

// RunTask runs the task c.Task on a host. A [Failure] comes back as the
// error, any other panic goes through.
func (m *Module) RunTask(c abi.Config, h Host) (err error) {
	defer caught(&err)
	if c.Task == nil {
		return Failure("the configuration has no task")
	}
	conf := &Config{c}
	stages := *m.build(conf).stages
	i := c.Task.Index
	if i < 0 || i >= len(stages) {
		return Failure("the plan has no stage " + text(i))
	}
	s := stages[i]
	if s.s.Name != c.Task.Stage {
		return Failure("stage " + text(i) + " of the plan is " + s.s.Name + ", not " + c.Task.Stage +
			": Plan depends on something beside its configuration")
	}
	t := &Task{Config: conf, Stage: c.Task.Stage, Iteration: c.Task.Iteration, Shard: c.Task.Shard,
		Shards: c.Task.Shards, First: c.Task.First, Rows: c.Task.Rows, stage: s, host: h}
	s.run(t)
	t.flush()
	return nil
}

// caught turns a Failure into an error.
func caught(err *error) {
	switch f := recover().(type) {
	case nil:
	case Failure:
		*err = f
	default:
		panic(f)
	}
}
