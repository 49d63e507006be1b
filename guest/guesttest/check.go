package guesttest

import (
	"fmt"
	"math"
	"slices"

	"rechost/guest/abi"
)

// check holds the recommendations to what the host asks of them.
func (v *driver) check(r *Result) error {
	f, ok := r.Frames[abi.Recommendations]
	if !ok {
		return fmt.Errorf("the plan makes no recommendations")
	}
	if f.Rows != v.config.Data.Targets {
		return fmt.Errorf("recommendations for %d targets, not %d", f.Rows, v.config.Data.Targets)
	}
	for row := range f.Rows {
		items, scores := f.Row(row, "item", "score")
		if len(items) > v.config.Top {
			return fmt.Errorf("row %d: %d recommendations, more than %d", row, len(items), v.config.Top)
		}
		seen, _ := v.frames[abi.Targets].Row(row, "item", "value")
		for i, item := range items {
			s := float64(scores[i])
			switch {
			case int(item) >= v.config.Data.Items:
				return fmt.Errorf("row %d: item %d is out of range", row, item)
			case math.IsNaN(s) || math.IsInf(s, 0):
				return fmt.Errorf("row %d: item %d has the score %v", row, item, s)
			case slices.Contains(items[:i], item):
				return fmt.Errorf("row %d: item %d twice", row, item)
			case i > 0 && (scores[i] > scores[i-1] || scores[i] == scores[i-1] && item < items[i-1]):
				return fmt.Errorf("row %d: item %d after item %d, out of order", row, item, items[i-1])
			case !v.config.KeepSeen && slices.Contains(seen, item):
				return fmt.Errorf("row %d: item %d is the target's own", row, item)
			}
		}
	}
	return nil
}
