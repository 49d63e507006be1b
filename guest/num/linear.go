package num

// RowsTopK is the best k columns of each row of X·W; see naive.RowsTopK. seen
// may be the zero value.
func RowsTopK(x Sparse, w Matrix, seen Sparse, k int) Lists {
	k = min(k, w.Cols)
	l := newLists(x.Rows, k)
	if x.Rows == 0 || k == 0 {
		return l.cut(0)
	}
	if seen.Rows != 0 && seen.Rows != x.Rows {
		panic("num: seen has other rows than x")
	}
	return l.cut(rowsTopK(l, x, w, seen, k))
}
