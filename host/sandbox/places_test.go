package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// A trap names the same instruction of the module's own file however the
// module was changed, and on both engines.
func TestPlaces(t *testing.T) {
	// Counters go before and after the division, which stands in the second turn
	// of a loop of a function that another calls.
	divide := w.Join(w.I32Const(1), w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.Op(0x6d), w.Op(w.Drop))
	body := w.Join(w.Loop(w.Void, w.I32Const(1), w.If(w.Void, w.Op(w.Nop)), w.LocalGet(0), w.I32Const(2), w.Op(w.I32Ne), w.If(w.Void, divide),
		w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.Op(0x22, 0), w.BrIf(0)), w.I32Const(0))
	var inner uint32
	g := guest{imports: func(m *w.Module, _ guestTypes) { inner = m.NextFunc() + 4 },
		extra: func(m *w.Module, types guestTypes) { m.Func(types.unary, nil, body) }}
	g.bytes() // for the index of the function
	g.run = w.Join(w.I32Const(3), w.MemoryGrow(), w.Op(w.Drop), w.I32Const(4), w.Call(inner))
	wasm := g.bytes()
	outer := bytes.LastIndex(wasm, w.Call(inner))
	trap := bytes.LastIndex(wasm, divide) + len(divide) - 2 // before the drop
	for _, debug := range []bool{false, true} {
		for _, x := range []struct {
			cooperative, interpreter bool
			fuel                     int64
		}{{false, false, 0}, {true, false, 0}, {false, false, 1e6}, {true, false, 1e6}, {true, true, 1e6}, {false, true, 0}} {
			if debug && !x.cooperative && x.fuel == 0 {
				continue // its own information holds, and is used
			}
			wasm := wasm
			if debug {
				wasm = placed(bytes.Clone(wasm), 1<<20)
			}
			limits := testLimits
			limits.Fuel = x.fuel
			m, err := Load(context.Background(), wasm, Options{Name: "g.wasm", Limits: limits, Cooperative: x.cooperative, Interpreter: x.interpreter})
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Run(context.Background(), Call{Config: []byte("{}")})
			m.Close()
			want := fmt.Sprintf("integer divide by zero in $%d (at %#x) < $%d", inner, trap, inner-1)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %s", x, err, want)
			}
			if len(r.Trace) != 2 || !strings.HasSuffix(r.Trace[0], fmt.Sprintf(" at %#x", trap)) || !strings.HasSuffix(r.Trace[1], fmt.Sprintf(" at %#x", outer)) {
				t.Errorf("%+v: trace %q, want it to end with %#x and %#x", x, r.Trace, trap, outer)
			}
		}
	}
}
