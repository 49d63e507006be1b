//go:build !wasm

package num

import "rechost/guest/num/naive"

func bpr(users, items, bias []float32, _ int, p Pairwise) int {
	return naive.BPR(users, items, bias, naive.Pairwise{Rows: p.Rows.naive(), Items: p.Items, Passes: p.Passes,
		Rate: p.Rate, Decay: p.Decay, PerUser: p.PerUser, Verify: p.Verify, Seed: p.Seed, Stream: p.Stream})
}
