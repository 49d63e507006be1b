package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rechost/guest/abi"
	"rechost/host/array"
)

// What a function may do between two points at which the scheduler and the
// deadline are let in: a few times what takes a millisecond, as one point's
// work may end where the next begins to be counted.
const (
	mostTouched = 8 << 20 // bytes of memory
	mostSteps   = 2 << 20 // elements, rows, entries
)

// paceCase is a call with large arguments: an operand of 64 MiB, or 128, is
// several times what may be touched between two points, so that a loop without
// any shows as it would with one of 4 GiB.
type paceCase struct {
	name  string
	what  string
	stack []uint64
	steps int  // at least so many elements, rows or entries are gone through
	ends  bool // the call may end the task
}

const (
	paceN    = 1 << 24 // numbers
	paceMid  = 1 << 22
	paceEdge = 1 << 12 // rows and columns of a square
	paceLow  = 1 << 20 // addresses below are of small things
	paceA    = paceLow
	paceB    = paceA + 8*paceN + 1<<20
	paceC    = paceB + 8*paceN + 1<<20
	paceD    = paceC + 8*paceN + 1<<20
	paceEnd  = paceD + 8*paceN + 1<<20
)

// pacer counts at every point what was touched since the one before: each page
// of the operands is new to the thread then, and its first use a page fault.
// Those of new memory of the host's are not counted: Go clears it as a whole,
// and lets others run meanwhile.
type pacer struct {
	context.Context
	points  int
	most    int64 // bytes
	before  int64 // page faults
	heap    uint64
	regions [][]byte
}

func (p *pacer) Err() error {
	p.points++
	p.look()
	return nil
}

func (p *pacer) look() {
	p.most = max(p.most, (faults()-p.before)*int64(unix.Getpagesize())-int64(heap()-p.heap))
	for _, r := range p.regions {
		unix.Madvise(r, unix.MADV_DONTNEED) // zeros again: operands are nothing else
	}
	p.start()
}

func (p *pacer) start() { p.before, p.heap = faults(), heap() }

func faults() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		panic(err)
	}
	return u.Minflt
}

// paced is every host function with its largest arguments, of several shapes.
type paced struct {
	cases   []paceCase
	guest   []byte   // its memory
	regions [][]byte // of which operands are
	inputs  []*opened
}

