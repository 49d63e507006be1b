//go:build !wasm

package num

import "rechost/guest/num/naive"

// Dot is the inner product of x and y, of equal length; see naive.Dot.
func Dot(x, y []float32) float32 { return naive.Dot(x, y) }

// Sum is the sum of x; see naive.Sum.
func Sum(x []float32) float32 { return naive.Sum(x) }

// Axpy adds a times x to y, of equal length; see naive.Axpy.
func Axpy(a float32, x, y []float32) { naive.Axpy(a, x, y) }

// Scale multiplies x by a; see naive.Scale.
func Scale(a float32, x []float32) { naive.Scale(a, x) }

// RowSums sets dst[r] to the sum of row r's values to a power of 0, 1 or 2;
// see naive.RowSums.
func RowSums(dst []float32, m Sparse, power int) { naive.RowSums(dst[:m.Rows], m.naive(), power) }

// ColSums sets dst[j] to the sum of column j's values to a power of 0, 1 or 2;
// see naive.ColSums.
func ColSums(dst []float32, m Sparse, power int) { naive.ColSums(dst[:m.Cols], m.naive(), power) }

// AddGram adds MᵀM to dst; see naive.AddGram.
func AddGram(dst []float32, m Matrix) { naive.AddGram(dst, m.naive()) }

// Gather copies row rows[t] of m to row t of dst; see naive.Gather.
func Gather(dst []float32, m Matrix, rows []uint32) { naive.Gather(dst, m.naive(), rows) }

// ProductRows sets dst, A.Rows x B.Cols, to A·B; see naive.ProductRows.
func ProductRows(dst []float32, a, b Sparse) {
	naive.ProductRows(naive.Matrix{Rows: a.Rows, Cols: b.Cols, Data: dst}, a.naive(), b.naive())
}

// RidgeCG improves x by conjugate gradient steps; see naive.RidgeCG.
func RidgeCG(x []float32, p Ridge, steps int) { naive.RidgeCG(x, p.naive(), steps) }

// RidgeCholesky sets x to the solutions and returns the first row without one,
// or -1; see naive.RidgeCholesky.
func RidgeCholesky(x []float32, p Ridge) int { return naive.RidgeCholesky(x, p.naive()) }

// Uniform fills dst with numbers in [0, 1); see naive.Uniform.
func Uniform(dst []float32, seed, stream, counter uint64) {
	naive.Uniform(dst, seed, stream, counter)
}

// Normal fills dst with normally distributed numbers; see naive.Normal.
func Normal(dst []float32, seed, stream, counter uint64) {
	naive.Normal(dst, seed, stream, counter)
}

func scoreTopK(l Lists, users Matrix, rows []uint32, items Matrix, mask Mask, k int) int {
	return naive.ScoreTopK(l.naive(), users.naive(), rows, items.naive(), mask.naive(), k)
}

func productTopK(l Lists, p Product, k int) int {
	return naive.ProductTopK(l.naive(), p.naive(), k)
}

func transpose(t naive.Sparse, m Sparse) { naive.Transpose(t, m.naive()) }
