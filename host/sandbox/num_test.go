package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rechost/guest/abi"
	"rechost/guest/num/naive"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/kernel"
)

// numCall is a call with 1 MiB of memory and two opened inputs: handle 0 holds
// 16 u32 (0..7 twice), handle 1 five u64 (100, 104, 104, 110, 116).
func numCall() *call {
	open := func(name string, t array.DType, rows int, data []byte) *opened {
		a := &Array{Meta: array.Meta{DType: t, Rows: rows}, mapped: append(make([]byte, array.HeaderSize), data...)}
		a.once.Do(func() {})
		return &opened{Input{Name: name, Array: a, Rows: rows}, 0, int64(rows)}
	}
	index := make([]uint32, 16)
	for i := range index {
		index[i] = uint32(i % 8)
	}
	return &call{ctx: context.Background(), module: &Module{budget: budget{limit: 1<<24 + StackReserve, stack: StackReserve}}, instance: &instance{mem: &memory{bytes: make([]byte, 1<<20), limit: 1 << 24}}, limits: Limits{Memory: 1 << 24},
		open: []*opened{open("x.index", array.U32, 16, array.BytesOf(index)),
			open("x.offsets", array.U64, 5, array.BytesOf([]uint64{100, 104, 104, 110, 116}))}}
}

// try runs a kernel and returns its result or the error that it ended with.
// Any other panic goes up.
func (c *call) try(name string, stack ...uint64) (result uint64, err error) {
	defer func() {
		if x := recover(); x != nil {
			e, ok := x.(*ended)
			if !ok {
				panic(x)
			}
			err = e
		}
	}()
	for len(stack) < len(kernels[name].params) {
		stack = append(stack, 0)
	}
	kernels[name].fn(c, stack)
	return stack[0], nil
}

// put writes numbers into the guest's memory and returns their address.
func put[T array.Number](c *call, at uint32, v ...T) uint64 {
	copy(c.mem.bytes[at:], array.BytesOf(v))
	return uint64(at)
}

func f32s(c *call, at, n int) []float32 { return c.f32("", uint32(at), uint64(n)) }

const (
	oneF = 0x3f800000 // bits of 1
	twoF = 0x40000000
	mem  = abi.InMemory
	ones = abi.AllOnes
)

// The same sparse matrix, 4 x 8 with 16 entries, in memory and in inputs.
func sparseRecords(c *call) (memory, input uint64, m naive.Sparse) {
	m = naive.Sparse{Rows: 4, Cols: 8, Offsets: []uint64{100, 104, 104, 110, 116}, Index: make([]uint32, 16)}
	for i := range m.Index {
		m.Index[i] = uint32(i % 8)
	}
	put(c, 0x1000, m.Offsets...)
	put(c, 0x1100, m.Index...)
	memory = put(c, 0x1200, 4, 8, 0, int64(mem), 0x1000, mem, 0x1100, ones, 0, 16)
	input = put(c, 0x1300, 4, 8, 0, int64(1), 0, 0, 0, ones, 0, 16)
	return memory, input, m
}

