package naive

// ElasticNet is a regression for each of some rows: of weights w ≥ 0, of which
// w[First+r] stays what it is, row r looks for those of the least
//
//	½ wᵀGw - bᵀw + L1·Σw + ½·L2·|w|²
//
// G is a Gram matrix, n x n and symmetric.
type ElasticNet struct {
	Gram      Matrix
	First     int
	L1, L2    float32
	Tolerance float32
	Turns     int
}

// Descend goes down to the solution by cyclic coordinate descent (Friedman,
// Hastie, Tibshirani: Regularization paths for generalized linear models via
// coordinate descent, 2010, section 2, with covariance updates and an active
// set). w and slope are rows x n, slope b - Gw on entry, and so kept. A turn
// is, for some weights i in order,
//
//	x = ((slope[i] + G[i][i]*w[i]) - L1) / (G[i][i] + L2), or 0 where that is not above 0
//	d = x - w[i]
//	where d is not 0: slope[j] += -d * G[i][j] for some j; w[i] = x
//
// and the last of its kind where no |d| was above Tolerance times the greatest
// x. Each row has a turn over all weights but First+r and all slopes; then,
// unless it was the last, turns over the weights that are above 0 and their
// slopes, to the last; then, for those weights in order, with d the difference
// to before these turns,
//
//	where d is not 0: slope[j] += -d * G[i][j] for all other j
//
// and again from the start, with no more than Turns turns in all.
func (p *ElasticNet) Descend(w, slope []float32) {
	n := p.Gram.Cols
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	for r := range len(w) / max(n, 1) {
		p.descend(w[r*n:][:n], slope[r*n:][:n], p.First+r, all)
	}
	canonical(w)
	canonical(slope)
}

func (p *ElasticNet) descend(w, slope []float32, own int, all []int) {
	free := append(append([]int{}, all[:own]...), all[own+1:]...)
	for left := p.Turns; left > 0; {
		left--
		if p.turn(w, slope, free, all) {
			return
		}
		var above, rest []int
		for _, i := range all {
			if i != own && w[i] > 0 {
				above = append(above, i)
			} else {
				rest = append(rest, i)
			}
		}
		before := append([]float32{}, w...)
		for last := false; left > 0 && !last; left-- {
			last = p.turn(w, slope, above, above)
		}
		for _, i := range above {
			p.move(slope, w[i]-before[i], i, rest)
		}
	}
}

// turn tells whether it is the last.
func (p *ElasticNet) turn(w, slope []float32, weights, slopes []int) bool {
	var moved, top float32
	for _, i := range weights {
		x := p.Weight(w[i], slope[i], p.Gram.Data[i*p.Gram.Cols+i])
		d := x - w[i]
		p.move(slope, d, i, slopes)
		w[i] = x
		moved, top = max(moved, d, -d), max(top, x)
	}
	return !(moved > float32(p.Tolerance*top))
}

func (p *ElasticNet) move(slope []float32, d float32, i int, slopes []int) {
	if row := p.Gram.Row(i); d != 0 {
		for _, j := range slopes {
			slope[j] += float32(-d * row[j])
		}
	}
}

// Weight is the x of a turn.
func (p *ElasticNet) Weight(w, slope, square float32) float32 {
	x := (slope + float32(square*w) - p.L1) / (square + p.L2)
	if !(x > 0) {
		return 0
	}
	return x
}
