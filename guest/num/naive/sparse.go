package naive

import "sort"

// RowSums sets dst[r] to the sum of row r's values, each raised to power (0, 1
// or 2; 0 counts entries), in the order of the entries.
func RowSums(dst []float32, m Sparse, power int) {
	for r := range m.Rows {
		a, b := m.Range(r)
		var s float32
		for e := a; e < b; e++ {
			switch v := m.At(e); power {
			case 0:
				s++
			case 1:
				s += v
			default:
				s += float32(v * v)
			}
		}
		dst[r] = Canonical(s)
	}
}

// ColSums sets dst, of Cols elements, to the sum of each column's values,
// raised to power as in RowSums, in the order of rows and their entries.
func ColSums(dst []float32, m Sparse, power int) {
	clear(dst)
	for r := range m.Rows {
		a, b := m.Range(r)
		for e := a; e < b; e++ {
			switch v := m.At(e); power {
			case 0:
				dst[m.Index[e]]++
			case 1:
				dst[m.Index[e]] += v
			default:
				dst[m.Index[e]] += float32(v * v)
			}
		}
	}
	canonical(dst)
}

// Transpose turns m into its transpose in dst, whose Offsets (Cols+1
// elements), Index and Value have room for it: the entries of a row of dst are
// in the order of m's rows, and of m's entries within a row. Values are copied
// bit by bit; where m has none, dst needs none.
func Transpose(dst Sparse, m Sparse) {
	clear(dst.Offsets)
	for r := range m.Rows {
		for _, j := range m.Row(r) {
			dst.Offsets[j+1]++
		}
	}
	for j := range m.Cols {
		dst.Offsets[j+1] += dst.Offsets[j]
	}
	next := make([]uint64, m.Cols)
	copy(next, dst.Offsets)
	for r := range m.Rows {
		a, b := m.Range(r)
		for e := a; e < b; e++ {
			j := m.Index[e]
			dst.Index[next[j]] = uint32(r)
			if len(m.Value) > 0 {
				dst.Value[next[j]] = m.Value[e]
			}
			next[j]++
		}
	}
}

// Product is the rows of A·B, of which ProductTopK keeps the best. A has B.Rows
// columns.
type Product struct {
	A, B Sparse

	// Where Norms (one a column of B) is not empty, the product p of row r and
	// column j becomes the score p / (Alpha[r]*Norms[j] + Beta[r] - Gamma*p),
	// each operation rounded by itself, from left to right.
	//
	// With c the dot product of items, n their number of users and s a shrink
	// term: cosine is Alpha = |x_r|, Norms = |x_j|, Beta = s; Jaccard Alpha = 1,
	// Norms = n_j, Beta = n_r+s, Gamma = 1; Dice the same with Gamma 0;
	// Tversky (a, b) Alpha 1, Norms = b*n_j, Beta = a*n_r+s, Gamma = a+b-1;
	// asymmetric cosine Alpha = |x_r|^2a, Norms = |x_j|^2(1-a), Beta = s.
	Norms       []float32
	Alpha, Beta []float32 // one a row of A
	Gamma       float32

	// Row r leaves out what the mask leaves out, and the column Diagonal+r where
	// OffDiagonal is set.
	Mask
	OffDiagonal bool
	Diagonal    int
}

// Accumulate sets acc, of B.Cols elements, to row r of A·B: for each entry of
// A's row in order, for each entry of B's row in order,
//
//	acc[j] += a * b
//
// starting from 0.
func (p *Product) Accumulate(acc []float32, r int) {
	clear(acc)
	a, b := p.A.Range(r)
	for e := a; e < b; e++ {
		w := p.A.At(e)
		c, d := p.B.Range(int(p.A.Index[e]))
		for f := c; f < d; f++ {
			acc[p.B.Index[f]] += float32(w * p.B.At(f))
		}
	}
}

// Score is the score of column j in row r for the product x.
func (p *Product) Score(x float32, r, j int) float32 {
	if len(p.Norms) == 0 {
		return x
	}
	d := float32(p.Alpha[r]*p.Norms[j]) + p.Beta[r]
	d -= float32(p.Gamma * x)
	return x / d
}

// ProductTopK writes each row's best k columns by score to dst: best first,
// the smaller column first among equals. Products and scores that are 0 or not
// a number are never listed. dst needs room: Offsets for A.Rows+1 elements,
// Index and Value for k of them a row. It is filled from Offsets[0] = 0 without
// gaps; returned is the number of entries.
func ProductTopK(dst Sparse, p Product, k int) int {
	acc, out := make([]float32, p.B.Cols), make([]bool, p.B.Cols)
	n := 0
	dst.Offsets[0] = 0
	for r := range p.A.Rows {
		p.Accumulate(acc, r)
		p.Out(out, r)
		if j := p.Diagonal + r; p.OffDiagonal && j < len(acc) {
			out[j] = true
		}
		var found []Pair
		for j, x := range acc {
			if out[j] || x == 0 || x != x {
				continue
			}
			if s := p.Score(x, r, j); s == s && s != 0 {
				found = append(found, Pair{s, uint32(j)})
			}
		}
		sort.Slice(found, func(a, b int) bool { return Before(found[a], found[b]) })
		for _, f := range found[:min(k, len(found))] {
			dst.Index[n], dst.Value[n] = f.Index, f.Score
			n++
		}
		dst.Offsets[r+1] = uint64(n)
	}
	return n
}

// Pair is a candidate for a list.
type Pair struct {
	Score float32
	Index uint32
}

// Before tells whether a stands before b in a list: a higher score, or an
// equal one (0 and -0 are equal) and a smaller index.
func Before(a, b Pair) bool {
	return a.Score > b.Score || a.Score == b.Score && a.Index < b.Index
}

// ProductRows sets row r of dst (A.Rows x B.Cols) to row r of A·B, as
// Accumulate does.
func ProductRows(dst Matrix, a, b Sparse) {
	p := Product{A: a, B: b}
	for r := range a.Rows {
		p.Accumulate(dst.Row(r), r)
		canonical(dst.Row(r))
	}
}
