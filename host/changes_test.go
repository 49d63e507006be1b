package host

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"rechost/guest/abi"
)

// versions are two versions of a module that differ in one thing of each kind.
func versions() (old, new *ModuleInfo) {
	lo, hi := 1.0, 9.0
	old = &ModuleInfo{
		ABI: 1, MinMemory: 64 << 10, Tables: []string{"3 elements"}, Functions: 5, Code: 100,
		Module:  Module{Name: "m", Version: "1.0.0", Size: 200},
		Imports: []string{"rechost.log (i32, i32, i32) -> ()", "rechost.fail (i32, i32) -> ()", "rechost_num.dot (i64, i32, i32) -> (f32)"},
		Exports: []string{"memory", "rechost_run (i32) -> (i32)", "extra () -> ()"},
		Build:   []string{"language Go go1.26.0", "dep golang.org/x/a v1.0.0 h1:x=", "build -ldflags=-s -w", "build CGO_ENABLED=0"},
		Description: abi.Description{Name: "m", Version: "1.0.0", Summary: "it recommends", Uses: []string{"time"}, Parameters: []abi.Parameter{
			{Name: "k", Type: abi.Int, Default: int64(3), Min: &lo, Help: "neighbours"}, {Name: "gone", Type: abi.Bool, Default: true},
			{Name: "same", Type: abi.Float, Default: 0.5}}},
	}
	old.Emits = []abi.Emit{{Name: "near", Rows: abi.OverItems, IDs: "item", Of: abi.OverItems, Help: "the nearest"}, {Name: "gone", Rows: abi.OverUsers}}
	c := *old
	new = &c
	new.MinMemory, new.MaxMemory, new.Functions, new.Code, new.Size = 128<<10, 1<<20, 6, 101, 201
	new.Tables = []string{"3 elements, at most 9"}
	new.Imports = []string{"rechost.log (i32, i32) -> ()", "rechost.fail (i32, i32) -> ()", "rechost.plan (i32, i32) -> ()"}
	new.Exports = []string{"memory", "rechost_run (i32) -> (i32)", "more () -> ()"}
	new.Build = []string{"language Go go1.26.1", "dep golang.org/x/a v1.1.0 h1:y=", "build -ldflags=-s", "build CGO_ENABLED=0"}
	new.Description = abi.Description{Name: "m", Version: "1.1.0", Summary: "it recommends", Needs: []string{"time", "place"}, Parameters: []abi.Parameter{
		{Name: "k", Type: abi.Int, Default: int64(4), Min: &lo, Max: &hi, Help: "how many"}, {Name: "same", Type: abi.Float, Default: 0.5},
		{Name: "how", Type: abi.String, Default: "a", Choices: []string{"a", "b"}}}}
	new.Emits = []abi.Emit{{Name: "near", Rows: abi.OverItems, Help: "the nearest"}, {Name: "sums", Rows: abi.OverUsers, Help: "how many"}}
	return old, new
}

func TestChanges(t *testing.T) {
	want := []Change{
		{"column", "place", "", "needed"},
		{"column", "time", "used where granted", "needed"},
		{"import", "rechost.log", "(i32, i32, i32) -> ()", "(i32, i32) -> ()"},
		{"import", "rechost.plan", "", "(i32, i32) -> ()"},
		{"import", "rechost_num.dot", "(i64, i32, i32) -> (f32)", ""},
		{"memory at the start", "", "64 KiB", "128 KiB"},
		{"memory at most", "", "", "1024 KiB"},
		{"tables", "", "3 elements", "3 elements, at most 9"},
		{"export", "more", "", "() -> ()"},
		{"export", "extra", "() -> ()", ""},
		{"version", "", "1.0.0", "1.1.0"},
		{"parameter", "how", "", "string, default a, a|b"},
		{"parameter", "k", "int, default 3, at least 1", "int, default 4, 1 to 9"},
		{"parameter", "gone", "bool, default true", ""},
		{"emits", "near", "a list of items an item: the nearest", "a row an item: the nearest"},
		{"emits", "sums", "", "a row a user: how many"},
		{"emits", "gone", "a row a user: ", ""},
		{"help", "k", "neighbours", "how many"},
		{"size", "", "200 bytes", "201 bytes"},
		{"code", "", "100 bytes", "101 bytes"},
		{"functions", "", "5", "6"},
		{"build", "build -ldflags", "-s -w", "-s"},
		{"build", "dep golang.org/x/a", "v1.0.0 h1:x=", "v1.1.0 h1:y="},
		{"build", "language Go", "go1.26.0", "go1.26.1"},
	}
	old, new := versions()
	got := changes(old, new)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("change %d of %d:\ngot  %q\nwant %q", i, len(want), got, want)
		}
	}
	// The order in the files is no change, and changes no change.
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		a, b := versions()
		for _, m := range []*ModuleInfo{a, b} {
			for _, l := range [][]string{m.Imports, m.Exports, m.Build} {
				r.Shuffle(len(l), func(i, k int) { l[i], l[k] = l[k], l[i] })
			}
			p := m.Description.Parameters
			r.Shuffle(len(p), func(i, k int) { p[i], p[k] = p[k], p[i] })
		}
		if c := changes(a, b); !reflect.DeepEqual(c, want) {
			t.Fatalf("in another order: %q", c)
		}
		if c := changes(a, old); len(c) != 0 {
			t.Fatalf("the order alone is a change: %q", c)
		}
	}
}

// What a line of build information is about does not change with its version.
func TestBuildKey(t *testing.T) {
	for line, want := range map[string][2]string{
		"processed-by Debian clang 14.0.6":                 {"processed-by Debian clang", "14.0.6"},
		"processed-by Go cmd/compile go1.26.8":             {"processed-by Go cmd/compile", "go1.26.8"},
		"processed-by rustc 1.63.0 (4b91a6ea7 2022-08-08)": {"processed-by rustc", "1.63.0 (4b91a6ea7 2022-08-08)"},
		"language Go go1.26.8":                             {"language Go", "go1.26.8"},
		"language C11":                                     {"language", "C11"},
		"dep golang.org/x/text/v2 v2.1.0 h1:x=":            {"dep golang.org/x/text/v2", "v2.1.0 h1:x="},
		"mod rechost (devel)":                              {"mod rechost", "(devel)"},
		"path rechost/guest/modules/cf":                    {"path", "rechost/guest/modules/cf"},
		"build -ldflags=-s -w":                             {"build -ldflags", "-s -w"},
		"odd":                                              {"odd", "yes"},
	} {
		if name, rest := buildKey(line); name != want[0] || rest != want[1] {
			t.Errorf("%q is %q and %q, not %q", line, name, rest, want)
		}
	}
}
