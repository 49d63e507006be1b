package fault

// Nearest returns the candidate that a person most likely meant by name, or
// "" where none is near: one that starts with it, or else the one with the
// fewest edits (optimal string alignment: neighbours swapped count one), at
// most a third of the longer one's letters and at least one, the first of
// equals.
func Nearest(name string, candidates []string) string {
	if name == "" {
		return ""
	}
	for _, c := range candidates {
		if len(name) > 1 && len(c) > len(name) && c[:len(name)] == name {
			return c
		}
	}
	best, least := "", 0
	for _, c := range candidates {
		d := distance(name, c)
		if d <= max(1, max(len(c), len(name))/3) && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

func distance(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
