package guest

import (
	"cmp"
	"slices"
)

// Ranking returns the numbers 0 to len(score)-1, those of the highest score
// first, ties by the smaller number.
func Ranking(score []float32) []uint32 {
	r := make([]uint32, len(score))
	for i := range r {
		r[i] = uint32(i)
	}
	slices.SortFunc(r, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(a, b))
	})
	return r
}
