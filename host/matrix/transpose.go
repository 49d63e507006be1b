package matrix

import (
	"math/bits"
	"slices"
)

// span is how many columns are written to in turn: two lines of the cache and a
// counter each, of which the popular ones fit into its second level.
const span = 1 << 15

// transpose gives the matrix by columns. Rows are visited in order, so each
// column's entries come out sorted by row. Threads take ranges of rows and
// write behind one another within each column, at places counted before.
func transpose(c *CSR, columns, workers int) CSR {
	out := CSR{Offsets: make([]uint64, columns+1), Index: make([]uint32, c.Entries()), Value: make([]float32, c.Entries())}
	// A thread counts in a table of all columns: no more threads than keep
	// those tables smaller than the entries.
	threads := max(min(workers, 8, c.Entries()/(columns+1)), 1)
	parts := c.Cut(threads)
	at := make([][]uint64, len(parts))
	each(len(parts), workers, func(_, p int) {
		n := make([]uint64, columns)
		s := parts[p]
		for _, col := range c.Index[c.Offsets[s.First]:c.Offsets[s.First+s.Rows]] {
			n[col]++
		}
		at[p] = n
	})
	sum := uint64(0)
	for col := range columns {
		out.Offsets[col] = sum
		for p := range at {
			n := at[p][col]
			at[p][col] = sum
			sum += n
		}
	}
	out.Offsets[columns] = sum
	// Every column has a place of its own that is written next. Places of all
	// columns may be more than the cache holds, so a thread goes through its rows
	// once for each span of columns; rows are sorted, so each goes on where it was.
	each(len(parts), workers, func(_, p int) {
		to, s := at[p], parts[p]
		next := slices.Clone(c.Offsets[s.First : s.First+s.Rows])
		for end := uint32(0); int(end) < columns; {
			end = uint32(min(int(end)+span, columns))
			for r, i := range next {
				stop := c.Offsets[s.First+r+1]
				for ; i < stop && c.Index[i] < end; i++ {
					k := to[c.Index[i]]
					to[c.Index[i]] = k + 1
					out.Index[k], out.Value[k] = uint32(s.First+r), c.Value[i]
				}
				next[r] = i
			}
		}
	})
	return out
}

// Shard is rows [First, First+Rows).
type Shard struct {
	First int `json:"first"`
	Rows  int `json:"rows"`
}

// Cut divides the rows into n contiguous shards (fewer where there are fewer
// rows) of about equal weight, a row weighing one more than its entries. It is
// a function of the offsets and n only.
func (c *CSR) Cut(n int) []Shard { return Cut(c.Offsets, n) }

// Cut is CSR.Cut for the offsets of any frame. The shards cover all rows in
// order; none is empty unless there are no rows, when there is one.
func Cut(offsets []uint64, n int) []Shard {
	rows := max(len(offsets)-1, 0)
	n = max(min(n, rows), 1)
	if rows == 0 {
		return []Shard{{}}
	}
	base := offsets[0]
	weight := func(r int) uint64 { return offsets[r] - base + uint64(r) } // of the rows before r
	total := weight(rows)
	shards := make([]Shard, 0, n)
	first := 0
	for k := 1; k <= n; k++ {
		// Shard k ends at the row nearest to k n-ths of the weight, leaving a
		// row at least for itself and for each of the shards behind it.
		lo, hi := first+1, rows-(n-k)
		end := hi
		if k < n {
			goal := total/uint64(n)*uint64(k) + total%uint64(n)*uint64(k)/uint64(n)
			a, b := lo, hi // the first row in [lo, hi] whose weight reaches goal
			for a < b {
				m := (a + b) / 2
				if weight(m) < goal {
					a = m + 1
				} else {
					b = m
				}
			}
			end = a
			if end > lo && goal > weight(end-1) && weight(end) > goal && goal-weight(end-1) < weight(end)-goal {
				end--
			}
		}
		shards = append(shards, Shard{First: first, Rows: end - first})
		first = end
	}
	return shards
}

// DefaultShards is the number of shards for a matrix of so many entries: one
// for each 200,000, or fewer, so that it is a power of two, at most 64. As
// machines have 2, 4 or 8 cores, none is left with a task more than the others.
func DefaultShards(entries int) int {
	return 1 << (bits.Len(uint(min(max(entries/200_000, 1), 64))) - 1)
}