func TestNumCallsKernels(t *testing.T) {
	c := numCall()
	inMemory, inInput, m := sparseRecords(c)
	must := func(r uint64, err error) uint64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	x, y := put[float32](c, 0x100, 1, 2, 3, 4, 5, 6), put[float32](c, 0x200, 1, 1, 1, 2, 2, 2)
	if r := must(c.try("dot", 6, x, y)); math.Float32frombits(uint32(r)) != 36 {
		t.Errorf("dot %v", r)
	}
	must(0, second(c.try("axpy", 6, twoF, x, y)))
	must(0, second(c.try("scale", 3, twoF, x)))
	if got := fmt.Sprint(f32s(c, 0x100, 3), f32s(c, 0x200, 6)); got != "[2 4 6] [3 5 7 10 12 14]" {
		t.Errorf("axpy and scale: %s", got)
	}
	for _, record := range []uint64{inMemory, inInput} {
		must(0, second(c.try("row_sums", 0x300, record, 0)))
		must(0, second(c.try("col_sums", 0x320, record, 1)))
		must(0, second(c.try("transpose", record, 0x400, 0x500, 0)))
		if got := fmt.Sprint(f32s(c, 0x300, 4), f32s(c, 0x320, 8), c.u64("", 0x400, 9), c.u32("", 0x500, 4)); got !=
			"[4 0 6 6] [2 2 2 2 2 2 2 2] [0 2 4 6 8 10 12 14 16] [0 2 0 2]" {
			t.Errorf("sums and transpose: %s", got)
		}
	}
	must(0, second(c.try("transpose", inInput, 0x400, 0x500, 0)))
	items := put(c, 0x1400, 8, 4, 0, int64(mem), 0x400, mem, 0x500, ones, 0, 16)
	n := must(c.try("product_topk", inInput, items, 0, 0, 0, 0, 0, 0, 0, 2, 0x2000, 0x2100, 0x2200))
	tr := naive.Sparse{Rows: 8, Cols: 4, Offsets: make([]uint64, 9), Index: make([]uint32, 16)}
	naive.Transpose(tr, m)
	want := naive.Sparse{Offsets: make([]uint64, 5), Index: make([]uint32, 8), Value: make([]float32, 8)}
	if w := naive.ProductTopK(want, naive.Product{A: m, B: tr, OffDiagonal: true}, 2); uint64(w) != n ||
		!slices.Equal(want.Index[:w], c.u32("", 0x2100, n)) || !slices.Equal(want.Offsets, c.u64("", 0x2000, 5)) {
		t.Errorf("product_topk: %d %v, want %d %v", n, c.u32("", 0x2100, n), w, want.Index)
	}
}

// A product with values that are all 1 is that of a matrix without values, and
// with others it is not; both in every call, as what is known of an input lasts.
func TestNumCountsOnes(t *testing.T) {
	c := numCall()
	same, other := slices.Repeat([]float32{1}, 16), slices.Repeat([]float32{1}, 16)
	other[13] = 3
	for _, v := range [][]float32{same, other} {
		a := &Array{Meta: array.Meta{DType: array.F32, Rows: 16}, mapped: append(make([]byte, array.HeaderSize), array.BytesOf(v)...)}
		a.once.Do(func() {})
		c.open = append(c.open, &opened{Input{Name: "x.value", Array: a, Rows: 16}, 0, 16})
	}
	_, _, m := sparseRecords(c)
	a := put(c, 0x1400, 2, 4, 0, int64(mem), 0x1500, mem, 0x1600, ones, 0, 4)
	put[uint64](c, 0x1500, 0, 3, 4)
	put[uint32](c, 0x1600, 0, 2, 3, 2)
	for range 2 {
		for handle, values := range map[int64][]float32{2: same, 3: other} {
			b := put(c, 0x1700, 4, 8, 0, int64(1), 0, 0, 0, handle, 0, 16)
			n, err := c.try("product_topk", a, b, 0, 0, 0, 0, 0, 0, 0, 8, 0x2000, 0x2100, 0x2200)
			if err != nil {
				t.Fatal(err)
			}
			p := naive.Product{A: naive.Sparse{Rows: 2, Cols: 4, Offsets: []uint64{0, 3, 4}, Index: []uint32{0, 2, 3, 2}}, B: m, OffDiagonal: true}
			p.B.Value = values
			want := naive.Sparse{Offsets: make([]uint64, 3), Index: make([]uint32, 16), Value: make([]float32, 16)}
			if w := naive.ProductTopK(want, p, 8); uint64(w) != n || !slices.Equal(want.Index[:w], c.u32("", 0x2100, n)) ||
				!slices.Equal(want.Value[:w], f32s(c, 0x2200, int(n))) {
				t.Errorf("values %v: %v %v, want %v %v", values, c.u32("", 0x2100, n), f32s(c, 0x2200, int(n)), want.Index[:w], want.Value[:w])
			}
			words := [abi.SparseWords]int64{4, 8, 0, 1, 0, 0, 0, handle, 0, 16}
			if got := c.kernel.(checked)[words]; got != map[int64]lesson{2: onlyOnes, 3: varied}[handle] {
				t.Errorf("of values %v is known: %d", values, got)
			}
		}
	}
}

