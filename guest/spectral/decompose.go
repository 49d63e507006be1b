package spectral

import (
	"math"

	"rechost/guest"
	"rechost/guest/num"
)

// independent is the smallest part of a column, squared, that has to be left
// once those before it are taken out of it, for the column to count.
const independent = 1e-5

// reach is the smallest part of the largest eigenvalue that an edge may be.
const reach = 0.15

// decompose finds the first rank right singular vectors of R by subspace
// iteration from a start that follows from the seed, and writes them with each
// item's row times the root of the item's sum: D_i^½ V.
func decompose(t *guest.Task, rank int) {
	b := width(t.Config, rank+t.Int("oversampling"))
	s := &subspace{graph: open(t), b: b, image: make([]float32, t.Users()*b),
		v: make([]float32, t.Items()*b), next: make([]float32, t.Items()*b)}
	num.Normal(s.v, uint64(t.Seed()), 1, 0)
	turns := t.Int("iterations")
	for turn := range turns {
		degree, edge := 1, float32(0)
		if turn >= 2 { // before, columns are no more like one singular vector than like another
			degree, edge = s.filter()
		}
		s.turn(degree, edge)
		t.Progress(turn, turns)
	}
	s.project(s.v)
	v := s.v
	h, values, all := make([]float32, b*b), make([]float32, b), make([]float32, b*b)
	num.AddGram(h, num.Dense(s.image, b))
	num.Eigen(values, all, h, b) // of VᵀRᵀRV, whose first belong to the largest singular values
	first := make([]float32, b*rank)
	for i := range b {
		copy(first[i*rank:][:rank], all[i*b:])
	}
	t.Debug("singular values from", math.Sqrt(float64(values[0])), "to", math.Sqrt(float64(max(values[rank-1], 0))))
	sums := t.F32("item_sums.sum")
	multiply(v, b, first, rank, func(i int, rows []float32) {
		for r := range len(rows) / rank {
			root := float32(math.Sqrt(float64(sums[i+r])))
			row := rows[r*rank:][:rank]
			for k := range row {
				row[k] *= root
			}
		}
		t.WriteF32("band.vector", rows)
	})
}

// subspace is b columns that become the first singular vectors, in order.
type subspace struct {
	graph
	b       int
	v, next []float32 // items x b
	image   []float32 // users x b
}

// project sets image to Rv.
func (s *subspace) project(v []float32) {
	clear(s.image)
	num.AddSparse(s.image, 1, s.users, num.Dense(v, s.b))
}

// turn applies a polynomial in P = RᵀR to v and makes the columns orthonormal
// again: P itself for a degree of 1, else Chebyshev's T of 2P/edge - 1, which
// stays below 1 for eigenvalues up to edge and grows fastest above it:
//
//	T_1 = (2/edge)P - 1      T_j+1 = 2((2/edge)P - 1)T_j - T_j-1
//
// Zhou, Saad, Tiago, Chelikowsky: Self-consistent-field calculations using
// Chebyshev-filtered subspace iteration, J. Comput. Phys. 2006.
func (s *subspace) turn(degree int, edge float32) {
	s.project(s.v)
	scale := float32(1)
	clear(s.next)
	if degree > 1 {
		scale = 2 / edge
		num.Axpy(-1, s.v, s.next)
	}
	num.AddSparse(s.next, scale, s.items, num.Dense(s.image, s.b))
	for range degree - 1 {
		s.project(s.next)
		num.Scale(-1, s.v)
		num.Axpy(-2, s.next, s.v)
		num.AddSparse(s.v, 2*scale, s.items, num.Dense(s.image, s.b))
		s.v, s.next = s.next, s.v
	}
	s.v, s.next = s.next, s.v
	orthonormalize(s.v, s.b)
}

// filter returns the degree and the edge of the next turn. The edge is the
// smallest of the eigenvalues of P that the columns stand for. Where the
// largest is beyond reach the degree is 1: it would grow more than a few hundred
// times as much as the edge, and in float32 every column would be the first.
func (s *subspace) filter() (degree int, edge float32) {
	s.project(s.v)
	g := make([]float32, s.b*s.b)
	num.AddGram(g, num.Dense(s.image, s.b))
	var least, most float32
	for i := range s.b {
		d := g[i*s.b+i]
		if d > 0 && (least == 0 || d < least) {
			least = d
		}
		most = max(most, d)
	}
	if least > 0 && least >= reach*most {
		return 2, least
	}
	return 1, 0
}

// orthonormalize makes the b columns of v orthonormal, by Cholesky's
// factorisation of their Gram matrix, twice: what rounding leaves of the first
// time, which grows with how nearly they depend on each other, the second
// mends. Columns that do depend become 0.
func orthonormalize(v []float32, b int) {
	g, x := make([]float32, b*b), make([]float32, b*b)
	for range 2 {
		clear(g)
		num.AddGram(g, num.Dense(v, b))
		num.Whiten(x, g, b, independent)
		multiply(v, b, x, b, func(i int, rows []float32) { copy(v[i*b:], rows) })
	}
}

// multiply gives to do the rows of V·X, where v has n columns and X m, in
// blocks of which the first row is i.
func multiply(v []float32, n int, x []float32, m int, do func(i int, rows []float32)) {
	const block = 1 << 12
	out := make([]float32, min(block, len(v)/n)*m)
	for i := 0; i < len(v)/n; i += block {
		part := v[i*n : min((i+block)*n, len(v))]
		rows := out[:len(part)/n*m]
		clear(rows)
		num.AddProduct(rows, num.Dense(part, n), num.Dense(x, m))
		do(i, rows)
	}
}
