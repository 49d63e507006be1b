package guest

import (
	"cmp"
	"slices"

	"rechost/guest/abi"
	"rechost/guest/num"
)

// RecommendByScore writes the recommendations where an item has the same score
// for everybody, one number an item: for each target the items of the greatest
// score, ties by the smaller item. What [Task.Mask] leaves out is left out. The
// stage binds "targets" aligned, with the array "item".
func (t *Task) RecommendByScore(score []float32) {
	if t.HasCandidates() {
		t.chooseByScore(score)
		return
	}
	profiles, lists := t.Entries(abi.Targets, "item", ""), t.Recommendations()
	order := ranking(score)
	for row := range t.Rows {
		own, _ := profiles.Row(row)
		var items []uint32
		var scores []float32
		for _, i := range order {
			if len(items) == t.Top() {
				break
			}
			if _, seen := slices.BinarySearch(own, i); !seen || t.KeepSeen() {
				items, scores = append(items, i), append(scores, score[i])
			}
		}
		lists.Add(items, scores)
	}
}

// chooseByScore is RecommendByScore where lists may hold some items only: a
// score is the product of the factors 1 and the item's.
func (t *Task) chooseByScore(score []float32) {
	items, lists := num.Dense(score, 1), t.Recommendations()
	t.Blocks(1024, func(first, rows int) {
		ones := num.Dense(slices.Repeat([]float32{1}, rows), 1)
		lists.AddAll(num.ScoreTopK(ones, nil, items, t.Mask(first, rows), t.Top()))
	})
}

// ranking returns the numbers 0 to len(score)-1, those of the highest score
// first, ties by the smaller number.
func ranking(score []float32) []uint32 {
	r := make([]uint32, len(score))
	for i := range r {
		r[i] = uint32(i)
	}
	slices.SortFunc(r, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(a, b))
	})
	return r
}
