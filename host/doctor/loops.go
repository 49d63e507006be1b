package doctor

import (
	"context"
	"fmt"

	"rechost/guest/abi"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

const endless = "guests that never end"

// busy is the shortest loop there is.
var busy = forever()

// loops never end, in every place and in every way.
func loops() []attack {
	still := mustLimit("still running after")
	loop := func(name string, g guest, more ...func(*attack)) attack {
		a := attack{kind: endless, name: name, modules: []func() []byte{g.bytes}, endless: true, want: still}
		for _, f := range more {
			f(&a)
		}
		return a
	}
	in := func(p phase) func(*attack) { return func(a *attack) { a.call = p } }
	everywhere := func(a *attack) { a.everywhere = true }
	empty := w.Loop(w.Void, w.Br(0))
	body := func(c []byte) guest { return guest{attack: code(c)} }
	return []attack{
		loop("loop in run", body(busy)),
		loop("loop in the start function", guest{start: code(empty)}, everywhere),
		loop("loop in _initialize", guest{init: code(empty)}, everywhere),
		loop("loop in rechost_abi", guest{version: code(busy)}, everywhere),
		loop("loop in describe", guest{describe: code(busy)}, in(describing)),
		loop("loop in plan", guest{plan: code(busy)}, in(planning)),
		loop("loop with GOMAXPROCS=1", body(busy), func(a *attack) { a.oneThread = true }),
		loop("loop while the host collects garbage", body(busy), func(a *attack) { a.garbage = true }),
		loop("loop with GOMAXPROCS=1 and garbage", body(busy), func(a *attack) { a.oneThread, a.garbage = true, true }),
		loop("nested loops of many turns", guest{locals: []w.Local{{N: 3, Type: w.I32}}, attack: code(
			times(0, -1, times(1, -1, times(2, -1))), w.I32Const(0))}),
		loop("a loop that leaves by its start, br_if", body(w.Join(w.Loop(w.Void, w.I32Const(1), w.BrIf(0)), trap))),
		loop("a branch table steered by data", guest{locals: []w.Local{{N: 1, Type: w.I32}}, attack: code(
			w.Loop(w.Void,
				w.LocalGet(0), w.I32Const(1), w.Op(w.I32Add), w.LocalSet(0),
				w.Block(w.Void, w.Block(w.Void,
					w.LocalGet(0), w.I32Const(3), w.Op(w.I32And), w.I32Load(atRoom), w.BrTable(2, 0, 1, 2)),
					w.Br(1)),
				w.Br(0)), trap)}),
		loop("a call tree of 2^60 leaves, no loop", tree(false)),
		loop("the same through a table", tree(true)),
		loop("two functions that call each other, 2^60 times", guest{params: 1, attack: func(x names) []byte {
			return w.Join(w.I32Const(60), w.Call(x.next))
		}, more: func(m *w.Module, x names) {
			t := m.Type([]byte{w.I32}, []byte{w.I32})
			twice := func(other uint32) []byte {
				deeper := w.Join(w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.Call(other))
				return w.Join(w.LocalGet(0), w.IfElse(w.I32, w.Join(deeper, w.Op(w.Drop), deeper), w.I32Const(0)))
			}
			m.Func(t, nil, twice(x.next+1))
			m.Func(t, nil, twice(x.next))
		}}),
		loop("a host function again and again", guest{imports: []string{"rechost.progress"}, attack: func(x names) []byte {
			return forever(w.I64Const(1), w.I64Const(2), x.call("rechost.progress"))
		}}),
		loop("sched_yield again and again", guest{imports: []string{wasi + ".sched_yield"}, attack: func(x names) []byte {
			return forever(dropped(x.call(wasi + ".sched_yield")))
		}}),
		loop("memory.fill again and again", guest{pages: 512, attack: code(
			forever(w.I32Const(0), w.I32Const(1), w.I32Const(512<<16), w.MemoryFill()))}),
		loop("memory.copy again and again", guest{pages: 512, attack: code(
			forever(w.I32Const(1), w.I32Const(0), w.I32Const(512<<16-1), w.MemoryCopy()))}),
		loop("table.fill again and again", guest{attack: code(
			forever(w.I32Const(0), w.RefNull(w.FuncRef), w.I32Const(100_000), w.TableFill(0))),
			more: func(m *w.Module, _ names) { m.Table(w.FuncRef, 100_000, -1) }}),
		loop("32 MiB of random bytes, again and again", guest{pages: 513, imports: []string{wasi + ".random_get"}, attack: func(x names) []byte {
			return forever(dropped(w.I32Const(1<<16), w.I32Const(512<<16), x.call(wasi+".random_get")))
		}}),
		loop("growing memory in vain, again and again", body(forever(dropped(w.I32Const(-1), w.MemoryGrow())))),
	}
}

// tree is f(n) = f(n-1) twice.
func tree(indirect bool) guest {
	return guest{attack: func(x names) []byte { return w.Join(w.I32Const(60), w.Call(x.next)) },
		more: func(m *w.Module, x names) {
			t := m.Type([]byte{w.I32}, []byte{w.I32})
			call := w.Call(x.next)
			if indirect {
				m.Table(w.FuncRef, 1, 1)
				m.Elem(0, x.next)
				call = w.Join(w.I32Const(0), w.CallIndirect(t, 0))
			}
			deeper := w.Join(w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), call)
			m.Func(t, nil, w.LocalGet(0), w.IfElse(w.I32, w.Join(deeper, w.Op(w.Drop), deeper), w.I32Const(0)))
		}}
}

