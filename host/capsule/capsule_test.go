package capsule

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

// memory is a store in a map.
type memory map[digest.Digest][]byte

func (s memory) Put(m array.Meta, parts ...[]byte) (array.Meta, error) {
	b := bytes.Join(parts, nil)
	if int64(len(b)) != m.Bytes() {
		return m, fmt.Errorf("%d bytes for %+v", len(b), m)
	}
	m.Digest = digest.OfParts(m.Header(), b)
	s[m.Digest] = b
	return m, nil
}

func (s memory) Copy(m array.Meta, r io.Reader) (array.Meta, error) {
	b, err := io.ReadAll(io.LimitReader(r, m.Bytes()))
	if err != nil {
		return m, err
	}
	return s.Put(m, b)
}

func (s memory) Read(m array.Meta) ([]byte, func(), error) {
	b, ok := s[m.Digest]
	if !ok {
		return nil, nil, fmt.Errorf("%s is not there", m.Digest.Short())
	}
	return b, func() {}, nil
}

var wasm = []byte("\x00asm\x01\x00\x00\x00")

// example is a task with two inputs, of one of which it is given rows 2 to 4.
func example(t testing.TB) (*task.Task, memory) {
	st := memory{}
	put := func(m array.Meta, b []byte) array.Meta {
		m, err := st.Put(m, b)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	x := put(array.Meta{DType: array.F32, Rows: 6, Width: 2}, array.BytesOf([]float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}))
	y := put(array.Meta{DType: array.U8, Rows: 3}, []byte{1, 2, 3})
	return &task.Task{
		ID: digest.Of([]byte("task")), Stage: "users", Index: 1, Iteration: 2, Shard: 3, Shards: 16, Config: []byte(`{"abi":1,"text":"\u003cb\u003e"}`),
		Inputs:  []task.Input{{Name: "f.x", Array: x, First: 2, Rows: 3}, {Name: "f.y", Array: y, First: 0, Rows: 3}},
		Outputs: []task.Output{{Name: "o.z", DType: array.I64, Rows: -1}},
	}, st
}

func about() Capsule {
	return Capsule{Module: Module{Name: "x.wasm"}, Versions: map[string]string{"abi": "1"}, Executor: "processes", Engine: "wazero",
		Limits: task.Limits{Memory: 1 << 20}, Seen: Seen{Why: Failed, Code: fault.Module, Error: "x.wasm: stage users: trap"}}
}

