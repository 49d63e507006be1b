package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"rechost/guest/abi"
	"rechost/host/array"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

// toolbox is a guest with an export for everything that a guest can do to
// itself and for everything that it can see.
func toolbox(g guest, tables bool) guest {
	const i32, i64, f32, f64 = w.I32, w.I64, w.F32, w.F64
	var clock, random, out, open, read uint32
	var globals [4]uint32
	var kinds = [4]byte{i32, i64, f32, f64}
	g.imports = func(m *w.Module, t guestTypes) {
		clock = m.ImportFunc(wasiModule, "clock_time_get", m.Type([]byte{i32, i64, i32}, []byte{i32}))
		random = m.ImportFunc(wasiModule, "random_get", m.Type([]byte{i32, i32}, []byte{i32}))
		out = m.ImportFunc("rechost", "output_write", m.Type([]byte{i32, i32, i32, i32}, nil))
		open = m.ImportFunc("rechost", "input_open", m.Type([]byte{i32, i32}, []byte{i32}))
		read = m.ImportFunc("rechost", "input_read", m.Type([]byte{i32, i64, i64, i32}, nil))
		if !g.none {
			m.Data(0, []byte("out.f"))
			m.Data(8, []byte("in.f"))
			m.Data(65536-5, []byte("hello"))
		}
		globals = [4]uint32{
			m.Global(i32, true, w.I32Const(-7)), m.Global(i64, true, w.I64Const(1<<40)),
			m.Global(f32, true, []byte{0x43, 0, 0, 0xc0, 0x7f}), m.Global(f64, true, []byte{0x44, 1, 2, 3, 4, 5, 6, 0xf8, 0x7f}),
		}
	}
	g.table = [2]int64{4, 50}
	g.extra = func(m *w.Module, t guestTypes) {
		do := func(name string, params, results []byte, code ...[]byte) uint32 {
			f := m.Func(m.Type(params, results), nil, code...)
			m.ExportFunc(name, f)
			return f
		}
		arg := w.LocalGet
		three := w.Join(arg(0), arg(1), arg(2))
		one := []byte{i32}
		a, b := do("a", nil, one, w.I32Const(1), w.GlobalGet(globals[0]), w.Op(w.I32Add)), do("b", nil, one, w.I32Const(2))
		m.Elem(1, a, b)
		do("size", nil, one, w.MemorySize())
		do("grow", one, one, arg(0), w.MemoryGrow())
		do("load", one, one, arg(0), w.Mem(0x2d, 0, 0))
		do("store8", []byte{i32, i32}, nil, arg(0), arg(1), w.Mem(0x3a, 0, 0))
		do("store64", []byte{i32, i64}, nil, arg(0), arg(1), w.Mem(0x37, 0, 0))
		do("fill", []byte{i32, i32, i32}, nil, three, w.MemoryFill())
		do("copy", []byte{i32, i32, i32}, nil, three, w.MemoryCopy())
		for i, g := range globals {
			do(fmt.Sprint("get", i), nil, kinds[i:i+1], w.GlobalGet(g))
			do(fmt.Sprint("set", i), kinds[i:i+1], nil, arg(0), w.GlobalSet(g))
		}
		do("entries", nil, one, w.TableSize(0))
		do("call", one, one, arg(0), w.CallIndirect(t.number, 0))
		do("trap", nil, nil, w.Op(w.Unreachable))
		do("recurse", one, one, arg(0), w.Call(m.NextFunc()), w.Op(w.Drop), arg(0))
		do("clock", one, one, w.I32Const(1), w.I64Const(0), arg(0), w.Call(clock))
		do("random", []byte{i32, i32}, one, arg(0), arg(1), w.Call(random))
		do("read", []byte{i64, i64, i32}, nil, w.I32Const(8), w.I32Const(4), w.Call(open), three, w.Call(read))
		do("write", []byte{i32, i32}, nil, w.I32Const(0), w.I32Const(5), arg(0), arg(1), w.Call(out))
		if !tables {
			return
		}
		elem, data := m.PassiveElem(b, a, b), m.PassiveData([]byte("passive"))
		do("null", one, nil, arg(0), w.RefNull(w.FuncRef), w.Op(0x26, 0))
		do("put", one, nil, arg(0), w.RefFunc(b), w.Op(0x26, 0))
		do("more", one, one, w.RefFunc(a), arg(0), w.TableGrow(0))
		do("init", []byte{i32, i32, i32}, nil, three, w.TableInit(0, elem))
		do("drop", nil, nil, w.Op(0xfc, 13), w.U32(elem), w.Op(0xfc, 9), w.U32(data))
		do("data", []byte{i32, i32, i32}, nil, three, w.MemoryInit(data))
	}
	return g
}

