package doctor

import (
	"fmt"
	"slices"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

const (
	memories = "memory bombs"
	tables   = "table bombs"
	stacks   = "deep stacks"
)

// within checks that a guest stayed within the lab's memory.
func within(r reply) error {
	if r.stats.Memory > labMemory {
		return fmt.Errorf("it had %d bytes of memory", r.stats.Memory)
	}
	return nil
}

// memoryBombs want more memory than they may have.
func memoryBombs() []attack {
	a := func(name string, want want, g guest, more ...guest) attack {
		x := attack{kind: memories, name: name, modules: []func() []byte{g.bytes}, want: want}
		for _, g := range more {
			x.modules = append(x.modules, g.bytes)
		}
		return x
	}
	budget := mustLimit("needs more than 64MiB of memory", "asked for")
	// Grows by so many pages until that fails, then traps, as runtimes do.
	until := func(pages int32) guest {
		return guest{attack: code(
			w.Loop(w.Void, w.I32Const(pages), w.MemoryGrow(), w.I32Const(-1), w.Op(w.I32Ne), w.BrIf(0)), trap)}
	}
	page := func(n int32) []byte { return w.I32Const(n << 16) }
	oob := mustStop("out of bounds memory access")
	at := func(parts ...[]byte) guest { return guest{attack: code(w.Join(parts...), w.I32Const(0))} }
	return []attack{
		a("grow page by page", budget, until(1)),
		a("grow by 16 MiB", budget, until(256)),
		a("grow in vain, and go on", budget, at(dropped(w.I32Const(1024), w.MemoryGrow()))),
		{kind: memories, name: "grow in vain in _initialize, and go on", everywhere: true, want: budget, modules: []func() []byte{
			guest{init: code(dropped(w.I32Const(1024), w.MemoryGrow()))}.bytes}},
		a("grow by all at once", want{ends: []end{limited, stopped}, words: []string{"needs more than 64MiB of memory|unreachable"}},
			until(65534), until(65535), until(65536), until(-1), until(1<<31-1)),
		a("start with 4 GiB", mustRefuse("memory starts with 65536 pages"), guest{pages: 65536}),
		a("start with more than the limit", mustRefuse("with 100MiB set aside for its stack that is more than its limit of 164MiB"), guest{pages: 1025}, guest{pages: 65535}),
		a("write every page there is, to the limit", mustGive("the limit was kept", byMemory, within), guest{locals: []w.Local{{N: 1, Type: w.I32}}, attack: code(
			dropped(w.I32Const(1000), w.MemoryGrow()),
			times(0, 1000, w.LocalGet(0), w.I32Const(16), w.Op(0x74), w.I32Const(1), w.I32Store(0)), w.I32Const(0))}),
		a("grow past its own maximum", mustGive("-1", byTrap, gave(1<<32-1)), guest{most: 2, attack: func(x names) []byte {
			return w.Join(keep(0, w.Join(w.I32Const(5), w.MemoryGrow())), x.write(atRoom, 4), w.I32Const(0))
		}}),
		a("fill 4 GiB", oob, at(w.I32Const(0), w.I32Const(1), w.I32Const(-1), w.MemoryFill()), at(w.I32Const(-1), w.I32Const(1), w.I32Const(-1), w.MemoryFill())),
		a("copy 4 GiB", oob, at(w.I32Const(0), w.I32Const(1), w.I32Const(-1), w.MemoryCopy()), at(w.I32Const(-1), w.I32Const(0), w.I32Const(1), w.MemoryCopy())),
		a("init past a segment's end", oob, guest{attack: code(w.I32Const(0), w.I32Const(0), w.I32Const(101), w.MemoryInit(2), w.I32Const(0)),
			more: func(m *w.Module, _ names) { m.PassiveData(make([]byte, 100)) }}),
		a("load and store at the edge and beyond", oob,
			at(dropped(page(1), w.I32Load(0))), at(dropped(w.I32Const(1<<16-3), w.I32Load(0))), at(dropped(w.I32Const(-4), w.I32Load(0))),
			at(dropped(w.I32Const(-1), w.Mem(0x28, 2, 1<<32-1))), at(dropped(w.I32Const(0), w.Mem(0x28, 2, 1<<32-1))), at(dropped(w.I32Const(-4), w.Mem(0x28, 2, 8))),
			at(w.I32Const(1<<16-1), w.I64Const(1), w.Mem(0x37, 3, 0)), at(page(16), w.I32Const(1), w.I32Store(0)), at(w.I32Const(-1), w.I32Const(1), w.Mem(0x3a, 0, 1<<32-1)),
			at(dropped(w.I32Const(1<<16-15), w.Op(0xfd, 0, 4, 0)))), // v128.load
		{kind: memories, name: "data beyond the end", everywhere: true, want: mustStop("out of bounds"), modules: []func() []byte{
			guest{more: func(m *w.Module, _ names) { m.Data(1<<16-10, make([]byte, 11)) }}.bytes,
			guest{more: func(m *w.Module, _ names) { m.Data(-1, []byte{1}) }}.bytes}},
		a("two memories, shared memory, 64-bit memory", mustRefuse("not supported|invalid|not a valid"),
			guest{more: func(m *w.Module, _ names) { m.Memory(1, -1) }},
			guest{imports: nil, more: func(m *w.Module, _ names) { m.Memory(1, 2) }}),
	}
}

// tableBombs want more table entries than they may have.
func tableBombs() []attack {
	a := func(name string, want want, gs ...guest) attack {
		x := attack{kind: tables, name: name, want: want}
		for _, g := range gs {
			x.modules = append(x.modules, g.bytes)
		}
		return x
	}
	table := func(least, most int64, parts ...[]byte) guest {
		return guest{attack: code(parts...), more: func(m *w.Module, _ names) { m.Table(w.FuncRef, least, most) }}
	}
	oob := mustStop("out of bounds table access|invalid table access")
	grow := func(by int32) []byte { return w.Join(w.RefNull(w.FuncRef), w.I32Const(by), w.TableGrow(0)) }
	zero := w.I32Const(0)
	return []attack{
		a("start with 2^27 entries", mustRefuse("a table starts with"), table(1<<27, -1), table(1<<32-1, -1), table(1_000_001, -1)),
		a("five tables", mustRefuse("tables"), guest{more: func(m *w.Module, _ names) {
			for range 5 {
				m.Table(w.FuncRef, 1, -1)
			}
		}}),
		{kind: tables, name: "four tables of a million entries in 16 MiB", memory: 16 << 20, want: mustRefuse("more than its limit of 116MiB"),
			modules: []func() []byte{guest{more: func(m *w.Module, _ names) {
				for range 4 {
					m.Table(w.ExternRef, 1_000_000, -1)
				}
			}}.bytes}},
		a("grow until it fails", mustGive("at most a million entries", byRewriter, func(r reply) error {
			if n := words(r); len(n) != 1 || n[0] > 1_000_000 {
				return fmt.Errorf("it came to %v entries", n)
			}
			return nil
		}), guest{attack: func(x names) []byte {
			return w.Join(w.Loop(w.Void, grow(65536), w.I32Const(-1), w.Op(w.I32Ne), w.BrIf(0)),
				keep(0, w.TableSize(0)), x.write(atRoom, 4), zero)
		}, more: func(m *w.Module, _ names) { m.Table(w.FuncRef, 1, -1) }}),
		a("grow by 2^32-1, by 2^24", mustGive("-1 each time", byRewriter, gave(1<<32-1, 1<<32-1, 1<<32-1)), guest{attack: func(x names) []byte {
			return w.Join(keep(0, grow(-1)), keep(1, grow(1<<24)), keep(2, grow(-1<<31)), x.write(atRoom, 12), zero)
		}, more: func(m *w.Module, _ names) { m.Table(w.FuncRef, 1, -1) }}),
		a("fill, copy, init and set beyond the end", oob,
			table(10, 10, zero, w.RefNull(w.FuncRef), w.I32Const(11), w.TableFill(0), zero),
			table(10, 10, w.I32Const(-1), w.RefNull(w.FuncRef), w.I32Const(2), w.TableFill(0), zero),
			table(10, 10, zero, w.I32Const(1), w.I32Const(-1), w.TableCopy(0, 0), zero),
			table(10, 10, w.I32Const(10), w.RefNull(w.FuncRef), w.Op(0x26, 0), zero),
			table(10, 10, dropped(w.I32Const(-1), w.Op(0x25, 0)), zero)),
		a("call through empty and missing entries", oob,
			table(10, 10, w.I32Const(3), w.CallIndirect(0, 0), zero), table(10, 10, w.I32Const(10), w.CallIndirect(0, 0), zero),
			table(10, 10, w.I32Const(-1), w.CallIndirect(0, 0), zero)),
		a("call through an entry of another type", mustStop("indirect call type mismatch"), guest{attack: code(w.I32Const(0), w.CallIndirect(0, 0), zero),
			more: func(m *w.Module, x names) { m.Table(w.FuncRef, 1, 1); m.Elem(0, x.attack) }}),
		{kind: tables, name: "a segment beyond the table's end", everywhere: true,
			want: want{ends: []end{stopped, harmless}, words: []string{"out of bounds|invalid table access"}, gives: "nothing is written there", wall: byTrap}, modules: []func() []byte{
				guest{more: func(m *w.Module, x names) { m.Table(w.FuncRef, 1, 1); m.Elem(1, x.attack) }}.bytes,
				guest{more: func(m *w.Module, x names) { m.Table(w.FuncRef, 1, 1); m.Elem(-1, x.attack) }}.bytes}},
	}
}

// overflown is what the sandbox says of a guest whose stack is full.
const overflown = "stack overflow"

// deepStacks want more stack than they may have.
func deepStacks() []attack {
	a := func(name string, want want, gs ...guest) attack {
		x := attack{kind: stacks, name: name, want: want}
		for _, g := range gs {
			x.modules = append(x.modules, g.bytes)
		}
		return x
	}
	overflow := mustLimit(overflown)
	// An attack by a guest for whose frames the interpreter sets aside 0.7 GiB.
	wide := func(name string, want want, gs ...guest) attack {
		x := a(name, want, gs...)
		x.frames = 1 << 30
		return x
	}
	self := func(locals uint32) guest {
		return guest{locals: []w.Local{{N: locals, Type: w.I64}}, attack: func(x names) []byte {
			return w.Join(w.Call(x.attack), w.I32Const(1), w.Op(w.I32Add))
		}}
	}
	many := func(n int, parts []byte) []byte { return slices.Repeat(parts, n) }
	return []attack{
		a("recursion without end", overflow, self(0), self(4000)),
		a("two functions that call each other", overflow, guest{attack: func(x names) []byte { return w.Join(w.Call(x.next), w.I32Const(1), w.Op(w.I32Add)) },
			more: func(m *w.Module, x names) {
				m.Func(x.number, nil, w.Call(x.attack), w.I32Const(1), w.Op(w.I32Add))
			}}),
		a("recursion through a table", overflow, guest{attack: func(x names) []byte {
			return w.Join(w.I32Const(0), w.CallIndirect(x.number, 0), w.I32Const(1), w.Op(w.I32Add))
		}, more: func(m *w.Module, x names) { m.Table(w.FuncRef, 1, 1); m.Elem(0, x.attack) }}),
		{kind: stacks, name: "recursion in the start function and _initialize", want: mustLimit(overflown), everywhere: true, modules: []func() []byte{
			guest{start: func(x names) []byte { return w.Call(x.last + 1) }}.bytes,
			guest{init: func(x names) []byte { return w.Call(x.last + 1) }}.bytes}},
		a("200 parameters, and recursion", overflow, guest{params: 200, attack: func(x names) []byte {
			return w.Join(many(200, w.LocalGet(7)), w.Call(x.attack), w.I32Const(1), w.Op(w.I32Add))
		}}),
		a("50,000 locals", mustRefuse("locals: at most"), guest{locals: []w.Local{{N: 50_000, Type: w.I32}}}, guest{locals: []w.Local{{N: 1<<32 - 1, Type: w.I64}}},
			guest{locals: slices.Repeat([]w.Local{{N: 1 << 30, Type: w.V128}}, 5)}),
		a("400 parameters, 1,000 results", mustRefuse("parameters|results"), guest{params: 400}, guest{more: func(m *w.Module, _ names) {
			m.Type(nil, many(1000, []byte{w.I32}))
		}}),
		wide("20,000 operands at once", mustGive("their sum", byTrap, gave(20_000)), guest{attack: func(x names) []byte {
			return w.Join(w.I32Const(atRoom), many(20_000, w.I32Const(1)), many(19_999, []byte{w.I32Add}), w.I32Store(0), x.write(atRoom, 4), w.I32Const(0))
		}}),
	}
}