const meters = "counter and fuel"

// metering tries to reach what the host added to the module, or to pay less
// than is due.
func metering() []attack {
	refuse := func(name string, want want, g guest) attack {
		return attack{kind: meters, name: name, modules: []func() []byte{g.bytes}, fuel: 1_000_000, want: want}
	}
	invalid := mustRefuse()
	dry := mustLimit("instructions of fuel")
	spend := func(name string, g guest) attack {
		return attack{kind: meters, name: name, modules: []func() []byte{g.bytes}, fuel: 1_000_000, want: dry}
	}
	return []attack{
		refuse("import the host's own functions", mustRefuse("only the host may use"), guest{imports: []string{"rechost_host.yield"}}),
		refuse("import the host's own fuel", mustRefuse("only the host may use"), guest{imports: []string{"rechost_host.out_of_fuel"}}),
		refuse("export a name of the host's", mustRefuse("are the host's"), guest{more: func(m *w.Module, _ names) {
			m.Export("rechost:fuel", w.KindGlobal, m.Global(w.I64, true, w.I64Const(1<<62)))
		}}),
		refuse("write the global after the module's own", invalid, guest{attack: code(w.I64Const(1<<62), w.GlobalSet(1), w.I32Const(0)),
			more: func(m *w.Module, _ names) { m.Global(w.I64, true, w.I64Const(0)) }}),
		refuse("read the global after the module's own", invalid, guest{attack: code(dropped(w.GlobalGet(0)), w.I32Const(0))}),
		refuse("export the global after the module's own", invalid, guest{more: func(m *w.Module, _ names) { m.Export("g", w.KindGlobal, 0) }}),
		refuse("call the function after the module's own", invalid, guest{attack: func(x names) []byte {
			return w.Join(w.Call(x.last+1), w.I32Const(0))
		}}),
		refuse("take a reference to it", invalid, guest{attack: func(x names) []byte {
			return w.Join(dropped(w.RefFunc(x.last+1)), w.I32Const(0))
		}, more: func(m *w.Module, x names) { m.DeclareFuncs(x.last) }}),
		refuse("put it into a table", invalid, guest{more: func(m *w.Module, x names) { m.Table(w.FuncRef, 8, 8); m.Elem(0, x.last+1) }}),
		refuse("export it", invalid, guest{more: func(m *w.Module, x names) { m.ExportFunc("f", x.last+1) }}),
		refuse("start with it", invalid, guest{more: func(m *w.Module, x names) { m.Start(x.last + 1) }}),
		refuse("use the type after the module's own", invalid, guest{attack: code(w.I32Const(0), w.CallIndirect(40, 0), w.I32Const(0)),
			more: func(m *w.Module, _ names) { m.Table(w.FuncRef, 8, 8) }}),
		spend("loop without end", guest{attack: code(busy)}),
		spend("no loop, a call tree", tree(false)),
		spend("no loop, calls through a table", tree(true)),
		spend("fill and copy, many bytes for one instruction", guest{pages: 512, attack: code(
			forever(w.I32Const(0), w.I32Const(1), w.I32Const(512<<16), w.MemoryFill()))}),
		spend("fill a table, many entries for one instruction", guest{attack: code(
			forever(w.I32Const(0), w.RefNull(w.FuncRef), w.I32Const(100_000), w.TableFill(0))),
			more: func(m *w.Module, _ names) { m.Table(w.FuncRef, 100_000, -1) }}),
		spend("init from a segment, again and again", guest{attack: code(forever(w.I32Const(0), w.I32Const(0), w.I32Const(60_000), w.MemoryInit(2))),
			more: func(m *w.Module, _ names) { m.PassiveData(make([]byte, 60_000)) }}), // behind two names
		{kind: meters, name: "a length of 2^32-1 is not a negative charge", fuel: 1_000_000, modules: []func() []byte{
			guest{attack: code(w.I32Const(0), w.I32Const(1), w.I32Const(-1), w.MemoryFill(), busy)}.bytes,
			guest{attack: code(w.I32Const(0), w.I32Const(1), w.I32Const(-1), w.MemoryCopy(), busy)}.bytes,
		}, want: want{ends: []end{stopped, limited}, words: []string{"out of bounds|instructions of fuel"}}},
		{kind: meters, name: "fuel ends the same run at the same place", fuel: 1_000_000, do: sameFuel, tries: 3,
			want: mustGive("the same count in each run, and half of it does not do", byFuel, nil)},
		{kind: meters, name: "fuel of the start function counts", fuel: 1_000_000, everywhere: true, modules: []func() []byte{
			guest{start: code(w.Loop(w.Void, w.Br(0)))}.bytes}, want: want{ends: []end{limited}, words: []string{"fuel|still running"}}, endless: true},
		{kind: meters, name: "other ABI version", everywhere: true, modules: []func() []byte{
			guest{version: code(w.I32Const(abi.Version + 1))}.bytes, guest{version: code(w.I32Const(-1))}.bytes},
			want: mustStop("speaks ABI version")},
	}
}

