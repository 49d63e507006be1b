package recs

import (
	"math"
	"strconv"

	"rechost/host/fault"
	"rechost/host/matrix"
)

// Lists is one list of items for each target.
type Lists struct {
	Users   []uint32  // dense user of each target, ascending
	Offsets []uint64  // targets+1, from 0; delimits each target's entries
	Items   []uint32  // dense items, best first, ties by smaller item
	Scores  []float32 // finite, in descending order within a list
}

// Rules are what lists must keep to.
type Rules struct {
	Top      int  // longest list
	KeepSeen bool // lists may hold the target's own items

	Only *Candidates // lists may hold nothing else; nil: any item
}

// Check examines lists that a module made, whose Offsets, Items and Scores may
// be anything; Users are the host's own. The first violation, in order of
// targets, is an error of code fault.Module that names the target by its raw
// id and says what is wrong.
func Check(l Lists, m *matrix.Matrix, r Rules) error {
	n := len(l.Users)
	if len(l.Offsets) != n+1 {
		return fault.Mod("recommendations for %d targets where there are %d", len(l.Offsets)-1, n)
	}
	if len(l.Scores) != len(l.Items) {
		return fault.Mod("recommendations have %d items and %d scores", len(l.Items), len(l.Scores))
	}
	if l.Offsets[0] != 0 || l.Offsets[n] != uint64(len(l.Items)) {
		return fault.Mod("recommendations have %d entries, but their offsets run from %d to %d", len(l.Items), l.Offsets[0], l.Offsets[n])
	}
	for t, u := range l.Users {
		if int(u) >= m.Users.Len() {
			return fault.New(fault.Failed, "target %d is user %d of %d", t, u, m.Users.Len())
		}
		if l.Offsets[t] > l.Offsets[t+1] || l.Offsets[t+1] > uint64(len(l.Items)) {
			return wrong(m, u, "a list from entry %d to %d of %d", l.Offsets[t], l.Offsets[t+1], len(l.Items))
		}
	}
	// In which target an item was last recommended, was seen by the target, or
	// was a candidate. A place of 0 is never; target t is t+1.
	shown, seen, open := make([]uint32, m.Items.Len()), make([]uint32, m.Items.Len()), make([]uint32, m.Items.Len())
	for t, u := range l.Users {
		a, b := l.Offsets[t], l.Offsets[t+1]
		if int(b-a) > r.Top {
			return wrong(m, u, "%d items, and %d were asked for", b-a, r.Top)
		}
		mark := uint32(t) + 1
		if !r.KeepSeen {
			own, _ := m.ByUser.Row(int(u))
			for _, i := range own {
				seen[i] = mark
			}
		}
		if r.Only != nil && b > a {
			for _, i := range r.Only.Row(u) {
				open[i] = mark
			}
		}
		for e := a; e < b; e++ {
			i, s := l.Items[e], l.Scores[e]
			rank := int(e-a) + 1
			switch {
			case int(i) >= m.Items.Len():
				return wrong(m, u, "rank %d is item number %d, and there are %d items", rank, i, m.Items.Len())
			case math.IsNaN(float64(s)) || math.IsInf(float64(s), 0):
				return wrong(m, u, "item %s at rank %d has the score %v", text(&m.Items, i), rank, s)
			case shown[i] == mark:
				return wrong(m, u, "item %s is there twice, at rank %d too", text(&m.Items, i), rank)
			case e > a && s > l.Scores[e-1]:
				return wrong(m, u, "rank %d has a higher score (%v) than the rank before it (%v)", rank, s, l.Scores[e-1])
			case e > a && s == l.Scores[e-1] && i < l.Items[e-1]:
				return wrong(m, u, "ranks %d and %d have the same score (%v) and their items are not in order", rank-1, rank, s)
			case !r.KeepSeen && seen[i] == mark:
				return wrong(m, u, "item %s at rank %d is one of the user's own", text(&m.Items, i), rank)
			case r.Only != nil && open[i] != mark:
				return wrong(m, u, "item %s at rank %d is none of the user's candidates", text(&m.Items, i), rank)
			}
			shown[i] = mark
		}
	}
	return nil
}

func wrong(m *matrix.Matrix, user uint32, format string, a ...any) error {
	return fault.Mod("recommendations for user "+quote(text(&m.Users, user))+": "+format, a...)
}

// quote keeps an id from being read as a format.
func quote(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] == '%' {
			out = append(out, '%')
		}
		out = append(out, s[i])
	}
	return string(out)
}

func text(d *matrix.IDs, i uint32) string {
	if int(i) >= d.Len() {
		return "number " + strconv.Itoa(int(i))
	}
	return fault.Clean(d.Text(int(i)), 200)
}
