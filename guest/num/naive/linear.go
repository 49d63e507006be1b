package naive

import (
	"math"
	"sort"
)

// Gemm sets dst (a.Rows x b.Cols) to A·B, where A has as many columns as B has
// rows:
//
//	s = 0; for p in 0..A.Cols: s += a[i][p] * b[p][j]
func Gemm(dst []float32, a, b Matrix) {
	dst = dst[:a.Rows*b.Cols]
	clear(dst)
	for i := range a.Rows {
		for p, v := range a.Row(i) {
			axpy(v, b.Row(p), dst[i*b.Cols:][:b.Cols])
		}
	}
	canonical(dst)
}

// Inverse replaces the symmetric positive definite matrix a (n x n) by its
// inverse. Only the upper half of a is read. Each pivot in turn is swept
// (Goodnight: A tutorial on the SWEEP operator, 1979), in the symmetric form
// whose result is -A⁻¹, on the upper half:
//
//	for k in 0..n:
//	  d = a[k][k]; c[i] = a[i][k], r[i] = c[i] / d for i ≠ k       a[k][i] for i > k
//	  a[i][j] += -c[i] * r[j] for i ≤ j, both ≠ k
//	  a[i][k] = r[i]; a[k][k] = -1 / d
//
// and at last every a[i][j] = a[j][i] = -a[i][j]. The pivots are those of a
// Cholesky factorisation. Returned is the first k whose d is not above 0, in
// which case all of a is NaN; or -1.
func Inverse(a []float32, n int) int {
	a = a[:n*n]
	c, r := make([]float32, n), make([]float32, n)
	for k := range n {
		d := a[k*n+k]
		if !(d > 0) {
			for i := range a {
				a[i] = Canonical(float32(math.NaN()))
			}
			return k
		}
		for i := range n {
			c[i] = a[min(i, k)*n+max(i, k)]
			r[i] = c[i] / d
		}
		for i, v := range c {
			if i < k {
				axpy(-v, r[i:k], a[i*n+i:][:k-i])
			}
			if i != k {
				j := max(i, k+1)
				axpy(-v, r[j:], a[i*n+j:][:n-j])
			}
		}
		for i, v := range r {
			a[min(i, k)*n+max(i, k)] = v
		}
		a[k*n+k] = -1 / d
	}
	for i := range n {
		for j := i; j < n; j++ {
			v := Canonical(-a[i*n+j])
			a[i*n+j], a[j*n+i] = v, v
		}
	}
	return -1
}

// SparseGram sets dst (Cols x Cols) to MᵀM of a sparse matrix whose rows are in
// ascending order: starting from 0, for each row in order, for its entries e
// and f with e ≤ f,
//
//	dst[index[e]][index[f]] += value[e] * value[f]
//
// and at last the lower half is a copy of the upper.
func SparseGram(dst []float32, m Sparse) {
	n := m.Cols
	dst = dst[:n*n]
	clear(dst)
	for r := range m.Rows {
		a, b := m.Range(r)
		for e := a; e < b; e++ {
			row := dst[int(m.Index[e])*n:][:n]
			for f := e; f < b; f++ {
				row[m.Index[f]] += float32(m.At(e) * m.At(f))
			}
		}
	}
	for i := range n {
		for j := i; j < n; j++ {
			v := Canonical(dst[i*n+j])
			dst[i*n+j], dst[j*n+i] = v, v
		}
	}
}

// DivideColumns divides column j of x, by whose length the number of columns
// is known, by by[j].
func DivideColumns(x, by []float32) {
	for i, v := range x {
		x[i] = Canonical(v / by[i%len(by)])
	}
}

// RowsTopK writes the best k columns of each row of X·W to dst, where X is
// sparse with as many columns as W has rows: for each entry e of X's row in
// order,
//
//	s[j] += value[e] * w[index[e]][j]
//
// starting from 0. What the mask leaves out, what is never listed and the order
// of lists are those of ScoreTopK.
func RowsTopK(dst Sparse, x Sparse, w Matrix, mask Mask, k int) int {
	n := 0
	dst.Offsets[0] = 0
	s, out := make([]float32, w.Cols), make([]bool, w.Cols)
	found := make([]Pair, 0, w.Cols)
	for r := range x.Rows {
		clear(s)
		a, b := x.Range(r)
		for e := a; e < b; e++ {
			axpy(x.At(e), w.Row(int(x.Index[e])), s)
		}
		mask.Out(out, r)
		found = found[:0]
		for j, v := range s {
			if !out[j] && v > float32(math.Inf(-1)) {
				found = append(found, Pair{v, uint32(j)})
			}
		}
		sort.Slice(found, func(a, b int) bool { return Before(found[a], found[b]) })
		for _, f := range found[:min(k, len(found))] {
			dst.Index[n], dst.Value[n] = f.Index, f.Score
			n++
		}
		dst.Offsets[r+1] = uint64(n)
	}
	return n
}
