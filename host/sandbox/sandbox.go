// Package sandbox runs one guest call at a time in an instance of a module in
// which nothing has run but the module's own start. It is the only importer of wazero.
//
//	m, err := sandbox.Load(ctx, wasm, sandbox.Options{Name: "cf.wasm", Limits: limits, CacheDir: dir})
//	reply, err := m.Plan(ctx, config) // reply.Emitted is the plan
//	out, err := m.Run(ctx, sandbox.Call{Index: 0, Config: config, Inputs: inputs, Outputs: outputs})
//
// A guest gets what the functions of package abi give and a few functions of
// wasi_snapshot_preview1 that language runtimes need, with an empty
// environment, a clock that only the guest's own doing moves, and random bytes
// that follow from the call's seed. It has no files, no network, no arguments.
// Whatever else a module imports, it is refused by name before anything runs.
//
// # Notes
//
//   - A Module without Options.Cooperative cannot be stopped from inside this
//     process: its caller runs it in a process of its own and kills that. With
//     Cooperative the module is rewritten so that it calls the host every 2^16
//     loop turns or calls, which lets Go's scheduler and the deadline in.
//   - Errors are *fault.Error whose message starts with what happened; the
//     caller puts module, stage and shard before it.
package sandbox

import (
	"context"
	"io"
	"time"

	"rechost/host/array"
)

// Limits bound a guest. All are greater than zero, except Fuel, where 0 is
// unmetered.
type Limits struct {
	Memory   int64         // bytes of memory, tables and stack together; see StackReserve
	Deadline time.Duration // wall clock of each call; kept here only in a cooperative module
	Log      int64         // bytes of log, stdout and stderr of a call
	Output   int64         // bytes of output of a call
	Calls    int64         // of host functions, by one call
	Fuel     int64         // instructions of a call
}

// Options say how a module is loaded.
type Options struct {
	Name        string // for messages: "cf.wasm"
	Limits      Limits
	CacheDir    string // compiled code, mode 0700 and ours; "" is no cache
	Prepared    string // a name in CacheDir for what the module is made into before it is compiled, of this module, this program and these options; "" is none
	Interpreter bool   // wazero's interpreter instead of its compiler
	Cooperative bool   // count loop turns and calls, and let the scheduler in
	Compilers   int    // goroutines that compile; 0 is one
	Lingers     bool   // a call's instance is put back or thrown away by Settle, not before the call returns
	Places      bool   // traps name the instruction, also where that makes the compiled code large
}

// Input is an array that a call may open, or a range of its rows.
type Input struct {
	Name  string // "frame.array"
	Array *Array
	First int // first row handed to the guest
	Rows  int
}

// Output is an array that a call must write.
type Output struct {
	Name  string
	DType array.DType
	Width int // 0: 1-D
	Rows  int // exact number, or -1: as many as the guest writes
}

// Call is one task.
type Call struct {
	Index   int    // argument of rechost_run
	Config  []byte // JSON of abi.Config
	Seed    [32]byte
	Inputs  []Input
	Outputs []Output
	Threads int         // that one kernel may use; 0 is one. The bytes are the same for any
	Sinks   []io.Writer // where there are any, one for each output takes its bytes instead of Reply.Data
}

// Reply is what a call gave back.
type Reply struct {
	Data  [][]byte // one for each output; nil where the call had sinks
	Log   []string // cleaned, each with its level
	Trace []string // of a call that trapped: the functions that were active, innermost first, cleaned
	Stats Stats

	Emitted []byte // what Describe and Plan are for: JSON, unchecked
}

// Stats is what a call took.
type Stats struct {
	Guest    time.Duration // in the module's own code
	Kernel   time.Duration // in rechost_num
	Host     time.Duration // starting the instance, feeding, taking results
	Memory   int64         // guest memory at the end, bytes
	LogBytes int64         // log, stdout and stderr
	Calls    int64         // of host functions
	Fuel     int64         // spent, where metered
}

// Describe asks for the module's abi.Description.
func (m *Module) Describe(ctx context.Context) (Reply, error) {
	return m.call(ctx, describing, Call{Config: []byte("{}")})
}

// Plan asks for the module's abi.Plan for a configuration, the JSON of an
// abi.Config.
func (m *Module) Plan(ctx context.Context, config []byte) (Reply, error) {
	return m.call(ctx, planning, Call{Config: config})
}

// Run runs one task in an instance of its own. The outputs have whole rows, and the
// rows that were asked for; their contents are the guest's word. A Reply that
// comes with an error has no Data.
func (m *Module) Run(ctx context.Context, c Call) (Reply, error) {
	return m.call(ctx, running, c)
}
