package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

// A guest is a module from parts; what is nil is as it should be.
type guest struct {
	imports    func(m *w.Module, types guestTypes)
	init       []byte // body of _initialize; nil: none
	start      []byte // body of the start function; nil: none
	abi        []byte
	run        []byte
	plan       []byte
	describe   []byte
	locals     []w.Local
	pages      int64
	maxPages   int64
	none       bool     // it begins without memory: pages is 0
	table      [2]int64 // entries: least and most; none if both are 0
	withoutRun bool
	runType    int // 1: () -> i32
	extra      func(m *w.Module, types guestTypes)
}

type guestTypes struct{ none, number, unary uint32 }

func (g guest) bytes() []byte {
	var m w.Module
	t := guestTypes{m.Type(nil, nil), m.Type(nil, []byte{w.I32}), m.Type([]byte{w.I32}, []byte{w.I32})}
	if g.imports != nil {
		g.imports(&m, t)
	}
	if g.pages == 0 && !g.none {
		g.pages, g.maxPages = 1, -1
	}
	m.Memory(g.pages, g.maxPages)
	if g.table != [2]int64{} {
		m.Table(w.FuncRef, g.table[0], g.table[1])
	}
	or := func(code, otherwise []byte) []byte {
		if code == nil {
			return otherwise
		}
		return code
	}
	m.ExportFunc(abi.ExportABI, m.Func(t.number, nil, or(g.abi, w.I32Const(abi.Version))))
	m.ExportFunc(abi.ExportDescribe, m.Func(t.number, nil, or(g.describe, w.I32Const(0))))
	m.ExportFunc(abi.ExportPlan, m.Func(t.number, nil, or(g.plan, w.I32Const(0))))
	if !g.withoutRun {
		typ := t.unary
		if g.runType == 1 {
			typ = t.number
		}
		m.ExportFunc(abi.ExportRun, m.Func(typ, g.locals, or(g.run, w.I32Const(0))))
	}
	if g.init != nil {
		m.ExportFunc(abi.ExportInitialize, m.Func(t.none, nil, g.init))
	}
	if g.start != nil {
		m.Start(m.Func(t.none, nil, g.start))
	}
	m.ExportMemory()
	if g.extra != nil {
		g.extra(&m, t)
	}
	return m.Bytes()
}

func loadGuest(t *testing.T, g guest, l Limits) (*loadedGuest, error) {
	t.Helper()
	m, err := Load(context.Background(), g.bytes(), Options{Name: "g.wasm", Limits: l, Cooperative: true})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { m.Close() })
	return &loadedGuest{m}, nil
}

type loadedGuest struct {
	m interface {
		Run(context.Context, Call) (Reply, error)
	}
}

func (g *loadedGuest) run() error {
	_, err := g.m.Run(context.Background(), Call{Config: []byte("{}")})
	return err
}

var forever = w.Loop(w.Void, w.Br(0))

