package doctor

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/sandbox"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

const pointers = "host functions with evil numbers"

// hostFunctions are all that there are.
func hostFunctions() []sandbox.Function { return sandbox.Functions() }

// The memory of the guest that calls them: numbers and what they point to
// first, then the names, then the input, mapped.
const (
	evilPages  = 16
	evilMapped = 4 << 16 // the input's first element; it has 256 KiB
	evilNames  = 2 << 16
	evilArgs   = 128 // bytes for arguments; what follows is for them to point to
	evilConfig = 4 << 10
)

var evil32 = []uint32{0, 1, 2, 3, 4, 8, 16, 64, 128, 1000, 4096, evilNames, evilMapped - 4, evilMapped, evilMapped + 4096, evilMapped + 256<<10 - 4,
	evilPages<<16 - 8, evilPages<<16 - 4, evilPages<<16 - 1, evilPages << 16, evilPages<<16 + 1,
	1 << 30, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 65536, 1<<32 - 8, 1<<32 - 4, 1<<32 - 1}

var evil64 = []uint64{0, 1, 2, 3, 7, 100, 65535, 65536, 65537, 1 << 20, 1 << 30, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1,
	1 << 61, 1 << 62, 1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1, 1<<64 - 1}

// evilFloats are zero, one, infinities, a NaN, the largest and the smallest.
var evilFloats = []uint32{0, 0x3f800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f7fffff, 1}

// evilNumbers is one attack for each host function: the guest opens and maps
// the input, then calls the function with numbers that wrap, overlap, reach
// past the end, or lie within the mapped array.
func evilNumbers() []attack {
	functions := hostFunctions()
	var all []attack
	for i, f := range functions {
		all = append(all, attack{kind: pointers, name: f.Module + "." + f.Name, tries: evilTries(f),
			want: want{ends: []end{harmless, stopped, limited}, gives: "nothing outside the guest is touched", wall: byHost},
			do:   func(ctx context.Context, l *lab, a *attack) outcome { return evil(ctx, l, a, functions, i) }})
	}
	return all
}

func evilTries(f sandbox.Function) int {
	if len(f.Params) == 0 {
		return 1
	}
	return 24
}

// evilGuest has a stage for each function, behind the two that every guest has:
// it takes its numbers from the configuration.
func evilGuest(functions []sandbox.Function) []byte {
	var m w.Module
	number, unary := m.Type(nil, []byte{w.I32}), m.Type([]byte{w.I32}, []byte{w.I32})
	index := map[string]uint32{}
	for _, f := range functions {
		index[f.Module+"."+f.Name] = m.ImportFunc(f.Module, f.Name, m.Type(f.Params, f.Results))
	}
	m.Memory(evilPages, evilPages)
	m.ExportMemory()
	m.Data(evilNames, []byte("in.x"))
	m.Data(evilNames+atOut, []byte("out.y"))
	m.Table(w.FuncRef, int64(len(functions)), int64(len(functions)))
	var stages []uint32
	for _, f := range functions {
		body := [][]byte{
			w.I32Const(0), w.Call(index["rechost.config_read"]),
			dropped(w.I32Const(evilNames), w.I32Const(inLen), w.Call(index["rechost.input_open"])),
			w.I32Const(0), w.I64Const(0), w.I64Const(inputRows), w.I32Const(evilMapped), w.Call(index["rechost.input_read"]),
		}
		for i, p := range f.Params {
			op := map[byte]byte{w.I32: 0x28, w.I64: 0x29, w.F32: 0x2a, w.F64: 0x2b}[p]
			body = append(body, w.I32Const(int32(8*i)), w.Mem(op, 0, 0))
		}
		body = append(body, w.Call(index[f.Module+"."+f.Name]))
		for range f.Results {
			body = append(body, w.Op(w.Drop))
		}
		stages = append(stages, m.Func(number, nil, append(body, w.I32Const(0))...))
	}
	m.Elem(0, stages...)
	x := names{fn: map[string]uint32{"rechost.output_write": index["rechost.output_write"]}}
	m.Data(atOut, []byte("out.y"))
	honest := m.Func(number, []w.Local{{N: 2, Type: w.I32}}, honestCode(x))
	one := m.Func(number, nil, w.I32Const(1))
	zero := m.Func(number, nil, w.I32Const(0))
	m.ExportFunc("rechost_abi", one)
	m.ExportFunc("rechost_describe", zero)
	m.ExportFunc("rechost_plan", zero)
	m.ExportFunc("rechost_run", m.Func(unary, nil,
		w.LocalGet(0), w.I32Const(stageHonest), w.Op(w.I32Eq),
		w.IfElse(w.I32, w.Call(honest), w.Join(w.LocalGet(0), w.I32Const(2), w.Op(w.I32Sub), w.CallIndirect(number, 0)))))
	return m.Bytes()
}

