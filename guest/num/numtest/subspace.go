package numtest

import "rechost/guest/num"

// subspace calls the functions for subspaces, on a Gram matrix g and rows x of
// Factors numbers, one a row of m.
func subspace(y num.Matrix, m num.Sparse, g, x []float32, floats func(...float32)) (rank uint32) {
	image := make([]float32, m.Rows*Factors)
	num.AddSparse(image, 1, m, y)
	num.AddSparse(image, -0.5, m.Binary(), y)
	floats(image...)
	white, values := make([]float32, Factors*Factors), make([]float32, Factors)
	rank = uint32(num.Whiten(white, g, Factors, 1e-4))
	floats(white...)
	num.AddProduct(image, num.Dense(x, Factors), num.Dense(white, Factors))
	floats(image...)
	num.Eigen(values, white, g, Factors)
	floats(values...)
	floats(white...)
	return rank
}
