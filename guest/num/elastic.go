package num

// ElasticNet is an elastic net a row; see naive.ElasticNet, field by field.
type ElasticNet struct {
	Gram      Matrix
	First     int
	L1, L2    float32
	Tolerance float32
	Turns     int
}

func (p ElasticNet) rows(w, slope []float32) int {
	if len(w) != len(slope) || p.Gram.Cols == 0 || len(w)%p.Gram.Cols != 0 {
		panic("num: w and slope are not rows of the Gram matrix's length")
	}
	return len(w) / p.Gram.Cols
}
