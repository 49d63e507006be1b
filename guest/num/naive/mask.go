package naive

// Mask says which columns a list may hold. The zero value lets all in.
type Mask struct {
	// Without, where it has rows, as many as there are lists, leaves the
	// columns of its row r out of list r.
	Without Sparse

	// Only, where it has rows, leaves all columns out of list r but those of its
	// row r. A matrix of one row holds for every list. Its rows are in
	// ascending order, and no column is twice in one.
	Only Sparse
}

// Out sets out[j], one a column, to whether j is left out of list r.
func (m Mask) Out(out []bool, r int) {
	limited := m.Only.Rows > 0
	for j := range out {
		out[j] = limited
	}
	if limited {
		for _, j := range m.Kept(r) {
			out[j] = false
		}
	}
	if m.Without.Rows > 0 {
		for _, j := range m.Without.Row(r) {
			out[j] = true
		}
	}
}

// Kept is the row of Only that holds for list r, where Only has rows.
func (m Mask) Kept(r int) []uint32 {
	if m.Only.Rows == 1 {
		r = 0
	}
	return m.Only.Row(r)
}
