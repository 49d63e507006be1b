package kernel

import (
	"math"

	"rechost/guest/num/naive"
)

// few tells whether lists may hold so few of the columns that scoring those
// alone is less work than scoring all in tiles: below a sixteenth on average,
// as RATIONALE.md has measured.
func few(only naive.Sparse, rows, cols int) bool {
	if only.Rows == 0 || rows == 0 {
		return false
	}
	from, _ := only.Range(0)
	_, to := only.Range(only.Rows - 1)
	return (to-from)/only.Rows < cols/16
}

// scoreFew is ScoreTopK by going through the columns that each list may hold.
func (s *set) scoreFew(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, mask naive.Mask, k int, pause func()) int {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	m := scattered(pause)
	b := best{heap: cleared[uint64](m, k)}
	written := 0
	dst.Offsets[0] = 0
	for t := range n {
		u := t
		if rows != nil {
			u = int(rows[t])
		}
		x, floor := users.Row(u), float32(math.Inf(-1))
		b.n, b.mask = 0, passing(&mask, t)
		for _, j := range mask.Kept(t) {
			y := items.Row(int(j))
			var s float32
			for from := 0; from < len(x); from += longest {
				part := y[from:min(from+longest, len(y))]
				for f, v := range x[from:][:len(part)] {
					s += float32(v * part[f])
				}
				m.spend(1 + len(part))
			}
			if s > floor && !b.mask.out(j, m) {
				floor = b.put(key(s, j), m)
			}
		}
		written = m.list(dst, t, b.heap[:b.n], written)
	}
	return written
}
