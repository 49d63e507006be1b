package rewrite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// The ways in which a guest may be counted, for comparison with the engine's
// own check.
var ways = []struct {
	name string
	o    Options
	done bool // WithCloseOnContextDone instead
}{
	{"plain", Options{}, false},
	{"yield", Options{Yield: true}, false},
	{"fuel", Options{Fuel: true}, false},
	{"both", Options{Yield: true, Fuel: true}, false},
	{"engine", Options{}, true},
}

func instance(tb testing.TB, wasm []byte, o Options, done bool) api.Module {
	ctx := context.Background()
	m, err := Rewrite(wasm, o)
	if err != nil {
		tb.Fatal(err)
	}
	rt := engine(tb, wazero.NewRuntimeConfig().WithCloseOnContextDone(done), func() {})
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	mod, err := rt.InstantiateWithConfig(ctx, m.Wasm, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		tb.Fatal(err)
	}
	if g := mod.ExportedGlobal(FuelGlobal); g != nil {
		g.(api.MutableGlobal).Set(1 << 62)
	}
	return mod
}

// BenchmarkLoop is a loop of three instructions and a branch, the worst case:
// ns/op is the time of one turn.
func BenchmarkLoop(b *testing.B) {
	var m w.Module
	i := m.Type([]byte{w.I32}, nil)
	m.ExportFunc("run", m.Func(i, nil,
		w.Loop(w.Void, w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.LocalTee(0), w.BrIf(0))))
	// A call of an empty function each turn.
	f := m.Func(m.Type(nil, nil), nil)
	m.ExportFunc("call", m.Func(i, nil,
		w.Loop(w.Void, w.Call(f), w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.LocalTee(0), w.BrIf(0))))
	for _, name := range []string{"run", "call"} {
		for _, way := range ways {
			mod := instance(b, m.Bytes(), way.o, way.done)
			b.Run(name+"/"+way.name, func(b *testing.B) {
				if _, err := mod.ExportedFunction(name).Call(context.Background(), uint64(b.N)); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// goGuest builds testdata/guest, a plain Go module that uses fmt and
// encoding/json, and multiplies matrices.
func goGuest(tb testing.TB) []byte {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		tb.Skipf("no Go guest: %v: %s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkGoGuest(b *testing.B) {
	wasm := goGuest(b)
	for _, c := range []struct {
		name string
		n    uint64
	}{{"work", 2000}, {"matmul", 256}} {
		for _, way := range ways {
			mod := instance(b, wasm, way.o, way.done)
			b.Run(fmt.Sprintf("%s/%s", c.name, way.name), func(b *testing.B) {
				for range b.N {
					if _, err := mod.ExportedFunction(c.name).Call(context.Background(), c.n); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	wasm := goGuest(b)
	for _, way := range ways[:4] {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(wasm)))
			var m *Module
			for range b.N {
				m, _ = Rewrite(wasm, way.o)
			}
			b.ReportMetric(float64(len(m.Wasm))/float64(len(wasm)), "size")
		})
	}
}
