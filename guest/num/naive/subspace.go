package naive

import "math"

// AddSparse adds a times S·M to dst (S.Rows x M.Cols): for each row of S, for
// its entries in order,
//
//	dst[r] += (a * value) * M[index]
//
// S has as many columns as M rows.
func AddSparse(dst []float32, a float32, s Sparse, m Matrix) {
	for r := range s.Rows {
		row := dst[r*m.Cols:][:m.Cols]
		from, to := s.Range(r)
		for e := from; e < to; e++ {
			axpy(float32(a*s.At(e)), m.Row(int(s.Index[e])), row)
		}
		canonical(row)
	}
}

// AddProduct adds A·B to dst (A.Rows x B.Cols), where A is tall and B small:
// for each row, for p below A.Cols in order,
//
//	dst[r] += A[r][p] * B[p]
//
// A has as many columns as B rows.
func AddProduct(dst []float32, a, b Matrix) {
	for r := range a.Rows {
		row := dst[r*b.Cols:][:b.Cols]
		for p, v := range a.Row(r) {
			axpy(v, b.Row(p), row)
		}
		canonical(row)
	}
}

// Whiten sets dst to an upper triangular X for which XᵀGX is the unit matrix,
// so that M·X has orthonormal columns where G is MᵀM, each in the span of M's
// columns up to its own. G and dst are k x k; only G's upper half is read.
// A column of M that depends on those before it, or is 0, gives a column of
// zeros; returned is the number of other columns.
//
// It is Cholesky's factorisation of G with a diagonal of ones, and the
// inverse of the factor. With s[i] = 1/sqrt(G[i][i]), and 0 where G[i][i] is not above 0,
//
//	a[i][j] = (s[i]*G[i][j])*s[j]                      j ≥ i
//	for j: where a[j][j] is not above tolerance, the column is dropped; else
//	       d = sqrt(a[j][j]); a[j][i] /= d for i ≥ j; a[i][l] -= a[j][i]*a[j][l] for l ≥ i > j
//	for i from the last, unless dropped: x = 0, x[i] = 1
//	       for j > i in order, unless dropped: x[l] -= a[i][j]*X[j][l] for l ≥ j
//	       X[i][l] = x[l]/a[i][i] for l ≥ i
//	X[i][l] *= s[i]                                    l ≥ i, at the end
func Whiten(dst, g []float32, k int, tolerance float32) int {
	dst = dst[:k*k]
	a, s, dropped := make([]float32, k*k), make([]float32, k), make([]bool, k)
	for i := range k {
		if d := g[i*k+i]; d > 0 {
			s[i] = 1 / float32(math.Sqrt(float64(d)))
		}
	}
	for i := range k {
		for j := i; j < k; j++ {
			a[i*k+j] = float32(s[i]*g[i*k+j]) * s[j]
		}
	}
	rank := 0
	for j := range k {
		u := a[j*k:][:k]
		if dropped[j] = !(u[j] > tolerance); dropped[j] {
			continue
		}
		rank++
		d := float32(math.Sqrt(float64(u[j])))
		for i := j; i < k; i++ {
			u[i] /= d
		}
		for i := j + 1; i < k; i++ {
			axpy(-u[i], u[i:], a[i*k+i:][:k-i])
		}
	}
	clear(dst)
	for i := k - 1; i >= 0; i-- {
		if dropped[i] {
			continue
		}
		x := dst[i*k:][:k]
		x[i] = 1
		for j := i + 1; j < k; j++ {
			if !dropped[j] {
				axpy(-a[i*k+j], dst[j*k+j:][:k-j], x[j:])
			}
		}
		for l := i; l < k; l++ {
			x[l] /= a[i*k+i]
		}
	}
	for i := range k {
		for l := i; l < k; l++ {
			dst[i*k+l] *= s[i]
		}
	}
	canonical(dst)
	return rank
}
