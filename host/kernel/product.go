package kernel

import (
	"math"
	"math/bits"
	"slices"

	"rechost/guest/num/naive"
)

// accumulator is a row of a sparse product: a sum for each column, and a list
// of the columns that have one.
type accumulator struct {
	sum []uint32 // bits of float32; 0 for a column that has none
	// touched lists columns. One that went back to 0 on its way may be there
	// twice, and one whose sum is 0 too: take sets a sum to 0 when it is read,
	// so that nothing counts twice.
	touched []uint32
	n       int
	keys    []uint64
	spare   []uint64
	counts  []uint32 // of keys, by their upper bits
}

// ProductScratch is the bytes that ProductTopK allocates for each column of B.
const ProductScratch = 4 + 8 + 8 + 8

func newAccumulator(cols int) *accumulator {
	return &accumulator{
		sum:     make([]uint32, cols),
		touched: make([]uint32, 2*cols+1),
		keys:    make([]uint64, cols),
		spare:   make([]uint64, cols),
		counts:  make([]uint32, 1<<keyBits),
	}
}

// add adds w times a row to the sums. There is no branch on whether a column is
// new: it is always written at the end of the list, which grows only if it was.
func (a *accumulator) add(w float32, index []uint32, value []float32) {
	for len(index) > 0 {
		room := len(a.touched) - a.n
		if room == 0 {
			a.compact()
			continue
		}
		m := min(room, len(index))
		if value == nil {
			a.addOnes(w, index[:m])
		} else {
			a.addValues(w, index[:m], value[:m])
			value = value[m:]
		}
		index = index[m:]
	}
}

func (a *accumulator) addOnes(w float32, index []uint32) {
	sum, touched, n := a.sum, a.touched, a.n
	for _, j := range index {
		b := sum[j]
		touched[n] = j
		n += int((b - 1) &^ b >> 31) // 1 for 0
		sum[j] = math.Float32bits(math.Float32frombits(b) + w)
	}
	a.n = n
}

func (a *accumulator) addValues(w float32, index []uint32, value []float32) {
	sum, touched, n := a.sum, a.touched, a.n
	value = value[:len(index)]
	for e, j := range index {
		b := sum[j]
		touched[n] = j
		n += int((b - 1) &^ b >> 31)
		sum[j] = math.Float32bits(math.Float32frombits(b) + float32(w*value[e]))
	}
	a.n = n
}

// compact makes the list anew from the sums: it was full of repetitions.
func (a *accumulator) compact() {
	a.n = 0
	for j, b := range a.sum {
		if b != 0 {
			a.touched[a.n] = uint32(j)
			a.n++
		}
	}
}

// drop forgets a column.
func (a *accumulator) drop(j uint32) { a.sum[j] = 0 }

// take scores the columns of row r, leaves the sums clear, and returns the keys
// of the best k in order. It counts keys by bucket, finds the bucket where the
// k-th lies, puts the keys above that one in their buckets' places and sorts
// within buckets. What is kept hangs on data that no processor can predict, so
// there are no branches on it: keys are written first and counted after.
func (a *accumulator) take(p *naive.Product, r, k int) []uint64 {
	keys, counts := a.keys, a.counts
	scaled := len(p.Norms) > 0
	var alpha, beta float32
	if scaled {
		alpha, beta = p.Alpha[r], p.Beta[r]
	}
	n := 0
	low, high := uint64(math.MaxUint64), uint64(0)
	for _, j := range a.touched[:a.n] {
		x := math.Float32frombits(a.sum[j])
		a.sum[j] = 0
		if scaled {
			d := float32(alpha*p.Norms[j]) + beta
			d -= float32(p.Gamma * x)
			s := x / d
			if x == 0 { // 0/0, or a column that was taken already
				s = 0
			}
			x = s
		}
		if x == 0 || x != x {
			continue
		}
		v := key(x, j)
		keys[n] = v
		n++
		counts[v>>(64-keyBits)&(1<<keyBits-1)]++
		low, high = min(low, v), max(high, v)
	}
	a.n = 0
	if n == 0 {
		return nil
	}
	low, high = low>>(64-keyBits), high>>(64-keyBits)

	// counts become places, from the best bucket down.
	place, edge := uint32(0), high
	for b := high; ; b-- {
		c := counts[b]
		counts[b] = place
		place += c
		if int(place) >= k || b == low {
			edge = b
			break
		}
	}
	limit, m := edge<<(64-keyBits), 0
	for _, v := range keys[:n] {
		keys[m] = v
		if v >= limit {
			m++
		}
	}
	out := a.spare[:m]
	for _, v := range keys[:m] {
		c := &counts[v>>(64-keyBits)&(1<<keyBits-1)]
		out[*c] = v
		*c++
	}
	// Each place is now its bucket's end.
	from := uint32(0)
	for b := high; ; b-- {
		if end := counts[b]; end > from+1 {
			sortKeys(out[from:end])
			from = end
		} else if end == from+1 {
			from = end
		}
		if b == edge {
			break
		}
	}
	clear(counts[low : high+1])
	return out[:min(k, m)]
}

