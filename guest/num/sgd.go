package num

// Pairwise is the data and the constants of BPR; see naive.Pairwise, field by
// field.
type Pairwise struct {
	Rows         Sparse
	Items        []uint32
	Passes       int
	Rate, Decay  float32
	PerUser      bool
	Verify       bool
	Seed, Stream uint64
}

// BPR improves the vectors of a block of users and one of items, and the
// items' biases, and returns the number of samples that it took; see naive.BPR.
func BPR(users, items, bias []float32, p Pairwise) int {
	if len(p.Items) == 0 || p.Rows.Rows == 0 {
		return 0
	}
	k := len(items) / len(p.Items)
	return bpr(users[:p.Rows.Rows*k], items[:len(p.Items)*k], bias[:len(p.Items)], k, p)
}
