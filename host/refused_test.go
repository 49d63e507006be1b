package host_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rechost/guest/abi"
	"rechost/host"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/manifest"
	w "rechost/host/sandbox/rewrite/wasmenc"
	"rechost/host/task"
)

// small is a module of so many pages of memory that imports a function, if it
// has a name, and whose _initialize is code, if there is any.
func small(t *testing.T, pages int64, imported string, initialize []byte) string {
	t.Helper()
	var m w.Module
	none, number, unary := m.Type(nil, nil), m.Type(nil, []byte{w.I32}), m.Type([]byte{w.I32}, []byte{w.I32})
	if imported != "" {
		m.ImportFunc("env", imported, none)
	}
	m.Memory(pages, -1)
	m.ExportMemory()
	m.ExportFunc(abi.ExportABI, m.Func(number, nil, w.I32Const(abi.Version)))
	m.ExportFunc(abi.ExportDescribe, m.Func(number, nil, w.I32Const(0)))
	m.ExportFunc(abi.ExportPlan, m.Func(number, nil, w.I32Const(0)))
	m.ExportFunc(abi.ExportRun, m.Func(unary, nil, w.I32Const(0)))
	if initialize != nil {
		m.ExportFunc(abi.ExportInitialize, m.Func(none, nil, initialize))
	}
	name := filepath.Join(t.TempDir(), "small.wasm")
	if err := os.WriteFile(name, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A module that cannot be run is refused by name before it sees any data:
// there is no stage yet, no output, and the host goes on working.
func TestRefusedModules(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	for name, c := range map[string]struct {
		module string
		code   fault.Code
		says   []string
	}{
		"imports something else":                            {small(t, 1, "system", nil), fault.Module, []string{"imports env.system, which modules are not given"}},
		"imports under a name that plays with the terminal": {small(t, 1, "\x1b[2J", nil), fault.Module, []string{"imports env."}},
		"too much memory at start": {small(t, 4096, "", nil), fault.Limit, []string{
			"starts with 256MiB of memory: with 100MiB set aside for its stack that is more than its limit of 256MiB", "--memory 356MiB"}},
		"too much memory for anything":     {small(t, 65536, "", nil), fault.Module, []string{"memory starts with 65536 pages"}},
		"too much memory in _initialize":   {small(t, 1, "", w.Join(w.I32Const(4095), w.MemoryGrow(), w.Op(w.Drop))), fault.Limit, []string{"describe: needs more than 156MiB of memory (asked for 256MiB)", "--memory 356MiB"}},
		"a description that never is made": {small(t, 1, "", nil), fault.Module, []string{"rechost_describe returned without calling"}},
	} {
		for _, ex := range []string{host.Processes, host.Goroutines} {
			if ex == host.Processes && !executor.HasProcesses {
				continue
			}
			t.Run(name+" in "+ex, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out.parquet")
				j := host.Job{Module: c.module, Paths: []string{data}, Executor: ex, Store: filepath.Join(dir, "store"), Out: out,
					Limits: task.Limits{Memory: 256 << 20, Deadline: 20 * time.Second}}
				_, err := host.Run(context.Background(), j)
				if fault.CodeOf(err) != c.code {
					t.Errorf("code %d, want %d: %v", fault.CodeOf(err), c.code, err)
				}
				text := fmt.Sprint(err, " ", fault.HintOf(err))
				for _, s := range append(c.says, "small.wasm: ") {
					if !strings.Contains(text, s) {
						t.Errorf("the error does not say %q: %s", s, text)
					}
				}
				if strings.ContainsRune(text, '\x1b') {
					t.Errorf("the error has a control character: %q", text)
				}
				if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*")); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
				j.Module = hostile(t)
				if s := run(t, j); s.Output.Users == 0 {
					t.Error("the host gives nobody a list afterwards")
				}
			})
		}
	}
}

// A manifest may be anybody's: whatever stands in it, checking it ends soon, with
// an error or a difference.
func TestHostileManifests(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	j := host.Job{Module: modules(t, "popular"), Paths: []string{data}, Shards: 3, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "out.parquet")}
	s := run(t, j)
	evil := filepath.Join(dir, "evil.manifest.json")
	resource := func(st *manifest.Statement, name string) *manifest.Resource {
		list := st.Predicate.BuildDefinition.ResolvedDependencies
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
		t.Fatal(name)
		return nil
	}
	external := func(st *manifest.Statement) *manifest.External {
		return &st.Predicate.BuildDefinition.ExternalParameters
	}
	const dirty = "\x1b]0;x\x07\x1b[2J\u202e"
	for name, change := range map[string]func(st *manifest.Statement){
		"a module that never ends":   func(st *manifest.Statement) { resource(st, manifest.ModuleName).URI = "/dev/zero" },
		"data that never end":        func(st *manifest.Statement) { resource(st, manifest.InputName).URI = "/dev/zero" },
		"data that wait":             func(st *manifest.Statement) { resource(st, manifest.InputName).URI = "/dev/stdin" },
		"a folder":                   func(st *manifest.Statement) { resource(st, manifest.InputName).URI = "/" },
		"somebody's file":            func(st *manifest.Statement) { resource(st, manifest.InputName).URI = "../../../../../../etc/passwd" },
		"a module that is no module": func(st *manifest.Statement) { resource(st, manifest.ModuleName).URI = "/etc/passwd" },
		"names for the terminal":     func(st *manifest.Statement) { resource(st, manifest.InputName).URI = dirty },
		"a module for the terminal":  func(st *manifest.Statement) { resource(st, manifest.ModuleName).URI = dirty },
		"an output for the terminal": func(st *manifest.Statement) { st.Subject[0].URI = dirty },
		"an output that never ends":  func(st *manifest.Statement) { st.Subject[0].URI = "/dev/zero" },
		"a NUL":                      func(st *manifest.Statement) { resource(st, manifest.InputName).URI = "a\x00b" },
		"a negative top":             func(st *manifest.Statement) { external(st).Top = -1 },
		"a top of 2^62":              func(st *manifest.Statement) { external(st).Top = 1 << 62 },
		"2^62 shards":                func(st *manifest.Statement) { external(st).Shards = 1 << 62 },
		"-2^62 shards":               func(st *manifest.Statement) { external(st).Shards = -1 << 62 },
		"a negative seed":            func(st *manifest.Statement) { external(st).Seed = -5 },
		"a column for the terminal":  func(st *manifest.Statement) { external(st).User = dirty },
		"a parameter of its own":     func(st *manifest.Statement) { external(st).Parameters[dirty] = "1" },
		"a parameter of lists": func(st *manifest.Statement) {
			external(st).Parameters["half_life"] = []any{[]any{map[string]any{"x": 1}}}
		},
		"a parameter of 1e999":        func(st *manifest.Statement) { external(st).Parameters["half_life"] = "1e999" },
		"duplicates of another kind":  func(st *manifest.Statement) { external(st).Duplicates = dirty },
		"another unit of time":        func(st *manifest.Statement) { external(st).TimeUnit = dirty },
		"another grant":               func(st *manifest.Statement) { external(st).Granted = []string{dirty} },
		"another salt":                func(st *manifest.Statement) { external(st).Salt = dirty },
		"a stage for the terminal":    func(st *manifest.Statement) { st.Tasks()[0].Stage = dirty },
		"an array for the terminal":   func(st *manifest.Statement) { st.Tasks()[0].Outputs[0].Name = dirty },
		"a shard that is not there":   func(st *manifest.Statement) { st.Tasks()[0].Shard = 1 << 62 },
		"a turn before the first":     func(st *manifest.Statement) { st.Tasks()[0].Iteration = -1 },
		"rows below none":             func(st *manifest.Statement) { st.Tasks()[0].Outputs[0].Rows = -1 },
		"rows without end":            func(st *manifest.Statement) { st.Tasks()[0].Outputs[0].Rows = 1 << 62 },
		"a width without end":         func(st *manifest.Statement) { st.Tasks()[0].Outputs[0].Width = 1 << 62 },
		"a task without outputs":      func(st *manifest.Statement) { st.Tasks()[0].Outputs = nil },
		"a task of another's outputs": func(st *manifest.Statement) { st.Tasks()[0].Outputs = st.Tasks()[1].Outputs },
	} {
		for _, sample := range []float64{0, 0.7} {
			t.Run(fmt.Sprintf("%s, sample %g", name, sample), func(t *testing.T) {
				st, err := manifest.Read(s.Manifest)
				if err != nil {
					t.Fatal(err)
				}
				change(st)
				st.Predicate.RunDetails.Byproducts[0] = manifest.NewTasks(st.Tasks())
				if err := manifest.Write(evil, st); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				v, err := host.Verify(ctx, host.Check{Manifest: evil, Store: j.Store, Sample: sample})
				switch c := fault.CodeOf(err); {
				case err != nil && c != fault.Failed && c != fault.Usage && c != fault.BadData && c != fault.Module:
					t.Errorf("code %d: %v", c, err)
				case err != nil:
					t.Log(fault.Clean(err.Error(), 300))
				case v.Difference == nil && !strings.HasPrefix(name, "an output"): // one that is elsewhere is only not compared
					t.Error("it was taken")
				}
			})
		}
	}
	if v, err := host.Verify(context.Background(), host.Check{Manifest: s.Manifest, Store: j.Store}); err != nil || v.Difference != nil {
		t.Errorf("the host takes its own manifest no more: %+v, %v", v, err)
	}
}