// keyBits of a key's upper end sort it into a bucket: sign, exponent and six
// bits of the score.
const keyBits = 15

// sortKeys sorts in descending order.
func sortKeys(x []uint64) {
	if len(x) > 16 {
		slices.Sort(x)
		slices.Reverse(x)
		return
	}
	for i := 1; i < len(x); i++ {
		v, j := x[i], i
		for ; j > 0 && x[j-1] < v; j-- {
			x[j] = x[j-1]
		}
		x[j] = v
	}
}

// longest is how many entries of a row are gone through between looks at the
// meter.
const longest = 1 << 16

// row accumulates row r of A·B.
func (a *accumulator) row(p *naive.Product, r int, m *meter) {
	from, to := p.A.Range(r)
	for e := from; e < to; e++ {
		w := p.A.At(e)
		f, end := p.B.Range(int(p.A.Index[e]))
		m.spend(1)
		for f < end {
			t := min(f+longest, end)
			var value []float32
			if len(p.B.Value) > 0 {
				value = p.B.Value[f:t]
			}
			a.add(w, p.B.Index[f:t], value)
			m.spend(t - f)
			f = t
		}
	}
}

// ProductTopK is naive.ProductTopK.
func ProductTopK(dst naive.Sparse, p naive.Product, k int, pause func()) int {
	m, a := scattered(pause), newAccumulator(p.B.Cols)
	k = min(k, p.B.Cols)
	n := 0
	dst.Offsets[0] = 0
	for r := range p.A.Rows {
		a.row(&p, r, m)
		if p.Without.Rows > 0 {
			row := p.Without.Row(r)
			for _, j := range row {
				a.drop(j)
			}
			m.spend(len(row))
		}
		if j := p.Diagonal + r; p.OffDiagonal && j < p.B.Cols {
			a.drop(uint32(j))
		}
		m.spend(4*a.n + bits.Len(uint(k))*min(k, a.n))
		for _, x := range a.take(&p, r, k) {
			dst.Value[n], dst.Index[n] = unkey(x)
			n++
		}
		dst.Offsets[r+1] = uint64(n)
	}
	return n
}

// ProductRows is naive.ProductRows.
func ProductRows(dst naive.Matrix, a, b naive.Sparse, pause func()) {
	m := scattered(pause)
	for r := range a.Rows {
		row := dst.Row(r)
		clear(row)
		from, to := a.Range(r)
		for e := from; e < to; e++ {
			w := a.At(e)
			f, t := b.Range(int(a.Index[e]))
			m.spend(1)
			for ; f < t; f += longest {
				n := min(longest, t-f)
				for g := f; g < f+n; g++ {
					row[b.Index[g]] += float32(w * b.At(g))
				}
				m.spend(n)
			}
		}
		canonical(row)
		m.spend(dst.Cols / 4)
	}
}
