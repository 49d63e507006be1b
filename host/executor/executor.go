// Package executor runs tasks: pure functions of a module, a configuration
// and some input arrays. Goroutines runs them in this process, Processes in
// locked-down worker processes of this same binary; both give the same bytes.
package executor

import (
	"context"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
)

// Task is one stage on one shard.
type Task struct {
	ID        digest.Digest // identity; names the task in messages and in the journal
	Stage     string
	Index     int // argument of rechost_run
	Iteration int
	Shard     int
	Shards    int
	Config    []byte // JSON of abi.Config with Task set, as the guest reads it
	Inputs    []Input
	Outputs   []Output
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

// Result is what a task gave back. The shapes have been checked (whole rows,
// exact row counts), the contents have not.
type Result struct {
	Data    [][]byte // one for each Output, little endian; valid until Release
	Log     []string // messages of the guest, cleaned
	Stats   Stats
	release func()
}

// Release gives the data's memory back.
func (r *Result) Release() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
	r.Data = nil
}

// Stats is what a task took.
type Stats struct {
	Guest    time.Duration `json:"guest"`     // in the module's own code
	Kernel   time.Duration `json:"kernel"`    // in rechost_num
	Host     time.Duration `json:"host"`      // feeding, starting the instance, taking results
	Memory   int64         `json:"memory"`    // guest memory at the end, bytes
	LogBytes int64         `json:"log_bytes"` // log, stdout and stderr
	Calls    int64         `json:"calls"`     // host calls
	Fuel     int64         `json:"fuel"`      // spent, where metered
}

// Arrays opens arrays by digest as files: a header of 4096 bytes, then data.
// Files are immutable and not writable by others.
type Arrays interface {
	Path(digest.Digest) string
}

// Limits bound every guest. Zero means the default.
type Limits struct {
	Memory   int64         `json:"memory"`   // bytes of memory, tables and stack together
	Deadline time.Duration `json:"deadline"` // wall clock of compiling, planning and of each task
	Log      int64         `json:"log"`      // bytes of log, stdout and stderr of a task
	Output   int64         `json:"output"`   // bytes of output of a task
	Fuel     int64         `json:"fuel"`     // instructions of a task; 0 is unmetered
}

// Executor runs one module's tasks.
type Executor interface {
	// Describe returns what the module says of itself.
	Describe(ctx context.Context) (abi.Description, error)
	// Plan returns the plan's JSON for the configuration's.
	Plan(ctx context.Context, config []byte) ([]byte, error)
	// Run runs the tasks and calls done, from one goroutine at a time and in
	// the order in which they finish, for each that succeeded. It stops at the
	// first failure or when ctx ends and returns that error, a *fault.Error
	// that names stage and shard ("stage users, shard 3 of 16: …").
	Run(ctx context.Context, tasks []Task, done func(i int, r Result) error) error
	// Walls names what stands between the guest and the machine, for the
	// summary and the manifest.
	Walls() []string
	Close() error
}

// Options are common to all executors.
type Options struct {
	Module      []byte // the module's bytes
	Name        string // for messages: "cf.wasm"
	Arrays      Arrays
	Cache       string // folder for compiled code, one for this module digest and engine
	Worker      string // binary that is started as a worker; "" is this program's own
	Workers     int    // tasks run at a time
	Limits      Limits
	Interpreter bool // wazero's interpreter instead of its compiler

	// RequireIsolation refuses to run a guest where one of the walls of a
	// worker process cannot be had.
	RequireIsolation bool
}
