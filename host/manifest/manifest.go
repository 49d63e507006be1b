// Package manifest records a run so that anybody can check it: an in-toto
// Statement v1 (https://in-toto.io/Statement/v1) whose predicate is SLSA
// provenance v1 (https://slsa.dev/provenance/v1). manifest.schema.json beside
// this file describes its form.
//
// What can change a byte of the output stands in externalParameters and
// resolvedDependencies; what cannot (workers, executor, limits) stands in
// internalParameters. The byproduct "tasks" lists every task with the digests
// of its outputs under one Merkle root, so that a third party can run some of
// them again.
package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

// The types that the fields of these names have.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://slsa.dev/provenance/v1"
	BuildType     = "urn:rechost:run:v1"
)

// MaxBytes bounds a manifest that is read.
const MaxBytes = 256 << 20

// Statement is a manifest.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Predicate  `json:"predicate"`
}

// Resource is in-toto's ResourceDescriptor. URI is the path relative to the
// manifest's folder, with slashes.
type Resource struct {
	Name   string `json:"name,omitempty"`
	URI    string `json:"uri,omitempty"`
	Digest Sum    `json:"digest"`
}

// Sum is in-toto's DigestSet with the one algorithm used here.
type Sum struct {
	SHA256 digest.Digest `json:"sha256"`
}

// Predicate is SLSA provenance.
type Predicate struct {
	BuildDefinition BuildDefinition `json:"buildDefinition"`
	RunDetails      RunDetails      `json:"runDetails"`
}

// BuildDefinition is all that went into the run.
type BuildDefinition struct {
	BuildType            string     `json:"buildType"`
	ExternalParameters   External   `json:"externalParameters"`
	InternalParameters   Internal   `json:"internalParameters"`
	ResolvedDependencies []Resource `json:"resolvedDependencies"`
}

// External is what the user chose that can change a byte.
type External struct {
	Module     string         `json:"module"` // name it gives itself
	Parameters map[string]any `json:"parameters"`
	Seed       int64          `json:"seed"`
	Top        int            `json:"top"`
	KeepSeen   bool           `json:"keep_seen"`
	Granted    []string       `json:"granted"` // columns that the module may have beyond users and items, in the order value, time
	Shards     int            `json:"shards"`
	Duplicates string         `json:"duplicates"`
	User       string         `json:"user_column"`
	Item       string         `json:"item_column"`
	Value      string         `json:"value_column,omitempty"`
	Time       string         `json:"time_column,omitempty"`
	NoValue    bool           `json:"no_value,omitempty"`
	NoTime     bool           `json:"no_time,omitempty"`
	MinValue   *float64       `json:"min_value,omitempty"`
	TimeUnit   string         `json:"time_unit,omitempty"`
	ForUsers   bool           `json:"for_users"`                  // a file among the dependencies, role for-users, limits the targets
	UsersName  string         `json:"for_users_column,omitempty"` // its column, where one was named
	Candidates bool           `json:"candidates,omitempty"`       // a file among the dependencies, role candidates, limits the items
	Emit       []Emit         `json:"emit,omitempty"`             // other files, subjects after the first
	Salt       string         `json:"salt,omitempty"`
}

// Emit is something else that the module makes and that was written: what the
// plan calls it, and the form of the file.
type Emit struct {
	Name string `json:"name"`
	Form string `json:"form"` // parquet; or npy, whose subject is followed by one of its ids
}

// Subjects is how many files it was written to.
func (e Emit) Subjects() int {
	if e.Form == "npy" {
		return 2
	}
	return 1
}

// Internal is what cannot change a byte.
type Internal struct {
	Executor string      `json:"executor"`
	Engine   string      `json:"engine"`
	Workers  int         `json:"workers"`
	Limits   task.Limits `json:"limits"`
	Walls    []string    `json:"walls"`
	Trust    *Trust      `json:"trust,omitempty"` // where a trust file was asked
	Leak     Leak        `json:"leak_bits"`
	Shadowed int         `json:"shadowed,omitempty"` // tasks that wazero's other engine ran as well, with the same bytes
}

