package kernel

import "rechost/guest/num/naive"

// Dot is naive.Dot.
func Dot(x, y []float32) float32 { return naive.Dot(x, y) }

// Sum is naive.Sum.
func Sum(x []float32) float32 { return naive.Sum(x) }

// Axpy is naive.Axpy.
func Axpy(a float32, x, y []float32) { naive.Axpy(a, x, y) }

// Scale is naive.Scale.
func Scale(a float32, x []float32) { naive.Scale(a, x) }

// Gram is naive.Gram.
func Gram(dst []float32, m naive.Matrix, pause func()) { naive.Gram(dst, m) }

// Gather is naive.Gather.
func Gather(dst []float32, m naive.Matrix, rows []uint32, pause func()) { naive.Gather(dst, m, rows) }

// RidgeCG is naive.RidgeCG.
func RidgeCG(x []float32, p naive.Ridge, steps int, pause func()) { naive.RidgeCG(x, p, steps) }

// RidgeCholesky is naive.RidgeCholesky.
func RidgeCholesky(x []float32, p naive.Ridge, pause func()) int { return naive.RidgeCholesky(x, p) }

// ScoreTopK is naive.ScoreTopK.
func ScoreTopK(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, seen naive.Sparse, k int, pause func()) int {
	return naive.ScoreTopK(dst, users, rows, items, seen, k)
}

// ProductTopK is naive.ProductTopK.
func ProductTopK(dst naive.Sparse, p naive.Product, k int, pause func()) int {
	return naive.ProductTopK(dst, p, k)
}

// ProductRows is naive.ProductRows.
func ProductRows(dst naive.Matrix, a, b naive.Sparse, pause func()) { naive.ProductRows(dst, a, b) }

// RowSums is naive.RowSums.
func RowSums(dst []float32, m naive.Sparse, power int, pause func()) { naive.RowSums(dst, m, power) }

// ColSums is naive.ColSums.
func ColSums(dst []float32, m naive.Sparse, power int, pause func()) { naive.ColSums(dst, m, power) }

// Transpose is naive.Transpose.
func Transpose(dst, m naive.Sparse, pause func()) { naive.Transpose(dst, m) }

// Uniform is naive.Uniform.
func Uniform(dst []float32, seed, stream, counter uint64, pause func()) {
	naive.Uniform(dst, seed, stream, counter)
}

// Normal is naive.Normal.
func Normal(dst []float32, seed, stream, counter uint64, pause func()) {
	naive.Normal(dst, seed, stream, counter)
}

// ProductScratch is the bytes that ProductTopK allocates for each column of B.
const ProductScratch = 24