func save(t testing.TB, dir string) string {
	t.Helper()
	x, st := example(t)
	path, err := Save(dir, about(), x, wasm, st)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSaveAndOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "failures")
	path := save(t, dir)
	st := memory{}
	o, err := Open(path, st)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := example(t)
	in := o.Run.Inputs[0]
	if got := fmt.Sprint(array.View[float32](st[in.Array.Digest])); got != "[4 5 6 7 8 9]" || in.First != 0 || in.Rows != 3 || in.Array.Rows != 3 {
		t.Errorf("input %+v holds %s", in, got)
	}
	if o.Task.Inputs[0].First != 2 || !bytes.Equal(o.Wasm, wasm) || !reflect.DeepEqual(o.Seen, about().Seen) {
		t.Errorf("opened %+v", o.Capsule)
	}
	o.Run.Inputs = want.Inputs
	if !reflect.DeepEqual(o.Run, *want) {
		t.Errorf("task\n%+v, was\n%+v", o.Run, *want)
	}
	if runtime.GOOS != "windows" {
		for _, name := range []string{path, filepath.Join(path, ModuleFile), filepath.Join(path, recordName), filepath.Join(path, arrayName(o.Run.Inputs[1].Array))} {
			if fi, err := os.Stat(name); err != nil || fi.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: mode %v, %v", name, fi.Mode(), err)
			}
		}
	}
	// The same again is not saved twice; the same task with another failure is.
	if again := save(t, dir); again != path {
		t.Errorf("saved again as %s", again)
	}
	other := about()
	other.Seen.Error = "x.wasm: stage users: still running after 1s"
	x, from := example(t)
	if p, err := Save(dir, other, x, wasm, from); err != nil || p != path+"-2" {
		t.Errorf("%s, %v", p, err)
	}
	delete(from, x.Inputs[1].Array.Digest)
	if _, err := Save(dir, other, x, wasm, from); fault.CodeOf(err) != fault.Failed {
		t.Errorf("an input that is gone: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".capsule*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What was changed is refused, and the error names the file.
func TestOpenRefuses(t *testing.T) {
	x, _ := example(t)
	arr := digest.OfParts(x.Inputs[1].Array.Header(), []byte{1, 2, 3}).String() + ".npy"
	for name, c := range map[string]struct {
		file, old, new string // of a text
		do             func(path string) error
		says           string
	}{
		"module":           {file: ModuleFile, old: "asm", new: "ASM", says: "module.wasm: it is not the module"},
		"longer module":    {file: ModuleFile, old: "asm", new: "asm ", says: "module.wasm: it is not the module"},
		"array":            {file: arr, old: "\x01\x02\x03", new: "\x01\x02\x04", says: "it was changed"},
		"shorter array":    {file: arr, old: "\x01\x02\x03", new: "\x01\x02", says: ".npy: the array file has"},
		"longer array":     {file: arr, old: "\x01\x02\x03", new: "\x01\x02\x03\x04", says: ".npy: 4100 bytes, more than 4099"},
		"rows":             {file: recordName, old: `"rows": 3,` + "\n    \"digest\"", new: `"rows": 4,` + "\n    \"digest\"", says: "it is not the array"},
		"many rows":        {file: recordName, old: `"rows": 3,`, new: `"rows": 9223372036854775807,`, says: "9223372036854775807 rows"},
		"type":             {file: recordName, old: `"u8"`, new: `"u9"`, says: "no element type"},
		"another digest":   {file: recordName, old: arr[:64], new: strings.Repeat("0", 64), says: ".npy: "},
		"a path":           {file: recordName, old: arr[:64], new: "../../../../../../../../../../../../etc/" + strings.Repeat("x", 24), says: "not a digest"},
		"unknown field":    {file: recordName, old: `"capsule"`, new: `"x": 1, "capsule"`, says: "unknown field"},
		"version":          {file: recordName, old: `"capsule": 1`, new: `"capsule": 2`, says: "version 2"},
		"text behind":      {file: recordName, old: "\n}\n", new: "\n}{}", says: "after its end"},
		"stage":            {file: recordName, old: `"stage": "users"`, new: `"stage": "../users"`, says: "the stage is named"},
		"shard":            {file: recordName, old: `"shard": 3`, new: `"shard": 16`, says: "shard 16 of 16"},
		"index":            {file: recordName, old: `"index": 1`, new: `"index": -1`, says: "stage number -1"},
		"limits":           {file: recordName, old: `"memory": 1048576`, new: `"memory": -1`, says: "--memory cannot be negative"},
		"reason":           {file: recordName, old: `"why": "failed"`, new: `"why": "fun"`, says: `the reason "fun"`},
		"code":             {file: recordName, old: `"code": 4`, new: `"code": 0`, says: "the code 0"},
		"names":            {file: recordName, old: `"f.y"`, new: `"f.x"`, says: `named "f.x"`},
		"control":          {file: recordName, old: `"f.y"`, new: `"\u001b[2J"`, says: "an array is named"},
		"output rows":      {file: recordName, old: `"rows": -1`, new: `"rows": -2`, says: "output 0 has -2 rows"},
		"config":           {file: recordName, old: `"config": {`, new: `"config": [{}], "x": {`, says: "unknown field"},
		"no record":        {do: func(p string) error { return os.Remove(filepath.Join(p, recordName)) }, says: "capsule.json: no such file"},
		"no module":        {do: func(p string) error { return os.Remove(filepath.Join(p, ModuleFile)) }, says: "module.wasm: no such file"},
		"a folder instead": {do: func(p string) error { os.Remove(filepath.Join(p, arr)); return os.Mkdir(filepath.Join(p, arr), 0o700) }, says: ".npy: not a regular file"},
		"a link": {do: func(p string) error {
			os.Remove(filepath.Join(p, arr))
			return os.Symlink("/etc/passwd", filepath.Join(p, arr))
		}, says: ".npy: not a regular file"},
		"a sparse file": {do: func(p string) error { return os.Truncate(filepath.Join(p, arr), 1<<40) }, says: "more than 4099"},
	} {
		t.Run(name, func(t *testing.T) {
			path := save(t, t.TempDir())
			if c.do != nil {
				if err := c.do(path); err != nil {
					t.Skip(err)
				}
			} else {
				file := filepath.Join(path, c.file)
				b, err := os.ReadFile(file)
				if err != nil || !bytes.Contains(b, []byte(c.old)) {
					t.Fatalf("%v; there is no %q in\n%s", err, c.old, b)
				}
				i := bytes.LastIndex(b, []byte(c.old))
				if err := os.WriteFile(file, append(b[:i:i], c.new+string(b[i+len(c.old):])...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(path, memory{})
			if fault.CodeOf(err) != fault.BadData || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), path+"/") {
				t.Errorf("%v, want %q", err, c.says)
			}
			if err != nil && fault.Clean(err.Error(), 1<<16) != err.Error() {
				t.Errorf("not clean: %q", err)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "x"), memory{}); fault.CodeOf(err) != fault.Failed || fault.HintOf(err) == "" {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// A module's name stands before the lines of its errors: it has none of its own.
func TestOpenModuleName(t *testing.T) {
	x, st := example(t)
	c := about()
	c.Module.Name = "x\nrechost: hint: y\x1b[2J.wasm"
	path, err := Save(t.TempDir(), c, x, wasm, st)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Open(path, memory{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Module.Name != "x rechost: hint: y\uFFFD[2J.wasm" {
		t.Errorf("%q", o.Module.Name)
	}
}

// nowhere is a store that keeps nothing.
type nowhere struct{}

func (nowhere) Copy(m array.Meta, r io.Reader) (array.Meta, error) {
	h := sha256.New()
	h.Write(m.Header())
	_, err := io.CopyN(h, r, m.Bytes())
	m.Digest = digest.Digest(h.Sum(nil))
	return m, err
}

// A file of zeros takes no room on its sender's disk, and must not take its size
// of our memory.
func TestOpenLargeArray(t *testing.T) {
	const size = 256 << 20
	x, st := example(t)
	m := array.Meta{DType: array.U8, Rows: size}
	zeros := make([]byte, size)
	m.Digest = digest.OfParts(m.Header(), zeros)
	st[m.Digest] = zeros
	x.Inputs[0] = task.Input{Name: "f.x", Array: m, Rows: size}
	path, err := Save(t.TempDir(), about(), x, wasm, st)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Open(path, nowhere{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > size/16 {
		t.Errorf("%d bytes of memory for an array of %d", took, size)
	}
}

// FuzzOpen: whatever lies in the folder, it is refused in clean words, or what
// is opened is in range and has the digests that it says.
func FuzzOpen(f *testing.F) {
	path := save(f, f.TempDir())
	record, err := os.ReadFile(filepath.Join(path, recordName))
	if err != nil {
		f.Fatal(err)
	}
	x, _ := example(f)
	f.Add(record, wasm, []byte{1, 2, 3})
	f.Add(record, []byte{}, []byte{1, 2})
	f.Add(bytes.Replace(record, []byte(`"inputs": [`), []byte(`"inputs": [], "outputs": [`), 1), wasm, []byte{})
	f.Fuzz(func(t *testing.T, record, module, data []byte) {
		dir := t.TempDir()
		a := array.Meta{DType: array.U8, Rows: len(data)}
		a.Digest = digest.OfParts(a.Header(), data)
		full := array.Meta{DType: array.F32, Rows: 3, Width: 2}
		whole := array.BytesOf([]float32{4, 5, 6, 7, 8, 9})
		full.Digest = digest.OfParts(full.Header(), whole)
		for name, parts := range map[string][][]byte{recordName: {record}, ModuleFile: {module}, arrayName(a): {a.Header(), data},
			arrayName(full): {full.Header(), whole}, arrayName(x.Inputs[1].Array): {x.Inputs[1].Array.Header(), data}} {
			if err := put(dir, name, parts...); err != nil {
				t.Fatal(err)
			}
		}
		st := memory{}
		o, err := Open(dir, st)
		if err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.BadData || fault.Clean(s, len(s)) != s {
				t.Errorf("code %d: %q", fault.CodeOf(err), s)
			}
			return
		}
		if digest.Of(o.Wasm) != o.Module.Digest || o.Run.Shard >= o.Run.Shards || len(o.Run.Outputs) == 0 {
			t.Errorf("opened %+v", o.Capsule)
		}
		for _, in := range o.Run.Inputs {
			if b, ok := st[in.Array.Digest]; !ok || int64(len(b)) != in.Array.Bytes() || in.First != 0 || in.Rows != in.Array.Rows {
				t.Errorf("input %+v", in)
			}
		}
	})
}