// Leak bounds what left the sandbox in a run that succeeded, in bits: the run's
// results are one of at most 2^Total that would have been no longer. Times that
// somebody measures from outside are not in it.
type Leak struct {
	Items   int64 `json:"items"`   // which items each list has, and how many
	Scores  int64 `json:"scores"`  // 32 each
	Emitted int64 `json:"emitted"` // in other files
	Log     int64 `json:"log"`     // messages that were shown
	Errors  int64 `json:"errors"`  // none: a run that fails has no record
	Record  int64 `json:"record"`  // in the manifest: digests of the tasks' outputs, entries in them, turns taken
	Figures int64 `json:"figures"` // numbers of the summary that a module can sway: times, memory, calls, fuel
	Total   int64 `json:"total"`
}

// Trust says which entry of a trust file admitted the module.
type Trust struct {
	File    digest.Digest `json:"file_sha256"`
	Entry   string        `json:"entry"` // "sha256:…" of the module, or "ed25519:…" of who signed it
	Comment string        `json:"comment,omitempty"`
}

// Names of the dependencies that are not input files.
const (
	ModuleName     = "module"
	ForUsersName   = "for-users"
	CandidatesName = "candidates"
	InputName      = "input"
	IndexName      = "index"
	PlanName       = "plan"
)

// RunDetails is who ran it, when, and what else came of it.
type RunDetails struct {
	Builder    Builder  `json:"builder"`
	Metadata   Metadata `json:"metadata"`
	Byproducts []Tasks  `json:"byproducts"`
}

// Builder is this program. Its ID differs by executor, since the two promise
// different things about the module.
type Builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

// Metadata is when.
type Metadata struct {
	StartedOn  string `json:"startedOn"` // RFC 3339, UTC
	FinishedOn string `json:"finishedOn"`
}

// Tasks is the byproduct "tasks": the record of each task, and their root.
type Tasks struct {
	Name        string `json:"name"`
	Digest      Sum    `json:"digest"`
	Annotations struct {
		Tasks []Task `json:"tasks"`
	} `json:"annotations"`
}

// Task is what one task gave.
type Task struct {
	ID        digest.Digest `json:"id"`
	Stage     string        `json:"stage"`
	Index     int           `json:"index"`
	Iteration int           `json:"iteration"`
	Shard     int           `json:"shard"`
	Shards    int           `json:"shards"`
	Outputs   []Output      `json:"outputs"`
}

// Output is one array of a task.
type Output struct {
	Name string `json:"name"`
	array.Meta
}

// NewTasks makes the byproduct of a run's tasks, in the plan's order.
func NewTasks(tasks []Task) Tasks {
	t := Tasks{Name: "tasks", Digest: Sum{Root(tasks)}}
	t.Annotations.Tasks = tasks
	return t
}