func TestRefused(t *testing.T) {
	for _, x := range []struct {
		name  string
		wasm  []byte
		code  fault.Code
		words []string
	}{
		{"empty", nil, fault.Module, nil},
		{"text", []byte("#!/bin/sh\n"), fault.Module, nil},
		{"unknown import", guest{imports: func(m *w.Module, t guestTypes) { m.ImportFunc("env", "memcpy", t.none) }}.bytes(),
			fault.Module, []string{"imports env.memcpy", "rechost_num"}},
		{"unknown function", guest{imports: func(m *w.Module, t guestTypes) { m.ImportFunc("rechost", "open", t.none) }}.bytes(),
			fault.Module, []string{"imports rechost.open", "input_open"}},
		{"socket", guest{imports: func(m *w.Module, t guestTypes) {
			m.ImportFunc(wasiModule, "sock_accept", m.Type([]byte{w.I32, w.I32, w.I32}, []byte{w.I32}))
		}}.bytes(), fault.Module, []string{"imports wasi_snapshot_preview1.sock_accept"}},
		{"wrong type", guest{imports: func(m *w.Module, t guestTypes) { m.ImportFunc("rechost", "log", t.unary) }}.bytes(),
			fault.Module, []string{"rechost.log as (i32) -> (i32): it is (i32, i32, i32) -> ()"}},
		{"memory", guest{imports: func(m *w.Module, t guestTypes) { m.ImportMemory("rechost", "memory", 1, -1) }}.bytes(), fault.Module, nil},
		{"global", guest{imports: func(m *w.Module, t guestTypes) { m.ImportGlobal("rechost", "log", w.I32, false) }}.bytes(),
			fault.Module, []string{"global rechost.log"}},
		{"table", guest{imports: func(m *w.Module, t guestTypes) { m.ImportTable("rechost", "log", w.FuncRef, 1, -1) }}.bytes(),
			fault.Module, []string{"table rechost.log"}},
		{"the rewriter's module", guest{imports: func(m *w.Module, t guestTypes) { m.ImportFunc("rechost_host", "yield", t.none) }}.bytes(), fault.Module, nil},
		{"escape in a name", guest{imports: func(m *w.Module, t guestTypes) { m.ImportFunc("\x1b[31m", "x", t.none) }}.bytes(), fault.Module, []string{"imports"}},
		{"no run", guest{withoutRun: true}.bytes(), fault.Module, []string{"does not export rechost_run, (i32) -> (i32)"}},
		{"run of another type", guest{runType: 1, run: w.I32Const(0)}.bytes(), fault.Module, []string{"exports rechost_run as () -> (i32): it must be (i32) -> (i32)"}},
		{"a memory as initialize", guest{extra: func(m *w.Module, _ guestTypes) { m.Export(abi.ExportInitialize, w.KindMemory, 0) }}.bytes(),
			fault.Module, []string{"exports _initialize as a memory"}},
		{"memory of 4 GiB", guest{pages: 65536, maxPages: -1}.bytes(), fault.Module, nil},
		{"memory beyond the limit", guest{pages: 8192, maxPages: -1}.bytes(), fault.Limit, []string{"starts with 512MiB of memory: with 100MiB set aside for its stack that is more than its limit of 356MiB", "--memory 612MiB"}},
		{"table of 2^27", guest{table: [2]int64{1 << 27, -1}}.bytes(), fault.Module, []string{"table"}},
		{"stack underflow", guest{run: w.Op(w.I32Add)}.bytes(), fault.Module, []string{"not a valid module"}},
		{"result missing", guest{run: w.Op(w.Nop)}.bytes(), fault.Module, []string{"not a valid module"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := Load(context.Background(), x.wasm, Options{Name: "g.wasm", Limits: testLimits, Cooperative: true})
			wantFault(t, err, x.code, x.words...)
		})
	}
}

