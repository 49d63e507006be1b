package capsule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

// Arrays reads the arrays of tasks.
type Arrays interface {
	Read(m array.Meta) (data []byte, release func(), err error)
}

const nameFolder = "name a folder that you may write to: --save-failures FOLDER"

// Ready makes the folder dir where it is not there, and tries whether capsules
// can be saved in it: before a long run, not after it.
func Ready(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var tmp string
		if tmp, err = os.MkdirTemp(dir, ".capsule-"); err == nil {
			err = os.Remove(tmp)
		}
	}
	if err != nil {
		return fault.New(fault.Failed, "%s: tasks that fail cannot be saved there: %v", dir, fault.Cause(err)).WithHint(nameFolder)
	}
	return nil
}

// Save puts task t with its module and what its inputs hold into a new folder
// in dir, which is made where it is not there, and returns the folder's name.
// Everything of c but Task, Version and the module's digest and size is the
// caller's. Where the very same was saved before, that is left as it is.
func Save(dir string, c Capsule, t *task.Task, wasm []byte, from Arrays) (path string, err error) {
	failed := func(err error) (string, error) {
		return "", fault.New(fault.Failed, "cannot save the task: %v", err).
			WithHint(nameFolder)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return failed(err)
	}
	tmp, err := os.MkdirTemp(dir, ".capsule-") // mode 0700
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(tmp) // not there where it has its name
	c.Version = Version
	c.Module.Digest, c.Module.Bytes = digest.Of(wasm), int64(len(wasm))
	c.Task = Task{ID: t.ID, Phase: t.Phase, Stage: t.Stage, Index: t.Index, Iteration: t.Iteration, Shard: t.Shard, Shards: t.Shards, Config: t.Config}
	for _, o := range t.Outputs {
		c.Task.Outputs = append(c.Task.Outputs, Output(o))
	}
	var total int64
	for _, in := range t.Inputs {
		if total += int64(in.Rows) * int64(in.Array.RowBytes()); total > maxBytes {
			return failed(fmt.Errorf("its inputs have more than %d bytes", int64(maxBytes)))
		}
		m, err := cut(tmp, in, from)
		if err != nil {
			return failed(err)
		}
		c.Task.Inputs = append(c.Task.Inputs, Input{Name: in.Name, First: in.First, Meta: m})
	}
	record, err := json.MarshalIndent(c, "", " ")
	if err == nil {
		err = put(tmp, ModuleFile, wasm)
	}
	if err == nil {
		err = put(tmp, recordName, append(record, '\n'))
	}
	if err != nil {
		return failed(err)
	}
	base := fmt.Sprintf("%s-%d-of-%d-%s", t.Stage, t.Shard+1, t.Shards, t.ID.Short())
	if t.Phase != task.Running {
		base = fmt.Sprintf("%s-%s", t.Phase, t.ID.Short())
	}
	for n := 1; n < 1000; n++ {
		path = filepath.Join(dir, base)
		if n > 1 {
			path += fmt.Sprint("-", n)
		}
		if old, err := os.ReadFile(filepath.Join(path, recordName)); err == nil && bytes.Equal(old, append(record, '\n')) {
			return path, nil
		}
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		if err := os.Rename(tmp, path); err != nil {
			return failed(err)
		}
		return path, nil
	}
	return failed(fmt.Errorf("%s was saved a thousand times", base))
}

// cut writes the rows of an input that its task was given.
func cut(dir string, in task.Input, from Arrays) (array.Meta, error) {
	data, release, err := from.Read(in.Array)
	if err != nil {
		return array.Meta{}, err
	}
	defer release()
	row := in.Array.RowBytes()
	data = data[in.First*row:][:in.Rows*row]
	m := in.Array
	m.Rows = in.Rows
	m.Digest = digest.OfParts(m.Header(), data)
	return m, put(dir, arrayName(m), m.Header(), data)
}

func arrayName(m array.Meta) string { return m.Digest.String() + ".npy" }

// put writes a file, mode 0600.
func put(dir, name string, parts ...[]byte) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			f.Close()
			return err
		}
	}
	return f.Close()
}
