// Package abi is the contract between the host and a module: names, codes and
// JSON shapes. ABI.md beside it is the specification; this file is the same in
// Go, used by both sides. It imports nothing of either.
package abi

// Version is the number that a module's rechost_abi export returns.
const Version = 1

// KernelVersion names the meaning of the functions of NumModule. It changes
// whenever any of them could give other bits for the same arguments.
const KernelVersion = 2

// Bounds on what a module says of itself, in bytes of JSON.
const (
	MaxDescription = 1 << 20
	MaxPlan        = 1 << 20
)

// Names of the import modules a module may use, beside a few functions of
// wasi_snapshot_preview1.
const (
	DataModule = "rechost"     // data, log, progress, fail
	NumModule  = "rechost_num" // kernels
)

// Names of the functions a module exports. All take and return i32 as their
// comment says; a result other than 0 means failure, after a call of "fail".
const (
	ExportInitialize = "_initialize"      // () -> (), optional; WASI reactor start-up
	ExportABI        = "rechost_abi"      // () -> i32, Version
	ExportResume     = "rechost_resume"   // () -> (), optional; called before each of the following, see ABI.md
	ExportDescribe   = "rechost_describe" // () -> i32; calls "describe" once
	ExportPlan       = "rechost_plan"     // () -> i32; reads the configuration, calls "plan" once
	ExportRun        = "rechost_run"      // (stage i32) -> i32; runs one task of the stage
	ExportMemory     = "memory"
)

// Frames that the host provides. Each is a matrix in compressed sparse row
// form: "offsets" (u64, rows+1) delimits each row's entries.
const (
	ByUser  = "by_user" // a row a user: item u32, value f32, and time i64 where there is one
	ByItem  = "by_item" // a row an item: user u32, value f32
	Targets = "targets" // a row a user to recommend for: user u32 per row; item u32 and value f32 per entry
	Offsets = "offsets"

	// Candidates is there where a run ranks some items only: item u32 per entry,
	// ascending. Config.Candidates says what its rows are.
	Candidates = "candidates"
)

// What the rows of the frame Candidates are.
const (
	ForEach = "each" // a row a target
	ForAll  = "all"  // one row, the same for every target
)

// Time is the column by_user.time, microseconds since the epoch, UTC. It is
// there for a module that asks for it (Description.Uses or Needs), in a run that
// grants it, where the data has times.
const Time = "time"

// Recommendations is the frame that a plan must produce, with a row a target:
// item u32 and score f32 per entry, best first, ties by smaller item.
const Recommendations = "recommendations"

// What a stage runs over. The name of an earlier frame is a fourth choice.
const (
	OverUsers   = "users"
	OverItems   = "items"
	OverTargets = "targets"
	OverOnce    = "once"
)

// How an input is bound.
const (
	Whole   = "whole"   // every row, to every task
	Aligned = "aligned" // the task's own rows
	Rotated = "rotated" // the rows of partition (shard + iteration) mod shards
)

// How the outputs of a stage's tasks become one frame.
const (
	Concat = "concat" // one after the other, in shard order
	Sum    = "sum"    // element by element in shard order, float32 or float64
)

// What an array has one element, or one row of Width elements, for.
const (
	PerRow   = "row"
	PerEntry = "entry"
)

// Description is what a module says of itself, through "describe".
type Description struct {
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	Summary    string      `json:"summary"`
	Source     string      `json:"source,omitempty"` // paper and equation
	Uses       []string    `json:"uses,omitempty"`   // columns beyond users, items and values that it takes where it gets them
	Needs      []string    `json:"needs,omitempty"`  // columns beyond users, items and values that it cannot do without
	Parameters []Parameter `json:"parameters"`
}

// Types of a parameter.
const (
	Int    = "int"
	Float  = "float"
	Bool   = "bool"
	String = "string"
)

// Parameter declares one parameter of a module.
type Parameter struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Default any      `json:"default"`
	Min     *float64 `json:"min,omitempty"`     // smallest allowed value
	Max     *float64 `json:"max,omitempty"`     // largest allowed value
	Choices []string `json:"choices,omitempty"` // of a string parameter
	Help    string   `json:"help"`
}

// Config is what a guest reads through "config": while planning, and again in
// every task with Task set. Parameters hold every declared parameter, checked
// against its declaration and with defaults filled in.
type Config struct {
	ABI        int            `json:"abi"`
	Parameters map[string]any `json:"parameters"`
	Seed       int64          `json:"seed"`
	Top        int            `json:"top"`                  // longest list wanted for a target
	KeepSeen   bool           `json:"keep_seen"`            // lists may hold the target's own items
	Candidates string         `json:"candidates,omitempty"` // ForEach or ForAll: lists may hold nothing but what the frame Candidates names
	Data       Data           `json:"data"`
	Task       *Task          `json:"task,omitempty"`
}

// Data tells the shape of the interaction matrix.
type Data struct {
	Users        int  `json:"users"`
	Items        int  `json:"items"`
	Interactions int  `json:"interactions"`
	Targets      int  `json:"targets"`
	Values       bool `json:"values"` // the input had a value column; otherwise every value counts rows
	Times        bool `json:"times"`  // by_user has "time"
}

