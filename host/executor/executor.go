// Package executor runs tasks: pure functions of a module, a configuration
// and some input arrays. Goroutines runs them in this process, Processes in
// locked-down worker processes of this same binary; both give the same bytes.
package executor

import (
	"context"
	"time"

	"rechost/host/digest"
	"rechost/host/task"
)

// Result is what a task gave back. The shapes have been checked (whole rows,
// exact row counts), the contents have not.
type Result struct {
	Data    [][]byte // one for each Output, little endian; valid until Release
	Log     []string // messages of the guest, cleaned
	Stats   task.Stats
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

// Arrays opens arrays by digest as files: a header of 4096 bytes, then data.
// Files are immutable and not writable by others.
type Arrays interface {
	Path(digest.Digest) string
}

// Executor runs one module's tasks.
type Executor interface {
	// Describe returns the JSON that the module describes itself by, unchecked.
	Describe(ctx context.Context) ([]byte, error)
	// Plan returns the plan's JSON for the configuration's, unchecked.
	Plan(ctx context.Context, config []byte) ([]byte, error)
	// Run runs the tasks and calls done, from one goroutine at a time and in
	// the order in which they finish, for each that succeeded. It stops at the
	// first failure or when ctx ends and returns that error, a *fault.Error
	// that names stage and shard ("stage users, shard 3 of 16: …").
	Run(ctx context.Context, tasks []task.Task, done func(i int, r Result) error) error
	// Walls names what stands between the guest and the machine, for the
	// summary and the manifest.
	Walls() []string
	Close() error
}

// Processor is the processor time that e's guests and what serves them have
// taken so far: that of its workers, those that have ended too, or of this
// whole process. It waits for calls that are under way.
func Processor(e Executor) time.Duration {
	if p, ok := e.(interface{ processor() time.Duration }); ok {
		return p.processor()
	}
	return ownProcessor()
}

// Options are common to all executors.
type Options struct {
	Module      []byte // the module's bytes
	Name        string // for messages: "cf.wasm"
	Arrays      Arrays
	Cache       string // folder for compiled code, one for this module digest and engine
	Worker      string // binary that is started as a worker; "" is this program's own
	Workers     int    // tasks run at a time
	Limits      task.Limits
	Interpreter bool // wazero's interpreter instead of its compiler
	Places      bool // traps name the instruction, which makes the compiled code of a large module larger

	// RequireIsolation refuses to run a guest where one of the walls of a
	// worker process cannot be had.
	RequireIsolation bool

	// Failed, if not nil, is told of every task that failed by its own doing
	// (fault.Module, fault.Limit), or whose worker somebody kept killing, while
	// Run is under way, from several goroutines; and of a Describe or Plan that
	// did. Not of tasks that were stopped, or whose inputs could not be had.
	Failed func(t *task.Task, d task.Diagnosis, err error)
}
