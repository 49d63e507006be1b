// Package host runs recommender modules that it does not trust on data that
// must not leak:
//
//	s, err := host.Run(ctx, host.Job{
//		Module: "cf.wasm",
//		Paths:  []string{"ratings.parquet"},
//		Out:    "recommendations.parquet",
//	})
//
// It is the only place that knows the whole way of the data: read, index, cut,
// plan, run the tasks, join, check, write, record. The packages below it each
// know one step and none looks back up the line.
//
// # Notes
//
// What a Job gives depends on its module, parameters, data, seed, top, filters
// and shards, and on nothing else: not on workers, executor, machine, or what
// the journal remembers. A program that uses the processes executor calls
// executor.WorkerMain first in its main, if executor.IsWorker says so, or names
// the rechost binary in Job.Worker.
package host

import (
	"time"

	"rechost/guest/abi"
	"rechost/host/digest"
	"rechost/host/interactions"
	"rechost/host/manifest"
	"rechost/host/matrix"
	"rechost/host/recs"
	"rechost/host/task"
)

// Job is what to run. The zero value of every field but Module and Paths is a
// sensible choice.
type Job struct {
	Module string            // path of a .wasm file
	Params map[string]string // by name, as text; checked against the module's declarations

	ModuleSHA256 digest.Digest // that the module's file must have; zero: any
	Trust        string        // trust file (package trust) that must list the module; "": none is asked
	Grant        []string      // columns that the module may have beyond users, items and values: abi.Time
	QuietGuest   bool          // drop the module's own words: messages, texts of errors, names of stages

	Paths      []string // files, folders, globs
	Data       interactions.Options
	Duplicates matrix.Duplicates

	Seed     int64
	Top      int    // longest list; 0 is DefaultTop
	KeepSeen bool   // lists may hold a user's own items
	ForUsers string // file that limits whom to recommend for
	// Candidates is a file of the only items that lists may hold, for each user
	// or, with a column of items alone, for all; see recs.ReadCandidates.
	Candidates string
	Shards     int // 0: from the data alone

	ForUsersColumn string // of users in ForUsers; "" is Data.User, or is found by its name

	Out      string     // "" is recommendations.parquet
	Emit     []Emission // what else the module makes to write to files
	Manifest string     // "" is Out with .manifest.json in place of its ending

	Executor string // Processes or Goroutines; "" is the safest that the system has
	Worker   string // binary that runs as a worker; "" is this program's own
	Workers  int    // tasks at a time; 0 is the number of cores
	Limits   task.Limits
	// RequireIsolation refuses to run a guest where one of the walls of a worker
	// process is missing.
	RequireIsolation bool
	Interpreter      bool   // wazero's interpreter instead of its compiler
	Store            string // folder; "" is in the user's cache folder
	NoCache          bool   // use a temporary store and remember nothing
	Salt             string // part of every task's identity: set it to disown what a store remembers

	// Shadow is the share of the tasks, 0 to 1, that wazero's other engine runs
	// as well; different bytes fail the run (fault.Differs) and leave a capsule.
	Shadow float64
	// SaveFailures is the folder for capsules of tasks that fail, for Replay.
	// They hold private data. "" is none, but for tasks that differ: those go to
	// a folder DefaultFailures beside the output.
	SaveFailures string

	Progress func(Event) // called from one goroutine at a time; may be nil
}

// Emission asks for one of the frames that a module's plan offers by name, to
// be written to a file that ends in .parquet or .npy; see package emit.
type Emission struct {
	Name, File string
}

// Names of the executors.
const (
	Processes  = "processes"
	Goroutines = "goroutines"
)

// DefaultTop is the length of lists when Job.Top is 0.
const DefaultTop = 20

// DefaultFailures is the name of the folder for capsules where none is named.
const DefaultFailures = "rechost-failures"

// Event tells how far a run is.
type Event struct {
	Phase string // read, index, plan (and what of compiling is left then), stage, write
	Stage string // of a stage: "users"
	Turn  string // of a stage in a repeat: "3/15", else ""
	Done  int    // tasks done, or row groups read
	Total int    // 0 where it is not known
	Kept  int    // of Done, tasks that the journal had
	End   bool   // the phase is over
	Note  string // something to tell a person, in an event of its own
	Alert bool   // of a note: it is for those who asked for quiet too
}

