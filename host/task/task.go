// Package task says what a task is: one stage of a plan on one shard, with the
// arrays it reads and writes, and the limits it runs under. A plan is unrolled
// into tasks, an executor runs them, the journal remembers what they gave; none
// of the three needs to know the others for it.
package task

import (
	"fmt"
	"time"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
)

// Phase is what a module is called for.
type Phase string

// The phases. Executors describe and plan by functions of their own, and tell of
// what failed there as of a task.
const (
	Running    Phase = ""         // a stage on a shard
	Describing Phase = "describe" // what it is: always the same
	Planning   Phase = "plan"     // its plan for a configuration
)

// MaxArrays is how many inputs a task has at most, and how many outputs. Each is
// a file that a worker has open, beside the arrays that it keeps.
const MaxArrays = 256

// Task is one stage on one shard. In the phases before there is only Config.
type Task struct {
	ID        digest.Digest // identity; names the task in messages and in the journal
	Phase     Phase
	Stage     string
	Index     int // argument of rechost_run
	Iteration int
	Shard     int
	Shards    int
	Config    []byte // JSON of abi.Config with Task set, as the guest reads it
	Inputs    []Input
	Outputs   []Output
}

// Place names the task for messages: "stage users, shard 3 of 16", or its
// phase.
func (t *Task) Place() string {
	if t.Phase != Running {
		return string(t.Phase)
	}
	s := fmt.Sprintf("stage %s, shard %d of %d", fault.Clean(t.Stage, 100), t.Shard+1, t.Shards)
	if t.Iteration > 0 {
		s += fmt.Sprintf(", iteration %d", t.Iteration+1)
	}
	return s
}

// Input is an array that a task may open, or a range of its rows.
type Input struct {
	Name  string // "frame.array"
	Array array.Meta
	First int // first row handed to the guest
	Rows  int
}

// Output is an array that a task must write.
type Output struct {
	Name  string // "frame.array"
	DType array.DType
	Width int // 0: 1-D
	Rows  int // exact number of rows, or -1: as many as the guest writes (entries)
}

// Fits tells whether an array has the shape that the output asks for.
func (o Output) Fits(m array.Meta) bool {
	return m.DType == o.DType && m.Width == o.Width && (o.Rows < 0 || m.Rows == o.Rows)
}

// Stats is what a task took.
type Stats struct {
	Guest    time.Duration `json:"guest"`     // in the module's own code
	Kernel   time.Duration `json:"kernel"`    // in rechost_num
	Host     time.Duration `json:"host"`      // feeding, starting the instance, taking results
	Memory   int64         `json:"memory"`    // guest memory at the end, bytes
	LogBytes int64         `json:"log_bytes"` // log, stdout and stderr
	Calls    int64         `json:"calls"`     // of host functions
	Fuel     int64         `json:"fuel"`      // spent, where metered
}

// Diagnosis is what is known of a task that failed, beside its error.
type Diagnosis struct {
	Trace []string `json:"trace,omitempty"` // functions that were active, innermost first; the lines of a module with DWARF below each
	Log   []string `json:"log,omitempty"`   // of the guest, cleaned
	Stats Stats    `json:"stats"`           // up to the failure
}

// Limits bound every guest. Zero means the default.
type Limits struct {
	Memory   int64         `json:"memory"`   // bytes of memory, tables and stack together; see sandbox.StackReserve
	Deadline time.Duration `json:"deadline"` // wall clock of compiling, planning and of each task
	Log      int64         `json:"log"`      // bytes of log, stdout and stderr of a task
	Output   int64         `json:"output"`   // bytes of output of a task
	Calls    int64         `json:"calls"`    // calls of host functions by a task
	Fuel     int64         `json:"fuel"`     // instructions of a task; 0 is unmetered
}

// The limits where none are given.
const (
	DefaultMemory   = 2 << 30
	DefaultDeadline = 10 * time.Minute
	DefaultLog      = 1 << 20
	DefaultOutput   = 4 << 30
	DefaultCalls    = 1 << 32 // more than three minutes of nothing but calls, at 50 ns each
)

// WithDefaults returns l with the defaults in place of zeros.
func (l Limits) WithDefaults() Limits {
	if l.Memory == 0 {
		l.Memory = DefaultMemory
	}
	if l.Deadline == 0 {
		l.Deadline = DefaultDeadline
	}
	if l.Log == 0 {
		l.Log = DefaultLog
	}
	if l.Output == 0 {
		l.Output = DefaultOutput
	}
	if l.Calls == 0 {
		l.Calls = DefaultCalls
	}
	return l
}

// Check refuses limits that are none, naming the flag.
func (l Limits) Check() error {
	for _, x := range []struct {
		flag string
		v    int64
	}{{"--memory", l.Memory}, {"--deadline", int64(l.Deadline)}, {"--log-limit", l.Log}, {"--output-limit", l.Output}, {"--call-limit", l.Calls}, {"--fuel", l.Fuel}} {
		if x.v < 0 {
			return fault.Use("%s cannot be negative", x.flag)
		}
	}
	return nil
}
