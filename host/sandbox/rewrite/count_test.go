package rewrite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// guest is a rewritten module at run time.
type guest struct {
	mod    api.Module
	yields int
	onTick func()
}

var errStopped = errors.New("stopped by the host")

// start instantiates a module rewritten with o. onTick is called at every
// yield; what it panics with ends the guest.
func start(t testing.TB, wasm []byte, o Options, cfg wazero.RuntimeConfig, onTick func()) (*guest, error) {
	t.Helper()
	m, err := Rewrite(wasm, o)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{onTick: onTick}
	rt := engine(t, cfg, func() {
		g.yields++
		if g.onTick != nil {
			g.onTick()
		}
	})
	g.mod, err = rt.InstantiateWithConfig(context.Background(), m.Wasm, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	return g, err
}

func (g *guest) call(name string, args ...uint64) ([]uint64, error) {
	return g.mod.ExportedFunction(name).Call(context.Background(), args...)
}

func (g *guest) fuel() api.MutableGlobal {
	return g.mod.ExportedGlobal(FuelGlobal).(api.MutableGlobal)
}

// spend calls the function with a limit and returns what it took.
func (g *guest) spend(limit int64, name string, args ...uint64) (int64, []uint64, error) {
	g.fuel().Set(uint64(limit))
	out, err := g.call(name, args...)
	return limit - int64(g.fuel().Get()), out, err
}

// bombs are modules whose "run" does not end, or not in anybody's lifetime.
func bombs() map[string]*w.Module {
	none := func(m *w.Module) uint32 { return m.Type(nil, nil) }
	run := func(m *w.Module, code ...[]byte) {
		m.ExportFunc("run", m.Func(none(m), []w.Local{{N: 1, Type: w.I32}}, code...))
	}
	all := map[string]*w.Module{}
	add := func(name string) *w.Module {
		all[name] = &w.Module{}
		all[name].Global(w.I32, true, w.I32Const(0)) // for body
		return all[name]
	}

	run(add("loop"), w.Loop(w.Void, w.Br(0)))
	run(add("loop, conditional"), w.Loop(w.Void, w.I32Const(1), w.BrIf(0)))
	run(add("loop in a loop"), w.Loop(w.Void, w.Loop(w.Void, w.LocalGet(0), w.BrIf(0)), w.Br(0)))
	run(add("loop with br_table"), w.Loop(w.Void, w.Block(w.Void, w.LocalGet(0), w.BrTable(1, 0, 1)), w.LocalGet(0), w.BrTable(0, 0)))
	run(add("loop in dead code's block"), w.Block(w.Void, w.Loop(w.Void, w.Br(0), w.Loop(w.Void, w.Br(1)))))
	run(add("loop with a long body"), w.Loop(w.Void, body(100_000), w.Br(0)))

	m := add("mutual recursion in a loop")
	a, b := m.NextFunc(), m.NextFunc()+1
	t := m.Type([]byte{w.I32}, nil)
	half := func(f uint32) []byte {
		return w.If(w.Void, w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.Call(f))
	}
	m.Func(t, nil, w.LocalGet(0), half(b))
	m.Func(t, nil, w.LocalGet(0), half(a))
	run(m, w.Loop(w.Void, w.I32Const(1000), w.Call(a), w.Br(0)))

	m = add("call tree")
	f := m.Func(none(m), nil, body(1))
	for i := 0; i < 60; i++ {
		f = m.Func(0, nil, w.Call(f), w.Call(f))
	}
	m.ExportFunc("run", f)

	m = add("wide calls of a long leaf")
	f = m.Func(none(m), nil, body(100_000))
	for i := 0; i < 3; i++ {
		var calls [][]byte
		for j := 0; j < 1000; j++ {
			calls = append(calls, w.Call(f))
		}
		f = m.Func(0, nil, calls...)
	}
	m.ExportFunc("run", f)

	m = add("indirect calls")
	m.Table(w.FuncRef, 1, 1)
	f = m.Func(none(m), nil, body(1))
	m.Elem(0, f)
	run(m, w.Loop(w.Void, w.I32Const(0), w.CallIndirect(0, 0), w.Br(0)))

	m = add("memory.fill")
	m.Memory(2048, -1)
	run(m, w.Loop(w.Void, w.I32Const(0), w.I32Const(7), w.I32Const(128<<20), w.MemoryFill(), w.Br(0)))

	m = add("memory.copy")
	m.Memory(2048, -1)
	run(m, w.Loop(w.Void, w.I32Const(4096), w.I32Const(0), w.I32Const(100<<20), w.MemoryCopy(), w.Br(0)))

	m = add("memory.init")
	m.Memory(1024, -1)
	data := m.PassiveData(make([]byte, 1<<20))
	run(m, w.Loop(w.Void, w.I32Const(0), w.I32Const(0), w.I32Const(1<<20), w.MemoryInit(data), w.Br(0)))

	m = add("memory.grow")
	m.Memory(1, 100)
	run(m, w.Loop(w.Void, w.I32Const(1), w.MemoryGrow(), w.Op(w.Drop), w.Br(0)))

	m = add("table.fill")
	m.Table(w.FuncRef, 1_000_000, -1)
	run(m, w.Loop(w.Void, w.I32Const(0), w.RefNull(w.FuncRef), w.I32Const(1_000_000), w.TableFill(0), w.Br(0)))

	m = add("table.copy")
	m.Table(w.FuncRef, 1_000_000, -1)
	run(m, w.Loop(w.Void, w.I32Const(1), w.I32Const(0), w.I32Const(999_999), w.TableCopy(0, 0), w.Br(0)))

	m = add("table.grow")
	m.Table(w.FuncRef, 1, -1)
	run(m, w.Loop(w.Void, w.RefNull(w.FuncRef), w.I32Const(1000), w.TableGrow(0), w.Op(w.Drop), w.Br(0)))

	m = add("start function")
	f = m.Func(none(m), nil, w.Loop(w.Void, w.Br(0)))
	m.Start(f)
	return all
}

// body is n instructions that the engine cannot leave out: they count in
// global 0.
func body(n int) []byte {
	return bytes.Repeat(w.Join(w.GlobalGet(0), w.I32Const(1), w.Op(w.I32Add), w.GlobalSet(0)), n/4)
}

// Whatever the guest does without end, the host hears from it often enough to
// stop it and to let others run.
func TestYieldStopsEveryBomb(t *testing.T) {
	for name, m := range bombs() {
		t.Run(name, func(t *testing.T) {
			last, worst := time.Now(), time.Duration(0)
			n := 0
			g, err := start(t, m.Bytes(), Options{Yield: true}, wazero.NewRuntimeConfig(), func() {
				now := time.Now()
				if n++; n > 1 {
					worst = max(worst, now.Sub(last))
				}
				if last = now; n == 20 {
					panic(errStopped)
				}
			})
			if name != "start function" && err == nil {
				_, err = g.call("run")
			}
			if !errors.Is(err, errStopped) {
				t.Fatalf("after %d yields: %v", n, err)
			}
			t.Logf("longest silence %v", worst)
			if worst > time.Second { // without weights, long bodies take 1.5 s and more
				t.Errorf("silent for %v", worst)
			}
		})
	}
}

// Fuel ends every bomb too, at the same instruction each time, on either of
// wazero's engines.
func TestFuelEndsEveryBomb(t *testing.T) {
	const limit = 3_000_000
	for name, m := range bombs() {
		t.Run(name, func(t *testing.T) {
			wasm := m.Bytes()
			if name == "start function" {
				t.Skip("is metered with StartFuel")
			}
			var first int64
			for i, cfg := range []wazero.RuntimeConfig{wazero.NewRuntimeConfig(), wazero.NewRuntimeConfig(), wazero.NewRuntimeConfigInterpreter()} {
				g, err := start(t, wasm, Options{Yield: i == 1, Fuel: true}, cfg, nil)
				if err != nil {
					t.Fatal(err)
				}
				spent, _, err := g.spend(limit, "run")
				if !errors.Is(err, errOutOfFuel) {
					t.Fatalf("ended with %v after %d", err, spent)
				}
				if i == 0 {
					first = spent
				} else if spent != first {
					t.Errorf("spent %d, and %d before", spent, first)
				}
			}
			if first <= limit {
				t.Errorf("out of fuel after %d of %d", first, limit)
			}
		})
	}
}

// The charge is the number of instructions executed, but for block, loop, else
// and end.
func TestFuelCountsInstructions(t *testing.T) {
	var m w.Module
	i := m.Type([]byte{w.I32}, []byte{w.I32})
	// 6 a turn and 1 after the loop
	m.ExportFunc("down", m.Func(i, nil,
		w.Loop(w.Void, w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.LocalTee(0), w.Op(w.Nop), w.BrIf(0)),
		w.LocalGet(0)))
	// 2 to decide, 1 or 2 in the arms, 1 after
	m.ExportFunc("choose", m.Func(i, []w.Local{{N: 1, Type: w.I32}},
		w.LocalGet(0), w.IfElse(w.Void, w.Op(w.Nop), w.Join(w.Op(w.Nop), w.Op(w.Nop))), w.LocalGet(0)))
	// branch out of a block, early (2) or late (2+3), then 1
	m.ExportFunc("leave", m.Func(i, nil,
		w.Block(w.Void, w.LocalGet(0), w.BrIf(0), w.Op(w.Nop), w.Op(w.Nop), w.Op(w.Nop)), w.LocalGet(0)))
	// nothing branches to this block: one straight line of 4
	m.ExportFunc("straight", m.Func(i, nil,
		w.Op(w.Nop), w.Block(w.Void, w.Op(w.Nop)), w.Op(w.Nop), w.LocalGet(0)))
	// a call costs 1 and what the callee costs
	m.ExportFunc("calls", m.Func(i, nil, w.LocalGet(0), w.Call(0)))
	g, err := start(t, m.Bytes(), Options{Fuel: true}, wazero.NewRuntimeConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := int64(g.fuel().Get()); f != StartFuel {
		t.Errorf("a new instance has %d fuel", f)
	}
	for _, c := range []struct {
		name string
		arg  uint64
		want int64
	}{
		{"down", 1, 7}, {"down", 1000, 6001},
		{"choose", 1, 4}, {"choose", 0, 5},
		{"leave", 1, 3}, {"leave", 0, 6},
		{"straight", 0, 4}, {"calls", 10, 2 + 61},
	} {
		if got, _, err := g.spend(1<<40, c.name, c.arg); err != nil || got != c.want {
			t.Errorf("%s(%d) cost %d, %v; want %d", c.name, c.arg, got, err, c.want)
		}
	}
	// Exactly enough is enough; one less is not.
	if _, _, err := g.spend(6001, "down", 1000); err != nil {
		t.Errorf("with just enough fuel: %v", err)
	}
	if _, _, err := g.spend(5999, "down", 1000); !errors.Is(err, errOutOfFuel) {
		t.Errorf("with too little fuel: %v", err)
	}
}

// Bulk instructions pay for their length.
func TestFuelCountsBytes(t *testing.T) {
	var m w.Module
	i := m.Type([]byte{w.I32}, nil)
	m.Memory(64, 2000)
	m.Table(w.FuncRef, 10_000, -1)
	data := m.PassiveData(make([]byte, 6400))
	elem := m.PassiveElem(make([]uint32, 100)...)
	zero, n := w.I32Const(0), w.LocalGet(0)
	for name, code := range map[string][]byte{
		"fill":       w.Join(zero, zero, n, w.MemoryFill()),
		"copy":       w.Join(zero, zero, n, w.MemoryCopy()),
		"init":       w.Join(zero, zero, n, w.MemoryInit(data)),
		"grow":       w.Join(n, w.MemoryGrow(), w.Op(w.Drop)),
		"table fill": w.Join(zero, w.RefNull(w.FuncRef), n, w.TableFill(0)),
		"table copy": w.Join(zero, zero, n, w.TableCopy(0, 0)),
		"table init": w.Join(zero, zero, n, w.TableInit(0, elem)),
		"table grow": w.Join(w.RefNull(w.FuncRef), n, w.TableGrow(0), w.Op(w.Drop)),
	} {
		m.ExportFunc(name, m.Func(i, nil, code))
	}
	g, err := start(t, m.Bytes(), Options{Fuel: true}, wazero.NewRuntimeConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		n    uint64
		more int64 // than with 0
	}{
		{"fill", 64, 1}, {"fill", 63, 0}, {"fill", 1 << 20, 1 << 14}, {"fill", 4 << 20, 1 << 16},
		{"copy", 6400, 100}, {"copy", 3<<20 + 64, 3<<14 + 1},
		{"init", 6400, 100},
		{"grow", 1, 1024}, {"grow", 1 << 31, 65_536 * 1024}, // fails, and costs no more than the most there can be
		{"table fill", 8000, 1000}, {"table copy", 8000, 1000}, {"table init", 80, 10}, {"table grow", 800, 100},
	} {
		base, _, err0 := g.spend(1<<40, c.name, 0)
		got, _, err := g.spend(1<<40, c.name, c.n)
		if err0 != nil || err != nil || got-base != c.more {
			t.Errorf("%s of %d cost %d more, %v, %v; want %d", c.name, c.n, got-base, err0, err, c.more)
		}
	}
	// A charge comes before the deed.
	if _, _, err := g.spend(1000, "fill", 4<<20); !errors.Is(err, errOutOfFuel) {
		t.Errorf("a fill beyond the fuel: %v", err)
	}
}

// A long copy in pieces gives the bytes of one copy, however the ranges lie,
// and one beyond memory writes nothing.
func TestPieces(t *testing.T) {
	var m w.Module
	iii := m.Type([]byte{w.I32, w.I32, w.I32}, nil)
	const size = 8 << 20
	m.Memory(size>>16, -1)
	args := w.Join(w.LocalGet(0), w.LocalGet(1), w.LocalGet(2))
	m.ExportFunc("copy", m.Func(iii, nil, args, w.MemoryCopy()))
	m.ExportFunc("fill", m.Func(iii, nil, args, w.MemoryFill()))
	g, err := start(t, m.Bytes(), Options{Yield: true, Fuel: true}, wazero.NewRuntimeConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	mem, _ := g.mod.Memory().Read(0, size)
	want := make([]byte, size)
	fresh := func() {
		for i := range mem {
			mem[i] = byte(uint32(i) * 2654435761 >> 24)
		}
		copy(want, mem)
	}
	for _, c := range [][3]uint32{
		{0, 0, 3 << 20}, {0, 1, 3 << 20}, {1, 0, 3 << 20}, {5, 1<<20 - 1, 2<<20 + 7}, {2 << 20, 1, 5<<20 + 3},
		{0, 4 << 20, 4 << 20}, {4 << 20, 0, 4 << 20}, {1 << 20, 0, Piece}, {0, 1, Piece + 1}, {size - 5, 0, 5}, {9, 8, 0}, {size, size, 0},
	} {
		fresh()
		copy(want[c[0]:c[0]+c[2]], want[c[1]:])
		if _, err := g.call("copy", uint64(c[0]), uint64(c[1]), uint64(c[2])); err != nil || string(want) != string(mem) {
			t.Errorf("copy%v: %v, bytes equal: %v", c, err, string(want) == string(mem))
		}
		fresh()
		for i := range want[c[0] : c[0]+c[2]] {
			want[int(c[0])+i] = byte(c[1])
		}
		if _, err := g.call("fill", uint64(c[0]), uint64(c[1]), uint64(c[2])); err != nil || string(want) != string(mem) {
			t.Errorf("fill%v: %v, bytes equal: %v", c, err, string(want) == string(mem))
		}
	}
	fresh()
	for _, c := range [][3]uint32{{1, 0, size}, {0, 1, size}, {1<<32 - 1, 0, 1<<32 - 1}, {0, 1<<32 - 2<<20, 3 << 20}, {size - 2<<20, 0, 2<<20 + 1}, {size + 1, 0, 0}} {
		for _, name := range []string{"copy", "fill"} {
			if name == "fill" && c[0] == 0 {
				continue
			}
			_, err := g.call(name, uint64(c[0]), uint64(c[1]), uint64(c[2]))
			if err == nil || !strings.Contains(err.Error(), "out of bounds memory access") {
				t.Errorf("%s%v: %v", name, c, err)
			}
		}
	}
	if string(want) != string(mem) {
		t.Error("a copy or fill that trapped wrote something")
	}
}

// The start function pays out of StartFuel.
func TestStartFuel(t *testing.T) {
	var m w.Module
	v := m.Type(nil, nil)
	m.Start(m.Func(v, nil, w.Op(w.Nop), w.Op(w.Nop)))
	g, err := start(t, m.Bytes(), Options{Fuel: true}, wazero.NewRuntimeConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if spent := StartFuel - int64(g.fuel().Get()); spent != 2 {
		t.Errorf("the start function cost %d, want 2", spent)
	}
}

// A table grows no further than TableMax, wherever its own maximum was.
func TestTableMax(t *testing.T) {
	for _, max := range []int64{-1, 50, 5000} {
		for _, o := range []Options{{TableMax: 100}, {TableMax: 100, Yield: true}} {
			var m w.Module
			i := m.Type([]byte{w.I32}, []byte{w.I32})
			m.Table(w.FuncRef, 10, max)
			m.ExportFunc("grow", m.Func(i, nil, w.RefNull(w.FuncRef), w.LocalGet(0), w.TableGrow(0)))
			g, err := start(t, m.Bytes(), o, wazero.NewRuntimeConfig(), nil)
			if err != nil {
				t.Fatal(err)
			}
			most := uint64(100)
			if max > 0 {
				most = uint64(min(max, 100))
			}
			if out, err := g.call("grow", most-10+1); err != nil || int32(out[0]) != -1 {
				t.Errorf("max %d: growing beyond gave %v, %v", max, out, err)
			}
			if out, err := g.call("grow", most-10); err != nil || out[0] != 10 {
				t.Errorf("max %d: growing up to it gave %v, %v", max, out, err)
			}
		}
	}
	var m w.Module
	m.Table(w.FuncRef, 101, -1)
	if _, err := Rewrite(m.Bytes(), Options{TableMax: 100}); err == nil || !strings.Contains(err.Error(), "101 entries: at most 100") {
		t.Errorf("a table that starts too large: %v", err)
	}
}

// Names in a stack trace are those of the functions as they were.
func TestTraceNames(t *testing.T) {
	var m w.Module
	v := m.Type(nil, nil)
	m.ImportFunc(HostModule+"x", "f", v)
	trap := m.Func(v, nil, w.Op(w.Unreachable))
	m.ExportFunc("run", m.Func(v, nil, w.Call(trap)))
	names := w.U32(3)
	for i, n := range []string{"imported", "trap\x1b[31m", "middle"} {
		names = w.Join(names, w.U32(uint32(i)), w.Name(n))
	}
	m.Custom("name", w.Section(1, names))
	out, err := Rewrite(m.Bytes(), Options{Yield: true, Fuel: true})
	if err != nil {
		t.Fatal(err)
	}
	rt := engine(t, wazero.NewRuntimeConfig(), func() {})
	ctx := context.Background()
	if _, err := rt.NewHostModuleBuilder(HostModule + "x").NewFunctionBuilder().WithFunc(func() {}).Export("f").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	mod, err := rt.Instantiate(ctx, out.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	_, err = mod.ExportedFunction("run").Call(ctx)
	got := fmt.Sprint(err)
	if !strings.Contains(got, "trap\uFFFD[31m()") || !strings.Contains(got, "middle()") {
		t.Errorf("the trace names others: %s", got)
	}
}
