package wasmenc_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// A module with one of everything is valid and computes 3 * 14.
func TestModuleRuns(t *testing.T) {
	var m w.Module
	ii := m.Type([]byte{w.I32, w.I32}, []byte{w.I32})
	v := m.Type(nil, nil)
	i := m.Type(nil, []byte{w.I32})
	m.Table(w.FuncRef, 2, 4)
	m.Memory(1, 2)
	g := m.Global(w.I32, true, w.I32Const(0))
	// multiply by adding in a loop
	mul := m.Func(ii, []w.Local{{N: 1, Type: w.I32}},
		w.Block(w.Void, w.Loop(w.Void,
			w.LocalGet(0), w.Op(w.I32Eqz), w.BrIf(1),
			w.LocalGet(2), w.LocalGet(1), w.Op(w.I32Add), w.LocalSet(2),
			w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.LocalSet(0),
			w.Br(0))),
		w.LocalGet(2))
	start := m.Func(v, nil, w.I32Const(14), w.GlobalSet(g))
	run := m.Func(i, nil,
		w.I32Const(0), w.I32Const(0), w.I32Const(1), w.MemoryInit(0),
		w.I32Const(0), w.Mem(0x2d, 0, 0), w.GlobalGet(g), w.I32Const(1), w.CallIndirect(ii, 0))
	m.Elem(1, mul)
	m.PassiveData([]byte{3})
	m.Start(start)
	m.ExportFunc("run", run)
	m.ExportMemory()
	m.Custom("note", []byte("hello"))

	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	inst, err := r.Instantiate(ctx, m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	out, err := inst.ExportedFunction("run").Call(ctx)
	if err != nil || out[0] != 42 {
		t.Fatalf("run gave %v, %v; want 42", out, err)
	}
}
