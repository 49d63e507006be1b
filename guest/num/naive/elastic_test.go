package naive

import (
	"math"
	"testing"
)

// The weights meet the conditions of a minimum (Karush, Kuhn, Tucker): where a
// weight is above 0 the derivative is 0, where it is 0 the derivative is not
// below.
func TestElasticNetSolves(t *testing.T) {
	const n, rows, first = 30, 4, 3
	m := Matrix{Rows: 50, Cols: n, Data: make([]float32, 50*n)}
	Uniform(m.Data, 1, 2, 3)
	for i := range m.Data {
		if m.Data[i] < 0.6 {
			m.Data[i] = 0
		}
	}
	p := ElasticNet{Gram: Matrix{Rows: n, Cols: n, Data: make([]float32, n*n)}, First: first, L1: 0.5, L2: 2, Tolerance: 1e-6, Turns: 1000}
	AddGram(p.Gram.Data, m)
	w, slope := make([]float32, rows*n), make([]float32, rows*n)
	copy(slope, p.Gram.Data[first*n:])
	p.Descend(w, slope)
	above := 0
	for r := range rows {
		own := first + r
		w, slope := w[r*n:][:n], slope[r*n:][:n]
		if w[own] != 0 {
			t.Errorf("item %d has a weight on itself", own)
		}
		for i := range n {
			d := -float64(p.Gram.Row(own)[i])
			for j, x := range w {
				d += float64(p.Gram.Row(i)[j]) * float64(x)
			}
			if math.Abs(d+float64(slope[i])) > 1e-4 {
				t.Errorf("row %d: slope %d is %v, and Gw-b %v", r, i, slope[i], d)
			}
			if d += float64(p.L1) + float64(p.L2)*float64(w[i]); i != own && (w[i] > 0 && math.Abs(d) > 1e-4 || d < -1e-4) {
				t.Errorf("row %d: at weight %d, %v, the derivative is %v", r, i, w[i], d)
			}
			if w[i] > 0 {
				above++
			}
		}
	}
	if above < rows || above > rows*n*3/4 {
		t.Errorf("%d of %d weights are above 0: the test shows little", above, rows*n)
	}
}

// Turns bound what is done: one goes through the weights once.
func TestElasticNetTurns(t *testing.T) {
	p := ElasticNet{Gram: Matrix{Rows: 3, Cols: 3, Data: []float32{2, 1, 1, 1, 2, 1, 1, 1, 2}}, First: 2, Turns: 1}
	w, slope := make([]float32, 3), []float32{1, 1, 2}
	p.Descend(w, slope)
	if w[0] != 0.5 || w[1] != 0.25 || w[2] != 0 || slope[0] != -0.25 || slope[1] != 0 || slope[2] != 1.25 {
		t.Errorf("weights %v, slopes %v", w, slope)
	}
}