func newPaced(t testing.TB) *paced {
	zeros := func(n int) []byte {
		b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
		if err != nil {
			t.Skipf("no %d bytes of address space: %v", n, err)
		}
		unix.Madvise(b, unix.MADV_NOHUGEPAGE)
		t.Cleanup(func() { unix.Munmap(b) })
		return b
	}
	guest := zeros(paceEnd)
	regions := [][]byte{guest[paceLow:]}
	var inputs []*opened
	open := func(d array.DType, data []byte) int64 {
		rows := (len(data) - array.HeaderSize) / d.Size()
		a := &Array{Meta: array.Meta{DType: d, Rows: rows}, mapped: data}
		a.once.Do(func() {})
		inputs = append(inputs, &opened{Input{Name: "x", Array: a, Rows: rows}, 0, int64(rows)})
		return int64(len(inputs) - 1)
	}
	anonymous := func(d array.DType, n int) int64 {
		data := zeros(array.HeaderSize + n*d.Size())
		regions = append(regions, data)
		return open(d, data)
	}
	words := func(v ...uint64) int64 {
		return open(array.U64, append(make([]byte, array.HeaderSize), array.BytesOf(v)...))
	}
	floats, indices, offsets := anonymous(array.F32, paceN), anonymous(array.U32, paceN), anonymous(array.U64, paceN+2)
	full, middle, edge, single := words(0, paceN), words(0, paceMid), words(0, paceEdge), words(0, 1)
	counted := make([]uint32, paceMid)
	scores := make([]float32, paceMid)
	for i := range counted {
		counted[i], scores[i] = uint32(i), float32(i*7919%paceMid+1)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "large.npy"))
	if err == nil {
		err = file.Truncate(array.HeaderSize + 4*paceN)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	inputs[floats].Array.file = file
	rising := open(array.U32, append(make([]byte, array.HeaderSize), array.BytesOf(counted)...))
	mixed := open(array.F32, append(make([]byte, array.HeaderSize), array.BytesOf(scores)...))

	at := uint32(64)
	record := func(w ...int64) uint64 {
		to := at
		copy(guest[to:paceLow], array.BytesOf(w))
		at += uint32(8 * len(w))
		return uint64(to)
	}
	// sparse has the rows that offsets tell, in an input.
	sparse := func(rows, cols int, offsets int64, entries int) uint64 {
		return record(int64(rows), int64(cols), 0, offsets, 0, indices, 0, abi.AllOnes, 0, int64(entries))
	}
	matrix := func(rows, cols int) uint64 { return record(floats, 0, int64(rows), int64(cols)) }
	empty := func(rows, cols int) uint64 { return sparse(rows, cols, offsets, 0) }
	one := func(cols int) uint64 { return sparse(1, cols, single, 1) }
	long := sparse(1, 1, full, paceN)
	distinct := func(value int64) uint64 {
		return record(1, paceMid, 0, middle, 0, rising, 0, value, 0, paceMid)
	}
	nothing := func() uint64 { return sparse(1, 1, offsets, 0) }
	f := func(x float32) uint64 { return uint64(math.Float32bits(x)) }
	minus := uint64(math.MaxUint64)

	copy(guest[32:], "out.f")
	const lines = paceLow / 2
	for i := range guest[lines:paceLow] {
		guest[lines+i] = '\n'
	}

	cases := []paceCase{
		{"dot", "", []uint64{paceN, paceA, paceB}, paceN, false},
		{"sum", "", []uint64{paceN, paceA}, paceN, false},
		{"axpy", "", []uint64{paceN, f(2), paceA, paceB}, paceN, false},
		{"scale", "", []uint64{paceN, f(2), paceA}, paceN, false},
		{"row_sums", "empty rows", []uint64{paceA, empty(paceN, 1), 1}, paceN, false},
		{"row_sums", "a long row", []uint64{paceA, long, 2}, paceN, false},
		{"col_sums", "empty columns", []uint64{paceA, empty(1, paceN), 1}, paceN, false},
		{"col_sums", "a long row", []uint64{paceA, long, 2}, paceN, false},
		{"transpose", "empty rows", []uint64{empty(paceN, 1), paceA, paceB, 0}, paceN, false},
		{"transpose", "empty columns", []uint64{empty(1, paceN), paceA, paceB, 0}, paceN, false},
		{"transpose", "a long row", []uint64{long, paceA, paceB, 0}, paceN, false},
		{"add_gram", "rows", []uint64{paceA, matrix(paceN, 1)}, paceN, false},
		{"add_gram", "columns", []uint64{paceA, matrix(1, paceEdge)}, paceEdge * paceEdge / 2, false},
		{"gather", "a long row", []uint64{paceA, matrix(1, paceN), 1, paceB}, paceN, false},
		{"gather", "rows", []uint64{paceA, matrix(1, 1), paceN, paceB}, paceN, false},
		{"product_rows", "rows of nothing", []uint64{paceA, empty(paceN, 1), empty(1, 0)}, paceN, false},
		{"product_rows", "columns", []uint64{paceA, empty(1, 1), empty(1, paceN)}, paceN, false},
		{"product_rows", "a long row of a", []uint64{paceA, long, one(1)}, paceN, false},
		{"product_rows", "a long row of b", []uint64{paceA, one(1), long}, paceN, false},
		{"product_topk", "empty rows", []uint64{empty(paceN, 1), nothing(), 0, 0, minus, 0, 0, 0, 0, 1, paceA, paceB, paceC}, paceN, false},
		{"product_topk", "no lists", []uint64{empty(paceN, 1), nothing(), 0, 0, minus, 0, 0, 0, 0, 0, paceA, paceB, paceC}, paceN, false},
		{"product_topk", "a long row", []uint64{one(1), long, 0, 0, minus, 0, 0, 0, 0, 1, paceA, paceB, paceC}, paceN, false},
		{"product_topk", "equal scores", []uint64{one(1), distinct(abi.AllOnes), 0, 0, minus, 0, 0, 0, 0, paceMid / 4, paceA, paceB, paceC}, 8 * paceMid, false},
		{"product_topk", "long lists", []uint64{one(1), distinct(mixed), 0, 0, minus, 0, 0, 0, 0, paceMid / 2, paceA, paceB, paceC}, 8 * paceMid, false},
		{"product_topk", "masks", []uint64{one(1), distinct(mixed), distinct(abi.AllOnes), distinct(abi.AllOnes), minus, 0, 0, 0, 0, 9, paceA, paceB, paceC}, 8 * paceMid, false},
		{"score_topk", "users", []uint64{matrix(paceMid, 1), paceMid, 0, matrix(1, 1), 0, 0, 1, paceA, paceB, paceC}, 4 * paceMid, false},
		{"score_topk", "no lists", []uint64{matrix(paceN, 1), paceN, 0, matrix(1, 1), 0, 0, 0, paceA, paceB, paceC}, paceN, false},
		{"score_topk", "items", []uint64{matrix(1, 1), 1, 0, matrix(paceMid, 1), 0, 0, 1, paceA, paceB, paceC}, 4 * paceMid, false},
		{"score_topk", "long lists", []uint64{matrix(1, 1), 1, 0, matrix(paceMid, 1), 0, 0, paceMid / 2, paceA, paceB, paceC}, 8 * paceMid, false},
		{"score_topk", "masks", []uint64{matrix(1, 1), 1, 0, matrix(paceMid, 1), distinct(abi.AllOnes), distinct(abi.AllOnes), 9, paceA, paceB, paceC}, 4 * paceMid, false},
		{"score_topk", "candidates of nobody", []uint64{matrix(paceMid, 1), paceMid, 0, matrix(1000, 1), 0, empty(paceMid, 1000), 4, paceA, paceB, paceC}, paceMid, false},
		{"score_topk", "factors", []uint64{matrix(1, paceMid), 1, 0, matrix(2, paceMid), 0, 0, 1, paceA, paceB, paceC}, 16 * paceMid, false},
		{"score_topk", "factors of a candidate", []uint64{matrix(1, paceMid/16), 1, 0, matrix(64, paceMid/16), 0, sparse(1, 64, single, 1), 1, paceA, paceB, paceC}, 0, false},
		{"ridge_cg", "empty rows", []uint64{paceA, empty(paceN, 1), matrix(1, 1), paceB, paceC, f(0), f(1), f(0), f(1), 3}, 4 * paceN, false},
		{"ridge_cg", "a long row", []uint64{paceA, long, matrix(1, 1), paceB, paceC, f(0), f(1), f(0), f(1), 3}, 8 * paceN, false},
		{"ridge_cg", "factors", []uint64{paceA, one(1), matrix(1, paceEdge), paceB, paceC, f(0), f(1), f(0), f(1), 1}, paceN, false},
		{"ridge_cholesky", "empty rows", []uint64{paceA, empty(paceN, 1), matrix(1, 1), paceB, paceC, f(0), f(1), f(0), f(1)}, 4 * paceN, false},
		{"ridge_cholesky", "a long row", []uint64{paceA, long, matrix(1, 1), paceB, paceC, f(0), f(0), f(0), f(1)}, paceN, false},
		{"ridge_cholesky", "factors", []uint64{paceA, one(1), matrix(1, paceEdge), paceB, paceC, f(0), f(1), f(0), f(1)}, paceN, false},
		{"bpr", "users", []uint64{paceA, paceB, paceC, 1, empty(paceN, 1), 1, paceD, 1, f(1), f(0), 3, 0, 0}, paceN, false},
		{"bpr", "a long row", []uint64{paceA, paceB, paceC, 1, sparse(1, 1, middle, paceMid), 1, paceD, 1, f(1), f(0), 1, 0, 0}, 4 * paceMid, false},
		{"bpr", "factors", []uint64{paceA, paceB, paceC, paceMid, one(1), 1, paceD, 9, f(1), f(0), 0, 0, 0}, paceMid, false},
		{"uniform", "", []uint64{paceA, paceN, 1, 2, 3}, paceN, false},
		{"normal", "", []uint64{paceA, paceN / 4, 1, 2, 3}, paceN / 4, false},
		{"add_sparse", "empty rows", []uint64{paceA, f(1), empty(paceN, 1), matrix(1, 1)}, 4 * paceN, false},
		{"add_sparse", "a long row", []uint64{paceA, f(2), long, matrix(1, 1)}, paceN, false},
		{"add_sparse", "columns", []uint64{paceA, f(2), one(1), matrix(1, paceN)}, 2 * paceN, false},
		{"add_product", "rows", []uint64{paceA, matrix(paceMid, 1), matrix(1, 1)}, 4 * paceMid, false},
		{"add_product", "columns", []uint64{paceA, matrix(1, 1), matrix(1, paceMid)}, 2 * paceMid, false},
		{"add_product", "steps", []uint64{paceA, matrix(1, paceMid), matrix(paceMid, 1)}, 16 * paceMid, false},
		{"gemm", "rows", []uint64{paceA, matrix(paceMid, 1), matrix(1, 1)}, 4 * paceMid, false},
		{"gemm", "columns", []uint64{paceA, matrix(1, 1), matrix(1, paceMid)}, paceMid, false},
		{"gemm", "steps", []uint64{paceA, matrix(1, paceMid), matrix(paceMid, 1)}, 4 * paceMid, false},
		{"whiten", "", []uint64{paceA, paceB, abi.MaxEigen, 0}, 2 * abi.MaxEigen * abi.MaxEigen, false},
		{"eigen", "", []uint64{paceA, paceB, paceC, abi.MaxEigen / 2}, abi.MaxEigen * abi.MaxEigen, false},
		{"inverse", "not definite", []uint64{paceA, paceEdge}, paceEdge * paceEdge, false},
		{"sparse_gram", "columns", []uint64{paceA, empty(1, paceEdge)}, paceEdge * paceEdge, false},
		{"sparse_gram", "empty rows", []uint64{paceA, empty(paceN, 1)}, paceN, false},
		{"sparse_gram", "a long row", []uint64{paceA, sparse(1, 1, edge, paceEdge)}, paceEdge * paceEdge / 2, false},
		{"divide_columns", "rows", []uint64{paceA, paceN, 1, paceB}, paceN, false},
		{"divide_columns", "columns", []uint64{paceA, 1, paceN, paceB}, paceN, false},
		{"rows_topk", "empty rows", []uint64{empty(paceMid, 1), matrix(1, 1), 0, 0, 1, paceA, paceB, paceC}, 4 * paceMid, false},
		{"rows_topk", "no lists", []uint64{empty(paceN, 1), matrix(1, 1), 0, 0, 0, paceA, paceB, paceC}, paceN, false},
		{"rows_topk", "a long row", []uint64{long, matrix(1, 1), 0, 0, 1, paceA, paceB, paceC}, paceN, false},
		{"rows_topk", "columns", []uint64{one(1), matrix(1, paceMid), 0, 0, paceMid / 2, paceA, paceB, paceC}, 4 * paceMid, false},
		{"rows_topk", "masks", []uint64{one(1), matrix(1, paceMid), distinct(abi.AllOnes), distinct(abi.AllOnes), 9, paceA, paceB, paceC}, 2 * paceMid, false},
		{"elastic_net", "no turns", []uint64{paceA, paceB, paceEdge, matrix(paceEdge, paceEdge), 0, f(1), f(1), f(0), 0}, 2 * paceEdge * paceEdge, false},
		{"elastic_net", "a turn", []uint64{paceA, paceB, paceEdge / 8, matrix(paceEdge, paceEdge), 0, f(1), f(1), f(0), 1}, paceEdge * paceEdge, false},
		{abi.FnInputRead, "copied", []uint64{uint64(floats), 0, paceN, paceA + 4}, paceN, false},
		{abi.FnOutputWrite, "", []uint64{32, 5, paceA, 4 * paceN}, paceN, false},
		{"random_get", "", []uint64{paceA, 4 * paceN}, paceN, false},
		{"fd_write", "", []uint64{1, record(paceA | paceN/4<<32), 1, 8}, paceN / 16, false},
		{"fd_write", "lines", []uint64{2, record(lines | 512<<10<<32), 1, 8}, paceN / 64, false},
	}
	// What the others do has a bound that is none of the arguments: a name, a
	// message, a page, a few numbers, at most so many events.
	small := map[string][]uint64{
		abi.FnConfigSize: {0}, abi.FnConfigRead: {paceA}, abi.FnDescribe: {paceA, abi.MaxDescription}, abi.FnPlan: {paceA, abi.MaxPlan},
		abi.FnInputOpen: {paceA, maxName}, abi.FnInputInfo: {0, paceA}, abi.FnLog: {1, paceA, maxLine}, abi.FnProgress: {0, math.MaxInt64},
		abi.FnFail: {paceA, 8 * paceN}, abi.FnRefuse: {paceA, 8 * paceN}, "poll_oneoff": {paceA, paceB, 4096, 8}, "proc_exit": {1},
	}
	for _, fn := range Functions() {
		if slices.ContainsFunc(cases, func(c paceCase) bool { return c.name == fn.Name }) {
			continue
		}
		stack, ok := small[fn.Name]
		if !ok && fn.Module != wasiModule { // which has nothing else that takes a range
			t.Errorf("%s has no largest arguments here", fn.Name)
			continue
		}
		if !ok {
			stack = make([]uint64, max(len(fn.Params), 1))
			for i := range stack {
				stack[i] = paceA
			}
		}
		cases = append(cases, paceCase{fn.Name, "", stack, 0, true})
	}
	return &paced{cases, guest, regions, inputs}
}

