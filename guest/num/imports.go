//go:build wasm

package num

import (
	"unsafe"

	"rechost/guest/abi"
	"rechost/guest/num/naive"
)

// Records are written in variables rather than on the stack, whose addresses
// change when it grows, and kept makes every slice that a record names live on
// the heap, for the same reason. One goroutine at a time runs here, and none
// is interrupted between filling a record and the call.
var (
	matrices [2][abi.MatrixWords]int64
	sparses  [4][abi.SparseWords]int64
	kept     [14]unsafe.Pointer
)

func at[T uint32 | uint64 | float32](slot int, v Vec[T]) (int64, int64) {
	if v.input != 0 {
		return int64(v.input - 1), int64(v.at)
	}
	kept[slot] = unsafe.Pointer(unsafe.SliceData(v.data))
	return abi.InMemory, int64(uintptr(kept[slot]))
}

func matrix(slot int, m Matrix) unsafe.Pointer {
	if m.Data.Len() < m.Rows*m.Cols {
		panic("num: matrix with too few numbers")
	}
	r := &matrices[slot]
	r[0], r[1] = at(slot, m.Data)
	r[2], r[3] = int64(m.Rows), int64(m.Cols)
	return unsafe.Pointer(r)
}

// optional is sparse, or no record for a matrix without rows.
func optional(slot int, m Sparse) unsafe.Pointer {
	if m.Rows == 0 {
		return nil
	}
	return sparse(slot, m)
}

func sparse(slot int, m Sparse) unsafe.Pointer {
	if m.Rows > 0 && m.Offsets.Len() < m.First+m.Rows+1 || m.Value.Len() != 0 && m.Value.Len() < m.Index.Len() {
		panic("num: sparse matrix with too few offsets or values")
	}
	r := &sparses[slot]
	k := 2 + 3*slot
	r[0], r[1], r[2] = int64(m.Rows), int64(m.Cols), int64(m.First)
	r[3], r[4] = at(k, m.Offsets)
	r[5], r[6] = at(k+1, m.Index)
	r[7], r[8] = at(k+2, m.Value)
	if m.Value.Len() == 0 {
		r[7] = abi.AllOnes
	}
	r[9] = int64(m.Index.Len())
	return unsafe.Pointer(r)
}

func addr[T uint32 | uint64 | float32](s []T) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(s))
}

// Dot is the inner product of x and y, of equal length; see naive.Dot.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	return hostDot(int64(len(x)), addr(x), addr(y))
}

// Sum is the sum of x; see naive.Sum.
func Sum(x []float32) float32 { return hostSum(int64(len(x)), addr(x)) }

// Axpy adds a times x to y, of equal length; see naive.Axpy.
func Axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	hostAxpy(int64(len(x)), a, addr(x), addr(y))
}

// Scale multiplies x by a; see naive.Scale.
func Scale(a float32, x []float32) { hostScale(int64(len(x)), a, addr(x)) }

// RowSums sets dst[r] to the sum of row r's values to a power of 0, 1 or 2;
// see naive.RowSums.
func RowSums(dst []float32, m Sparse, power int) {
	dst = dst[:m.Rows]
	hostRowSums(addr(dst), sparse(0, m), int32(power))
}

// ColSums sets dst[j] to the sum of column j's values to a power of 0, 1 or 2;
// see naive.ColSums.
func ColSums(dst []float32, m Sparse, power int) {
	dst = dst[:m.Cols]
	clear(dst)
	hostColSums(addr(dst), sparse(0, m), int32(power))
}

// AddGram adds MᵀM to dst; see naive.AddGram.
func AddGram(dst []float32, m Matrix) {
	dst = dst[:m.Cols*m.Cols]
	hostAddGram(addr(dst), matrix(0, m))
}

// Gather copies row rows[t] of m to row t of dst; see naive.Gather.
func Gather(dst []float32, m Matrix, rows []uint32) {
	dst = dst[:len(rows)*m.Cols]
	hostGather(addr(dst), matrix(0, m), int64(len(rows)), addr(rows))
}

// ProductRows sets dst, A.Rows x B.Cols, to A·B; see naive.ProductRows.
func ProductRows(dst []float32, a, b Sparse) {
	dst = dst[:a.Rows*b.Cols]
	hostProductRows(addr(dst), sparse(0, a), sparse(1, b))
}

// RidgeCG improves x by conjugate gradient steps; see naive.RidgeCG.
func RidgeCG(x []float32, p Ridge, steps int) {
	out, gram, lambda := p.arrays(x)
	hostRidgeCG(out, sparse(0, p.Rows), matrix(0, p.Factors), gram, lambda,
		p.Weight[0], p.Weight[1], p.Target[0], p.Target[1], int32(steps))
}

