package rewrite

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// spectests returns the folders of the WebAssembly specification's tests that
// wazero's module carries, or skips.
func spectests(t testing.TB) []string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skipf("wazero's module is not at hand: %v", err)
	}
	dirs, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest/v[12]/testdata"))
	if len(dirs) == 0 {
		t.Skip("wazero's module cache has no specification tests")
	}
	return dirs
}

type script struct {
	Commands []command `json:"commands"`
}

type command struct {
	Type       string `json:"type"`
	Line       int    `json:"line"`
	Name       string `json:"name"`
	As         string `json:"as"`
	Filename   string `json:"filename"`
	ModuleType string `json:"module_type"`
	Text       string `json:"text"`
	Action     struct {
		Type   string  `json:"type"`
		Module string  `json:"module"`
		Field  string  `json:"field"`
		Args   []value `json:"args"`
	} `json:"action"`
}

type value struct {
	Type  string `json:"type"`
	Lane  string `json:"lane_type"`
	Value any    `json:"value"`
}

func readScript(t testing.TB, file string) script {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// The decoder accepts every module of the specification's tests that is valid
// and refuses every malformed one. What is merely of the wrong type is left to
// the engine.
func TestSpecModules(t *testing.T) {
	var valid, malformed, invalid, invalidAccepted int
	for _, dir := range spectests(t) {
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, f := range files {
			for _, c := range readScript(t, f).Commands {
				if !strings.HasSuffix(c.Filename, ".wasm") {
					continue
				}
				b, err := os.ReadFile(filepath.Join(dir, c.Filename))
				if err != nil {
					t.Fatal(err)
				}
				_, err = Inspect(b)
				switch c.Type {
				case "module", "assert_unlinkable", "assert_uninstantiable":
					if valid++; err != nil {
						t.Errorf("%s line %d: refused: %v", f, c.Line, err)
					}
				case "assert_malformed":
					if malformed++; err == nil {
						t.Errorf("%s line %d (%s): accepted, but it should be malformed: %s", f, c.Line, c.Filename, c.Text)
					}
				case "assert_invalid":
					if invalid++; err == nil {
						invalidAccepted++
						if strings.HasPrefix(c.Text, "unknown ") {
							t.Errorf("%s line %d: accepted, but it should be invalid: %s", f, c.Line, c.Text)
						}
					}
				}
			}
		}
	}
	t.Logf("%d valid modules accepted, %d malformed ones refused, %d of %d invalid ones refused (the rest by type)", valid, malformed, invalid-invalidAccepted, invalid)
	if valid == 0 || malformed == 0 {
		t.Fatal("no modules were found")
	}
}