func TestHostileGuests(t *testing.T) {
	limits := testLimits
	limits.Memory = 64<<20 + StackReserve
	patient := limits // where it is not the deadline that ends it
	limits.Deadline = 300 * time.Millisecond
	fueled := limits
	fueled.Fuel = 1_000_000
	fueled.Deadline = time.Minute
	still := []string{"still running after 300ms"}
	grow := func(pages int32) []byte {
		return w.Join(w.Loop(w.Void, w.I32Const(pages), w.MemoryGrow(), w.Op(w.Drop), w.Br(0)), w.Op(w.Unreachable))
	}
	for _, x := range []struct {
		name   string
		guest  guest
		limits Limits
		code   fault.Code
		words  []string
	}{
		{"loop in run", guest{run: w.Join(forever, w.Op(w.Unreachable))}, limits, fault.Limit, still},
		{"loop in start", guest{start: forever}, limits, fault.Limit, still},
		{"loop in _initialize", guest{init: forever}, limits, fault.Limit, still},
		{"loop in rechost_abi", guest{abi: w.Join(forever, w.Op(w.Unreachable))}, limits, fault.Limit, still},
		{"memory.fill for ever", guest{run: w.Join(w.Loop(w.Void, w.I32Const(0), w.I32Const(1), w.I32Const(65536), w.MemoryFill(), w.Br(0)), w.Op(w.Unreachable))}, limits, fault.Limit, still},
		{"grow for ever", guest{run: grow(1)}, limits, fault.Limit, still},
		{"grow by all for ever", guest{run: grow(65535)}, limits, fault.Limit, still},
		{"grow by more than all", guest{run: grow(-1)}, limits, fault.Limit, still},
		{"grow and trap", guest{run: w.Join(w.I32Const(2000), w.MemoryGrow(), w.Op(w.Drop), w.Op(w.Unreachable))}, limits, fault.Limit,
			[]string{"more than 64MiB of memory (asked for 125.1MiB): of its limit of 164MiB, 100MiB set aside for its stack", "--memory 226MiB"}},
		{"grow in vain and go on", guest{run: w.Join(w.I32Const(2000), w.MemoryGrow(), w.Op(w.Drop), w.I32Const(0))}, limits, fault.Limit,
			[]string{"more than 64MiB of memory (asked for 125.1MiB)", "--memory 226MiB"}},
		{"grow in vain and give up", guest{run: w.Join(w.I32Const(2000), w.MemoryGrow(), w.Op(w.Drop), w.I32Const(1))}, limits, fault.Limit, []string{"more than 64MiB of memory"}},
		{"grow in vain while it starts", guest{init: w.Join(w.I32Const(2000), w.MemoryGrow(), w.Op(w.Drop))}, limits, fault.Limit, []string{"more than 64MiB of memory"}},
		{"grow in vain, then fail by itself", guest{imports: func(m *w.Module, t guestTypes) { m.ImportFunc("rechost", "fail", m.Type([]byte{w.I32, w.I32}, nil)) },
			run: w.Join(w.I32Const(2000), w.MemoryGrow(), w.Op(w.Drop), w.I32Const(0), w.I32Const(0), w.Call(0), w.I32Const(0))}, limits, fault.Module, []string{"failed without a message"}},
		{"own maximum", guest{pages: 1, maxPages: 2, run: w.Join(w.I32Const(5), w.MemoryGrow(), w.Op(w.Drop), w.Op(w.Unreachable))}, limits, fault.Module, []string{"unreachable"}},
		{"table grows for ever", guest{table: [2]int64{1, -1}, run: w.Join(w.Loop(w.Void, w.RefNull(w.FuncRef), w.I32Const(1<<20), w.TableGrow(0), w.Op(w.Drop), w.Br(0)), w.Op(w.Unreachable))}, limits, fault.Limit, still},
		{"trap", guest{run: w.Join(w.I32Const(-4), w.I32Load(0))}, limits, fault.Module, []string{"out of bounds memory access"}},
		{"division", guest{run: w.Join(w.I32Const(1), w.I32Const(0), w.Op(0x6d))}, limits, fault.Module, []string{"integer divide by zero"}},
		{"trap in start", guest{start: w.Op(w.Unreachable)}, limits, fault.Module, []string{"unreachable"}},
		{"data out of bounds", guest{extra: func(m *w.Module, _ guestTypes) { m.Data(65530, make([]byte, 100)) }}, limits, fault.Module, []string{"out of bounds"}},
		{"other ABI", guest{abi: w.I32Const(7)}, limits, fault.Module, []string{"speaks ABI version 7"}},
		{"fuel", guest{run: w.Join(forever, w.Op(w.Unreachable))}, fueled, fault.Limit, []string{"1000000 instructions of fuel", "--fuel"}},
		{"fuel in start", guest{start: w.Join(w.I32Const(1), w.Op(w.Drop)), run: w.Join(forever, w.Op(w.Unreachable))}, fueled, fault.Limit, []string{"fuel"}},
		{"recursion in start", guest{start: w.Call(4)}, patient, fault.Limit, []string{"stack overflow: calls nested too deep"}},
		{"start is an import", guest{imports: func(m *w.Module, t guestTypes) { m.Start(m.ImportFunc(wasiModule, "sched_yield", t.number)) }}, limits, fault.Module, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			g, err := loadGuest(t, x.guest, x.limits)
			if err == nil {
				start := time.Now()
				err = g.run()
				if d := time.Since(start); d > 15*time.Second {
					t.Errorf("took %v", d)
				}
			}
			wantFault(t, err, x.code, x.words...)
		})
	}
}

