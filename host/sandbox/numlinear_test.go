package sandbox

import (
	"strings"
	"testing"
)

func TestNumLinearRefuses(t *testing.T) {
	type stack = []uint64
	minus := func(n int64) uint64 { return uint64(-n) }
	matrix := func(c *call, at uint32, rows, cols int64) uint64 { return put(c, at, int64(mem), 0x200, rows, cols) }
	for _, test := range []struct {
		name  string
		stack func(c *call) stack
		want  string
	}{
		{"gemm", func(c *call) stack { return stack{0x8000, matrix(c, 0x100, 2, 3), matrix(c, 0x140, 2, 3)} }, "a has 3 columns and b 2 rows"},
		{"gemm", func(c *call) stack { return stack{0x200, matrix(c, 0x100, 2, 2), matrix(c, 0x140, 2, 2)} }, "dst overlaps a"},
		{"gemm", func(c *call) stack { return stack{0x100, matrix(c, 0x180, 9, 1), matrix(c, 0x100, 1, 9)} }, "dst overlaps"},
		{"gemm", func(c *call) stack { return stack{0x8000, matrix(c, 0x100, 1<<16, 1), matrix(c, 0x140, 1, 1<<16)} }, "dst: 17179869184 bytes at 0x8000 lie outside"},
		{"gemm", func(c *call) stack { return stack{0x8000, matrix(c, 0x100, 1<<31-1, 1), matrix(c, 0x140, 1, 1)} }, "lie outside"},
		{"gemm", func(c *call) stack { return stack{0x8000, matrix(c, 0x100, 1, 0), matrix(c, 0x140, 0, 1)} }, "a has no columns"},
		{"inverse", func(c *call) stack { return stack{0x100, minus(1)} }, "rows -1 is not from 0"},
		{"inverse", func(c *call) stack { return stack{0x100, 1<<31 - 1} }, "lie outside"},
		{"inverse", func(c *call) stack { return stack{0x102, 4} }, "not aligned"},
		{"inverse", func(c *call) stack { return stack{1<<20 - 32, 3} }, "a: 36 bytes at 0xfffe0 lie outside"},
		{"sparse_gram", func(c *call) stack {
			put(c, 0x5000, uint64(0), 2)
			put(c, 0x5100, uint32(3), 1)
			return stack{0x8000, put(c, 0x4000, int64(1), 4, 0, mem, 0x5000, mem, 0x5100, ones, 0, 2)}
		}, "row 0 of m is not in ascending order"},
		{"sparse_gram", func(c *call) stack {
			return stack{0x8000, put(c, 0x4000, int64(2), 1<<20, 0, 1, 0, 0, 0, ones, 0, 4)}
		}, "lie outside"},
		{"sparse_gram", func(c *call) stack {
			return stack{0x8000, put(c, 0x4000, int64(4), 7, 0, 1, 0, 0, 0, ones, 0, 16)}
		}, "an index of m is 7, not below 7"},
		{"divide_columns", func(c *call) stack { return stack{0x100, 1 << 20, 1 << 20, 0x8000} }, "lie outside"},
		{"divide_columns", func(c *call) stack { return stack{0x100, 4, 4, 0x120} }, "x overlaps by"},
		{"divide_columns", func(c *call) stack { return stack{0x100, 1, 1 << 40, 0x120} }, "columns 1099511627776 is not from 0"},
		{"rows_topk", func(c *call) stack {
			x := put(c, 0x4000, int64(4), 8, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{x, matrix(c, 0x100, 7, 9), 0, 0, 2, 0x6000, 0x7000, 0x8000}
		}, "x has 8 columns and w 7 rows"},
		{"rows_topk", func(c *call) stack {
			x := put(c, 0x4000, int64(4), 8, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{x, matrix(c, 0x100, 8, 7), x, 0, 2, 0x6000, 0x7000, 0x8000}
		}, "entries to leave out of 4 x 7"},
		{"rows_topk", func(c *call) stack {
			x := put(c, 0x4000, int64(4), 8, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{x, matrix(c, 0x8100, 100_000, 1), 0, 0, 1, 0x80000, 0x90000, 0xa0000}
		}, "to work in, beside 1MiB of memory"},
		{"rows_topk", func(c *call) stack {
			x := put(c, 0x4000, int64(4), 8, 0, 1, 0, 0, 0, ones, 0, 16)
			return stack{x, matrix(c, 0x100, 8, 9), 0, 0, 2, 0x6000, 0x200, 0x8000}
		}, "index overlaps w"},
	} {
		for _, threads := range []int{0, 1, 2} {
			c := numCall()
			c.threads = threads
			if _, err := c.tryWith(test.name, test.stack); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s on %d threads: %v, want %q", test.name, threads, err, test.want)
			}
		}
	}
}

// A kernel on several threads ends when its call does, and gives what one
// thread gives.
func TestNumThreads(t *testing.T) {
	var want []float32
	for _, threads := range []int{1, 3} {
		c := numCall()
		c.threads = threads
		const n = 300
		for i := range n {
			row := make([]float32, n)
			for j := range row {
				row[j] = 1 / float32(1+i+j)
			}
			row[i] += 2
			put(c, uint32(0x1000+4*n*i), row...)
		}
		if r, err := c.try("inverse", 0x1000, n); err != nil || int64(r) != -1 {
			t.Fatal(int64(r), err)
		}
		got := f32s(c, 0x1000, n*n)
		if want == nil {
			want = got
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("element %d is %v on %d threads, %v on one", i, got[i], threads, want[i])
			}
		}
	}
}