// evilConfigs are the guest's memory, call by call: arguments, and numbers for
// them to point to. They are the same in every run.
func evilConfigs(f sandbox.Function) [][]byte {
	r := rand.New(rand.NewPCG(7, uint64(len(f.Name))))
	pick := func(p byte) uint64 {
		switch {
		case p == w.I64:
			return evil64[r.IntN(len(evil64))]
		case p == w.F32:
			return uint64(evilFloats[r.IntN(len(evilFloats))])
		}
		return uint64(evil32[r.IntN(len(evil32))])
	}
	var all [][]byte
	for range evilTries(f) {
		b := make([]byte, evilConfig)
		for i, p := range f.Params {
			v := pick(p)
			if r.IntN(4) == 0 { // small, to come further
				v = uint64(r.IntN(16)) * 4
			}
			binary.LittleEndian.PutUint64(b[8*i:], v)
		}
		for at := evilArgs; at < len(b); at += 8 {
			v := uint64(r.IntN(64))
			switch r.IntN(6) {
			case 0:
				v = pick(w.I64)
			case 1:
				v = pick(w.I32)
			}
			binary.LittleEndian.PutUint64(b[at:], v)
		}
		all = append(all, b)
	}
	return all
}

// slowest is how long one host function may take.
const slowest = 2 * time.Second

func evil(ctx context.Context, l *lab, a *attack, functions []sandbox.Function, i int) outcome {
	e, err := l.evil(ctx, functions)
	if err != nil {
		return outcome{end: failed, text: err.Error()}
	}
	var all []outcome
	ended := 0
	for _, config := range evilConfigs(functions[i]) {
		t := l.task(i+2, -1)
		t.Config = config
		late, err := onTime(slowest, func() time.Duration { return executor.Processor(e) }, slowness, func() error {
			_, err := run(ctx, e, t)
			return err
		})
		if late != "" {
			return outcome{end: broken, text: "a call " + late}
		}
		o := a.want.judge(err, nil, l.kind)
		if err != nil {
			ended++
			if o.wall == byProcess {
				return outcome{end: broken, text: fault.Clean(err.Error(), 300)}
			}
		}
		all = append(all, o)
	}
	if err := l.honest(ctx, e); err != nil {
		return a.want.judge(sick("the attack's own module, its honest stage", err), nil, l.kind)
	}
	sum := sumUp(all, a.want)
	if sum.end != broken {
		sum.text, sum.wall = fmt.Sprintf("%d of %d calls ended the task, %d did no harm", ended, len(all), len(all)-ended), byHost
	}
	return sum
}

// evil is the executor of the guest with every function: one for all attacks.
func (l *lab) evil(ctx context.Context, functions []sandbox.Function) (executor.Executor, error) {
	if l.every == nil {
		e, err := l.open(evilGuest(functions), &attack{}, "")
		if err != nil {
			return nil, err
		}
		l.every = e
		if err := l.honest(ctx, e); err != nil { // the first call waits until it is compiled
			return nil, err
		}
	}
	return l.every, nil
}