// Task tells a guest which part of which stage it is running.
type Task struct {
	Stage     string `json:"stage"`
	Index     int    `json:"index"`     // the stage's place in the plan, depth first from 0; the argument of rechost_run
	Iteration int    `json:"iteration"` // turn of the innermost repeat, from 0
	Shard     int    `json:"shard"`
	Shards    int    `json:"shards"`
	First     int    `json:"first"` // first row of this shard
	Rows      int    `json:"rows"`  // rows of this shard; 1 for once
}

// Plan is the stages in order, through "plan".
type Plan struct {
	Steps []Step `json:"steps"`
	Emits []Emit `json:"emits,omitempty"`
}

// Emit names a frame of the plan, in its last form, that is of use by itself:
// neighbours, factors, weights. The host can write it to a file, with raw ids,
// beside the recommendations. It has a row for each of Rows, and
//
//   - lists: IDs names an array of u32 per entry, ids of Of, and Values one of
//     f32 or f64 per entry, their scores, in any order;
//   - or a matrix: IDs is empty, and Values names an array of f32 or f64 per
//     row. Where Of is set, to the same as Rows, column j is the j-th of them.
type Emit struct {
	Name   string `json:"name"`
	Frame  string `json:"frame"`
	Rows   string `json:"rows"` // OverUsers or OverItems
	IDs    string `json:"ids,omitempty"`
	Of     string `json:"of,omitempty"` // OverUsers or OverItems
	Values string `json:"values"`
	Help   string `json:"help"`
}

// Step is a stage, or steps repeated: one of the two is set.
type Step struct {
	Stage  *Stage  `json:"stage,omitempty"`
	Repeat *Repeat `json:"repeat,omitempty"`
}

// Repeat runs its steps Times times, or until the frame Until, one array of
// one element, is not zero after a turn.
type Repeat struct {
	Times int    `json:"times"`
	Until string `json:"until,omitempty"`
	Steps []Step `json:"steps"`
}

// Stage is one function of the module, run over all shards of something.
type Stage struct {
	Name    string   `json:"name"`
	Over    string   `json:"over"`
	Inputs  []Input  `json:"inputs"`
	Outputs []Output `json:"outputs"`
}

// Input binds a frame's arrays to a stage's tasks, which open them as
// "frame.array".
type Input struct {
	Frame  string   `json:"frame"`
	Arrays []string `json:"arrays,omitempty"` // all of them when empty; offsets come along when entries do
	Bind   string   `json:"bind"`
}

// Output is a frame that a stage makes. A later output of the same name takes
// its place for the stages after it. Tasks write its arrays as "frame.array";
// one with arrays per entry has "frame.offsets" (u64, rows+1, from 0 in each
// task) too.
type Output struct {
	Frame   string  `json:"frame"`
	Combine string  `json:"combine,omitempty"` // Concat when empty
	Bind    string  `json:"bind,omitempty"`    // Rotated: the rows belong to partition (shard + iteration) mod shards; else Aligned
	Rows    int     `json:"rows,omitempty"`    // of a frame made by "once" or by Sum; else the shard's rows
	Arrays  []Array `json:"arrays"`
}

// Array declares one array of an output. A task writes rows (or entries) times
// Width elements, little endian.
type Array struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`           // u8 u32 i32 u64 i64 f32 f64
	Per   string `json:"per,omitempty"`   // PerRow when empty
	Width int    `json:"width,omitempty"` // columns; 0 is a 1-D array
}

// Imports of DataModule. Pointers and lengths are i32 byte counts within the
// guest's memory, counts of elements are i64. A call with wrong arguments ends
// the task with an error that says which; nothing returns an error code.
//
//	config_size() -> i32                      bytes of the configuration
//	config_read(ptr i32)                      writes them at ptr
//	describe(ptr i32, len i32)                JSON of Description; only in rechost_describe
//	plan(ptr i32, len i32)                    JSON of Plan; only in rechost_plan
//	input_open(name i32, len i32) -> i32      handle of an input, or -1 where there is none; handles count from 0
//	input_info(handle i32, ptr i32)           writes four u64: DType code, rows, width (0: 1-D), elements
//	input_read(handle i32, first i64, n i64, ptr i32)   elements [first, first+n) at ptr; mapped where it can be
//	output_write(name i32, len i32, ptr i32, bytes i32) appends to the named output array
//	log(level i32, ptr i32, len i32)          0 debug, 1 info, 2 warning
//	progress(done i64, total i64)             rows done in this task
//	fail(ptr i32, len i32)                    ends the task with this message; does not return
//	refuse(ptr i32, len i32)                  as fail, where what was asked for is wrong; only in rechost_plan
const (
	FnConfigSize  = "config_size"
	FnConfigRead  = "config_read"
	FnDescribe    = "describe"
	FnPlan        = "plan"
	FnInputOpen   = "input_open"
	FnInputInfo   = "input_info"
	FnInputRead   = "input_read"
	FnOutputWrite = "output_write"
	FnLog         = "log"
	FnProgress    = "progress"
	FnFail        = "fail"
	FnRefuse      = "refuse"
)

// DTypes lists the element types; a type's code in input_info is its place.
var DTypes = []string{"u8", "u32", "i32", "u64", "i64", "f32", "f64"}
