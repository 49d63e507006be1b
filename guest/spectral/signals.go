package spectral

import (
	"rechost/guest"
	"rechost/guest/num"
)

// columns is how many users are filtered at a time: each is a column, so that a
// step of a filter is a product of R with a matrix of that many.
const columns = 64

// Signals are the profiles x of some users and what filters make of them, y: a
// number an item.
type Signals struct {
	t        *guest.Task
	graph    graph
	sums     []float32 // of items
	band     num.Matrix
	profiles num.Sparse // of these users
	entries  guest.Entries
	first, n int // these users among the task's

	y, other, next []float32 // items x columns
	image          []float32 // users x columns
}

// Score filters the profile of every target of the task's and lists the items
// with the largest y. A target without a profile gets no list.
func Score(t *guest.Task, filter func(s *Signals)) {
	s := &Signals{t: t, graph: open(t), sums: t.F32("item_sums.sum"), entries: t.Entries("targets", "item", "value"),
		y: make([]float32, t.Items()*columns), other: make([]float32, t.Items()*columns), image: make([]float32, t.Users()*columns)}
	if t.Has("band.vector") {
		s.band = t.Matrix("band.vector")
	}
	profiles, lists := t.Sparse("targets", "item", "value", t.Items()), t.Recommendations()
	// y has an item's scores for the users side by side, so that user u's
	// score is the product of the item's row and the u-th unit vector.
	unit := make([]float32, columns*columns)
	for u := range columns {
		unit[u*columns+u] = 1
	}
	t.Blocks(columns, func(first, n int) {
		s.first, s.n, s.profiles = first, n, profiles.Slice(first, n)
		clear(s.y)
		filter(s)
		l := num.ScoreTopK(num.Dense(unit, columns).Slice(0, n), nil, num.Dense(s.y, columns), t.Mask(first, n), t.Top())
		for r := range n {
			from, to := l.Offsets[r], l.Offsets[r+1]
			if s.entries.Len(first+r) == 0 {
				to = from
			}
			lists.Add(l.Index[from:to], l.Score[from:to])
		}
	})
}

// Smooth adds xP to y.
func (s *Signals) Smooth() {
	clear(s.other)
	for u := range s.n {
		items, values := s.entries.Row(s.first + u)
		for e, i := range items {
			s.other[int(i)*columns+u] += values[e]
		}
	}
	s.spread(s.y, 1, s.other)
}

// spread adds a·Px to y.
func (s *Signals) spread(y []float32, a float32, x []float32) {
	clear(s.image)
	num.AddSparse(s.image, 1, s.graph.users, num.Dense(x, columns))
	num.AddSparse(y, a, s.graph.items, num.Dense(s.image, columns))
}

// AddBand adds weight · x D_i^-½ V Vᵀ D_i^½ to y, with B = D_i^½ V as weight ·
// (x D_i^-1 B) Bᵀ.
func (s *Signals) AddBand(weight float32) {
	rank := s.band.Cols
	if rank == 0 || weight == 0 {
		return
	}
	lo := s.entries.Offsets[s.first] - s.entries.Offsets[0]
	hi := s.entries.Offsets[s.first+s.n] - s.entries.Offsets[0]
	offsets, ids := s.entries.Offsets[s.first:s.first+s.n+1], s.entries.IDs[lo:hi]
	scaled := make([]float32, len(ids))
	for e, i := range ids {
		if d := s.sums[i]; d > 0 {
			scaled[e] = s.entries.Values[lo:][e] / d
		}
	}
	part := make([]float32, s.n*rank)
	num.AddSparse(part, weight, num.CSR(s.t.Items(), offsets, ids, scaled), s.band)
	turned := make([]float32, rank*columns)
	for u := range s.n {
		for k, v := range part[u*rank:][:rank] {
			turned[k*columns+u] = v
		}
	}
	num.AddProduct(s.y, s.band, num.Dense(turned, columns))
}

// Sharpen turns y into y·(1 - hP + (hP)²/2 - (hP)³/6 + (hP)⁴/24), one step h of
// the method of Runge and Kutta for dy/dt = -yP:
//
//	y - hP(y - hP/2·(y - hP/3·(y - hP/4·y)))
func (s *Signals) Sharpen(h float32) {
	if h == 0 {
		return
	}
	if s.next == nil {
		s.next = make([]float32, len(s.y))
	}
	copy(s.other, s.y)
	for j := 4; j > 0; j-- {
		copy(s.next, s.y)
		s.spread(s.next, -h/float32(j), s.other)
		s.other, s.next = s.next, s.other
	}
	s.y, s.other = s.other, s.y
}
