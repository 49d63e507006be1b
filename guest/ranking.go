package guest

import (
	"slices"

	"rechost/guest/abi"
	"rechost/guest/num"
)

// RecommendByScore writes the recommendations where an item has the same score
// for everybody, one number an item: for each target the items of the greatest
// score, ties by the smaller item. What [Task.Mask] leaves out is left out, and
// scores that are -Inf or not a number. The stage binds "targets" aligned, with
// the array "item".
func (t *Task) RecommendByScore(score []float32) {
	items, lists := num.Dense(score, 1), t.Recommendations()
	var front num.Sparse
	if !t.HasCandidates() {
		front = t.front(items)
	}
	t.Blocks(1024, func(first, rows int) {
		mask := t.Mask(first, rows)
		if !t.HasCandidates() {
			mask.Only = front
		}
		ones := num.Dense(slices.Repeat([]float32{1}, rows), 1) // a score is the product of 1 and the item's
		lists.AddAll(num.ScoreTopK(ones, nil, items, mask, t.Top()))
	})
}

// front is the items that lists by score can reach: as many of the best as a
// list has items and leaves out, in a matrix of one row.
func (t *Task) front(items num.Matrix) num.Sparse {
	deep := t.Top()
	if !t.KeepSeen() {
		offsets, longest := t.U64(abi.Targets+"."+abi.Offsets), uint64(0)
		for row := range t.Rows {
			longest = max(longest, offsets[row+1]-offsets[row])
		}
		deep += int(longest)
	}
	best := num.ScoreTopK(num.Dense([]float32{1}, 1), nil, items, num.Mask{}, deep).Index
	slices.Sort(best)
	return num.CSR(items.Rows, []uint64{0, uint64(len(best))}, best, nil)
}
