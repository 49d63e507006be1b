package sandbox

import (
	"fmt"
	"strings"
	"testing"
)

func TestSubspaceKernels(t *testing.T) {
	c := numCall()
	s, _, _ := sparseRecords(c) // 4 x 8
	for i := range 16 {
		put(c, uint32(0x2000+4*i), float32(i))
	}
	m := put(c, 0x100, int64(mem), 0x2000, 8, 2)
	put(c, 0x3000, make([]float32, 8)...)
	if _, err := c.try("add_sparse", 0x3000, oneF, s, m); err != nil {
		t.Fatal(err)
	}
	// Rows 0 and 2 to 3 have entries 0..3, 4..7 0 1 and 2..7.
	if got := fmt.Sprint(f32s(c, 0x3000, 8)); got != "[12 16 0 0 46 52 54 60]" {
		t.Errorf("add_sparse: %s", got)
	}
	a, b := put(c, 0x140, int64(mem), 0x2000, 2, 2), put(c, 0x180, int64(mem), 0x2008, 2, 2)
	put(c, 0x3100, make([]float32, 4)...)
	if _, err := c.try("add_product", 0x3100, a, b); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f32s(c, 0x3100, 4)); got != "[4 5 16 21]" { // {0 1, 2 3} · {2 3, 4 5}
		t.Errorf("add_product: %s", got)
	}
	put[float32](c, 0x3200, 4, 0, 0, 9)
	if n, err := c.try("whiten", 0x3300, 0x3200, 2, 0); err != nil || n != 2 || fmt.Sprint(f32s(c, 0x3300, 4)) != "[0.5 0 0 0.33333334]" {
		t.Errorf("whiten: %d, %v, %v", n, f32s(c, 0x3300, 4), err)
	}
	if _, err := c.try("eigen", 0x3400, 0x3500, 0x3200, 2); err != nil || fmt.Sprint(f32s(c, 0x3400, 2)) != "[9 4]" {
		t.Errorf("eigen: %v, %v", f32s(c, 0x3400, 2), err)
	}
}

func TestSubspaceRefuses(t *testing.T) {
	type stack = []uint64
	for _, test := range []struct {
		name  string
		stack func(c *call) stack
		want  string
	}{
		{"add_sparse", func(c *call) stack {
			s, _, _ := sparseRecords(c)
			return stack{0x8000, oneF, s, put(c, 0x100, int64(mem), 0x2000, 7, 2)}
		}, "s has 8 columns and m 7 rows"},
		{"add_sparse", func(c *call) stack {
			s, _, _ := sparseRecords(c)
			return stack{0x2000, oneF, s, put(c, 0x100, int64(mem), 0x2000, 8, 2)}
		}, "dst overlaps m"},
		{"add_sparse", func(c *call) stack {
			s, _, _ := sparseRecords(c)
			return stack{0x8000, oneF, s, put(c, 0x100, int64(mem), 0x2000, 8, 0)}
		}, "m has no columns"},
		{"add_product", func(c *call) stack {
			return stack{0x8000, put(c, 0x100, int64(mem), 0x2000, 3, 2), put(c, 0x140, int64(mem), 0x3000, 3, 2)}
		}, "a has 2 columns and b 3 rows"},
		{"add_product", func(c *call) stack {
			return stack{0x3000, put(c, 0x100, int64(mem), 0x2000, 3, 2), put(c, 0x140, int64(mem), 0x3000, 2, 2)}
		}, "dst overlaps b"},
		{"add_product", func(c *call) stack {
			return stack{0, put(c, 0x100, int64(mem), 0x2000, 1<<30, 1<<30), put(c, 0x140, int64(mem), 0x3000, 1<<30, 2)}
		}, "lie outside"},
		{"whiten", func(*call) stack { return stack{0x2000, 0x3000, 4097, 0} }, "k 4097 is more than 4096"},
		{"whiten", func(*call) stack { return stack{0x2000, 0x2010, 4, 0} }, "dst overlaps g"},
		{"eigen", func(*call) stack { return stack{0x2000, 0x3000, 0x2004, 2} }, "values overlaps g"},
		{"eigen", func(*call) stack { return stack{0x2000, 0x2004, 0x4000, 2} }, "vectors overlaps values"},
		{"eigen", func(*call) stack { return stack{0x2000, 0x3000, 1<<20 - 4, 2} }, "lie outside"},
	} {
		if _, err := numCall().tryWith(test.name, test.stack); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}