// run makes a call under ctx, whose Err is called at every point.
func (p *paced) run(ctx context.Context, test paceCase) error {
	i := slices.IndexFunc(Functions(), func(f Function) bool { return f.Name == test.name })
	fn := Functions()[i]
	if test.steps > 0 && len(test.stack) != len(fn.Params) {
		return fmt.Errorf("%d arguments, not %d", len(test.stack), len(fn.Params))
	}
	c := &call{ctx: ctx, module: &Module{budget: budget{limit: 1 << 50}}, instance: &instance{mem: &memory{bytes: p.guest, limit: 1 << 50}}, open: p.inputs, phase: running,
		limits: Limits{Memory: 1 << 50, Log: 1 << 30, Output: 1 << 40}, outputLeft: 1 << 40,
		outputs: []outputBuffer{{Output: Output{Name: "out.f", DType: array.F32, Rows: -1}, want: -1, pending: make([]byte, 0, 8<<20)}}}
	c.guest.seed([32]byte{})
	switch test.name {
	case abi.FnDescribe:
		c.phase = describing
	case abi.FnPlan, abi.FnRefuse:
		c.phase = planning
	case abi.FnOutputWrite:
		c.outputs[0].pending = make([]byte, 64<<20) // which have to move
	}
	stack := make([]uint64, max(len(fn.Params), len(fn.Results)))
	copy(stack, test.stack)
	if p, ok := ctx.(interface{ start() }); ok {
		p.start()
	}
	err := c.attempt(fn, stack)
	if p, ok := ctx.(interface{ look() }); ok {
		p.look()
	}
	if test.ends {
		return nil
	}
	return err
}

