package naive

import (
	"math"
	"sort"
)

// AddGram adds MᵀM to dst, of Cols*Cols elements: for each row m in order, where
// j >= i,
//
//	dst[i*Cols+j] += m[i] * m[j]
//
// In the end dst[j*Cols+i] is set to dst[i*Cols+j]: what it was does not count.
func AddGram(dst []float32, m Matrix) {
	k := m.Cols
	dst = dst[:k*k]
	for r := range m.Rows {
		row := m.Row(r)
		for i, v := range row {
			axpy(v, row[i:], dst[i*k+i:(i+1)*k])
		}
	}
	for i := range k {
		for j := range i {
			dst[i*k+j] = dst[j*k+i]
		}
	}
	canonical(dst)
}

// Gather copies row rows[t] of m to row t of dst.
func Gather(dst []float32, m Matrix, rows []uint32) {
	for t, r := range rows {
		copy(dst[t*m.Cols:][:m.Cols], m.Row(int(r)))
	}
}

// ScoreTopK writes the best k items of each listed user to dst, as ProductTopK
// does. Entry t is for row rows[t] of users (every row in order where rows is
// nil); the score of item j is
//
//	s = 0; for f in 0..Cols: s += users[f] * items[j][f]
//
// Items that the mask leaves out of row t, in ascending order in both its
// matrices, are not listed, nor are scores of -Inf or that are not a number.
func ScoreTopK(dst Sparse, users Matrix, rows []uint32, items Matrix, mask Mask, k int) int {
	count := users.Rows
	if rows != nil {
		count = len(rows)
	}
	n := 0
	dst.Offsets[0] = 0
	found, out := make([]Pair, 0, items.Rows), make([]bool, items.Rows)
	for t := range count {
		u := t
		if rows != nil {
			u = int(rows[t])
		}
		mask.Out(out, t)
		found = found[:0]
		x := users.Row(u)
		for j := range items.Rows {
			if out[j] {
				continue
			}
			var s float32
			for f, v := range items.Row(j) {
				s += float32(x[f] * v)
			}
			if s > float32(math.Inf(-1)) {
				found = append(found, Pair{s, uint32(j)})
			}
		}
		sort.Slice(found, func(a, b int) bool { return Before(found[a], found[b]) })
		for _, f := range found[:min(k, len(found))] {
			dst.Index[n], dst.Value[n] = f.Index, f.Score
			n++
		}
		dst.Offsets[t+1] = uint64(n)
	}
	return n
}
