package capsule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

// Bounds on a capsule that is opened.
const (
	maxRecord = 16 << 20 // bytes of capsule.json
	maxModule = 64 << 20 // bytes of the module
	maxText   = 64 << 10 // bytes of a message
	maxBytes  = 16 << 30 // of all arrays; a file can say any size without taking room
)

// Opened is a capsule whose arrays are in a store.
type Opened struct {
	Capsule
	Wasm []byte
	Run  task.Task // to run again
}

// Store is where the arrays of an opened capsule go.
type Store interface {
	// Copy stores an array whose data is what r gives, piece by piece. The
	// returned Meta has the digest that it has, whatever m's says.
	Copy(m array.Meta, r io.Reader) (array.Meta, error)
}

// whatItIs tells who names something else what to name.
const whatItIs = "a capsule is a folder that --save-failures or --shadow made"

// Open reads and checks the capsule in the folder dir and puts its arrays into
// a store. Errors of what it holds are of code fault.BadData and name the file.
func Open(dir string, to Store) (*Opened, error) {
	root, err := os.OpenRoot(dir) // no name in it leads out of it
	if err != nil {
		return nil, fault.File(dir, err).WithHint(whatItIs)
	}
	defer root.Close()
	bad := func(name string, err error) *fault.Error { return fault.Data("%s/%s: %v", dir, name, err) }
	b, err := read(root, recordName, maxRecord)
	if err != nil {
		return nil, bad(recordName, err).WithHint(whatItIs)
	}
	c, err := parse(b)
	if err != nil {
		return nil, bad(recordName, err)
	}
	o := &Opened{Capsule: *c, Run: c.Task.task()}
	if o.Wasm, err = read(root, ModuleFile, maxModule); err != nil {
		return nil, bad(ModuleFile, err)
	}
	if digest.Of(o.Wasm) != c.Module.Digest || int64(len(o.Wasm)) != c.Module.Bytes {
		return nil, bad(ModuleFile, fmt.Errorf("it is not the module that the capsule names: it was changed"))
	}
	var total int64
	for _, in := range c.Task.Inputs {
		name := arrayName(in.Meta)
		if total += in.Bytes(); total > maxBytes {
			return nil, bad(name, fmt.Errorf("with it the inputs have more than %d bytes", int64(maxBytes)))
		}
		f, size, err := open(root, name, array.HeaderSize+in.Bytes())
		if err != nil {
			return nil, bad(name, err)
		}
		m, err := keep(f, size, to)
		f.Close()
		switch {
		case fault.CodeOf(err) == fault.BadData:
			return nil, bad(name, err)
		case err != nil:
			return nil, err
		case m != in.Meta:
			return nil, bad(name, fmt.Errorf("it is not the array that the capsule names: it was changed"))
		}
	}
	return o, nil
}

// keep puts the array in a file of size bytes into a store, without ever having
// more than a piece of it in memory. What is no array is of code fault.BadData.
func keep(f io.Reader, size int64, to Store) (array.Meta, error) {
	m, err := array.ReadHeader(f, size)
	if err != nil {
		return m, fault.Data("%v", err)
	}
	return to.Copy(m, f)
}

// open opens a regular file of at most most bytes and gives its size. What is
// looked at is what was opened, whatever has its name by then; O_NONBLOCK keeps a
// pipe from being waited for. The name is looked at for links, none of which
// leads out of root anyway.
func open(root *os.Root, name string, most int64) (*os.File, int64, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if fi, err := root.Lstat(name); err == nil && !fi.Mode().IsRegular() {
			return nil, 0, errNoFile
		}
		return nil, 0, fault.Cause(err)
	}
	fi, err := f.Stat()
	switch link, linkErr := root.Lstat(name); {
	case err != nil:
		err = fault.Cause(err)
	case !fi.Mode().IsRegular() || linkErr == nil && !link.Mode().IsRegular():
		err = errNoFile
	case fi.Size() > most:
		err = fmt.Errorf("%d bytes, more than %d", fi.Size(), most)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}

var errNoFile = errors.New("not a regular file")

