//go:build wasm

package num

import "unsafe"

// AddSparse adds a times S·M to dst, S.Rows x M.Cols; see naive.AddSparse.
func AddSparse(dst []float32, a float32, s Sparse, m Matrix) {
	dst = dst[:s.Rows*m.Cols]
	hostAddSparse(addr(dst), a, sparse(0, s), matrix(0, m))
}

// AddProduct adds A·B to dst, A.Rows x B.Cols; see naive.AddProduct.
func AddProduct(dst []float32, a, b Matrix) {
	dst = dst[:a.Rows*b.Cols]
	hostAddProduct(addr(dst), matrix(0, a), matrix(1, b))
}

// Whiten sets dst to an X for which XᵀGX is the unit matrix, k x k, and returns
// the number of its columns that are not 0; see naive.Whiten.
func Whiten(dst, g []float32, k int, tolerance float32) int {
	return int(hostWhiten(addr(dst[:k*k]), addr(g[:k*k]), int64(k), tolerance))
}

// Eigen finds the eigenvalues of g, symmetric and k x k, and its eigenvectors,
// the columns of vectors; see naive.Eigen.
func Eigen(values, vectors, g []float32, k int) {
	hostEigen(addr(values[:k]), addr(vectors[:k*k]), addr(g[:k*k]), int64(k))
}

//go:wasmimport rechost_num add_sparse
func hostAddSparse(dst unsafe.Pointer, a float32, s, m unsafe.Pointer)

//go:wasmimport rechost_num add_product
func hostAddProduct(dst, a, b unsafe.Pointer)

//go:wasmimport rechost_num whiten
func hostWhiten(dst, g unsafe.Pointer, k int64, tolerance float32) int64

//go:wasmimport rechost_num eigen
func hostEigen(values, vectors, g unsafe.Pointer, k int64)
