package num

// RowsTopK is the best k columns of each row of X·W; see naive.RowsTopK.
func RowsTopK(x Sparse, w Matrix, mask Mask, k int) Lists {
	k = min(k, w.Cols)
	l := newLists(x.Rows, k)
	if x.Rows == 0 || k == 0 {
		return l.cut(0)
	}
	return l.cut(rowsTopK(l, x, w, mask.checked(x.Rows), k))
}
