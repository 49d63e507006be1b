// Package num is the kernels a module calls for its inner loops: dots, sparse
// products, Gram matrices, ridge regressions, scores and best-k lists.
//
// In the sandbox the calls go to the host, which runs them at native speed; in
// a native test they run the loops of package naive. The bits are the same:
// package naive is what every function here means, and its comments are their
// full documentation.
//
//	g := make([]float32, k*k)
//	num.AddGram(g, items)                              // YᵀY
//	num.RidgeCG(x, num.Ridge{Rows: mine, Factors: items, Gram: g, Lambda: l, …}, 3)
//	lists := num.ScoreTopK(x, nil, items, t.Mask(0, n), 20) // offsets, items, scores
//
// # Notes
//
// A Matrix or a Sparse is made of vectors that are either slices in the
// module's memory or parts of an opened input, which then never enter it.
//
// A wrong argument (lengths that do not fit, an index out of range) ends the
// task with an error that names the function; natively it panics.
package num

import "rechost/guest/num/naive"

// Vec is a vector of numbers: a slice, or part of an opened input. The zero
// value is empty.
type Vec[T uint32 | uint64 | float32] struct {
	data  []T
	input int32 // handle + 1; 0 for a slice
	at, n int
}

// Of is the vector of a slice, without copying it.
func Of[T uint32 | uint64 | float32](s []T) Vec[T] { return Vec[T]{data: s} }

// Opened is elements [first, first+n) of the opened input of that handle, whose
// type has to be T. It exists in the sandbox only.
func Opened[T uint32 | uint64 | float32](handle int32, first, n int) Vec[T] {
	return Vec[T]{input: handle + 1, at: first, n: n}
}

// Len is the number of elements.
func (v Vec[T]) Len() int {
	if v.input != 0 {
		return v.n
	}
	return len(v.data)
}

// Data is the slice, or nil for an opened input.
func (v Vec[T]) Data() []T { return v.data }

// Slice is elements [first, first+n).
func (v Vec[T]) Slice(first, n int) Vec[T] {
	if v.input != 0 {
		if first < 0 || n < 0 || first > v.n-n {
			panic("num: slice out of range")
		}
		return Vec[T]{input: v.input, at: v.at + first, n: n}
	}
	return Vec[T]{data: v.data[first:][:n:n]}
}

// Matrix is Rows x Cols numbers, row after row.
type Matrix struct {
	Rows, Cols int
	Data       Vec[float32]
}

// Dense is the matrix of a slice whose length is a multiple of cols.
func Dense(data []float32, cols int) Matrix {
	return Matrix{Rows: len(data) / cols, Cols: cols, Data: Of(data)}
}

// Slice is rows [first, first+n).
func (m Matrix) Slice(first, n int) Matrix {
	return Matrix{Rows: n, Cols: m.Cols, Data: m.Data.Slice(first*m.Cols, n*m.Cols)}
}

// Sparse is Rows rows over Cols columns in compressed sparse row form; the
// entries of row r are those from Offsets[First+r]-Offsets[0] up to
// Offsets[First+r+1]-Offsets[0]. An empty Value stands for 1 at every entry.
// The zero value has no rows.
type Sparse struct {
	Rows, Cols int
	First      int
	Offsets    Vec[uint64]
	Index      Vec[uint32]
	Value      Vec[float32]
}

// CSR is the sparse matrix of slices; value may be nil.
func CSR(cols int, offsets []uint64, index []uint32, value []float32) Sparse {
	return Sparse{Rows: len(offsets) - 1, Cols: cols, Offsets: Of(offsets), Index: Of(index), Value: Of(value)}
}

// Slice is rows [first, first+n).
func (m Sparse) Slice(first, n int) Sparse {
	if first < 0 || n < 0 || first > m.Rows-n {
		panic("num: slice out of range")
	}
	m.First, m.Rows = m.First+first, n
	return m
}

// Binary is m with 1 for every value.
func (m Sparse) Binary() Sparse {
	m.Value = Vec[float32]{}
	return m
}

