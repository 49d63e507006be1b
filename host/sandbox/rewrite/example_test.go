package rewrite_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"rechost/host/sandbox/rewrite"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

// A guest that never ends by itself is given a thousand instructions.
func Example() {
	var m w.Module
	m.ExportFunc("run", m.Func(m.Type(nil, nil), nil, w.Loop(w.Void, w.Br(0))))
	guest := m.Bytes()

	info, err := rewrite.Check(guest, rewrite.Caps{})
	if err != nil {
		panic(err)
	}
	fmt.Println(info.Exports[0].Name, info.Exports[0].Type)
	counted, err := rewrite.Rewrite(guest, rewrite.Options{Fuel: true})
	if err != nil {
		panic(err)
	}

	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	spent := errors.New("out of fuel")
	_, err = rt.NewHostModuleBuilder(rewrite.HostModule).
		NewFunctionBuilder().WithFunc(func() { panic(spent) }).Export(rewrite.FnOutOfFuel).
		Instantiate(ctx)
	if err != nil {
		panic(err)
	}
	inst, err := rt.Instantiate(ctx, counted.Wasm)
	if err != nil {
		panic(err)
	}
	fuel := inst.ExportedGlobal(rewrite.FuelGlobal).(api.MutableGlobal)
	fuel.Set(1000)
	_, err = inst.ExportedFunction("run").Call(ctx)
	fmt.Println(errors.Is(err, spent), int64(fuel.Get()))
	// Output:
	// run () -> ()
	// true -1
}