// RidgeCholesky sets x to the solutions and returns the first row without one,
// or -1; see naive.RidgeCholesky.
func RidgeCholesky(x []float32, p Ridge) int {
	out, gram, lambda := p.arrays(x)
	return int(hostRidgeCholesky(out, sparse(0, p.Rows), matrix(0, p.Factors), gram, lambda,
		p.Weight[0], p.Weight[1], p.Target[0], p.Target[1]))
}

func (p Ridge) arrays(x []float32) (_, gram, lambda unsafe.Pointer) {
	k := p.Factors.Cols
	return addr(x[:p.Rows.Rows*k]), addr(p.Gram[:k*k]), addr(p.Lambda[:p.Rows.Rows])
}

// Uniform fills dst with numbers in [0, 1); see naive.Uniform.
func Uniform(dst []float32, seed, stream, counter uint64) {
	hostUniform(int64(len(dst)), addr(dst), seed, stream, counter)
}

// Normal fills dst with normally distributed numbers; see naive.Normal.
func Normal(dst []float32, seed, stream, counter uint64) {
	hostNormal(int64(len(dst)), addr(dst), seed, stream, counter)
}

func scoreTopK(l Lists, users Matrix, rows []uint32, items Matrix, mask Mask, k int) int {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	return int(hostScoreTopK(matrix(0, users), int64(n), addr(rows), matrix(1, items),
		optional(2, mask.Without), optional(3, mask.Only), int64(k), addr(l.Offsets), addr(l.Index), addr(l.Score)))
}

func productTopK(l Lists, p Product, k int) int {
	var norms, alpha, beta unsafe.Pointer
	if len(p.Norms) > 0 {
		norms, alpha, beta = addr(p.Norms[:p.B.Cols]), addr(p.Alpha[:p.A.Rows]), addr(p.Beta[:p.A.Rows])
	}
	diagonal := int64(-1)
	if p.OffDiagonal {
		diagonal = int64(p.Diagonal)
	}
	return int(hostProductTopK(sparse(0, p.A), sparse(1, p.B), optional(2, p.Without), optional(3, p.Only), diagonal,
		norms, alpha, beta, p.Gamma, int64(k), addr(l.Offsets), addr(l.Index), addr(l.Score)))
}

func transpose(t naive.Sparse, m Sparse) {
	hostTranspose(sparse(0, m), addr(t.Offsets), addr(t.Index), addr(t.Value))
}

//go:wasmimport rechost_num dot
func hostDot(n int64, x, y unsafe.Pointer) float32

//go:wasmimport rechost_num sum
func hostSum(n int64, x unsafe.Pointer) float32

//go:wasmimport rechost_num axpy
func hostAxpy(n int64, a float32, x, y unsafe.Pointer)

//go:wasmimport rechost_num scale
func hostScale(n int64, a float32, x unsafe.Pointer)

//go:wasmimport rechost_num row_sums
func hostRowSums(dst, m unsafe.Pointer, power int32)

//go:wasmimport rechost_num col_sums
func hostColSums(dst, m unsafe.Pointer, power int32)

//go:wasmimport rechost_num transpose
func hostTranspose(m, offsets, index, value unsafe.Pointer)

//go:wasmimport rechost_num add_gram
func hostAddGram(dst, m unsafe.Pointer)

//go:wasmimport rechost_num gather
func hostGather(dst, m unsafe.Pointer, n int64, rows unsafe.Pointer)

//go:wasmimport rechost_num product_rows
func hostProductRows(dst, a, b unsafe.Pointer)

//go:wasmimport rechost_num product_topk
func hostProductTopK(a, b, without, only unsafe.Pointer, diagonal int64, norms, alpha, beta unsafe.Pointer, gamma float32,
	k int64, offsets, index, score unsafe.Pointer) int64

//go:wasmimport rechost_num score_topk
func hostScoreTopK(users unsafe.Pointer, n int64, rows, items, without, only unsafe.Pointer,
	k int64, offsets, index, score unsafe.Pointer) int64

//go:wasmimport rechost_num ridge_cg
func hostRidgeCG(x, rows, factors, gram, lambda unsafe.Pointer, w0, w1, t0, t1 float32, steps int32)

//go:wasmimport rechost_num ridge_cholesky
func hostRidgeCholesky(x, rows, factors, gram, lambda unsafe.Pointer, w0, w1, t0, t1 float32) int64

//go:wasmimport rechost_num uniform
func hostUniform(n int64, dst unsafe.Pointer, seed, stream, counter uint64)

//go:wasmimport rechost_num normal
func hostNormal(n int64, dst unsafe.Pointer, seed, stream, counter uint64)
