package host_test

import (
	"os"
	"testing"
)

// smallCase is a module with parameters for a small matrix.
type smallCase struct {
	module string
	params map[string]string
}

// smallCases are what the tests of the same bytes run: every module that comes
// with rechost, by every way through it that has code of its own in the host.
var smallCases = []smallCase{
	{"popular", nil},
	{"cf", map[string]string{"neighbours": "20"}},
	{"cf", map[string]string{"similarity": "bm25", "cut": "row"}},
	{"userknn", map[string]string{"neighbours": "20"}},
	{"rp3beta", map[string]string{"neighbours": "20"}},
	{"sar", nil},
	{"ease", map[string]string{"regularization": "20"}},
	{"slim", map[string]string{"neighbours": "20", "iterations": "30"}},
	{"als", map[string]string{"factors": "21", "iterations": "2"}},
	{"als", map[string]string{"factors": "8", "iterations": "2", "solver": "cholesky"}},
	{"bpr", map[string]string{"factors": "8", "iterations": "3", "blocks": "3", "passes": "2"}},
	{"gfcf", map[string]string{"rank": "8"}},
	{"bspm", map[string]string{"factors": "8"}},
}

// moduleNames are the modules that come with rechost.
func moduleNames(t *testing.T) (names []string) {
	t.Helper()
	dirs, err := os.ReadDir("../guest/modules")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	if len(names) == 0 {
		t.Fatal("there are no modules")
	}
	return names
}

// A new module has to be among the cases.
func TestSmallCasesAreAllModules(t *testing.T) {
	has := map[string]bool{}
	for _, c := range smallCases {
		has[c.module] = true
	}
	for _, name := range moduleNames(t) {
		if !has[name] {
			t.Errorf("no test compares the bytes of %s: add it to smallCases", name)
		}
	}
}