// Every host function, with its largest arguments, does no more than a bounded
// amount of work between two points: in pages of memory that it touches, which
// the kernel counts, and in steps for each point.
func TestPace(t *testing.T) {
	if testing.Short() {
		t.Skip("goes through gigabytes")
	}
	all := newPaced(t)
	for _, test := range all.cases {
		t.Run(test.name+" "+test.what, func(t *testing.T) {
			runtime.LockOSThread() // whose page faults are counted
			defer runtime.UnlockOSThread()
			p := &pacer{Context: context.Background(), regions: all.regions}
			if err := all.run(p, test); err != nil {
				t.Fatal(err)
			}
			if p.most > mostTouched {
				t.Errorf("%d MiB of memory are touched between two points", p.most>>20)
			}
			if want := test.steps / mostSteps; p.points < want {
				t.Errorf("%d points, fewer than %d", p.points, want)
			}
			t.Logf("%d points, at most %d KiB touched between two", p.points, p.most>>10)
		})
	}
}

// watch is a context that tells how much processor time passed between two
// points.
type watch struct {
	context.Context
	longest time.Duration
	before  time.Duration
}

func (w *watch) Err() error {
	w.look()
	return nil
}

func (w *watch) look() {
	now := processor()
	w.longest = max(w.longest, now-w.before)
	w.before = processor()
}