func second(_ uint64, err error) error { return err }

func TestNumRefuses(t *testing.T) {
	type stack = []uint64
	minus := func(n int64) uint64 { return uint64(-n) }
	big := uint64(1) << 40
	sparse := func(c *call, words ...int64) uint64 { return put(c, 0x4000, words...) }
	for _, test := range []struct {
		name  string
		stack func(c *call) stack
		want  string
	}{
		{"dot", func(c *call) stack { return stack{6, 1<<20 - 20, 0} }, "dot: x: 24 bytes at 0xfffec lie outside"},
		{"dot", func(c *call) stack { return stack{minus(1), 0, 0} }, "dot: length -1 is not from 0"},
		{"dot", func(c *call) stack { return stack{big, 0, 0} }, "dot: length"},
		{"dot", func(c *call) stack { return stack{2, 0x102, 0} }, "not aligned"},
		{"axpy", func(c *call) stack { return stack{4, oneF, 0x100, 0x10c} }, "axpy: y overlaps x"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(mem), 0x200, 4, 0)} }, "m has no columns"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(mem), 0x200, -4, 2)} }, "m has -4 rows"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(mem), 0x200, 1<<31-1, 1<<31-1)} }, "lie outside"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(mem), -4, 1, 1)} }, "is not an address"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(0), 0, 1, 1)} }, "has elements of u32, not f32"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(7), 0, 1, 1)} }, "no input has the handle 7"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(1)<<32, 0, 1, 1)} }, "no input has the handle"},
		{"add_gram", func(c *call) stack { return stack{0x8000, put(c, 0x100, int64(-3), 0, 1, 1)} }, "no input has the handle -3"},
		{"gather", func(c *call) stack {
			return stack{0x8000, put(c, 0x100, int64(mem), 0x200, 4, 2), 1, put(c, 0x300, uint32(4))}
		}, "row 0 is 4, not below 4"},
		{"row_sums", func(c *call) stack { return stack{0x8000, sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 16), 3} }, "power 3"},
		{"row_sums", func(c *call) stack { return stack{0x8000, sparse(c, 4, 7, 0, 1, 0, 0, 0, ones, 0, 16), 1} }, "an index of m is 7, not below 7"},
		{"row_sums", func(c *call) stack { return stack{0x8000, sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 15), 1} }, "offset 4 of m is 116, not from 110 to 115"},
		{"row_sums", func(c *call) stack { return stack{0x8000, sparse(c, 5, 8, 0, 1, 0, 0, 0, ones, 0, 16), 1} }, "elements 0 to 6 of input x.offsets, which has 5"},
		{"row_sums", func(c *call) stack { return stack{0x8000, sparse(c, 4, 8, 0, 1, -1, 0, 0, ones, 0, 16), 1} }, "of input x.offsets, which has 5"},
		{"row_sums", func(c *call) stack {
			put(c, 0x5000, uint64(0), 3, 2)
			return stack{0x8000, sparse(c, 2, 8, 0, mem, 0x5000, 0, 0, ones, 0, 16), 1}
		}, "offset 2 of m is 2, not from 3"},
		{"row_sums", func(c *call) stack {
			put(c, 0x5000, uint64(10), 3, 4)
			return stack{0x8000, sparse(c, 1, 8, 1, mem, 0x5000, 0, 0, ones, 0, 16), 1}
		}, "offset 1 of m is 3, not from 10"},
		{"row_sums", func(c *call) stack {
			put(c, 0x5000, uint64(0), math.MaxUint64)
			return stack{0x8000, sparse(c, 1, 8, 0, mem, 0x5000, 0, 0, ones, 0, 16), 1}
		}, "offset 1 of m"},
		{"row_sums", func(c *call) stack { // the result would change the offsets while they are in use
			put(c, 0x5000, uint64(0), 1, 2)
			return stack{0x5004, sparse(c, 2, 8, 0, mem, 0x5000, 0, 0, ones, 0, 16), 1}
		}, "dst overlaps m"},
		{"product_topk", func(c *call) stack {
			s := sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{s, s, 0, 0, minus(1), 0, 0, 0, 0, 2, 0x6000, 0x7000, 0x8000}
		}, "a has 8 columns and b 4 rows"},
		{"product_topk", func(c *call) stack {
			a := put(c, 0x4100, int64(4), 4, 0, mem, 0x5000, 0, 0, ones, 0, 0)
			b := sparse(c, 4, 1<<30, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{a, b, 0, 0, minus(1), 0, 0, 0, 0, 2, 0x6000, 0x7000, 0x8000}
		}, "to work in, beside 1MiB of memory: of its limit of 116MiB"},
		{"product_topk", func(c *call) stack {
			a := put(c, 0x4100, int64(4), 4, 0, mem, 0x5000, 0, 0, ones, 0, 0)
			b := sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{a, b, 0, 0, minus(1), 0, 0, 0, 0, 1<<31 - 1, 0x6000, 0x7000, 0x8000}
		}, "lie outside"},
		{"score_topk", func(c *call) stack {
			u, v := put(c, 0x100, int64(mem), 0x200, 4, 2), put(c, 0x140, int64(mem), 0x200, 4, 3)
			return stack{u, 4, 0, v, 0, 0, 1, 0x6000, 0x7000, 0x8000}
		}, "users have 2 columns and items 3"},
		{"score_topk", func(c *call) stack {
			u := put(c, 0x100, int64(mem), 0x200, 4, 2)
			put(c, 0x5000, uint64(0), 2, 2, 2, 2)
			put(c, 0x5100, uint32(3), 1)
			s := sparse(c, 4, 4, 0, mem, 0x5000, mem, 0x5100, ones, 0, 2)
			return stack{u, 4, 0, u, s, 0, 1, 0x6000, 0x7000, 0x8000}
		}, "row 0 of without is not in ascending order"},
		{"score_topk", func(c *call) stack {
			u := put(c, 0x100, int64(mem), 0x200, 4, 2)
			put(c, 0x5000, uint64(0), 2, 2, 2, 2)
			put(c, 0x5100, uint32(3), 3)
			s := sparse(c, 4, 4, 0, mem, 0x5000, mem, 0x5100, ones, 0, 2)
			return stack{u, 4, 0, u, 0, s, 1, 0x6000, 0x7000, 0x8000}
		}, "row 0 of only is not in ascending order"},
		{"score_topk", func(c *call) stack {
			u := put(c, 0x100, int64(mem), 0x200, 4, 2)
			put(c, 0x5000, uint64(0), 2, 2)
			put(c, 0x5100, uint32(1), 3)
			s := sparse(c, 2, 4, 0, mem, 0x5000, mem, 0x5100, ones, 0, 2)
			return stack{u, 4, 0, u, 0, s, 1, 0x6000, 0x7000, 0x8000}
		}, "2 x 4 entries to let into 4 x 4"},
		{"product_topk", func(c *call) stack {
			a := put(c, 0x4100, int64(4), 4, 0, mem, 0x5000, 0, 0, ones, 0, 0)
			b := sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 16)
			only := put(c, 0x4200, int64(1), 9, 0, mem, 0x5000, 0, 0, ones, 0, 0)
			return stack{a, b, 0, only, minus(1), 0, 0, 0, 0, 2, 0x6000, 0x7000, 0x8000}
		}, "1 x 9 entries to let into 4 x 8"},
		{"ridge_cg", func(c *call) stack {
			f := put(c, 0x100, int64(mem), 0x200, 7, 2)
			return stack{0x8000, sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 16), f, 0x300, 0x400, 0, 0, 0, 0, 3}
		}, "rows have 8 columns and factors 7 rows"},
		{"ridge_cg", func(c *call) stack {
			f := put(c, 0x100, int64(mem), 0x200, 8, 2)
			return stack{0x8000, sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 16), f, 0x300, 0x400, 0, 0, 0, 0, minus(3)}
		}, "-3 steps"},
		{"ridge_cg", func(c *call) stack {
			c.mem.limit = 1<<20 + 12*6 + 12*16 - 1 // the longest row has six entries of sixteen
			f := put(c, 0x100, int64(mem), 0x200, 8, 2)
			return stack{0x8000, sparse(c, 4, 8, 0, 1, 0, 0, 0, ones, 0, 16), f, 0x300, 0x400, 0, 0, 0, 0, 3}
		}, "needs 264B to work in"},
		{"rows_topk", func(c *call) stack {
			c.mem.limit = 1<<20 + 4*64*8 + 4*(8*2+256) - 1 // 64 columns of w, and four lists of two
			x := put(c, 0x4000, int64(4), 8, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{x, put(c, 0x4100, int64(mem), 0x100, 8, 9), 0, 0, 2, 0x6000, 0x7000, 0x8000}
		}, "needs 3.062KiB to work in"},
		{"uniform", func(c *call) stack { return stack{1 << 20, 0} }, "lie outside"},
	} {
		if _, err := numCall().tryWith(test.name, test.stack); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func (c *call) tryWith(name string, stack func(*call) []uint64) (uint64, error) {
	return c.try(name, stack(c)...)
}

// What passed the checks once is not let through when it changed: only inputs,
// which cannot change, are remembered.
func TestNumChecksMemoryAgain(t *testing.T) {
	c := numCall()
	m, _, _ := sparseRecords(c)
	if _, err := c.try("row_sums", 0x300, m, 1); err != nil {
		t.Fatal(err)
	}
	put(c, 0x1100, uint32(8))
	if _, err := c.try("row_sums", 0x300, m, 1); err == nil {
		t.Error("an index out of range was not seen the second time")
	}
}

// An array's stretches are looked at once, and what was found in them holds for
// any range and any number of columns.
func TestNumRemembersStretches(t *testing.T) {
	const n = 3*stretch + 100
	index := make([]uint32, n)
	for i := range index {
		index[i] = uint32(i % 5)
	}
	index[stretch+7], index[n-1] = 20, 30
	a := &Array{Meta: array.Meta{DType: array.U32, Rows: n}, mapped: append(make([]byte, array.HeaderSize), array.BytesOf(index)...)}
	a.once.Do(func() {})
	try := func(first, at, entries, cols int64) string {
		c := numCall()
		c.open = append(c.open, &opened{Input{Name: "y.index", Array: a, Rows: n}, first, n - first})
		m := put(c, 0x1200, 1, cols, 0, int64(mem), 0x1000, 2, at, ones, 0, entries)
		put(c, 0x1000, 0, uint64(entries))
		if _, err := c.try("row_sums", 0x300, m, 1); err != nil {
			return err.Error()
		}
		return ""
	}
	refused := func(index, cols int64) string {
		return fmt.Sprintf("row_sums: an index of m is %d, not below %d", index, cols)
	}
	for range 2 {
		for _, x := range []struct {
			first, at, entries, cols int64
			want                     string
		}{
			{0, 0, n, 31, ""},
			{0, 0, n, 30, refused(30, 30)},
			{0, 0, n - 1, 21, ""},
			{0, 0, n, 20, refused(20, 20)},
			{0, 0, stretch, 5, ""},
			{0, 0, stretch, 4, refused(4, 4)},
			{0, 3, stretch + 4, 5, ""}, // up to the one that is larger
			{0, 3, stretch + 5, 5, refused(20, 5)},
			{stretch, 7, 1, 21, ""},
			{stretch, 7, 1, 20, refused(20, 20)},
			{stretch, 8, 2 * stretch, 5, ""}, // from behind it
			{stretch + 8, 0, 2 * stretch, 5, ""},
			{stretch + 7, 0, 2 * stretch, 5, refused(20, 5)},
			{0, 5, 0, 0, ""},
		} {
			if got := try(x.first, x.at, x.entries, x.cols); got != x.want {
				t.Errorf("elements %d+%d to %d more, %d columns: %q, want %q", x.first, x.at, x.entries, x.cols, got, x.want)
			}
		}
	}
	looked := 0
	count := func(from, to int) uint64 { looked += to - from; return 1 }
	a.each(1, n, count, func(uint64) bool { return true })
	if want := stretch - 1 + 100; looked != want {
		t.Errorf("%d elements were looked at again, want %d", looked, want)
	}
}

// An array may be used by several calls at a time.
func TestArrayNotesOfManyCalls(t *testing.T) {
	const n = 100 * stretch
	a := &Array{mapped: make([]byte, array.HeaderSize+4*n)}
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			next := 0
			a.each(0, n, func(from, to int) uint64 { return uint64(from + 1) }, func(found uint64) bool {
				if found != uint64(next+1) {
					t.Errorf("%d was found from %d on", found, next)
				}
				next += stretch
				return true
			})
			if next != n {
				t.Errorf("ended at %d", next)
			}
		})
	}
	calls.Wait()
}

