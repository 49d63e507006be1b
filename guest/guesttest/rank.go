package guesttest

import (
	"math"
	"slices"
	"testing"
)

// LeaveOneOut is a split that holds out one item of each user, to be ranked
// among others that the user does not have.
type LeaveOneOut struct {
	*Labelled
	held   []int // by raw user id
	others [][]int
}

// Ranked is the mean HR@k and nDCG@k of the held-out items, each last among
// equal scores; score adds a user's scores of all items, by dense ids, to
// zeros.
func (l *LeaveOneOut) Ranked(k int, score func(user int, scores []float64)) (hr, ndcg float64) {
	scores := make([]float64, l.Items)
	for u := range l.Users {
		clear(scores)
		score(u, scores)
		of := func(item int) float64 { // 0 for an item that nobody else has
			if i, ok := slices.BinarySearch(l.ItemIDs, item); ok {
				return scores[i]
			}
			return 0
		}
		raw := l.UserIDs[u]
		own, rank := of(l.held[raw]), 0
		for _, i := range l.others[raw] {
			if i != l.held[raw] && of(i) >= own {
				rank++
			}
		}
		if rank < k {
			hr++
			ndcg += math.Ln2 / math.Log(float64(rank+2))
		}
	}
	return hr / float64(l.Users), ndcg / float64(l.Users)
}

// Publishes fails the test where HR@10 and nDCG@10 are further than so much
// from what was published.
func (l *LeaveOneOut) Publishes(t *testing.T, name any, score func(user int, scores []float64), hr, ndcg, within float64) {
	t.Helper()
	h, n := l.Ranked(10, score)
	t.Logf("%v: HR@10 %.5f, nDCG@10 %.5f", name, h, n)
	if math.Abs(h-hr) > within || math.Abs(n-ndcg) > within {
		t.Errorf("%v: HR@10 %.5f, nDCG@10 %.5f, published %.4f, %.4f", name, h, n, hr, ndcg)
	}
}

// ByProfile scores by the sum of a frame's rows of the items in the profile,
// all of value 1.
func (l *LeaveOneOut) ByProfile(f Frame) func(user int, scores []float64) {
	return func(u int, scores []float64) {
		for _, i := range l.Profile(u) {
			ids, values := f.Row(i, "item", "value")
			for e, j := range ids {
				scores[j] += float64(values[e])
			}
		}
	}
}

// ByNeighbours scores by the sum of a frame's weights of the users who have an
// item, all of value 1.
func (l *LeaveOneOut) ByNeighbours(f Frame) func(user int, scores []float64) {
	return func(u int, scores []float64) {
		ids, values := f.Row(u, "user", "value")
		for e, v := range ids {
			for _, j := range l.Profile(int(v)) {
				scores[j] += float64(values[e])
			}
		}
	}
}
