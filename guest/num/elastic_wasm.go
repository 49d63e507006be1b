//go:build wasm

package num

import "unsafe"

// Descend takes the weights w, rows as long as the Gram matrix's, to the
// solution, and slope, their b - Gw, with them; see naive.ElasticNet.
func (p ElasticNet) Descend(w, slope []float32) {
	if rows := p.rows(w, slope); rows > 0 {
		hostElasticNet(addr(w), addr(slope), int64(rows), matrix(0, p.Gram), int64(p.First), p.L1, p.L2, p.Tolerance, int64(p.Turns))
	}
}

//go:wasmimport rechost_num elastic_net
func hostElasticNet(w, slope unsafe.Pointer, rows int64, gram unsafe.Pointer, first int64, l1, l2, tolerance float32, turns int64)
