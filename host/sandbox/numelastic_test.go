package sandbox

import (
	"fmt"
	"strings"
	"testing"
)

// Two items of which one half explains the other: G = {4 2, 2 4}, L2 = 0,
// b = G's row, so w = {0 ½} for the first and {½ 0} for the second.
func TestElasticNetKernel(t *testing.T) {
	c := numCall()
	put[float32](c, 0x2000, 4, 2, 2, 4)
	put[float32](c, 0x3000, 0, 0, 0, 0)
	put[float32](c, 0x3100, 4, 2, 2, 4)
	if _, err := c.try("elastic_net", 0x3000, 0x3100, 2, put(c, 0x100, int64(mem), 0x2000, 2, 2), 0, 0, 0, 0, 5); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f32s(c, 0x3000, 4), f32s(c, 0x3100, 4)); got != "[0 0.5 0.5 0] [3 0 0 3]" {
		t.Error(got)
	}
}

func TestElasticNetRefuses(t *testing.T) {
	type stack = []uint64
	gram := func(c *call, rows, cols int64) uint64 { return uint64(put(c, 0x100, int64(mem), 0x2000, rows, cols)) }
	for _, test := range []struct {
		stack func(c *call) stack
		want  string
	}{
		{func(c *call) stack { return stack{0x3000, 0x3100, 1, gram(c, 2, 3), 0, 0, 0, 0, 1} }, "gram has 2 rows and 3 columns"},
		{func(c *call) stack { return stack{0x3000, 0x3100, 2, gram(c, 2, 2), 1, 0, 0, 0, 1} }, "rows 2 from 1 are not among the 2"},
		{func(c *call) stack { return stack{0x3000, 0x3100, 0, gram(c, 2, 2), 3, 0, 0, 0, 1} }, "rows 0 from 3 are not among the 2"},
		{func(c *call) stack { return stack{0x3000, 0x3008, 2, gram(c, 2, 2), 0, 0, 0, 0, 1} }, "slope overlaps w"},
		{func(c *call) stack { return stack{0x2008, 0x3100, 1, gram(c, 2, 2), 0, 0, 0, 0, 1} }, "w overlaps gram"},
		{func(c *call) stack { return stack{1<<20 - 4, 0x3100, 1, gram(c, 2, 2), 0, 0, 0, 0, 1} }, "outside"},
		{func(c *call) stack { return stack{0x3000, 0x3100, 1, gram(c, 2, 2), 0, 0, 0, 0, 1 << 63} }, "turns"},
	} {
		if _, err := numCall().tryWith("elastic_net", test.stack); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}
