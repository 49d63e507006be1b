package rewrite

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// figures are what a module has of each thing that has a cap, by the names of
// the fields of Caps.
func figures(i *Info) map[string]int {
	f := map[string]int{
		"Size": i.Size, "Functions": i.Functions, "Body": i.LongestBody, "Locals": i.MaxLocals, "Nesting": i.MaxNesting,
		"Blocks": i.MaxBlocks, "Loops": i.MaxLoops, "Labels": i.MaxLabels, "Merges": i.MaxMerges, "State": i.MaxState, "Params": i.MaxParams,
		"Results": i.MaxResults, "Types": i.Types, "Imports": len(i.Imports), "Exports": len(i.Exports), "Globals": i.Globals,
		"Tables": len(i.Tables), "Data": i.Data, "Elements": i.Elements, "Custom": len(i.Custom), "Name": i.LongestName,
	}
	if i.Memory != nil {
		f["Pages"] = int(i.Memory.Min)
	}
	for _, t := range i.Tables {
		f["TableSize"] = max(f["TableSize"], int(t.Min))
	}
	return f
}

// order is that of the fields of Caps; Entries are not told by Inspect.
var order = []struct {
	name string
	cap  int
}{
	{"Size", defaults.Size}, {"Functions", defaults.Functions}, {"Body", defaults.Body}, {"Locals", defaults.Locals}, {"Nesting", defaults.Nesting},
	{"Blocks", defaults.Blocks}, {"Loops", defaults.Loops}, {"Labels", defaults.Labels}, {"Merges", defaults.Merges}, {"State", defaults.State}, {"Params", defaults.Params},
	{"Results", defaults.Results}, {"Types", defaults.Types}, {"Imports", defaults.Imports}, {"Exports", defaults.Exports}, {"Globals", defaults.Globals},
	{"Tables", defaults.Tables}, {"TableSize", int(defaults.TableSize)}, {"Pages", int(defaults.Pages)}, {"Data", defaults.Data},
	{"Elements", defaults.Elements}, {"Custom", defaults.Custom}, {"Name", defaults.Name},
}

// What compilers make is far within the caps: a Go module with fmt and
// encoding/json, and the modules in TinyGo, Rust, Zig and C that wazero carries.
func TestShapes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Go module")
	}
	modules := map[string][]byte{"Go, fmt and encoding/json": goGuest(t)}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(string(out))
	for name, wasm := range wasmFiles(t, dir) {
		if !strings.Contains(name, "internal") && !strings.Contains(name, "experimental") {
			modules[name] = wasm
		}
	}
	if len(modules) < 10 {
		t.Errorf("only %d modules are at hand", len(modules))
	}
	for name, wasm := range modules {
		info, err := Check(wasm, Caps{})
		if err != nil {
			if len(wasm) > 1000 { // smaller ones show a feature, such as an imported memory
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		got := figures(info)
		for _, c := range order {
			// Go's linker makes as many data segments as are allowed.
			if got[c.name]*3 > c.cap && c.name != "Tables" && c.name != "Data" {
				t.Errorf("%s: %s: %d of a cap of %d leaves too little room", name, c.name, got[c.name], c.cap)
			}
		}
	}
}

// TestShapesOf prints the figures of the modules under the folder RECHOST_WASM
// beside the caps, largest at the end:
//
//	RECHOST_WASM=FOLDER go test -v -run TestShapesOf ./host/sandbox/rewrite
func TestShapesOf(t *testing.T) {
	dir := os.Getenv("RECHOST_WASM")
	if dir == "" {
		t.Skip("RECHOST_WASM names no folder of modules to measure")
	}
	line := func(name string, f map[string]int) string {
		s := name + ":"
		for _, c := range order {
			s += fmt.Sprintf(" %s %d", c.name, f[c.name])
		}
		return s
	}
	largest := map[string]int{}
	for name, wasm := range wasmFiles(t, dir) {
		info, err := Inspect(wasm)
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		t.Log(line(name, figures(info)))
		for k, n := range figures(info) {
			if _, again := Check(wasm, Caps{}); again != nil {
				t.Logf("%s: refused: %v", name, again)
				break
			}
			largest[k] = max(largest[k], n)
		}
	}
	caps := map[string]int{}
	for _, c := range order {
		caps[c.name] = c.cap
	}
	t.Log(line("largest that pass", largest))
	t.Log(line("caps", caps))
}

// wasmFiles reads every .wasm file under a folder.
func wasmFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wasm" {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil {
			files[rel], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
