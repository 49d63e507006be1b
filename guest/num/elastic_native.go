//go:build !wasm

package num

import "rechost/guest/num/naive"

// Descend takes the weights w, rows as long as the Gram matrix's, to the
// solution, and slope, their b - Gw, with them; see naive.ElasticNet.
func (p ElasticNet) Descend(w, slope []float32) {
	p.rows(w, slope)
	q := naive.ElasticNet{Gram: p.Gram.naive(), First: p.First, L1: p.L1, L2: p.L2, Tolerance: p.Tolerance, Turns: p.Turns}
	q.Descend(w, slope)
}
