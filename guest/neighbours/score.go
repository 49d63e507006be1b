package neighbours

import (
	"rechost/guest"
	"rechost/guest/num"
)

// Block is the number of lists of k that are made at a time: at most 32 MiB.
func Block(k int) int { return max(1, min(1024, (4<<20)/max(1, k))) }

// Turned is a matrix's transpose as lists, whose rows are by rising index.
func Turned(m num.Sparse) num.Lists {
	x := num.Transpose(m)
	return num.Lists{Offsets: x.Offsets.Data(), Index: x.Index.Data(), Score: x.Value.Data()}
}

// Identity is the matrix that selects rows as they are.
func Identity(n int) num.Sparse {
	offsets, index := make([]uint64, n+1), make([]uint32, n)
	for i := range n {
		offsets[i+1], index[i] = uint64(i+1), uint32(i)
	}
	return num.CSR(n, offsets, index, nil)
}

// Recommend writes each target's best items by a·b, where a has a row for each
// target of the task and b a column for each item. The stage binds "targets".
func Recommend(t *guest.Task, a, b num.Sparse) {
	recommend(t, b, func(first, rows int) int { return rows }, func(first, rows int) num.Sparse { return a.Slice(first, rows) })
}

// RecommendUsers is Recommend with a row of a for each user, of which the
// targets' are taken.
func RecommendUsers(t *guest.Task, a, b num.Sparse) {
	users := t.U32("targets.user")
	recommend(t, b, func(first, rows int) int { // targets whose users follow each other share a call
		n := 1
		for n < rows && users[first+n] == users[first]+uint32(n) {
			n++
		}
		return n
	}, func(first, rows int) num.Sparse { return a.Slice(int(users[first]), rows) })
}

// recommend makes lists of rows of a, at most together(first, rows) at a time.
func recommend(t *guest.Task, b num.Sparse, together func(first, rows int) int, a func(first, rows int) num.Sparse) {
	lists := t.Recommendations()
	var block num.Lists
	t.Blocks(Block(t.Top()), func(first, rows int) {
		for end := first + rows; first < end; {
			n := together(first, end-first)
			p := num.Product{A: a(first, n), B: b, Mask: t.Mask(first, n)}
			block.ProductTopK(p, t.Top())
			lists.AddAll(block)
			first += n
		}
	})
}
