//go:build !wasm

package num

import (
	"rechost/guest/num/naive"
	"rechost/host/kernel"
)

// Threads is how many threads a kernel may use: set before a stage's tasks run.
var Threads = 1

func Dot(x, y []float32) float32 { return kernel.Dot(x, y, nil) }

func Sum(x []float32) float32 { return kernel.Sum(x, nil) }

func Axpy(a float32, x, y []float32) { kernel.Axpy(a, x, y) }

func Scale(a float32, x []float32) { kernel.Scale(a, x) }

func RowSums(dst []float32, m Sparse, power int) {
	kernel.RowSums(dst[:m.Rows], m.naive(), power, nil)
}

func ColSums(dst []float32, m Sparse, power int) {
	kernel.ColSums(dst[:m.Cols], m.naive(), power, nil)
}

func AddGram(dst []float32, m Matrix) { kernel.AddGram(dst, m.naive(), Threads, nil) }

func Gather(dst []float32, m Matrix, rows []uint32) { kernel.Gather(dst, m.naive(), rows, nil) }

func ProductRows(dst []float32, a, b Sparse) {
	kernel.ProductRows(naive.Matrix{Rows: a.Rows, Cols: b.Cols, Data: dst}, a.naive(), b.naive(), nil)
}

func RidgeCG(x []float32, p Ridge, steps int) { kernel.RidgeCG(x, p.naive(), steps, nil) }

func RidgeCholesky(x []float32, p Ridge) int { return kernel.RidgeCholesky(x, p.naive(), nil) }

func Uniform(dst []float32, seed, stream, counter uint64) {
	kernel.Uniform(dst, seed, stream, counter, nil)
}

func Normal(dst []float32, seed, stream, counter uint64) {
	kernel.Normal(dst, seed, stream, counter, nil)
}

func scoreTopK(l Lists, users Matrix, rows []uint32, items Matrix, mask Mask, k int) int {
	return kernel.ScoreTopK(l.naive(), users.naive(), rows, items.naive(), mask.naive(), k, Threads, nil)
}

func productTopK(l Lists, p Product, k int) int {
	return kernel.ProductTopK(l.naive(), p.naive(), k, Threads, 1<<30, nil)
}

func transpose(t naive.Sparse, m Sparse) { kernel.Transpose(t, m.naive(), Threads, nil) }

func Gemm(dst []float32, a, b Matrix) { kernel.Gemm(dst, a.naive(), b.naive(), Threads, nil) }

func Inverse(a []float32, n int) int { return kernel.Inverse(a, n, Threads, nil) }

func SparseGram(dst []float32, m Sparse) { kernel.SparseGram(dst, m.naive(), Threads, 1<<30, nil) }

func DivideColumns(x, by []float32) { kernel.DivideColumns(x, by, Threads, nil) }

func rowsTopK(l Lists, x Sparse, w Matrix, mask Mask, k int) int {
	return kernel.RowsTopK(l.naive(), x.naive(), w.naive(), mask.naive(), k, Threads, nil)
}

func AddSparse(dst []float32, a float32, s Sparse, m Matrix) {
	kernel.AddSparse(dst, a, s.naive(), m.naive(), Threads, nil)
}

func AddProduct(dst []float32, a, b Matrix) {
	kernel.AddProduct(dst, a.naive(), b.naive(), Threads, nil)
}

func Whiten(dst, g []float32, k int, tolerance float32) int {
	return kernel.Whiten(dst, g, k, tolerance, nil)
}

func Eigen(values, vectors, g []float32, k int) { kernel.Eigen(values, vectors, g, k, nil) }

func (p ElasticNet) Descend(w, slope []float32) {
	p.rows(w, slope)
	kernel.Descend(w, slope, naive.ElasticNet{Gram: p.Gram.naive(), First: p.First, L1: p.L1, L2: p.L2, Tolerance: p.Tolerance, Turns: p.Turns}, Threads, nil)
}

func bpr(users, items, bias []float32, _ int, p Pairwise) int {
	return kernel.BPR(users, items, bias, naive.Pairwise{Rows: p.Rows.naive(), Items: p.Items, Passes: p.Passes,
		Rate: p.Rate, Decay: p.Decay, PerUser: p.PerUser, Verify: p.Verify, Seed: p.Seed, Stream: p.Stream}, nil)
}