// No rows, at an address, are not all rows.
// turns is a context that is cancelled when it has been asked so many times.
type turns struct {
	context.Context
	left int
}

func (t *turns) Err() error {
	if t.left--; t.left < 0 {
		return context.Canceled
	}
	return nil
}

// A dot and a sum of the largest vectors end in the middle when they are
// cancelled there, and when the deadline has passed.
func TestNumLongVectorsEnd(t *testing.T) {
	const n = 32 << 20
	for name, arguments := range map[string][]uint64{"dot": {n, 0, 0}, "sum": {n, 0}} {
		c := numCall()
		c.mem = &memory{bytes: make([]byte, 4*n)}
		ctx := &turns{c.ctx, 5}
		c.ctx = ctx
		if _, err := c.try(name, arguments...); !errors.Is(err, context.Canceled) || ctx.left != -1 {
			t.Errorf("%s, cancelled at its sixth point, ends with %v, %d points from there", name, err, ctx.left+1)
		}
		c = numCall()
		c.mem = &memory{bytes: make([]byte, 4*n)}
		c.deadline = time.Now().Add(-time.Second)
		var limit *fault.Error
		if _, err := c.try(name, arguments...); !errors.As(err, &limit) || limit.Code != fault.Limit {
			t.Errorf("%s past its deadline ends with %v", name, err)
		}
	}
}

