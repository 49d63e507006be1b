package rewrite

import (
	"context"
	"strings"
	"testing"
)

// A module from Go's own compiler is described, and gives the same results
// however it is counted.
func TestGoGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles a Go module")
	}
	wasm := goGuest(t)
	info, err := Check(wasm, Caps{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(info.GoVersion, "go1.") || !strings.Contains(info.GoBuild, "GOOS=wasip1") || info.GoBuildID == "" {
		t.Errorf("build information %q, %q, %q", info.GoVersion, info.GoBuild, info.GoBuildID)
	}
	i32 := []ValType{I32}
	var sawWork bool
	for _, e := range info.Exports {
		sawWork = sawWork || e.Name == "work" && e.Kind == Func && e.Type.Is(i32, i32) && e.Type.String() == "(i32) -> (i32)"
	}
	if !sawWork {
		t.Errorf("work is not among the exports %v", info.Exports)
	}
	var want []uint64
	for _, way := range []int{0, 3} {
		way := ways[way]
		mod := instance(t, wasm, way.o, false)
		var got []uint64
		for _, call := range []struct {
			name string
			n    uint64
		}{{"work", 300}, {"matmul", 48}, {"work", 1}} {
			out, err := mod.ExportedFunction(call.name).Call(context.Background(), call.n)
			if err != nil {
				t.Fatalf("%s: %s: %v", way.name, call.name, err)
			}
			got = append(got, out...)
		}
		if want == nil {
			want = got
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s gives %v; plain %v", way.name, got, want)
			}
		}
	}
}