// WithValue is m with other values, one an entry.
func (m Sparse) WithValue(v []float32) Sparse {
	m.Value = Of(v)
	return m
}

// Lists is a best-k list a row, without gaps: row r has entries
// [Offsets[r], Offsets[r+1]), best first. These are the arrays of a frame as a
// task writes it.
type Lists struct {
	Offsets []uint64
	Index   []uint32
	Score   []float32
}

// Sparse is the lists as a matrix of cols columns.
func (l Lists) Sparse(cols int) Sparse { return CSR(cols, l.Offsets, l.Index, l.Score) }

func newLists(rows, k int) Lists {
	return Lists{make([]uint64, rows+1), make([]uint32, rows*k), make([]float32, rows*k)}
}

func (l Lists) cut(n int) Lists {
	l.Index, l.Score = l.Index[:n], l.Score[:n]
	return l
}

// Mask says which columns lists may hold; see naive.Mask. The zero value lets
// all in. A stage that recommends has its mask from guest.Task.Mask.
type Mask struct{ Without, Only Sparse }

// checked is m for so many lists.
func (m Mask) checked(lists int) Mask {
	if m.Without.Rows != 0 && m.Without.Rows != lists {
		panic("num: the mask leaves columns out of another number of lists")
	}
	if m.Only.Rows > 1 && m.Only.Rows != lists {
		panic("num: the mask lets columns into another number of lists")
	}
	return m
}

// Product is a product A·B of sparse matrices with its scores and what they
// leave out; see naive.Product, field by field.
type Product struct {
	A, B        Sparse
	Norms       []float32
	Alpha, Beta []float32
	Gamma       float32
	Mask
	OffDiagonal bool
	Diagonal    int
}

// Ridge is a ridge regression a row; see naive.Ridge, field by field.
type Ridge struct {
	Rows           Sparse
	Factors        Matrix
	Gram           []float32
	Lambda         []float32
	Weight, Target [2]float32
}

// ScoreTopK is the best k items of each user; see naive.ScoreTopK. rows may be
// nil for every row of users.
func ScoreTopK(users Matrix, rows []uint32, items Matrix, mask Mask, k int) Lists {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	k = min(k, items.Rows)
	l := newLists(n, k)
	if n == 0 || k == 0 {
		return l.cut(0)
	}
	return l.cut(scoreTopK(l, users, rows, items, mask.checked(n), k))
}

// ProductTopK is the best k columns of each row of A·B; see naive.ProductTopK.
func ProductTopK(p Product, k int) (l Lists) {
	l.ProductTopK(p, k)
	return l
}

// ProductTopK makes l the lists of [ProductTopK]. What l was is overwritten: a
// loop over blocks that keeps no list has one room for all, which is not to be
// cleared and touched anew for each.
func (l *Lists) ProductTopK(p Product, k int) {
	rows, k := p.A.Rows, min(k, p.B.Cols)
	if n := rows * k; cap(l.Offsets) <= rows || cap(l.Index) < n || cap(l.Score) < n {
		*l = newLists(rows, k)
	}
	*l = Lists{l.Offsets[:rows+1], l.Index[:rows*k], l.Score[:rows*k]}
	n := 0
	if rows == 0 || k == 0 {
		clear(l.Offsets)
	} else {
		p.Mask = p.Mask.checked(rows)
		n = productTopK(*l, p, k)
	}
	*l = l.cut(n)
}

// Transpose is m's transpose; see naive.Transpose. Every entry of m's index
// has to belong to one of its rows.
func Transpose(m Sparse) Sparse {
	t := naive.Sparse{Offsets: make([]uint64, m.Cols+1), Index: make([]uint32, m.Index.Len())}
	if m.Value.Len() > 0 {
		t.Value = make([]float32, m.Index.Len())
	}
	transpose(t, m)
	n := t.Offsets[m.Cols]
	if t.Value != nil {
		t.Value = t.Value[:n]
	}
	return CSR(m.Rows, t.Offsets, t.Index[:n], t.Value)
}