// Root is the Merkle tree hash of the tasks (RFC 6962, section 2.1), whose
// leaves are the canonical JSON of each.
func Root(tasks []Task) digest.Digest {
	switch n := len(tasks); n {
	case 0:
		return digest.Of(nil)
	case 1:
		b, err := json.Marshal(tasks[0])
		if err != nil {
			panic("manifest: a task does not marshal: " + err.Error()) // plain data always does
		}
		return sha256.Sum256(append([]byte{0}, b...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		l, r := Root(tasks[:k]), Root(tasks[k:])
		return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
	}
}

// Versions are those of all that could change a byte.
func Versions(rechost, engine, language string) map[string]string {
	return map[string]string{
		"rechost": rechost,
		"wazero":  engine,
		"go":      language,
		"abi":     itoa(abi.Version),
		"kernels": itoa(abi.KernelVersion),
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// Write writes the statement to the named file, whole or not at all.
func Write(name string, s *Statement) error {
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".rechost-*")
	if err != nil {
		return fault.File(name, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Chmod(0o644)
	}
	// No fsync, which would cost a small run a third of its time: where the
	// power fails in the next seconds, a manifest is lost that Parse would
	// refuse, and no data.
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fault.File(name, err)
	}
	return nil
}

// Read reads and checks a manifest, which may be anybody's. Unknown fields in
// externalParameters are refused: what is not understood could change a byte.
func Read(name string) (*Statement, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, fault.File(name, err)
	}
	switch {
	case fi.IsDir():
		return nil, fault.Use("%s is a folder, not a manifest", name)
	case !fi.Mode().IsRegular(): // a pipe would wait, a device has no end
		return nil, fault.New(fault.Failed, "%s: not a regular file, as a manifest must be", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.File(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fault.File(name, err)
	}
	if len(b) > MaxBytes {
		return nil, fault.Data("%s: more than %d bytes are too many for a manifest", name, MaxBytes)
	}
	s, err := Parse(b)
	if err != nil {
		return nil, fault.Data("%s: %v", name, err)
	}
	return s, nil
}

// Parse is Read for bytes.
func Parse(b []byte) (*Statement, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	d.UseNumber()
	var s Statement
	if err := d.Decode(&s); err != nil {
		return nil, fault.Data("not a manifest of rechost: %s", fault.Clean(err.Error(), 200))
	}
	def := s.Predicate.BuildDefinition
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.Data("the manifest has text after its end")
	}
	switch {
	case s.Type != StatementType || s.PredicateType != PredicateType || def.BuildType != BuildType:
		return nil, fault.Data("not a manifest of rechost: its types are %s, %s, %s", fault.Clean(s.Type, 80), fault.Clean(s.PredicateType, 80), fault.Clean(def.BuildType, 80))
	case len(s.Subject) != subjects(def.ExternalParameters.Emit):
		return nil, fault.Data("the manifest has %d subjects, not %d", len(s.Subject), subjects(def.ExternalParameters.Emit))
	case len(s.Predicate.RunDetails.Byproducts) != 1:
		return nil, fault.Data("the manifest has %d byproducts, not one", len(s.Predicate.RunDetails.Byproducts))
	}
	for _, e := range def.ExternalParameters.Emit {
		// Whoever verifies makes files of these forms: of no other name.
		if e.Form != "parquet" && e.Form != "npy" {
			return nil, fault.Data("the manifest says that something was emitted in the form %q: the forms are parquet and npy", fault.Clean(e.Form, 80))
		}
	}
	for _, name := range []string{ModuleName, IndexName, PlanName} {
		if n := len(s.Dependencies(name)); n != 1 {
			return nil, fault.Data("the manifest names %d dependencies %q, not one", n, name)
		}
	}
	if len(s.Dependencies(InputName)) == 0 {
		return nil, fault.Data("the manifest names no input")
	}
	if def.ExternalParameters.Granted == nil {
		return nil, fault.Data("the manifest does not say which columns the module was granted")
	}
	t := s.Predicate.RunDetails.Byproducts[0]
	if Root(t.Annotations.Tasks) != t.Digest.SHA256 {
		return nil, fault.Data("the manifest was changed: its list of tasks does not have the root that it states")
	}
	return &s, nil
}

// subjects counts the recommendations and what was emitted beside them.
func subjects(emitted []Emit) int {
	n := 1
	for _, e := range emitted {
		n += e.Subjects()
	}
	return n
}

// Dependencies returns the resolved dependencies of a name.
func (s *Statement) Dependencies(name string) []Resource {
	var r []Resource
	for _, d := range s.Predicate.BuildDefinition.ResolvedDependencies {
		if d.Name == name {
			r = append(r, d)
		}
	}
	return r
}

// Tasks returns the records of the tasks.
func (s *Statement) Tasks() []Task { return s.Predicate.RunDetails.Byproducts[0].Annotations.Tasks }

// URI is how a manifest in the folder dir names the file path: relative to
// the folder where that can be done, with slashes.
func URI(dir, path string) string {
	a, err1 := filepath.Abs(dir)
	b, err2 := filepath.Abs(path)
	if err1 == nil && err2 == nil {
		if r, err := filepath.Rel(a, b); err == nil {
			return filepath.ToSlash(r)
		}
		return filepath.ToSlash(b)
	}
	return filepath.ToSlash(path)
}

// Path is the inverse of URI.
func Path(dir, uri string) string {
	p := filepath.FromSlash(uri)
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, p)
}