func (w *watch) start() { w.before = processor() }

// processor is the processor time of this thread.
func processor() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// The longest processor time between two points at which the scheduler and the
// deadline are let in, of every host function with its largest arguments, whose
// memory is touched for the first time.
func BenchmarkPace(b *testing.B) {
	all := newPaced(b)
	for _, test := range all.cases {
		b.Run(test.name+" "+test.what, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			longest := time.Duration(math.MaxInt64)
			for range b.N { // what others on the machine cost it is not in all of them
				for _, r := range all.regions {
					unix.Madvise(r, unix.MADV_DONTNEED)
				}
				w := &watch{Context: context.Background()}
				if err := all.run(w, test); err != nil {
					b.Fatal(err)
				}
				longest = min(longest, w.longest)
			}
			b.ReportMetric(float64(longest)/1e6, "ms-longest")
		})
	}
	b.Run("instance put back, of 32 MiB", func(b *testing.B) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		m, longest := soiled(b), time.Duration(math.MaxInt64)
		defer m.close()
		for range b.N {
			w := &watch{Context: context.Background()}
			w.start()
			start := newOrigin(copied(m.bytes, w.look)[:keep/2], w.look)
			m.bytes[0]++
			if err := m.restore(m.bytes, start, w.look); err != nil {
				b.Fatal(err)
			}
			if m.bytes = m.bytes[:keep/2]; m.Reallocate(uint64(keep)) == nil {
				b.Fatal("no memory")
			}
			w.look()
			longest = min(longest, w.longest)
			for i := range m.bytes {
				m.bytes[i]++
			}
		}
		b.ReportMetric(float64(longest)/1e6, "ms-longest")
	})
}