// toolboxes are guests with tools that begin in different ways.
var toolboxes = []struct {
	name     string
	guest    guest
	tables   bool
	restored bool
}{
	{"plain", guest{pages: 3, maxPages: 50}, false, true},
	{"no maximum", guest{pages: 1, maxPages: -1}, false, true},
	{"initialised", guest{pages: 3, maxPages: 50,
		start: w.Join(w.I32Const(2000), w.I32Const(12), w.I32Store(0)),
		init:  w.Join(w.I32Const(3000), w.I32Const(11), w.I32Store(0), w.I32Const(2), w.MemoryGrow(), w.Op(w.Drop), w.I32Const(9), w.GlobalSet(0)),
	}, false, true},
	{"draws at the start, resumes", guest{pages: 2, maxPages: 40, init: w.Join(
		w.I32Const(512), w.I32Const(8), w.Call(1), w.Op(w.Drop), w.I32Const(1), w.I64Const(0), w.I32Const(520), w.Call(0), w.Op(w.Drop))}, false, true},
	{"one size", guest{pages: 3, maxPages: 3}, false, true},
	{"no memory", guest{none: true, pages: 0, maxPages: 5}, false, false},
	{"changes tables", guest{pages: 3, maxPages: 50}, true, false},
	{"large", guest{pages: restoreKeep/wasmPage - 1, maxPages: restoreKeep/wasmPage + 3}, false, true},
}

// restoreKeep is keep in these tests, so that little memory is more than that.
const restoreKeep = 1 << 20

// restoreKind is how a module with tools is loaded.
type restoreKind struct {
	toolbox                           int
	interpreter, cooperative, metered bool
}

var restoreModules struct {
	sync.Mutex
	loaded map[restoreKind]*Module
}

// module loads the module of that kind, once for all scripts.
func (k restoreKind) module(t testing.TB) *Module {
	restoreModules.Lock()
	defer restoreModules.Unlock()
	if m := restoreModules.loaded[k]; m != nil {
		return m
	}
	x := toolboxes[k.toolbox]
	g := toolbox(x.guest, x.tables)
	if strings.Contains(x.name, "resumes") {
		extra := g.extra
		g.extra = func(m *w.Module, t guestTypes) {
			extra(m, t)
			m.ExportFunc(abi.ExportResume, m.Func(t.none, nil))
		}
	}
	o := Options{Name: "tools.wasm", Interpreter: k.interpreter, Cooperative: k.cooperative,
		Limits: Limits{Memory: 4<<20 + StackReserve, Deadline: testLimits.Deadline, Log: 1 << 10, Output: 1 << 30, Calls: 1 << 30}}
	if k.metered {
		o.Limits.Fuel = 1 << 40
	}
	m, err := Load(context.Background(), g.bytes(), o)
	if err != nil {
		t.Fatalf("%s: %v", x.name, err)
	}
	if restoreModules.loaded == nil {
		restoreModules.loaded = map[restoreKind]*Module{}
	}
	restoreModules.loaded[k] = m
	return m
}

// tools is one task in an instance of a module with tools.
type tools struct {
	*call
	ctx context.Context
}