// sameFuel finds out what a guest takes, and that it gets by with exactly that.
func sameFuel(ctx context.Context, l *lab, a *attack) outcome {
	g := guest{locals: []w.Local{{N: 1, Type: w.I32}}, attack: func(x names) []byte {
		return w.Join(times(0, 1000, w.I32Const(0), w.I32Const(1), w.I32Const(3000), w.MemoryFill()), w.I32Const(0))
	}}.bytes()
	spend := func(limit int64) (int64, error) {
		own := *a
		own.fuel = limit
		e, err := l.open(g, &own, "")
		if err != nil {
			return 0, err
		}
		defer e.Close()
		r, err := run(ctx, e, l.task(stageAttack, -1))
		return r.stats.Fuel, err
	}
	first, err := spend(1_000_000)
	if err != nil {
		return a.want.judge(err, g, l.kind)
	}
	if again, err := spend(first); err != nil || again != first {
		return outcome{end: broken, text: fmt.Sprintf("%d instructions, then %d, %v", first, again, err)}
	}
	// Fuel is looked at where blocks begin, so the last few instructions may be
	// owed; half is never enough.
	if _, err := spend(first / 2); err == nil {
		return outcome{end: broken, text: fmt.Sprintf("%d instructions, and with half of them it ends as well", first)}
	}
	return outcome{harmless, fmt.Sprintf("%d instructions, twice", first), byFuel}
}