func TestNumScoresNobody(t *testing.T) {
	for _, threads := range []int{1, 2} {
		c := numCall()
		c.threads = threads
		m := put(c, 0x100, int64(mem), 0x200, 8, 2)
		put(c, 0x6000, uint64(7), 7)
		if n, err := c.try("score_topk", m, 0, 0x300, m, 0, 0, 5, 0x6000, 0x7000, 0x8000); err != nil || n != 0 {
			t.Errorf("%d entries, %v", n, err)
		}
		if got := c.u64("", 0x6000, 2); got[0] != 0 || got[1] != 7 {
			t.Errorf("offsets %v: one was to be written", got)
		}
	}
}

// The items that a list of candidates for everybody puts together are there at
// the same time as what the threads work in.
func TestScoreSpaceAddsUp(t *testing.T) {
	const n, cols, k = 64, 16, 3
	c := numCall()
	all := make([]uint32, n)
	for i := range all {
		all[i] = uint32(i)
	}
	items := put(c, 0x100, int64(mem), 0x10000, n, cols)
	users := put(c, 0x140, int64(mem), 0x10000, 2, cols)
	put(c, 0x200, uint64(0), n)
	put(c, 0x300, all...)
	only := put(c, 0x180, 1, n, 0, int64(mem), 0x200, mem, 0x300, ones, 0, n)
	need := 4*n*cols + kernel.ScoreScratch(2, n, cols, k)
	for _, short := range []int{0, 1} {
		c.failure, c.mem.limit = nil, uint64(len(c.mem.bytes)+need-short)
		_, err := c.try("score_topk", users, 2, 0, items, 0, only, k, 0x800, 0x900, 0xa00)
		if want := []fault.Code{fault.OK, fault.Limit}[short]; fault.CodeOf(err) != want {
			t.Errorf("%d bytes too few: %v", short, err)
		}
	}
}
