package host_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rechost/guest/abi"
	"rechost/guest/guesttest"
	"rechost/host/array"
	"rechost/host/sandbox"
)

// Every module gives in the sandbox, on both of wazero's engines, the bits
// that it gives as plain Go, which its own test holds to the same file.
func TestModulesGiveTheirNativeBits(t *testing.T) {
	files, err := filepath.Glob("../guest/modules/*/testdata/bits.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no module has a file of bits", err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(filepath.Dir(file)))
		for _, interpreter := range []bool{false, true} {
			engine := engineOf(interpreter)
			t.Run(name+" "+engine, func(t *testing.T) {
				if interpreter && testing.Short() {
					t.Skip("skipped under -short: the interpreter is slow")
				}
				guesttest.Bits(t, inSandbox(t, modules(t, name), interpreter), file)
			})
		}
	}
}

func engineOf(interpreter bool) string {
	if interpreter {
		return "interpreted"
	}
	return "compiled"
}

// sandboxed is a guesttest.Runner that runs a built module in the sandbox.
type sandboxed struct {
	t      *testing.T
	module *sandbox.Module
}

func inSandbox(t *testing.T, file string, interpreter bool) *sandboxed {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := sandbox.Load(context.Background(), b, sandbox.Options{
		Name: filepath.Base(file), Cooperative: true, Interpreter: interpreter,
		Limits: sandbox.Limits{Memory: 1 << 30, Deadline: time.Minute, Log: 1 << 20, Output: 1 << 30, Calls: 1 << 32},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return &sandboxed{t, m}
}

func (r *sandboxed) Describe() (d abi.Description, err error) {
	got, err := r.module.Describe(context.Background())
	if err == nil {
		err = json.Unmarshal(got.Emitted, &d)
	}
	return d, err
}

func (r *sandboxed) Plan(c abi.Config) (p abi.Plan, err error) {
	b, err := json.Marshal(c)
	var got sandbox.Reply
	if err == nil {
		got, err = r.module.Plan(context.Background(), b)
	}
	if err == nil {
		err = json.Unmarshal(got.Emitted, &p)
	}
	return p, err
}

func (r *sandboxed) Task(c abi.Config, inputs map[string]guesttest.Array, outputs []abi.Output) (map[string]guesttest.Array, []string, error) {
	config, err := json.Marshal(c)
	if err != nil {
		return nil, nil, err
	}
	call := sandbox.Call{Index: c.Task.Index, Config: config}
	dir := r.t.TempDir()
	for name, a := range inputs {
		x, err := arrayFile(filepath.Join(dir, name+".npy"), a)
		if err != nil {
			return nil, nil, err
		}
		defer x.Close()
		call.Inputs = append(call.Inputs, sandbox.Input{Name: name, Array: x, Rows: x.Meta.Rows})
	}
	for _, o := range outputs {
		rows := c.Task.Rows
		if o.Rows != 0 {
			rows = o.Rows
		}
		entries := false
		for _, a := range o.Arrays {
			dtype, err := array.ParseDType(a.DType)
			if err != nil {
				return nil, nil, err
			}
			x := sandbox.Output{Name: o.Frame + "." + a.Name, DType: dtype, Width: a.Width, Rows: rows}
			if a.Per == abi.PerEntry {
				x.Rows, entries = -1, true
			}
			call.Outputs = append(call.Outputs, x)
		}
		if entries {
			call.Outputs = append(call.Outputs, sandbox.Output{Name: o.Frame + "." + abi.Offsets, DType: array.U64, Rows: rows + 1})
		}
	}
	reply, err := r.module.Run(context.Background(), call)
	if err != nil {
		return nil, nil, err
	}
	written := map[string][]byte{}
	for i, o := range call.Outputs {
		written[o.Name] = reply.Data[i]
	}
	var log []string
	for _, l := range reply.Log {
		log = append(log, strings.TrimPrefix(l, "info: "))
	}
	out, err := guesttest.Collect(outputs, written)
	return out, log, err
}

// arrayFile writes an array to a file and opens it for the sandbox.
func arrayFile(path string, a guesttest.Array) (*sandbox.Array, error) {
	dtype, err := array.ParseDType(a.DType())
	if err != nil {
		return nil, err
	}
	m := array.Meta{DType: dtype, Rows: a.Rows(), Width: a.Width}
	if err := os.WriteFile(path, append(m.Header(), a.Bytes()...), 0o600); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return sandbox.OpenArray(f, m)
}