// How far a table grows follows from the module alone, with the rewriter and
// without; the memory limit only says whether the module is run. An instruction
// that grows tables sets aside what all of them may come to.
func TestTableLimit(t *testing.T) {
	const most = rewrite.DefaultTableMax
	size := func(table uint32, elem byte, by, want int32) []byte {
		return w.Join(w.RefNull(elem), w.I32Const(by), w.TableGrow(table), w.I32Const(want), w.Op(w.I32Ne), w.If(w.Void, w.Op(w.Unreachable)))
	}
	g := guest{table: [2]int64{1, -1}, extra: func(m *w.Module, t guestTypes) { m.Table(w.ExternRef, 0, 500) }, run: w.Join(
		size(0, w.FuncRef, most-1, 1), size(0, w.FuncRef, 1, -1), size(1, w.ExternRef, 500, 0), size(1, w.ExternRef, 1, -1), w.I32Const(0))}
	least := int64(StackReserve + wasmPage + entryBytes*(most+500))
	for _, cooperative := range []bool{true, false} {
		for _, memory := range []int64{least, 4 << 30} {
			limits := testLimits
			limits.Memory = memory
			m, err := Load(context.Background(), g.bytes(), Options{Name: "g.wasm", Limits: limits, Cooperative: cooperative})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if _, err := m.Run(context.Background(), Call{Config: []byte("{}")}); err != nil {
				t.Errorf("cooperative %v, %d bytes: %v", cooperative, memory, err)
			}
		}
	}
	limits := testLimits
	limits.Memory = least - 1
	_, err := Load(context.Background(), g.bytes(), Options{Name: "g.wasm", Limits: limits})
	wantFault(t, err, fault.Limit, "starts with 64KiB of memory: with 100MiB set aside for its stack and 7.633MiB for its tables that is more than its limit", "--memory 108MiB")
	g.run = nil // nothing grows a table: they take what they start with
	m, err := Load(context.Background(), g.bytes(), Options{Name: "g.wasm", Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}

// A stack never comes to more than what is set aside for it, and can come close
// to that: what wazero allocates for one, doubling it, is less than twice the
// last.
func TestStackReserve(t *testing.T) {
	for _, locals := range []uint32{0, 4096} {
		var self uint32
		g := guest{imports: func(m *w.Module, _ guestTypes) { self = m.NextFunc() + 3 }, locals: []w.Local{{N: locals, Type: w.I64}}}
		g.bytes() // for the index of run
		g.run = w.Join(w.LocalGet(0), w.Call(self), w.LocalGet(0), w.Op(w.I32Add))
		m, err := loadGuest(t, g, testLimits)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = m.run()
		runtime.ReadMemStats(&after)
		wantFault(t, err, fault.Limit, "stack overflow: calls nested too deep", "100MiB", "no flag raises it")
		if n := after.TotalAlloc - before.TotalAlloc; n > 2*StackReserve || n < StackReserve {
			t.Errorf("%d locals: %d bytes of stacks were allocated, not from one to two times %d", locals, n, StackReserve)
		}
	}
}

// The interpreter's bound is another, in calls.
func TestInterpreterOverflow(t *testing.T) {
	deep := func(calls int32) []byte {
		var self uint32
		g := guest{extra: func(m *w.Module, t guestTypes) {
			self = m.NextFunc()
			m.Func(t.unary, nil, w.LocalGet(0), w.IfElse(w.I32, w.Join(w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.Call(self)), w.I32Const(0)))
		}}
		g.bytes() // for the index
		g.run = w.Join(w.I32Const(calls), w.Call(self))
		return g.bytes()
	}
	run := func(calls int32) error {
		m, err := Load(context.Background(), deep(calls), Options{Name: "g.wasm", Limits: testLimits, Interpreter: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		_, err = m.Run(context.Background(), Call{Config: []byte("{}")})
		return err
	}
	if err := run(interpreterFrames - 2); err != nil { // rechost_run is one, and the call with 0
		t.Errorf("%d calls: %v", interpreterFrames, err)
	}
	wantFault(t, run(interpreterFrames-1), fault.Limit, "stack overflow", "more than the 2000 nested calls", "no flag raises it")
}

// A call may make as many calls of host functions as its limit says, on every
// engine; what the rewriter lets it call does not count.
func TestCallLimit(t *testing.T) {
	const most = 200_000 // turns of a loop: more than one yield
	calling := func(n int32) []byte {
		return guest{locals: []w.Local{{N: 1, Type: w.I32}},
			imports: func(m *w.Module, t guestTypes) { m.ImportFunc(wasiModule, "sched_yield", t.number) },
			run: w.Join(w.I32Const(n), w.LocalSet(1), w.Loop(w.Void, w.Call(0), w.Op(w.Drop),
				w.LocalGet(1), w.I32Const(1), w.Op(w.I32Sub), w.LocalTee(1), w.BrIf(0)), w.I32Const(0))}.bytes()
	}
	for _, o := range []Options{{}, {Cooperative: true}, {Interpreter: true}, {Cooperative: true, Limits: Limits{Fuel: 1 << 40}}} {
		fuel := o.Limits.Fuel
		o.Name, o.Limits = "g.wasm", testLimits
		o.Limits.Calls, o.Limits.Fuel = most, fuel
		run := func(n int32) (Stats, error) {
			m, err := Load(context.Background(), calling(n), o)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			r, err := m.Run(context.Background(), Call{Config: []byte("{}")})
			return r.Stats, err
		}
		if s, err := run(most); err != nil || s.Calls != most {
			t.Errorf("%+v: %d calls: %v, counted %d", o, most, err, s.Calls)
		}
		s, err := run(most + 1)
		wantFault(t, err, fault.Limit, "called host functions more than 200000 times", "--call-limit")
		if s.Calls != most {
			t.Errorf("%+v: counted %d calls, of which %d were let through", o, s.Calls, most)
		}
	}
}

// A module may refuse what it is asked for while it plans, which is not its
// fault; at any other time that is.
func TestRefusing(t *testing.T) {
	words := []byte("these do not \x1b[1mgo together\n")
	asking := func(n int32) []byte {
		return w.Join(w.I32Const(0), w.I32Const(n), w.Call(0), w.Op(w.Unreachable))
	}
	for _, n := range []int{len(words), 0} {
		g := guest{run: asking(int32(n)), plan: asking(int32(n)), describe: asking(int32(n)), imports: func(m *w.Module, t guestTypes) {
			m.ImportFunc("rechost", abi.FnRefuse, m.Type([]byte{w.I32, w.I32}, nil))
			m.Data(0, words)
		}}
		for _, o := range []Options{{}, {Cooperative: true}, {Interpreter: true}} {
			o.Limits = testLimits
			m, err := Load(context.Background(), g.bytes(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			says := "these do not \uFFFD[1mgo together"
			if n == 0 {
				says = "refuses what is asked of it"
			}
			for range 2 {
				_, err = m.Plan(context.Background(), []byte("{}"))
				wantFault(t, err, fault.Usage, says)
				_, err = m.Describe(context.Background())
				wantFault(t, err, fault.Module, "refuse: called outside rechost_plan")
				_, err = m.Run(context.Background(), Call{Config: []byte("{}")})
				wantFault(t, err, fault.Module, "refuse: called outside rechost_plan")
			}
		}
	}
}

// The interpreter's stack is as deep as is counted on, and comes to no more than
// what is set aside for it, of locals and of operands; and to so much that what
// is set aside is needed. A message here after an upgrade of wazero says that
// interpreterStack no longer holds.
func TestInterpreterStack(t *testing.T) {
	none, one := []byte(nil), []byte{w.I32}
	for _, x := range []struct {
		name     string
		locals   uint32
		operands int
		local    byte
	}{
		{"nothing", 0, 0, w.I32}, {"locals", 9000, 0, w.I64}, {"vectors", 3000, 0, w.V128}, {"operands", 0, 7000, w.I64}, {"both", 2000, 2500, w.F64},
	} {
		t.Run(x.name, func(t *testing.T) {
			var m w.Module
			look := m.ImportFunc("test", "look", m.Type(none, none))
			f := m.NextFunc()
			push, drop := bytes.Repeat(w.I32Const(1), x.operands), bytes.Repeat(w.Op(w.Drop), x.operands)
			m.ExportFunc("f", m.Func(m.Type(one, none), []w.Local{{N: x.locals, Type: x.local}}, push,
				w.LocalGet(0), w.IfElse(w.Void, w.Join(w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.Call(f)), w.Call(look)), drop))
			words, err := rewrite.MaxFrame(m.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
			defer r.Close(ctx)
			taken := func() int64 {
				runtime.GC()
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				return int64(s.HeapAlloc + s.StackInuse)
			}
			var deep int64
			_, err = r.NewHostModuleBuilder("test").NewFunctionBuilder().WithFunc(func() { deep = taken() }).Export("look").Instantiate(ctx)
			if err != nil {
				t.Fatal(err)
			}
			mod, err := r.Instantiate(ctx, m.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			before := taken()
			// n+1 frames of f, and one of look.
			if _, err := mod.ExportedFunction("f").Call(ctx, interpreterFrames-2); err != nil {
				t.Fatalf("the interpreter does not reach %d frames: %v", interpreterFrames, err)
			}
			if _, err := mod.ExportedFunction("f").Call(ctx, interpreterFrames-1); err == nil {
				t.Fatalf("the interpreter reaches more than %d frames", interpreterFrames)
			}
			took, most := deep-before, interpreterStack(words)
			t.Logf("%d words a frame: %d bytes of %d", words, took, most)
			if took > most || 3*took < most && most > StackReserve {
				t.Errorf("%d words a frame: the stack took %d bytes, of %d set aside", words, took, most)
			}
		})
	}
}

// What is set aside for a module's stack is the same on both engines where its
// frames are such as compilers make, and what they come to where they are not.
func TestInterpreterBudget(t *testing.T) {
	words, err := rewrite.MaxFrame(goGuest(t))
	if err != nil || interpreterStack(4*words) != StackReserve {
		t.Errorf("a Go module: %v, %d words, %d bytes", err, words, interpreterStack(words))
	}
	wide := guest{locals: []w.Local{{N: 9000, Type: w.I64}}}
	limits := testLimits
	limits.Memory = StackReserve + wasmPage
	for _, x := range []struct {
		g guest
		Options
		words []string
	}{
		{guest{}, Options{}, nil},
		{guest{}, Options{Interpreter: true}, nil},
		{wide, Options{}, nil},
		{wide, Options{Interpreter: true}, []string{"starts with 64KiB of memory: with 325.6MiB set aside for its stack that is more than its limit of 100.1MiB", "--memory 326MiB"}},
	} {
		x.Options.Limits = limits
		m, err := Load(context.Background(), x.g.bytes(), x.Options)
		if err == nil {
			_, err = m.Run(context.Background(), Call{Config: []byte("{}")})
			m.Close()
		}
		if x.words != nil {
			wantFault(t, err, fault.Limit, x.words...)
		} else if err != nil {
			t.Errorf("%+v: %v", x.Options, err)
		}
	}
	limits.Memory = 326 << 20
	m, err := Load(context.Background(), wide.bytes(), Options{Interpreter: true, Limits: limits})
	if err != nil {
		t.Fatalf("the limit that was hinted at: %v", err)
	}
	m.Close()
}

// An instance's memory is zeros, whatever the one before left there.
func TestNothingIsLeft(t *testing.T) {
	// Grows to 32 MiB, fails if the last word is not 0, and writes there.
	const last = 512*65536 - 4
	g := guest{run: w.Join(
		w.I32Const(511), w.MemoryGrow(), w.Op(w.Drop),
		w.I32Const(last), w.I32Load(0), w.If(w.Void, w.Op(w.Unreachable)),
		w.I32Const(last), w.I32Const(77), w.I32Store(0),
		w.I32Const(1024), w.I32Load(0), w.If(w.Void, w.Op(w.Unreachable)),
		w.I32Const(1024), w.I32Const(77), w.I32Store(0),
		w.I32Const(0))}
	m, err := loadGuest(t, g, testLimits)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := m.run(); err != nil {
			t.Fatalf("instance %d: %v", i, err)
		}
	}
}

// Every host function, called with numbers that wrap, overlap, reach past the
// end or mean nothing, answers or ends the task with an error; it neither
// panics, nor hangs, nor touches what is not the guest's. Memory has an
// inaccessible page behind it.
func TestEvilNumbers(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	const memoryBytes = 2 * wasmPage
	a := testArray(t, ramp(5000))
	words := testArray(t, ramp(64))
	i32s := []uint64{0, 1, 2, 3, 4, 8, 16, 100, 4096, 65535, 65536, memoryBytes - 8, memoryBytes - 4, memoryBytes - 1, memoryBytes, memoryBytes + 1,
		1 << 30, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 65536, 1<<32 - 8, 1<<32 - 4, 1<<32 - 1}
	i64s := []uint64{0, 1, 2, 3, 7, 100, 4999, 5000, 5001, 16384, 1 << 20, 1 << 30, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1 << 61, 1 << 62, 1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<64 - 1}
	floats := []uint64{0, 0x3f800000, 0x7f800000, 0x7fc00000, 0xff800000, 0x7f7fffff, 1}
	type entry struct {
		name string
		fn   hostFunc
	}
	var all []entry
	for module, table := range map[string]map[string]hostFunc{dataModule: dataFuncs, numModule: kernels, wasiModule: wasiFuncs} {
		for name, fn := range table {
			all = append(all, entry{module + "." + name, fn})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	mem := newMemory()
	defer mem.close()
	for _, e := range all {
		r := rand.New(rand.NewPCG(1, uint64(len(e.name))))
		tries, ends := 200, 0
		if len(e.fn.params) == 0 {
			tries = 1
		}
		for try := range tries {
			if err := mem.reset(memoryBytes+64<<20, func() {}); err != nil {
				t.Fatal(err)
			}
			if mem.Reallocate(memoryBytes) == nil {
				t.Fatal("no memory")
			}
			if try%2 == 1 {
				// What the numbers point to is numbers as well.
				for i := 0; i < memoryBytes; i += 4 {
					b := mem.bytes[i:]
					v := uint32(r.IntN(64))
					if r.IntN(8) == 0 {
						v = uint32(i32s[r.IntN(len(i32s))])
					}
					b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
				}
			}
			c := &call{ctx: context.Background(), module: &evilModule, instance: &instance{mem: mem}, limits: testLimits, config: []byte("{}"), phase: running,
				inputs:  []Input{{Name: "in.x", Array: a, Rows: 5000}, {Name: "\x00", Array: words, Rows: 64}},
				outputs: []outputBuffer{{Output: Output{Name: "out.y", DType: array.F32, Rows: -1}, want: -1}}, deadline: time.Now().Add(200 * time.Millisecond)}
			c.outputLeft = c.limits.Output
			c.open = []*opened{{Input: c.inputs[0], n: 5000}, {Input: c.inputs[1], first: 8, n: 40}}
			c.guest.seed([32]byte{})
			stack := make([]uint64, max(len(e.fn.params), len(e.fn.results), 1))
			for i, p := range e.fn.params {
				from := i32s
				switch p {
				case i64:
					from = i64s
				case f32:
					from = floats
				}
				stack[i] = from[r.IntN(len(from))]
				if r.IntN(4) == 0 {
					stack[i] = from[r.IntN(8)%len(from)] // small, to come further
				}
			}
			args := fmt.Sprintf("%#x", stack)
			start := time.Now()
			ended := protect(t, e.name+args, func() { e.fn.fn(c, stack) })
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("%s%s took %v", e.name, args, d)
			}
			if ended != nil {
				ends++
				if fault.CodeOf(ended) != fault.Module && fault.CodeOf(ended) != fault.Limit {
					t.Errorf("%s%s: %v", e.name, args, ended)
				}
				if strings.TrimSpace(ended.Error()) == "" {
					t.Errorf("%s%s: empty error", e.name, args)
				}
			}
			if len(mem.bytes) != memoryBytes {
				t.Fatalf("%s%s changed the memory's size", e.name, args)
			}
		}
		t.Logf("%s: %d of %d calls ended the task", e.name, ends, tries)
	}
	data, err := a.data()
	if err != nil || !bytes.Equal(data, array.BytesOf(ramp(5000))) {
		t.Error("an input was changed")
	}
}

var evilModule = Module{name: "evil.wasm", limits: testLimits}

// protect calls f and returns what it ended the task with.
func protect(t *testing.T, what string, f func()) (err error) {
	t.Helper()
	defer func() {
		switch x := recover().(type) {
		case nil:
		case *ended:
			err = x.err
		default:
			t.Errorf("%s panicked: %v", what, x)
		}
	}()
	f()
	return nil
}