// soiled is a memory of the largest size whose pages are kept, none of which is
// zeros.
func soiled(t testing.TB) *memory {
	t.Helper()
	m := newMemory()
	if err := m.reset(int64(keep), func() {}); err != nil {
		t.Fatal(err)
	}
	b := m.Reallocate(uint64(keep))
	if b == nil {
		t.Skipf("no memory of %d bytes", keep)
	}
	for i := range b {
		b[i] = byte(i) | 1
	}
	return m
}

// Making a memory zeros and putting it back to what it was, page by page, lets
// others run meanwhile.
func TestMemoryPauses(t *testing.T) {
	m := soiled(t)
	defer m.close()
	count := 0
	for name, f := range map[string]func(pause func()) error{
		"restore": func(pause func()) error { return m.restore(m.bytes, newOrigin(make([]byte, keep), pause), pause) },
		"copied": func(pause func()) error {
			if got := copied(m.bytes, pause); !bytes.Equal(got, m.bytes) {
				return errors.New("it is another")
			}
			return nil
		},
	} {
		count = 0
		if err := f(func() { count++ }); err != nil || count < keep/mostTouched {
			t.Errorf("%s: %d pauses, %v", name, count, err)
		}
	}
	count = 0
	if err := m.reset(int64(keep), func() { count++ }); err != nil || count < keep/mostTouched {
		t.Errorf("reset: %d pauses, %v", count, err)
	}
}