// Summary is what a run did.
type Summary struct {
	Module     Module              `json:"module"`
	Trusted    *manifest.Trust     `json:"trusted,omitempty"` // by which entry of which trust file
	Parameters map[string]any      `json:"parameters"`
	Columns    []string            `json:"columns"` // that the module got beyond users and items
	Input      interactions.Report `json:"input"`
	Combined   int64               `json:"combined"` // rows that were repeats of a pair
	Users      int                 `json:"users"`
	Items      int                 `json:"items"`
	Entries    int                 `json:"interactions"`
	Targets    int                 `json:"targets"`
	Unknown    int                 `json:"unknown_users,omitempty"` // of ForUsers, not in the data
	Candidates *CandidatesRead     `json:"candidates,omitempty"`
	Shards     int                 `json:"shards"`
	Seed       int64               `json:"seed"`
	Top        int                 `json:"top"`
	Tasks      int                 `json:"tasks"`
	Reused     int                 `json:"reused"`             // tasks that the journal had
	Shadowed   int                 `json:"shadowed,omitempty"` // tasks that the other engine ran too, with the same bytes
	Stages     []StageTime         `json:"stages"`
	Times      Times               `json:"seconds"`
	PeakMemory int64               `json:"peak_memory_bytes"` // of this process and the largest worker, each
	Output     recs.Written        `json:"output"`
	Emitted    []Emitted           `json:"emitted,omitempty"`
	Manifest   string              `json:"manifest"`
	Executor   string              `json:"executor"`
	Engine     string              `json:"engine"`
	Workers    int                 `json:"workers"`
	Walls      []string            `json:"walls"`
	Notes      []string            `json:"notes,omitempty"`
	Log        []string            `json:"log,omitempty"` // the guests' messages, the first of them
	Leak       manifest.Leak       `json:"leak_bits"`     // the most that left the sandbox
	Root       digest.Digest       `json:"tasks_root"`
}

// Emitted is one file that a run wrote for Job.Emit.
type Emitted struct {
	Name string `json:"name"` // that was asked for
	recs.Written
}

// CandidatesRead is what a run used of Job.Candidates.
type CandidatesRead struct {
	ForAll  bool  `json:"for_all"`           // the same for every user
	Rows    int64 `json:"rows"`              // of the file, but those without a user or an item
	LeftOut int64 `json:"left_out"`          // those
	Unknown int64 `json:"unknown"`           // of Rows, with a user or an item that is not in the data
	Pairs   int   `json:"pairs"`             // of user and item; items where they are for all
	Without int   `json:"users_without_any"` // of the targets
}

// Module is a module as a run saw it.
type Module struct {
	Path    string        `json:"path"`
	Name    string        `json:"name"`
	Version string        `json:"version"`
	Digest  digest.Digest `json:"sha256"`
	Size    int64         `json:"bytes"`
}

// StageTime is what a stage took, over all its turns.
type StageTime struct {
	Stage  string     `json:"stage"`
	Turns  int        `json:"turns"`
	Tasks  int        `json:"tasks"`
	Reused int        `json:"reused"`
	Wall   float64    `json:"seconds"`
	Sum    task.Stats `json:"sum"` // over the tasks that ran
}

// Times are the wall-clock seconds of the phases.
type Times struct {
	Read   float64 `json:"read"`
	Index  float64 `json:"index"`
	Plan   float64 `json:"plan"` // starting workers, compiling, planning; overlaps with read
	Stages float64 `json:"stages"`
	Reduce float64 `json:"reduce"` // joining outputs and checking lists
	Write  float64 `json:"write"`
	Total  float64 `json:"total"`
	Guest  float64 `json:"guest"` // summed over tasks
	Kernel float64 `json:"kernel"`
	Host   float64 `json:"host"`
}

// seconds rounds a duration for people and JSON.
func seconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }

// Explanation is a plan before it is run.
type Explanation struct {
	Module     Module              `json:"module"`
	Parameters map[string]any      `json:"parameters"`
	Input      interactions.Report `json:"input"`
	Users      int                 `json:"users"`
	Items      int                 `json:"items"`
	Entries    int                 `json:"interactions"`
	Targets    int                 `json:"targets"`
	Shards     int                 `json:"shards"`
	Columns    []string            `json:"columns"` // that the module gets beyond users and items
	Plan       abi.Plan            `json:"plan"`    // with what it emits
	Stages     []ExplainedStage    `json:"stages"`
	Tasks      int                 `json:"tasks"`   // all turns
	Known      int                 `json:"journal"` // of them, in the journal already
}

// ExplainedStage is one stage of the plan, over all its turns.
type ExplainedStage struct {
	abi.Stage
	Index   int   `json:"index"`
	Turns   int   `json:"turns"`
	Rows    int   `json:"rows"`    // that it runs over
	Shards  int   `json:"shards"`  // tasks a turn
	Bytes   int64 `json:"bytes"`   // fed to the tasks of one turn; arrays of unknown length left out
	Journal int   `json:"journal"` // tasks of all turns that the journal has
	Unknown bool  `json:"unknown"` // whether the journal has the rest can only be told after earlier stages have run
}

// ModuleInfo is what can be known of a module without data.
type ModuleInfo struct {
	Module
	ABI         int             `json:"abi"`
	Description abi.Description `json:"description"`
	Emits       []abi.Emit      `json:"emits,omitempty"` // with defaults for parameters that Job.Params has not
	// EmitsUnknown is why Emits cannot be told: the module makes no plan.
	EmitsUnknown string   `json:"emits_unknown,omitempty"`
	Imports      []string `json:"imports"` // "rechost.log(i32, i32, i32)"
	Exports      []string `json:"exports"`
	Functions    int      `json:"functions"`
	Code         int64    `json:"code_bytes"`
	MinMemory    int64    `json:"min_memory_bytes"`
	MaxMemory    int64    `json:"max_memory_bytes,omitempty"` // that it declares; --memory bounds it too
	Tables       []string `json:"tables,omitempty"`           // "12 elements, at most 20"
	Build        []string `json:"build,omitempty"`            // producers, build information
}

// Check is a run to verify.
type Check struct {
	Manifest string   // path
	Module   string   // path of the module; "" is where the manifest says
	Paths    []string // of the inputs; none: where the manifest says
	ForUsers string   // path of the file of users; "" is where the manifest says
	// Candidates is the path of the file of candidates; "" is where the manifest says.
	Candidates string

	ModuleSHA256 digest.Digest // that the module must have, whatever the manifest says; zero: any
	Trust        string        // as Job.Trust

	RequireIsolation bool // as Job.RequireIsolation
	QuietGuest       bool // as Job.QuietGuest; nor is the element shown that differs

	Sample      float64 // share of the tasks to run again, 0 < Sample < 1; 0 runs the whole job again
	Interpreter bool
	Executor    string
	Worker      string
	Workers     int
	Limits      task.Limits
	Store       string // that of the run, for Sample and to show values that differ
	Progress    func(Event)
}

// Verification is what a Check found.
type Verification struct {
	Manifest   string      `json:"manifest"`
	Output     string      `json:"output"`
	Checked    []string    `json:"checked"` // what was compared and is equal
	Tasks      int         `json:"tasks"`   // of the run
	Rerun      int         `json:"rerun"`
	Caught     float64     `json:"caught"` // probability with which one forged task in a hundred would have been seen
	Difference *Difference `json:"difference,omitempty"`
	Notes      []string    `json:"notes,omitempty"`
}

// Difference is the first place where a run and its repetition differ.
type Difference struct {
	What    string `json:"what"` // output, stage users turn 3, …
	Stage   string `json:"stage,omitempty"`
	Turn    int    `json:"turn,omitempty"`
	Shard   int    `json:"shard,omitempty"`
	Array   string `json:"array,omitempty"`
	Element int    `json:"element,omitempty"` // -1 where the original's data is gone
	Was     string `json:"was"`
	Is      string `json:"is"`
}