// read reads such a file whole.
func read(root *os.Root, name string, most int64) ([]byte, error) {
	f, size, err := open(root, name, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	_, err = io.ReadFull(f, b)
	return b, err
}

var stageForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// parse reads the record, which may be anything. What it returns is in range
// and fit for a terminal.
func parse(b []byte) (*Capsule, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c Capsule
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("not the record of a capsule: %s", fault.Clean(err.Error(), 200))
	}
	if d.More() {
		return nil, fmt.Errorf("there is text after its end")
	}
	if c.Version != Version {
		return nil, fmt.Errorf("a capsule of version %d; this rechost reads version %d", c.Version, Version)
	}
	// It stands before the module's errors, which may have several lines.
	c.Module.Name = strings.Join(strings.Fields(fault.Clean(c.Module.Name, 255)), " ")
	for _, s := range []*string{&c.Executor, &c.Engine, &c.Seen.Error, &c.Seen.Hint} {
		*s = fault.Clean(*s, maxText)
	}
	if len(c.Versions) > 20 {
		return nil, fmt.Errorf("%d versions", len(c.Versions))
	}
	versions := map[string]string{}
	for n, v := range c.Versions {
		versions[fault.Clean(n, 100)] = fault.Clean(v, 100)
	}
	c.Versions = versions
	if err := c.Limits.Check(); err != nil {
		return nil, fmt.Errorf("limits: %v", err)
	}
	switch s := &c.Seen; {
	case s.Why != Failed && s.Why != Refused && s.Why != Differs:
		return nil, fmt.Errorf("it was saved for the reason %q", fault.Clean(string(s.Why), 40))
	case s.Code != fault.Failed && s.Code != fault.Module && s.Code != fault.Limit && s.Code != fault.Differs:
		return nil, fmt.Errorf("what was seen has the code %d", s.Code)
	case len(s.Outputs) > task.MaxArrays || len(s.Others) > task.MaxArrays:
		return nil, fmt.Errorf("%d and %d outputs were seen", len(s.Outputs), len(s.Others))
	}
	return &c, c.Task.check()
}

// check makes sure that the task is one that an executor may be given.
func (t *Task) check() error {
	switch {
	case t.Phase == task.Describing || t.Phase == task.Planning:
		if t.Stage != "" || t.Index != 0 || t.Iteration != 0 || t.Shard != 0 || t.Shards != 0 || len(t.Inputs) != 0 || len(t.Outputs) != 0 {
			return fmt.Errorf("what a module is asked before there are tasks is none of a stage")
		}
	case t.Phase != task.Running:
		return fmt.Errorf("the phase is named %q", fault.Clean(string(t.Phase), 80))
	case !stageForm.MatchString(t.Stage):
		return fmt.Errorf("the stage is named %q", fault.Clean(t.Stage, 80))
	case t.Index < 0 || t.Index > 1<<16 || t.Iteration < 0 || t.Iteration > 1<<30:
		return fmt.Errorf("stage number %d, iteration %d", t.Index, t.Iteration)
	case t.Shard < 0 || t.Shard >= t.Shards || t.Shards > 1<<20:
		return fmt.Errorf("shard %d of %d", t.Shard, t.Shards)
	case len(t.Inputs) > task.MaxArrays || len(t.Outputs) == 0 || len(t.Outputs) > task.MaxArrays:
		return fmt.Errorf("%d inputs and %d outputs", len(t.Inputs), len(t.Outputs))
	}
	var config bytes.Buffer
	if err := json.Compact(&config, t.Config); err != nil || config.Len() == 0 || config.Bytes()[0] != '{' {
		return fmt.Errorf("the configuration is no JSON object")
	}
	t.Config = config.Bytes() // as the guest read it; a record is indented
	names := map[string]bool{}
	name := func(s string) error {
		if len(s) > 200 || s == "" || fault.Clean(s, len(s)) != s || names[s] {
			return fmt.Errorf("an array is named %q", fault.Clean(s, 80))
		}
		names[s] = true
		return nil
	}
	for i, in := range t.Inputs {
		if err := name(in.Name); err != nil {
			return err
		}
		if in.Rows < 0 || in.Width < 0 || in.Rows > array.MaxElements || in.Width > array.MaxElements/max(in.Rows, 1) || in.First < 0 {
			return fmt.Errorf("input %d has %d rows from %d on, %d wide", i, in.Rows, in.First, in.Width)
		}
	}
	clear(names)
	for i, o := range t.Outputs {
		if err := name(o.Name); err != nil {
			return err
		}
		if o.Rows < -1 || o.Rows > array.MaxElements || o.Width < 0 || o.Width > 1<<20 {
			return fmt.Errorf("output %d has %d rows, %d wide", i, o.Rows, o.Width)
		}
	}
	return nil
}
