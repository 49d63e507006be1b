//go:build !wasm

package num

import "rechost/guest/num/naive"

// Gemm sets dst, A.Rows x B.Cols, to A·B; see naive.Gemm.
func Gemm(dst []float32, a, b Matrix) { naive.Gemm(dst, a.naive(), b.naive()) }

// Inverse replaces a symmetric positive definite matrix of n x n by its
// inverse, and returns the first pivot that is not above 0, or -1; see
// naive.Inverse.
func Inverse(a []float32, n int) int { return naive.Inverse(a, n) }

// SparseGram sets dst, Cols x Cols, to MᵀM; see naive.SparseGram. M's rows are
// in ascending order.
func SparseGram(dst []float32, m Sparse) { naive.SparseGram(dst, m.naive()) }

// DivideColumns divides column j of x, which has len(by) columns, by by[j];
// see naive.DivideColumns.
func DivideColumns(x, by []float32) { naive.DivideColumns(x, by) }

func rowsTopK(l Lists, x Sparse, w Matrix, mask Mask, k int) int {
	return naive.RowsTopK(l.naive(), x.naive(), w.naive(), mask.naive(), k)
}
