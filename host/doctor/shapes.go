package doctor

import (
	"fmt"
	"slices"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

const (
	bombs     = "compile bombs"
	malformed = "malformed binaries"
	confusion = "imports and exports confused"
)

// compileBombs are dear to compile, or to read.
func compileBombs() []attack {
	a := func(name string, want want, build ...func() []byte) attack {
		return attack{kind: bombs, name: name, want: want, modules: build}
	}
	body := func(parts ...[]byte) func() []byte { return guest{attack: code(w.Join(parts...), w.I32Const(0))}.bytes }
	more := func(f func(m *w.Module, x names)) func() []byte { return guest{more: f}.bytes }
	many := func(n int, parts ...[]byte) []byte { return slices.Repeat(w.Join(parts...), n) }
	deep := func(n int) []byte { return w.Join(many(n, []byte{0x02, w.Void}), many(n, []byte{w.End})) }
	table := func(n int) []byte {
		return w.Join(w.Block(w.Void, w.I32Const(0), w.BrTable(0, make([]uint32, n)...)))
	}
	seq := func(n int) []uint32 {
		s := make([]uint32, n)
		for i := range s {
			s[i] = uint32(i)
		}
		return s
	}
	long := make([]byte, 1<<16+1)
	for i := range long {
		long[i] = 'a'
	}
	return []attack{
		a("60,000 nested blocks", mustRefuse("blocks"), body(deep(60_000)), body(deep(8_193))),
		a("nested loops and ifs", mustRefuse("blocks"), body(many(9_000, []byte{0x03, w.Void}), many(9_000, []byte{w.End})),
			body(many(9_000, w.I32Const(0), []byte{0x04, w.Void}), many(9_000, []byte{w.End}))),
		a("60,000 blocks in a row", mustRefuse("blocks and branches"), body(many(60_000, w.Block(w.Void)))),
		a("60,000 branches", mustRefuse("blocks and branches"), body(w.Block(w.Void, many(60_000, w.I32Const(0), w.BrIf(0))))),
		a("branches that all meet", mustRefuse("ways to bring together"), body(w.Block(w.Void, many(9_000, w.I32Const(0), w.BrIf(0)))),
			body(many(20, []byte{0x02, w.Void}), many(2_500, w.Block(w.Void, w.I32Const(0), w.BrTable(0, seq(20)...))), many(20, []byte{w.End}))),
		a("6,000 loops", mustRefuse("loops"), body(many(6_000, w.Loop(w.Void)))),
		a("a branch table of a million labels", mustRefuse("labels in branch tables|bytes"), body(table(1_000_000)), body(table(70_000))),
		a("blocks times locals", mustRefuse("blocks times locals"), guest{locals: []w.Local{{N: 4000, Type: w.I64}}, attack: code(many(5_000, w.Block(w.Void)), w.I32Const(0))}.bytes),
		a("a function of 2 MiB", mustRefuse("bytes: at most"), body(many(2<<20, []byte{w.Nop}))),
		a("a million types", mustRefuse("types"), more(func(m *w.Module, _ names) {
			for range 1_000_000 {
				m.Type(nil, nil)
			}
		})),
		a("300,000 functions", mustRefuse("functions"), more(func(m *w.Module, x names) {
			for range 300_000 {
				m.Func(x.none, nil)
			}
		})),
		a("200,000 globals, exports, segments", mustRefuse("at most"),
			more(func(m *w.Module, _ names) {
				for range 200_000 {
					m.Global(w.I32, false, w.I32Const(0))
				}
			}), more(func(m *w.Module, x names) {
				for i := range 200_000 {
					m.ExportFunc(fmt.Sprint(i), x.attack)
				}
			}), more(func(m *w.Module, _ names) {
				for range 200_000 {
					m.Data(0, nil)
				}
			}), more(func(m *w.Module, x names) {
				m.Table(w.FuncRef, 1, 1)
				for range 200_000 {
					m.Elem(0)
				}
			})),
		a("5,000 imports", mustRefuse("imports"), func() []byte {
			var m w.Module
			t := m.Type(nil, []byte{w.I32})
			for range 5_000 {
				m.ImportFunc(wasi, "sched_yield", t)
			}
			m.Memory(1, -1)
			return m.Bytes()
		}),
		a("names of 64 KiB and more", mustRefuse("bytes in one name"), more(func(m *w.Module, x names) { m.ExportFunc(string(long), x.attack) }),
			more(func(m *w.Module, _ names) { m.Custom(string(long), nil) })),
		a("64 MiB of nothing", mustRefuse("bytes: at most"), more(func(m *w.Module, _ names) { m.Custom("x", make([]byte, 64<<20)) })),
		a("300 custom sections", mustRefuse("custom sections"), more(func(m *w.Module, _ names) {
			for range 300 {
				m.Custom("x", nil)
			}
		})),
		a("a name section of lies", want{ends: []end{harmless, refused}, words: []string{"ran out of memory|not a valid module"}, gives: "runs", wall: byShape}, more(func(m *w.Module, _ names) {
			m.Custom("name", w.Join([]byte{1}, w.U32(1<<31), w.U32(1<<31), make([]byte, 1000)))
		}), more(func(m *w.Module, _ names) { m.Custom("name", w.Join([]byte{0, 2, 5, 'x'})) }),
			more(func(m *w.Module, _ names) { m.Custom(".debug_info", make([]byte, 100_000)) }),
			more(func(m *w.Module, _ names) { m.Custom("producers", w.Join(w.U32(1<<31), make([]byte, 1000))) })),
		{kind: bombs, name: "much within every cap", on: Processes, endless: true, everywhere: true,
			want: want{ends: []end{refused, harmless}, words: []string{"still running|memory"}, gives: "compiled in time", wall: byShape},
			modules: []func() []byte{more(func(m *w.Module, x names) {
				// 100 functions, each with all the blocks that it may have.
				body := w.Join(many(39_000, w.Block(w.Void)))
				for range 100 {
					m.Func(x.none, []w.Local{{N: 200, Type: w.I64}}, body)
				}
			})}},
	}
}

// whole is a module with one of every section.
func whole() []byte {
	return guest{imports: []string{"rechost.log"}, start: code(w.Op(w.Nop)), more: func(m *w.Module, x names) {
		m.Table(w.FuncRef, 4, 4)
		m.Global(w.I32, true, w.I32Const(7))
		m.Elem(0, x.attack)
		m.PassiveData([]byte{1, 2, 3})
	}}.bytes()
}

// section is a section of a binary: where it starts, its body, where it ends.
type section struct {
	id               byte
	start, body, end int
}

func sections(b []byte) (s []section) {
	for at := 8; at < len(b); {
		size, n, shift := 0, 0, 0
		for {
			c := b[at+1+n]
			size |= int(c&0x7f) << shift
			n, shift = n+1, shift+7
			if c < 0x80 {
				break
			}
		}
		x := section{b[at], at, at + 1 + n, at + 1 + n + size}
		s = append(s, x)
		at = x.end
	}
	return s
}

// malformedBinaries are not WebAssembly, each in a way of its own.
func malformedBinaries() []attack {
	each := func(name string, want want, change func(b []byte, s []section, i int) []byte) attack {
		a := attack{kind: malformed, name: name, want: want}
		b := whole()
		for i := range sections(b) {
			a.modules = append(a.modules, func() []byte { return change(b, sections(b), i) })
		}
		return a
	}
	some := func(name string, bs ...[]byte) attack {
		a := attack{kind: malformed, name: name, want: mustRefuse()}
		for _, b := range bs {
			a.modules = append(a.modules, func() []byte { return b })
		}
		return a
	}
	splice := func(b []byte, from, to int, with ...[]byte) []byte {
		return append(append(slices.Clone(b[:from]), w.Join(with...)...), b[to:]...)
	}
	refuse := mustRefuse()
	return []attack{
		each("each section cut short", refuse, func(b []byte, s []section, i int) []byte { return slices.Clone(b[:s[i].end-1]) }),
		each("each section left out of its size", refuse, func(b []byte, s []section, i int) []byte {
			return splice(b, s[i].start, s[i].end, w.Section(s[i].id, b[s[i].body:s[i].end-1]))
		}),
		each("each section with a byte too many", refuse, func(b []byte, s []section, i int) []byte {
			return splice(b, s[i].start, s[i].end, w.Section(s[i].id, w.Join(b[s[i].body:s[i].end], []byte{0})))
		}),
		each("each section twice", refuse, func(b []byte, s []section, i int) []byte {
			return splice(b, s[i].end, s[i].end, b[s[i].start:s[i].end])
		}),
		each("each section before the one before it", refuse, func(b []byte, s []section, i int) []byte {
			if i == 0 {
				i = 1
			}
			return splice(b, s[i-1].start, s[i].end, b[s[i].start:s[i].end], b[s[i-1].start:s[i-1].end])
		}),
		each("each size over-long", refuse, func(b []byte, s []section, i int) []byte {
			n := uint32(s[i].end - s[i].body)
			return splice(b, s[i].start+1, s[i].body, []byte{byte(n) | 0x80, byte(n>>7) | 0x80, byte(n>>14) | 0x80, 0x80, 0x80, 0})
		}),
		each("each size 2^32-1", refuse, func(b []byte, s []section, i int) []byte {
			return splice(b, s[i].start+1, s[i].body, w.U32(1<<32-1))
		}),
		each("each count 2^32-1", refuse, func(b []byte, s []section, i int) []byte {
			c := s[i].body
			for b[c] >= 0x80 {
				c++
			}
			return splice(b, s[i].start, s[i].end, w.Section(s[i].id, w.Join(w.U32(1<<32-1), b[c+1:s[i].end])))
		}),
		some("no module at all", nil, []byte("\x00"), []byte("#!/bin/sh\nrm -rf /\n"), []byte("(module)"), []byte("\x7fELF\x02\x01\x01"), make([]byte, 1<<16)),
		some("another version", []byte("\x00asm\x02\x00\x00\x00"), []byte("\x00asm\x00\x00\x00\x00"), []byte("\x00asm\x01\x00")),
		some("a component", []byte("\x00asm\x0d\x00\x01\x00"), []byte("\x00asm\x0a\x00\x01\x00\x07\x01")),
		some("an unknown section", append(whole(), w.Section(13, []byte{0})...), append(whole(), w.Section(200, nil)...)),
		some("code that ends too early, or never", guest{attack: code(w.Op(0x02, w.Void))}.bytes(), guest{attack: code(w.Op(w.End, w.End))}.bytes(),
			guest{attack: code(w.Op(0x41, 0x80))}.bytes(), guest{attack: code(w.Op(0x05))}.bytes()),
		some("operands that are not there", guest{attack: code(w.Op(w.I32Add))}.bytes(), guest{attack: code(w.Op(w.Drop))}.bytes(), guest{attack: code()}.bytes(),
			guest{attack: code(w.I64Const(1))}.bytes(), guest{attack: code(w.I32Const(1), w.I32Const(1))}.bytes()),
		some("indices that are not there", guest{attack: code(w.LocalGet(9))}.bytes(), guest{attack: code(w.Br(9))}.bytes(), guest{attack: code(w.Call(1<<30), w.I32Const(0))}.bytes(),
			guest{attack: code(w.RefNull(w.FuncRef), w.I32Const(1), w.TableGrow(0))}.bytes(), guest{attack: code(w.Op(0xfc, 9, 50), w.I32Const(0))}.bytes()),
		some("instructions that there are not", guest{attack: code(w.Op(0xff))}.bytes(), guest{attack: code(w.Op(0xfc, 0x7f))}.bytes(), guest{attack: code(w.Op(0xfd, 0xff, 0x7f))}.bytes()),
		some("features that are not run: threads, tail calls, exceptions, relaxed SIMD, more memories",
			guest{attack: code(w.Op(0xfe, 3, 0), w.I32Const(0))}.bytes(),
			guest{attack: func(x names) []byte { return w.Op(0x12, byte(x.attack)) }}.bytes(),
			guest{attack: code(w.Op(0x08, 0))}.bytes(), guest{attack: code(w.Op(0x1f, 0x40, 0, w.End), w.I32Const(0))}.bytes(),
			guest{attack: code(w.Op(0xfd, 0x80, 2))}.bytes(),
			guest{more: func(m *w.Module, _ names) { m.Memory(1, -1) }}.bytes()),
	}
}
