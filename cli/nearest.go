package cli

import (
	"github.com/xrash/smetrics" // edit distance; the flag library brings it along
)

// nearest returns the name that word was probably meant to be: a name that
// starts with it, or else the one with the fewest edits, at most a third of
// the longer one's letters and at least one. Ties go to the first name.
func nearest(word string, names []string) string {
	if len(word) > 1 {
		for _, n := range names {
			if len(n) > len(word) && n[:len(word)] == word {
				return n
			}
		}
	}
	best, edits := "", 0
	for _, n := range names {
		d := smetrics.WagnerFischer(word, n, 1, 1, 1)
		if d <= max(1, max(len(n), len(word))/3) && (best == "" || d < edits) {
			best, edits = n, d
		}
	}
	return best
}
