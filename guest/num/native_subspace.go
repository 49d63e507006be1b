//go:build !wasm

package num

import "rechost/guest/num/naive"

// AddSparse adds a times S·M to dst, S.Rows x M.Cols; see naive.AddSparse.
func AddSparse(dst []float32, a float32, s Sparse, m Matrix) {
	naive.AddSparse(dst, a, s.naive(), m.naive())
}

// AddProduct adds A·B to dst, A.Rows x B.Cols; see naive.AddProduct.
func AddProduct(dst []float32, a, b Matrix) { naive.AddProduct(dst, a.naive(), b.naive()) }

// Whiten sets dst to an X for which XᵀGX is the unit matrix, k x k, and returns
// the number of its columns that are not 0; see naive.Whiten.
func Whiten(dst, g []float32, k int, tolerance float32) int {
	return naive.Whiten(dst, g, k, tolerance)
}

// Eigen finds the eigenvalues of g, symmetric and k x k, and its eigenvectors,
// the columns of vectors; see naive.Eigen.
func Eigen(values, vectors, g []float32, k int) { naive.Eigen(values, vectors, g, k, nil) }
