package rewrite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// seeds are modules with something of everything.
func seeds(f *testing.F) {
	for _, m := range bombs() {
		if b := m.Bytes(); len(b) < 4096 {
			f.Add(b)
		}
	}
	var m w.Module
	v, ii := m.Type(nil, nil), m.Type([]byte{w.I32}, []byte{w.I32})
	imp := m.ImportFunc("env", "f", v)
	m.Memory(1, 3)
	m.Table(w.FuncRef, 2, -1)
	m.Table(w.ExternRef, 0, 5)
	g := m.Global(w.I64, true, w.I64Const(-5))
	one := m.Func(v, nil, w.Call(imp), w.GlobalGet(g), w.GlobalSet(g))
	two := m.Func(ii, []w.Local{{N: 3, Type: w.F64}, {N: 1, Type: w.V128}},
		w.LocalGet(0), w.IfElse(w.I32, w.I32Const(-1), w.I32Const(1<<30)), w.Op(w.Drop),
		w.Op(0xfd, 12), make([]byte, 16), w.Op(0xfd, 21, 3), w.Op(w.Drop),
		w.Block(w.I32, w.LocalGet(0), w.LocalGet(0), w.BrTable(0, 0, 0)),
		w.RefFunc(one), w.Op(0xd1, w.I32Add))
	m.Elem(0, one, two)
	m.PassiveElem(one)
	m.RawElem(w.Join(w.Op(4, 0x41, 0, 0x0b, 1, 0xd2), w.U32(one), w.Op(0x0b)))
	m.Start(one)
	m.ExportFunc("two", two)
	m.ExportMemory()
	m.Data(8, []byte("data"))
	m.PassiveData([]byte("passive"))
	m.Custom("name", w.Join(w.Section(0, w.Name("mod")), w.Section(1, w.Join(w.U32(1), w.U32(one), w.Name("one")))))
	m.Custom("producers", w.Join(w.U32(1), w.Name("language"), w.U32(1), w.Name("Go"), w.Name("1.26")))
	f.Add(m.Bytes())
	for _, b := range moreSeeds() {
		f.Add(b)
	}
}

// moreSeeds returns the small modules of the folder that RECHOST_SPEC names,
// such as the specification's tests, if it is set.
func moreSeeds() (out [][]byte) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("RECHOST_SPEC"), "*.0.wasm"))
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && len(b) < 8192 {
			out = append(out, b)
		}
	}
	return out
}

// FuzzInspect: any bytes give a description or an error, soon and in little
// memory.
func FuzzInspect(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		info, err := Inspect(b)
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		if (info == nil) == (err == nil) {
			t.Fatal("neither or both of a description and an error")
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10+64*uint64(len(b)) {
			t.Errorf("%d bytes of input took %d bytes of memory", len(b), got)
		}
		if took > 5*time.Second { // a thousand times what it takes, on a loaded machine
			t.Errorf("%d bytes of input took %v", len(b), took)
		}
		if n, err2 := MaxFrame(b); (err == nil) != (err2 == nil) || n < 0 {
			t.Errorf("a frame of %d words, %v", n, err2)
		}
		if _, err2 := Check(b, Caps{}); err != nil && err2 == nil {
			t.Errorf("Check accepts what Inspect refuses: %v", err)
		}
	})
}

// FuzzRewrite: what the decoder accepts and the engine accepts, the engine
// accepts rewritten; what the engine refuses it refuses rewritten; and runs
// end the same way or out of fuel.
func FuzzRewrite(f *testing.F) {
	seeds(f)
	ctx := context.Background()
	cfg := wazero.NewRuntimeConfigInterpreter().WithDebugInfoEnabled(false).WithMemoryLimitPages(64)
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Check(b, Caps{})
		if err != nil {
			if _, err := Rewrite(b, Options{Yield: true, Fuel: true}); err == nil {
				if _, err := Inspect(b); err != nil {
					t.Fatalf("rewritten, but Inspect says: %v", err)
				}
			}
			return
		}
		m, err := Rewrite(b, Options{Yield: true, Fuel: true, State: true})
		if err != nil {
			t.Fatalf("checked, but not rewritten: %v", err)
		}
		rt := wazero.NewRuntimeWithConfig(ctx, cfg)
		defer rt.Close(ctx)
		names, err := Rewrite(b, Options{}) // without what wazero reads of names and debugging
		if err != nil {
			t.Fatal(err)
		}
		_, perr := rt.CompileModule(ctx, names.Wasm)
		_, cerr := rt.CompileModule(ctx, m.Wasm)
		if (perr == nil) != (cerr == nil) {
			t.Fatalf("the engine says of it as it is: %v; rewritten: %v", perr, cerr)
		}
		if perr != nil {
			return
		}
		if uneven(t, b) {
			t.Fatal("the engine accepts blocks whose operands do not add up")
		}
		m.Offsets.Original(uint64(len(b)))
		if len(info.Imports) > 0 || info.Start {
			return
		}
		// Run each export with little fuel, as it is only where it ended.
		plain, counted := engine(t, cfg, func() {}), engine(t, cfg, func() {})
		defer plain.Close(ctx)
		defer counted.Close(ctx)
		none := wazero.NewModuleConfig().WithName("").WithStartFunctions()
		pm, perr := plain.InstantiateWithConfig(ctx, names.Wasm, none)
		cm, cerr := counted.InstantiateWithConfig(ctx, m.Wasm, none)
		if line(perr) != line(cerr) {
			t.Fatalf("starts as it is: %v; rewritten: %v", perr, cerr)
		}
		if perr != nil {
			return
		}
		for _, e := range info.Exports {
			if e.Kind != Func || len(e.Type.Params) > 0 {
				continue
			}
			cm.ExportedGlobal(FuelGlobal).(api.MutableGlobal).Set(10_000)
			got, cerr := cm.ExportedFunction(e.Name).Call(ctx)
			if errors.Is(cerr, errOutOfFuel) {
				return // it might not end as it is
			}
			want, perr := pm.ExportedFunction(e.Name).Call(ctx)
			if line(perr) != line(cerr) {
				t.Fatalf("%s ends as it is: %v; rewritten: %v", e.Name, perr, cerr)
			}
			for i := range want {
				if ref := e.Type.Results; want[i] != got[i] && len(ref) == 1 && ref[0] != FuncRef && ref[0] != ExternRef {
					t.Fatalf("%s gives %x as it is; rewritten %x", e.Name, want, got)
				}
			}
		}
	})
}
