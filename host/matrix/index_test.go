package matrix

import (
	"math/rand/v2"
	"testing"

	"rechost/host/table"
)

// Equal integers have one code and different ones different codes, near each
// other or all over their range, however often the table grows and wherever a
// batch of look-ups ends.
func TestCodesOfIntegers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	ids := make([]int64, 5000)
	for i := range ids {
		if ids[i] = int64(r.Uint64()); i%5 == 0 {
			ids[i] %= 500
		}
	}
	x := newIndex(table.Ints).(*numbers)
	codes := map[int64]uint32{}
	for known := 1; known <= len(ids); known *= 3 {
		rows := make([]int64, r.IntN(3*together)+2000)
		for i := range rows {
			rows[i] = ids[r.IntN(known)]
		}
		v, got := table.IntVector(rows), make([]uint32, len(rows))
		x.codes(got, &v)
		for i, id := range rows {
			c, ok := codes[id]
			if !ok {
				c = got[i]
				codes[id] = c
			}
			if got[i] != c {
				t.Fatalf("row %d: %d has the codes %d and %d", i, id, c, got[i])
			}
			if k := int64(x.keys[c] ^ x.flip); k != id {
				t.Fatalf("row %d: code %d of %d is that of %d", i, c, id, k)
			}
		}
	}
	if x.len() != len(codes) {
		t.Errorf("%d codes of %d ids", x.len(), len(codes))
	}
}
