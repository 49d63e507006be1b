// Package capsule keeps single tasks, with all that they need, so that each can
// be run again by itself on any machine. A capsule is a folder:
//
//	capsule.json   what the task is, the limits it ran under, and what was seen
//	module.wasm    the module
//	ab12….npy      the rows of its inputs, named by the SHA-256 of the file
//
// # Notes
//
//   - A capsule holds private data: the rows that the task was given. Folders
//     have mode 0700 and files 0600.
//   - One that is opened may be anybody's: sizes, digests, shapes, counts and
//     texts are checked first, and its arrays are copied into a store, so that
//     nobody can change them afterwards.
package capsule

import (
	"encoding/json"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

// Version is that of the form of capsules.
const Version = 1

// Names of the files of a capsule.
const (
	recordName = "capsule.json"
	ModuleFile = "module.wasm"
)

// Capsule is what capsule.json records.
type Capsule struct {
	Version  int               `json:"capsule"`
	Module   Module            `json:"module"`
	Versions map[string]string `json:"versions"` // of rechost and all that could change a byte, as in a manifest
	Executor string            `json:"executor"`
	Engine   string            `json:"engine"`
	// Interpreter says which of wazero's engines it was.
	Interpreter bool        `json:"interpreter"`
	Task        Task        `json:"task"`
	Limits      task.Limits `json:"limits"`
	Seen        Seen        `json:"seen"`
}

// Module is the module of the task.
type Module struct {
	Name   string        `json:"name"` // of its file, for messages
	Digest digest.Digest `json:"sha256"`
	Bytes  int64         `json:"bytes"`
}

// Task is a task.Task whose inputs are cut to the rows that it was given. Its
// ID, of which its random numbers are made, is that of the uncut one. One that
// describes or plans has no stage, no inputs and no outputs.
type Task struct {
	ID        digest.Digest   `json:"id"`
	Phase     task.Phase      `json:"phase,omitempty"`
	Stage     string          `json:"stage"`
	Index     int             `json:"index"`
	Iteration int             `json:"iteration"`
	Shard     int             `json:"shard"`
	Shards    int             `json:"shards"`
	Config    json.RawMessage `json:"config"`
	Inputs    []Input         `json:"inputs"`
	Outputs   []Output        `json:"outputs"`
}

// Input is what a task was given of an array.
type Input struct {
	Name  string `json:"name"`  // "frame.array"
	First int    `json:"first"` // row of the whole array that comes first here
	array.Meta
}

// Output is an array that the task must write. Rows is -1 where it may write as
// many as it likes.
type Output struct {
	Name  string      `json:"name"`
	DType array.DType `json:"dtype"`
	Width int         `json:"width,omitempty"`
	Rows  int         `json:"rows"`
}

// Why a task was saved.
type Why string

// The reasons.
const (
	Failed  Why = "failed"  // it ended with an error
	Refused Why = "refused" // what it gave was refused
	Differs Why = "differs" // wazero's two engines gave different bytes
)

// Seen is what was seen of the task when it was saved.
type Seen struct {
	Why     Why          `json:"why"`
	Code    fault.Code   `json:"code"`
	Error   string       `json:"error"`
	Hint    string       `json:"hint,omitempty"`
	Outputs []array.Meta `json:"outputs,omitempty"` // what it gave, where it gave something
	Others  []array.Meta `json:"others,omitempty"`  // what the other engine gave, of one that differs
}

// task is t for an executor.
func (t *Task) task() task.Task {
	x := task.Task{
		ID: t.ID, Phase: t.Phase, Stage: t.Stage, Index: t.Index, Iteration: t.Iteration, Shard: t.Shard, Shards: t.Shards, Config: t.Config,
	}
	for _, in := range t.Inputs {
		x.Inputs = append(x.Inputs, task.Input{Name: in.Name, Array: in.Meta, Rows: in.Rows})
	}
	for _, o := range t.Outputs {
		x.Outputs = append(x.Outputs, task.Output(o))
	}
	return x
}
