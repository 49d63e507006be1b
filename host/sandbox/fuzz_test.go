package sandbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
)

// FuzzFunctions has a guest of nothing but calls: a script that calls any
// host functions, up to eight of them, with any numbers, in any memory.
// Whatever they are, each call returns or ends the task in the module's name,
// soon, in bounded memory, without a panic, a goroutine or a word of hostile
// text left behind, and without anything for the next guest to find. The
// functions come from the one table that modules are linked from, so a new one
// is among them by itself.
func FuzzFunctions(f *testing.F) {
	all := append(Functions(), Function{Module: rewrite.HostModule, Name: rewrite.FnYield}, Function{Module: rewrite.HostModule, Name: rewrite.FnOutOfFuel})
	if len(all) > 255 {
		f.Fatalf("a byte does not choose among %d functions any more", len(all))
	}
	for i := range all {
		call := func(args ...byte) []byte { return append([]byte{byte(i)}, args...) }
		f.Add(append([]byte{3}, call(0x20, 0x28, 0, 0x30, 0x38, 1, 1, 1, 1)...), []byte{4, 8, 0, 1, 0, 0, 0, 0xff, 0, 16}, []byte("out.f"))
		f.Add(append([]byte{3}, call(4, 0, 0x40, 0x80, 0xc0, 2, 1, 3, 0x60, 0x70, 0x20, 0x10)...), []byte{0xfe, 64, 4, 2}, []byte("in.f"))
		f.Add(append([]byte{3}, call(0xe3, 0xe6, 0xe4, 0xe8, 0xe3, 0xe6, 0xe4, 0xe8)...), []byte{}, []byte{})
	}
	// Calls that end well, found by trying: mutation goes further from there.
	r := rand.New(rand.NewPCG(1, 2))
	addresses, numbers := []byte{0, records, matrices, squares, vectors, 0x80, 0x90, 0xa0, 0xb0}, []byte{0, 1, 2, 8}
	for i, fn := range all {
		if fn.Module != numModule {
			continue
		}
		c, found := fuzzCall(f), 0
		for try := 0; try < 8000 && found < 3; try++ {
			args := make([]byte, len(fn.Params))
			for k, p := range fn.Params {
				if p == i32 {
					args[k] = addresses[r.IntN(len(addresses))]
				} else {
					args[k] = numbers[r.IntN(len(numbers))]
				}
			}
			c.phase, c.deadline, c.failure, c.kernel = running, time.Now().Add(time.Second), nil, nil
			lay(c.mem.bytes, seedWords(), nil)
			stack, _ := arguments(fn, args)
			if c.attempt(fn, stack) == nil {
				found++
				f.Add(append([]byte{3, byte(i)}, args...), seedWords(), []byte{})
			}
		}
		if found == 0 {
			f.Logf("no call of %s was found that ends well: seedWords lacks what it takes", fn.Name)
		}
	}
	// Opening, asking, reading, logging and writing, by name.
	named := func(name string, args ...byte) []byte {
		for i, fn := range all {
			if fn.Name == name {
				return append([]byte{byte(i)}, args...)
			}
		}
		f.Fatalf("there is no function %s", name)
		return nil
	}
	script := []byte{3}
	for _, c := range [][]byte{
		named("input_open", rawAt/8, 4), named("input_info", 2, 0x10), named("input_read", 2, 0, 0xf0, 0xf1),
		named("output_write", rawAt/8+1, 5, 0x40, 8), named("log", 1, rawAt/8, 13), named("fd_write", 2, 0, 1, 8), named("fail", rawAt/8, 13),
	} {
		script = append(script, c...)
	}
	f.Add(script, []byte{0x60, 0, 0x60}, []byte("in.f\x00\x00\x00\x00out.f\x1b[31m\n"))

	f.Fuzz(func(t *testing.T, script, words, raw []byte) {
		c := fuzzCall(t)
		m := c.mem
		lay(m.bytes, words, raw)
		routines, allocated := runtime.NumGoroutine(), heap()
		begin := time.Now()
		c.deadline = begin.Add(50 * time.Millisecond)
		calls := 0
		if len(script) > 0 {
			c.phase, script = phase(script[0]%4), script[1:]
		}
		for ; len(script) > 0 && calls < 8; calls++ {
			fn := all[int(script[0])%len(all)]
			var stack []uint64
			stack, script = arguments(fn, script[1:])
			err := c.attempt(fn, stack)
			var fe *fault.Error
			if err != nil && (!errors.As(err, &fe) || fe.Code != fault.Module && fe.Code != fault.Limit && (fe.Code != fault.Usage || fn.Name != abi.FnRefuse || c.phase != planning)) {
				t.Fatalf("%s%v ends the task with %v", fn.Name, stack, err)
			}
			if err == nil && len(fn.Results) == 1 && fn.Results[0] == i32 && stack[0] > math.MaxUint32 {
				t.Fatalf("%s gives %#x for an i32", fn.Name, stack[0])
			}
			if err != nil {
				break
			}
		}
		if d := time.Since(begin); d > 10*time.Second { // the deadline is 50 ms; the rest is for a loaded machine
			t.Errorf("the script took %v", d)
		}
		if got, most := heap()-allocated, uint64(calls+1)*(2*fuzzLimit+1<<20); got > most {
			t.Errorf("the script took %d bytes of the host's memory", got)
		}
		for range 100 {
			if runtime.NumGoroutine() <= routines {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > routines {
			t.Errorf("%d goroutines are left, of %d", n, routines)
		}
		c.guest.finish()
		kept := 0
		for _, l := range c.guest.said() {
			kept += len(l)
			if fault.Clean(l, len(l)) != l {
				t.Errorf("a message that is not clean: %q", l)
			}
		}
		if kept > 4*int(c.limits.Log) || len(c.emitted) > abi.MaxPlan { // what is not UTF-8 grows when it is cleaned
			t.Errorf("%d bytes of log, %d emitted", kept, len(c.emitted))
		}
		written := int64(0)
		for i := range c.outputs {
			if o := &c.outputs[i]; o.written != int64(len(o.pending)) || o.want >= 0 && o.written > o.want {
				t.Errorf("output %s took %d bytes and has %d of %d", o.Name, o.written, len(o.pending), o.want)
			}
			written += c.outputs[i].written
		}
		if written > c.limits.Output {
			t.Errorf("%d bytes of output", written)
		}
		// The next guest.
		if m.reset(fuzzMemory, func() {}) != nil || m.Reallocate(fuzzMemory) == nil {
			t.Fatal("the memory cannot be used again")
		}
		if !bytes.Equal(m.bytes, zeros) {
			t.Error("the next guest finds what this one wrote")
		}
	})
}

// lay fills a guest's memory.
func lay(b, words, raw []byte) {
	for i, x := range words {
		if 8*i+8 > len(b) {
			break
		}
		binary.LittleEndian.PutUint64(b[8*i:], number(x))
	}
	copy(b[rawAt:], raw)
}

// Arguments that are addresses of what seedWords has.
const (
	records  = 0x10 // a sparse matrix, 4 x 8, in the opened inputs
	matrices = 0x20 // a matrix, 8 x 2, in memory
	squares  = 0x28 // a matrix, 2 x 2
	vectors  = 0x30
)

// seedWords is memory in which many kernels find what they ask for.
func seedWords() []byte {
	w := make([]byte, 64)
	copy(w[records:], []byte{4, 8, 0, 1, 0, 0, 0, 0xfe, 0, 16})
	copy(w[matrices:], []byte{0xff, 0xc0, 8, 2})
	copy(w[squares:], []byte{0xff, 0xc0, 2, 2})
	return w
}

const (
	fuzzMemory = 512 << 10
	rawAt      = 0x200    // where the raw bytes go
	fuzzLimit  = 24 << 20 // of the host's memory that a kernel may work in
	fuzzRows   = 40000    // of the input that is large enough to be mapped
)

var zeros = make([]byte, fuzzMemory)

// fuzzShared is what scripts have in common: memory is dear to reserve.
var fuzzShared = sync.OnceValues(func() (*memory, []*Array) {
	dir, err := os.MkdirTemp("", "rechost-fuzz-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	small := make([]uint32, 16)
	for i := range small {
		small[i] = uint32(i % 8)
	}
	large := make([]float32, fuzzRows)
	for i := range large {
		large[i] = float32(i % 100)
	}
	var arrays []*Array
	for _, x := range []struct {
		t    array.DType
		rows int
		data []byte
	}{
		{array.U32, 16, array.BytesOf(small)},
		{array.U64, 5, array.BytesOf([]uint64{100, 104, 104, 110, 116})},
		{array.F32, fuzzRows, array.BytesOf(large)},
	} {
		m := array.Meta{DType: x.t, Rows: x.rows, Digest: digest.Of(x.data)}
		name := filepath.Join(dir, m.Digest.Short())
		err := os.WriteFile(name, append(m.Header(), x.data...), 0o400)
		var file *os.File
		if err == nil {
			file, err = os.Open(name)
		}
		if err != nil {
			panic(err)
		}
		a, err := OpenArray(file, m)
		if err != nil {
			panic(err)
		}
		arrays = append(arrays, a)
	}
	return newMemory(), arrays
})

// fuzzCall is a call with two opened inputs, as numCall has them, a third one
// that can be opened, "in.f", and two outputs, "out.f" and "out.u".
func fuzzCall(t testing.TB) *call {
	m, arrays := fuzzShared()
	if m.reset(fuzzLimit, func() {}) != nil || m.Reallocate(fuzzMemory) == nil {
		t.Fatal("no memory for a guest")
	}
	c := &call{ctx: context.Background(), module: &Module{budget: budget{limit: fuzzLimit + StackReserve, stack: StackReserve}}, instance: &instance{mem: m}, threads: 2, config: []byte(`{"abi":1}`),
		limits: Limits{Memory: fuzzLimit, Log: 4096, Output: 1 << 16, Calls: 1 << 20, Fuel: 1000, Deadline: time.Second}}
	inputs := []Input{{"x.index", arrays[0], 0, 16}, {"x.offsets", arrays[1], 0, 5}, {"in.f", arrays[2], 7, fuzzRows - 7}}
	err := c.prepare(Call{Inputs: inputs, Outputs: []Output{{"out.f", array.F32, 0, -1}, {"out.u", array.U32, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	c.inputs = inputs
	for _, in := range inputs[:2] {
		c.open = append(c.open, &opened{in, 0, int64(in.Rows)})
	}
	return c
}

// attempt calls a host function as its guest would.
func (c *call) attempt(fn Function, stack []uint64) (err error) {
	defer func() {
		if x := recover(); x != nil {
			e, ok := x.(*ended)
			if !ok {
				panic(x)
			}
			err = e
		}
	}()
	do, ok := lookup(fn.Module, fn.Name)
	if fn.Module == rewrite.HostModule {
		if do, ok = (hostFunc{fn: yield}), true; fn.Name == rewrite.FnOutOfFuel {
			do.fn = outOfFuel
		}
	}
	if !ok {
		panic("there is no function " + fn.Name)
	}
	do.fn(c, stack)
	return nil
}

// arguments reads a function's arguments from a script, a byte each.
func arguments(fn Function, script []byte) (stack []uint64, rest []byte) {
	stack = make([]uint64, max(len(fn.Params), len(fn.Results)))
	for i, p := range fn.Params {
		var b byte
		if len(script) > 0 {
			b, script = script[0], script[1:]
		}
		switch x := number(b); {
		case p == i32 && b >= 16 && b < special:
			stack[i] = 8 * x // most are addresses
		case p == i32:
			stack[i] = x & math.MaxUint32
		case p == f32 && b < special:
			stack[i] = uint64(math.Float32bits(float32(b)/8 - 4))
		default:
			stack[i] = x
		}
	}
	return stack, script
}

const special = 0xe0 // bytes from here on are numbers at which things end

// number is what a byte of a script or of memory stands for.
func number(b byte) uint64 {
	if b < special {
		return uint64(b)
	}
	minus := func(n int64) uint64 { return uint64(-n) }
	return [...]uint64{
		0x7fc00000, 0x7f800000, 0xff800000, // NaN, Inf, -Inf
		math.MaxUint64, math.MaxInt64, 1 << 63, math.MaxUint32, 1 << 32, math.MaxInt32, 1 << 31, 1<<31 + 1,
		minus(3), minus(2), minus(16), 1 << 40, 1 << 20,
		fuzzRows - 7, 0x10000 + 28, fuzzMemory, fuzzMemory - 1, fuzzMemory - 4, fuzzMemory - 8, fuzzMemory / 2, fuzzMemory/2 + 4,
		1000, 4096, 1 << 16, 13, 100, 116, minus(2), minus(1), // the last two are abi.AllOnes and abi.InMemory
	}[b-special]
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