// newTools begins a task as Module.call does.
func newTools(t testing.TB, m *Module, in Input) *tools {
	t.Helper()
	c := &call{ctx: context.Background(), module: m, limits: m.limits, config: []byte("{}"), inputs: []Input{in}, phase: running, threads: 1}
	if err := c.prepare(Call{Inputs: c.inputs, Outputs: []Output{{Name: "out.f", DType: array.U8, Rows: -1}}}); err != nil {
		t.Fatal(err)
	}
	x := &tools{c, &carrier{c.ctx, c}}
	if err := c.begin(x.ctx, [32]byte{1}); err != nil {
		t.Fatal(err)
	}
	if f := c.mod.ExportedFunction(abi.ExportResume); f != nil {
		if _, err := f.Call(x.ctx); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// use calls an export and says what became of it.
func (x *tools) use(name string, args ...uint64) (result string, ended bool) {
	out, err := x.mod.ExportedFunction(name).Call(x.ctx, args...)
	if err != nil { // with where it was, and the way there
		return fmt.Sprintf("%s%v: %v %q", name, args, x.explain(err), x.trace), true
	}
	return fmt.Sprintf("%s%v: %x", name, args, out), false
}

// pair is the same task in two instances: one of a module whose instances
// serve again, and one of its own that has nothing before it, in memory that
// nobody had: what the first should be.
type pair struct {
	t     testing.TB
	x, y  *tools
	done  []string // what was done, for messages
	ended bool     // by a trap or the host
}

func (p *pair) fatalf(format string, a ...any) {
	p.t.Helper()
	p.t.Fatalf("after %s: %s", strings.Join(p.done, "; "), fmt.Sprintf(format, a...))
}

// use calls an export of both.
func (p *pair) use(name string, args ...uint64) string {
	p.t.Helper()
	a, ended := p.x.use(name, args...)
	b, _ := p.y.use(name, args...)
	if a != b {
		p.fatalf("in an instance that may have served before %s; in one of its own %s", a, b)
	}
	p.ended = p.ended || ended
	return a
}

// do is use, put down.
func (p *pair) do(name string, args ...uint64) {
	p.t.Helper()
	p.done = append(p.done, p.use(name, args...))
}

// compare looks at all that a guest can see of itself, from inside and from
// outside.
func (p *pair) compare() {
	p.t.Helper()
	x, y := p.x, p.y
	if a, b := x.mem.bytes, y.mem.bytes; !bytes.Equal(a, b) {
		i := 0
		for i < min(len(a), len(b)) && a[i] == b[i] {
			i++
		}
		p.fatalf("memory of %d and %d bytes differs at %d", len(a), len(b), i)
	}
	for _, x := range []*tools{x, y} { // the engine's idea of the memory is ours
		m := x.mod.Memory()
		b, ok := m.Read(0, m.Size())
		if !ok || len(b) != len(x.mem.bytes) || unsafe.SliceData(b) != unsafe.SliceData(x.mem.bytes) {
			p.fatalf("the engine has %d bytes of memory, the sandbox %d", len(b), len(x.mem.bytes))
		}
	}
	if x.calls != y.calls || x.guest.now != y.guest.now || x.mem.denied != y.mem.denied || x.mem.limit != y.mem.limit {
		p.fatalf("calls %d and %d, clock %d and %d, denied %d and %d, limit %d and %d", x.calls, y.calls, x.guest.now, y.guest.now, x.mem.denied, y.mem.denied, x.mem.limit, y.mem.limit)
	}
	for i := range x.state {
		if a, b := x.state[i].Get(), y.state[i].Get(); a != b {
			p.fatalf("global %s is %#x and %#x", x.module.state[i], a, b)
		}
	}
	if f := x.fuel(); f != nil && f.Get() != y.fuel().Get() {
		p.fatalf("fuel %d and %d", f.Get(), y.fuel().Get())
	}
	for _, name := range []string{"size", "entries", "get0", "get1", "get2", "get3"} {
		p.use(name)
	}
	if n := len(x.mem.bytes); n > 0 && !p.ended {
		for _, at := range []int{0, 1, 8, 2000, 3000, 65535, n - 1, n / 2, n / 3, n - wasmPage} {
			p.use("load", uint64(at%n))
		}
	}
	if p.ended {
		return
	}
	p.use("call", 1) // the others may trap: see script
	p.use("call", 2)
}

// restoreCounts is what scripts came to.
type restoreCounts struct {
	Tasks    int // begun
	Restored int // in instances that were put back
	Mapped   int // that had files over their memory at their end, before an instance that was put back
	Shrunk   int // that had more memory at their end than it began with, likewise
	Ended    int // by a trap or by the host
}

// restoreScript has tasks do to their instances what a script says, and
// compares with instances that have nothing before them.
func restoreScript(t testing.TB, in Input, script []byte, done *restoreCounts) {
	next := func() uint64 {
		if len(script) == 0 {
			return 0
		}
		b := script[0]
		script = script[1:]
		return uint64(b)
	}
	flags := next()
	k := restoreKind{int(next()) % len(toolboxes), flags&1 != 0, flags&2 != 0, flags&4 != 0}
	slices := flags&8 != 0 // as where address space cannot be reserved
	compiled := k.module(t)
	module := func(resuming bool) *Module {
		m := *limited(compiled, func(*Limits) {})
		m.state, m.resumes, m.offsets, m.bodies, m.restorable = compiled.state, compiled.resumes, compiled.offsets, compiled.bodies, compiled.restorable && resuming
		return &m
	}
	subject, model := module(true), module(false)
	defer func() {
		for _, m := range []*Module{subject, model} {
			for _, x := range m.idle {
				m.discard(x)
			}
			for _, x := range m.free {
				x.close()
			}
		}
	}()
	for task := 0; task < 6 && (task == 0 || len(script) > 0); task++ {
		if slices && len(subject.free) == 0 {
			subject.free = append(subject.free, &memory{})
		}
		model.free = []*memory{{}}
		if len(subject.idle) > 0 {
			done.Restored++
		}
		done.Tasks++
		p := &pair{t: t, x: newTools(t, subject, in), y: newTools(t, model, in)}
		p.done = []string{fmt.Sprintf("task %d of %s, %+v, slices %v", task, toolboxes[k.toolbox].name, k, slices)}
		p.compare()
		address := func() uint64 {
			a, b := next(), next()
			n := uint64(len(p.x.mem.bytes))
			switch v := a<<8 | b; {
			case a >= 0xf0:
				return (n - v&0xfff) & math.MaxUint32 // about the end
			case n == 0:
				return v
			case a >= 0xe0: // about where memory ended when it began
				return min(uint64(toolboxes[k.toolbox].guest.pages)*wasmPage, n) - 16*b
			case a >= 0xd0: // where pages end and begin
				return v*comparePage%n - b&1
			default:
				return v * 509 % n
			}
		}
		// length is of a range from at on, most within memory.
		length := func(at uint64, shift int) uint64 {
			v, n := next(), uint64(len(p.x.mem.bytes))
			if v >= 0xf8 || at > n {
				return v << shift
			}
			return min(v<<shift, n-at)
		}
	steps:
		for step := 0; step < 40 && !p.ended; step++ {
			switch op := next(); op % 24 {
			case 0, 1:
				break steps
			case 2:
				p.do("grow", next()%4)
			case 3:
				p.do("grow", next()%64)
			case 4:
				n := next()
				p.do("grow", n/16<<(n%16*2)) // by anything
			case 5, 6:
				p.do("store8", address(), next())
			case 7:
				p.do("store64", address(), next()<<32|next())
			case 8:
				at := address()
				p.do("fill", at, next(), length(at, 8))
			case 9:
				at := address()
				p.do("fill", at, next(), length(at, 16))
			case 10:
				a, b := address(), address()
				p.do("copy", a, b, length(max(a, b), 8))
			case 11, 12, 13: // pages of the file, where address space is reserved
				first := next() << 5
				at := uint64(pageSize)*(address()/uint64(pageSize)) + 4*first + array.HeaderSize
				p.do("read", first, min(uint64(in.Rows)-first, length(at, 12)/4), at)
			case 14: // a copy
				at := address()
				p.do("read", next(), length(at, 8)/4, at)
			case 15:
				p.do("set0", next())
			case 16:
				p.do("set1", next()<<56|next())
			case 17:
				p.do("set2", next()<<24|next())
			case 18:
				p.do("set3", next()<<56|next())
			case 19:
				at := address()
				p.do("write", at, length(at, 8))
			case 20:
				p.do("clock", address())
			case 21:
				at := address()
				p.do("random", at, length(at, 0))
			case 22:
				switch n := next(); n % 8 {
				case 0:
					p.do("trap")
				case 1:
					p.do("load", uint64(len(p.x.mem.bytes))) // the first byte that is not there
				case 2:
					if k.interpreter {
						p.do("recurse", n) // the compiler's takes a stack of 100 MB
					}
				case 3:
					p.do("call", n/8%6)
				default:
					p.do("call", 1+n/8%2)
				}
			case 23:
				if !toolboxes[k.toolbox].tables {
					continue
				}
				switch n := next(); n % 6 {
				case 0:
					p.do("null", next()%6)
				case 1:
					p.do("put", next()%6)
				case 2:
					p.do("more", next())
				case 3:
					p.do("init", next()%6, next()%3, next()%3)
				case 4:
					p.do("drop")
				case 5:
					p.do("data", address(), next()%8, next()%8)
				}
			}
		}
		p.compare()
		if a, b := p.x.outputs[0].pending, p.y.outputs[0].pending; !bytes.Equal(a, b) {
			p.fatalf("wrote %d and %d bytes, not the same", len(a), len(b))
		}
		well := !p.ended && p.x.mem.denied == 0
		// An instance serves again, but for one whose memory has another size than
		// it began with and cannot be asked to grow.
		box := toolboxes[k.toolbox]
		size, full := len(p.x.mem.bytes), int64(len(p.x.mem.bytes)) == box.guest.maxPages*wasmPage
		mapped := len(p.x.mem.mapped)
		p.x.release(well)
		p.y.release(well)
		keeps := well && box.restored && (!full || size == len(subject.initial.memory.bytes))
		if (len(subject.idle) > 0) != keeps || len(model.idle) > 0 {
			p.fatalf("ended well: %v; with %d of its %d pages %d instances are kept, and %d of the model", well, size/wasmPage, box.guest.maxPages, len(subject.idle), len(model.idle))
		}
		for _, x := range model.free {
			x.close()
		}
		model.free = nil
		for _, x := range subject.idle {
			if err := apart(x.mem); err != nil {
				p.fatalf("put back: %v", err)
			}
		}
		for _, x := range subject.free {
			if err := apart(x); err != nil {
				p.fatalf("made blank: %v", err)
			}
		}
		if !well {
			done.Ended++
		}
		if keeps && mapped > 0 {
			done.Mapped++
		}
		if keeps && size > len(subject.initial.memory.bytes) {
			done.Shrunk++
		}
	}
}

// apart looks, where the system tells, that no file lies over a memory that
// waits for its next task, and that nothing beyond its end can be reached.
func apart(m *memory) error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || m.space == nil {
		return nil
	}
	begin := uint64(uintptr(unsafe.Pointer(&m.space[0])))
	for l := range strings.Lines(string(maps)) {
		var from, to, off uint64
		var may, device string
		var inode int
		if _, err := fmt.Sscanf(l, "%x-%x %s %x %s %d", &from, &to, &may, &off, &device, &inode); err != nil {
			return fmt.Errorf("%q: %w", l, err)
		}
		from, to = max(from, begin), min(to, begin+uint64(len(m.space)))
		switch {
		case from >= to:
		case inode != 0:
			return fmt.Errorf("a file lies over bytes %d to %d of %d: %s", from-begin, to-begin, len(m.bytes), l)
		case to-begin > uint64(len(m.bytes)) && may != "---p":
			return fmt.Errorf("bytes %d to %d are %s, and the memory has %d", from-begin, to-begin, may, len(m.bytes))
		}
	}
	return nil
}

// restoreScripts are n scripts of each kind, always the same.
func restoreScripts(n int) (scripts [][]byte) {
	r := rand.New(rand.NewPCG(5, 7))
	for range n {
		for flags := range byte(16) {
			for kind := range toolboxes {
				script := []byte{flags, byte(kind)}
				for range 100 + r.IntN(300) {
					script = append(script, byte(r.Uint32()))
				}
				scripts = append(scripts, script)
			}
		}
	}
	return scripts
}

// restoreSetup sets keep and returns an input that may be mapped.
func restoreSetup(t testing.TB) Input {
	old := keep
	keep = restoreKeep
	t.Cleanup(func() { keep = old })
	_, arrays := fuzzShared()
	return Input{Name: "in.f", Array: arrays[2], Rows: fuzzRows}
}

// Whatever tasks did to an instance, the next task cannot tell it from one in
// which nothing has run.
func TestRestore(t *testing.T) {
	in, n := restoreSetup(t), 4
	if testing.Short() {
		n = 1
	}
	var done restoreCounts
	for i, script := range restoreScripts(n) {
		t.Run(fmt.Sprint(i), func(t *testing.T) { restoreScript(t, in, script, &done) })
	}
	t.Logf("%+v", done)
	if 10*done.Restored < 3*done.Tasks || done.Mapped == 0 || done.Shrunk == 0 || done.Ended == 0 {
		t.Errorf("%+v: too little of what is to be tested", done)
	}
}

// FuzzRestore is TestRestore with any script.
func FuzzRestore(f *testing.F) {
	in := restoreSetup(f)
	for i, script := range restoreScripts(1) { // each way of loading, each beginning
		if i/len(toolboxes) == i%len(toolboxes) || i/len(toolboxes) == i%len(toolboxes)+8 {
			f.Add(script)
		}
	}
	f.Fuzz(func(t *testing.T, script []byte) { restoreScript(t, in, script, &restoreCounts{}) })
}
