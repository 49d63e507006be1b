package wasmenc_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"

	. "rechost/host/sandbox/rewrite/wasmenc"
)

// A module with one of everything is valid and computes 3 * 14.
func TestModuleRuns(t *testing.T) {
	var m Module
	ii := m.Type([]byte{I32, I32}, []byte{I32})
	v := m.Type(nil, nil)
	i := m.Type(nil, []byte{I32})
	m.Table(FuncRef, 2, 4)
	m.Memory(1, 2)
	g := m.Global(I32, true, I32Const(0))
	// multiply by adding in a loop
	mul := m.Func(ii, []Local{{1, I32}},
		Block(Void, Loop(Void,
			LocalGet(0), Op(I32Eqz), BrIf(1),
			LocalGet(2), LocalGet(1), Op(I32Add), LocalSet(2),
			LocalGet(0), I32Const(1), Op(I32Sub), LocalSet(0),
			Br(0))),
		LocalGet(2))
	start := m.Func(v, nil, I32Const(14), GlobalSet(g))
	run := m.Func(i, nil,
		I32Const(0), I32Const(0), I32Const(1), MemoryInit(0),
		I32Const(0), Mem(0x2d, 0, 0), GlobalGet(g), I32Const(1), CallIndirect(ii, 0))
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
