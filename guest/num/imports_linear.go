//go:build wasm

package num

import "unsafe"

// Gemm sets dst, A.Rows x B.Cols, to A·B; see naive.Gemm.
func Gemm(dst []float32, a, b Matrix) {
	dst = dst[:a.Rows*b.Cols]
	hostGemm(addr(dst), matrix(0, a), matrix(1, b))
}

// Inverse replaces a symmetric positive definite matrix of n x n by its
// inverse, and returns the first pivot that is not above 0, or -1; see
// naive.Inverse.
func Inverse(a []float32, n int) int { return int(hostInverse(addr(a[:n*n]), int64(n))) }

// SparseGram sets dst, Cols x Cols, to MᵀM; see naive.SparseGram. M's rows are
// in ascending order.
func SparseGram(dst []float32, m Sparse) {
	dst = dst[:m.Cols*m.Cols]
	clear(dst)
	hostSparseGram(addr(dst), sparse(0, m))
}

// DivideColumns divides column j of x, which has len(by) columns, by by[j];
// see naive.DivideColumns.
func DivideColumns(x, by []float32) {
	if len(x) > 0 {
		rows := len(x) / len(by)
		hostDivideColumns(addr(x[:rows*len(by)]), int64(rows), int64(len(by)), addr(by))
	}
}

func rowsTopK(l Lists, x Sparse, w Matrix, mask Mask, k int) int {
	return int(hostRowsTopK(sparse(0, x), matrix(0, w), optional(1, mask.Without), optional(2, mask.Only),
		int64(k), addr(l.Offsets), addr(l.Index), addr(l.Score)))
}

//go:wasmimport rechost_num gemm
func hostGemm(dst, a, b unsafe.Pointer)

//go:wasmimport rechost_num inverse
func hostInverse(a unsafe.Pointer, n int64) int64

//go:wasmimport rechost_num sparse_gram
func hostSparseGram(dst, m unsafe.Pointer)

//go:wasmimport rechost_num divide_columns
func hostDivideColumns(x unsafe.Pointer, rows, cols int64, by unsafe.Pointer)

//go:wasmimport rechost_num rows_topk
func hostRowsTopK(x, w, without, only unsafe.Pointer, k int64, offsets, index, score unsafe.Pointer) int64
