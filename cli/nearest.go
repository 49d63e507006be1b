package cli

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
	best, least := "", 0
	for _, n := range names {
		d := edits(word, n)
		if d <= max(1, max(len(n), len(word))/3) && (best == "" || d < least) {
			best, least = n, d
		}
	}
	return best
}

// edits is the number of letters to insert, delete, replace or swap with their
// neighbour that make b of a (the optimal string alignment distance).
func edits(a, b string) int {
	// Row i, column j: the edits from a[:i] to b[:j]. Only three rows are needed,
	// but words are short.
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
