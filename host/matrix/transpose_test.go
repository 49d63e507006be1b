package matrix

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A matrix of more columns than are written to in turn, by one thread and by
// several, is turned as one entry after another would be.
func TestTransposeOfManyColumns(t *testing.T) {
	const rows, columns = 900, 2*span + span/3
	r := rand.New(rand.NewPCG(1, 2))
	c := CSR{Offsets: make([]uint64, 1, rows+1)}
	for range rows {
		row := make([]uint32, r.IntN(900)) // some have none
		for i := range row {
			row[i] = uint32(r.IntN(columns))
		}
		slices.Sort(row)
		c.Index = append(c.Index, slices.Compact(row)...)
		c.Offsets = append(c.Offsets, uint64(len(c.Index)))
	}
	for i := range c.Index {
		c.Value = append(c.Value, float32(i))
	}
	users, values := make([][]uint32, columns), make([][]float32, columns)
	for u := range rows {
		index, value := c.Row(u)
		for i, col := range index {
			users[col], values[col] = append(users[col], uint32(u)), append(values[col], value[i])
		}
	}
	for _, workers := range []int{1, 3} {
		got := transpose(&c, columns, workers)
		if got.Rows() != columns || got.Entries() != c.Entries() {
			t.Fatalf("%d columns with %d entries", got.Rows(), got.Entries())
		}
		for col := range columns {
			if u, v := got.Row(col); !slices.Equal(u, users[col]) || !slices.Equal(v, values[col]) {
				t.Fatalf("%d workers, column %d: rows %v, values %v, want %v, %v", workers, col, u, v, users[col], values[col])
			}
		}
	}
}
