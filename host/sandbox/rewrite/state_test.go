package rewrite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// TestStateIsAll: where a module is Restorable, an instance whose memory and
// exported globals are put back to what they were when it was made gives the
// results of a new one, over all calls of the specification's tests, and costs
// the same fuel. Each is also put back after its calls trapped.
func TestStateIsAll(t *testing.T) {
	var restored, calls, others, grown atomic.Int64
	ctx := context.Background()
	// again makes calls and says what became of each.
	again := func(t *testing.T, m api.Module, script []command) (results []string) {
		for _, c := range script {
			out, err := m.ExportedFunction(c.Action.Field).Call(ctx, words(t, c.Action.Args)...)
			results = append(results, fmt.Sprintf("line %d: %s: %x %s", c.Line, c.Action.Field, out, line(err)))
		}
		return results
	}
	replay := func(t *testing.T, rt wazero.Runtime, wasm []byte, at int, script []command) {
		o := turn(at)
		o.State = true
		info, m, err := Prepare(wasm, Caps{}, o)
		if err != nil || slices.ContainsFunc(info.Imports, func(i Import) bool { return i.Module != "spectest" }) {
			return // it imports what other modules change
		}
		if !m.Restorable {
			others.Add(1)
			return
		}
		x, err := rt.InstantiateWithConfig(ctx, m.Wasm, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			return // it is there to fail
		}
		defer x.Close(ctx)
		begin := stateOf(x, m)
		want := again(t, x, script)
		end := stateOf(x, m)
		if len(end.memory) != len(begin.memory) {
			grown.Add(1) // only an allocator can take memory away
			return
		}
		begin.putBack(x, m)
		if got := again(t, x, script); !slices.Equal(got, want) {
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("put back: %s; the first time: %s", got[i], want[i])
				}
			}
		}
		if after := stateOf(x, m); !bytes.Equal(after.memory, end.memory) || !slices.Equal(after.globals, end.globals) {
			t.Errorf("line %d: put back and used again, an instance ends otherwise than the first time", at)
		}
		restored.Add(1)
		calls.Add(int64(len(script)))
	}
	t.Run("spec", func(t *testing.T) {
		eachScript(t, func(t *testing.T, dir, file string) {
			spectest, err := os.ReadFile(filepath.Join(dir, "../../testdata/spectest.wasm"))
			if err != nil {
				t.Skip(err)
			}
			for _, e := range engines {
				rt := engine(t, e.cfg(), func() {})
				if _, err := rt.Instantiate(ctx, spectest); err != nil {
					t.Fatal(err)
				}
				commands := readScript(t, file).Commands
				for i, c := range commands {
					if c.Type != "module" || !strings.HasSuffix(c.Filename, ".wasm") {
						continue
					}
					b, err := os.ReadFile(filepath.Join(dir, c.Filename))
					if err != nil {
						t.Fatal(err)
					}
					var script []command // of calls of this module, up to the next one
					for _, c := range commands[i+1:] {
						if c.Type == "module" {
							break
						}
						switch c.Type {
						case "assert_return", "action", "assert_trap", "assert_exhaustion":
							if c.Action.Type == "invoke" && c.Action.Module == "" {
								script = append(script, c)
							}
						}
					}
					replay(t, rt, b, c.Line, script)
				}
			}
		})
	})
	t.Logf("%d instances put back, %d calls made again; %d grew, %d modules cannot be put back", restored.Load(), calls.Load(), grown.Load(), others.Load())
	if restored.Load() == 0 || calls.Load() == 0 {
		t.Error("nothing was put back")
	}
}

// kept is what an instance of a Restorable module is.
type kept struct {
	memory  []byte
	globals []uint64
}

func stateOf(x api.Module, m *Module) (s kept) {
	if hasMemory(x) {
		b, _ := x.Memory().Read(0, x.Memory().Size())
		s.memory = bytes.Clone(b)
	}
	for _, name := range m.State {
		s.globals = append(s.globals, x.ExportedGlobal(name).Get())
	}
	return s
}

func (s kept) putBack(x api.Module, m *Module) {
	if hasMemory(x) {
		x.Memory().Write(0, s.memory)
	}
	for i, name := range m.State {
		x.ExportedGlobal(name).(api.MutableGlobal).Set(s.globals[i])
	}
}
