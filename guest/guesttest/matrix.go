package guesttest

import (
	"cmp"
	"slices"
)

// Cell is one entry of a matrix.
type Cell struct {
	User, Item int
	Value      float32
	Time       int64
}

// Matrix is a matrix of interactions. Make one with [New], [Rows] or
// [Checkerboard].
type Matrix struct {
	Users, Items int
	Values       bool // a value column: not every value is 1
	Times        bool
	cells        []Cell // by user, then item
}

// New makes a matrix of cells, no two of one user and item, in any order.
func New(users, items int, cells []Cell) *Matrix {
	m := &Matrix{Users: users, Items: items, cells: slices.Clone(cells)}
	slices.SortFunc(m.cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Item, b.Item))
	})
	for i, c := range m.cells {
		if c.User < 0 || c.User >= users || c.Item < 0 || c.Item >= items {
			panic("guesttest: a cell outside the matrix")
		}
		if i > 0 && m.cells[i-1].User == c.User && m.cells[i-1].Item == c.Item {
			panic("guesttest: two cells of one user and item")
		}
		m.Values = m.Values || c.Value != 1
		m.Times = m.Times || c.Time != 0
	}
	return m
}

// Rows makes a matrix of a table: a row a user, a column an item, 0 for none.
func Rows(table [][]float32) *Matrix {
	var cells []Cell
	items := 0
	for u, row := range table {
		items = max(items, len(row))
		for i, v := range row {
			if v != 0 {
				cells = append(cells, Cell{User: u, Item: i, Value: v})
			}
		}
	}
	return New(len(table), items, cells)
}

// Checkerboard is the matrix with which the library implicit tests all its
// models: n users and n items, where users of even number like the items of
// even number, and odd the odd, but for the one item of the user's own number.
// That item is what a recommender must find.
func Checkerboard(n int) *Matrix {
	var cells []Cell
	for u := range n {
		for i := u % 2; i < n; i += 2 {
			if i != u {
				cells = append(cells, Cell{User: u, Item: i, Value: 1})
			}
		}
	}
	return New(n, n, cells)
}

// Cells is the entries, by user and item.
func (m *Matrix) Cells() []Cell { return m.cells }

// Interactions is the number of cells.
func (m *Matrix) Interactions() int { return len(m.cells) }

// frames returns the frames that a host provides: by_user, with times or
// without, by_item, targets.
func (m *Matrix) frames(targets []uint32, times bool) map[string]Frame {
	user := m.compress(m.Users, m.cells, func(c Cell) (int, int) { return c.User, c.Item }, "item")
	columns := slices.Clone(m.cells)
	slices.SortStableFunc(columns, func(a, b Cell) int { return cmp.Compare(a.Item, b.Item) })
	item := m.compress(m.Items, columns, func(c Cell) (int, int) { return c.Item, c.User }, "user")
	delete(item.Arrays, "time")
	if !times {
		delete(user.Arrays, "time")
	}

	off := user.Arrays["offsets"].Data.([]uint64)
	ids, vals := user.Arrays["item"].Data.([]uint32), user.Arrays["value"].Data.([]float32)
	o, ti, tv := []uint64{0}, []uint32{}, []float32{}
	for _, u := range targets {
		ti, tv = append(ti, ids[off[u]:off[u+1]]...), append(tv, vals[off[u]:off[u+1]]...)
		o = append(o, uint64(len(ti)))
	}
	return map[string]Frame{"by_user": user, "by_item": item, "targets": {Rows: len(targets), Arrays: map[string]Array{
		"user": {Data: slices.Clone(targets)}, "offsets": {Data: o},
		"item": {Data: ti, PerEntry: true}, "value": {Data: tv, PerEntry: true}}}}
}

// candidates is the frame of that name.
func candidates(rows [][]uint32) Frame {
	offsets, items := []uint64{0}, []uint32{}
	for _, r := range rows {
		items = append(items, r...)
		offsets = append(offsets, uint64(len(items)))
	}
	return Frame{Rows: len(rows), Arrays: map[string]Array{"offsets": {Data: offsets}, "item": {Data: items, PerEntry: true}}}
}

func (m *Matrix) compress(rows int, cells []Cell, at func(Cell) (row, column int), name string) Frame {
	off := make([]uint64, rows+1)
	ids, vals, times := make([]uint32, len(cells)), make([]float32, len(cells)), make([]int64, len(cells))
	for e, c := range cells {
		r, j := at(c)
		off[r+1]++
		ids[e], vals[e], times[e] = uint32(j), c.Value, c.Time
	}
	for r := range rows {
		off[r+1] += off[r]
	}
	f := Frame{Rows: rows, Arrays: map[string]Array{"offsets": {Data: off},
		name: {Data: ids, PerEntry: true}, "value": {Data: vals, PerEntry: true}}}
	if m.Times {
		f.Arrays["time"] = Array{Data: times, PerEntry: true}
	}
	return f
}
