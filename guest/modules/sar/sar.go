// Command sar is a module that recommends by Microsoft's Smart Adaptive
// Recommendations: a user's affinity to items, which fades with time, times the
// items' similarity.
package main

import (
	"math"
	"sort"

	"rechost/guest"
	"rechost/guest/neighbours"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "sar",
	Version: "1.0.0",
	Summary: "smart adaptive recommendations: affinity that fades with time, times the similarity of items",
	Source:  "Microsoft Recommenders, Smart Adaptive Recommendations (SAR), github.com/recommenders-team/recommenders",
	Uses:    []string{guest.Time},
	Params: []guest.Param{
		guest.Choice("similarity", "of two items, by the users who have both", "jaccard", "lift", "cooccurrence"),
		guest.Float("time_decay", 30, "days in which an interaction's weight halves; 0: it keeps it").AtLeast(0),
		guest.Int("threshold", 1, "users that two items need in common to be similar").Between(1, 1<<24),
	},
	Plan: plan,
}

func plan(c *guest.Config, p *guest.Plan) {
	p.Stage("count", count).Over(guest.Items).Aligned("by_item", "user").Writes("counts", guest.F32("users"))
	p.Stage("similarity", similarity).Over(guest.Items).Aligned("by_item", "user").Whole("by_user", "item").Whole("counts").
		Writes("similarity", guest.U32("item").Entries(), guest.F32("value").Entries())
	if fades(c) {
		p.Stage("latest", latest).Over(guest.Users).Aligned("by_user", "time").Writes("latest", guest.I64("time"))
		p.Stage("affinity", affinity).Over(guest.Users).Aligned("by_user", "value", "time").Whole("latest").
			Writes("affinity", guest.F32("value").Entries())
	}
	p.EmitsLists("similarity", "similarity", guest.Items, "item", "value", "the items similar to each item, itself among them")
	s := p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("similarity").Recommends()
	if fades(c) {
		s.Whole("by_user", "item").Whole("affinity")
	}
}

// fades tells whether the affinity depends on time.
func fades(c *guest.Config) bool { return c.HasTimes() && c.Float("time_decay") > 0 }

// count is the number of users of each item.
func count(t *guest.Task) {
	n := make([]float32, t.Rows)
	num.RowSums(n, t.Sparse("by_item", "user", "", t.Users()), 0)
	t.WriteF32("counts.users", n)
}

// similarity of items i and j with c users in common, at least threshold of
// them, and n of their own; that of an item to itself is kept too:
//
//	jaccard       c / (n_i + n_j - c)
//	lift          c / (n_i · n_j)
//	cooccurrence  c
func similarity(t *guest.Task) {
	n, threshold, k := t.F32("counts.users"), t.Float32("threshold"), t.Items()
	users, lists := t.Sparse("by_item", "user", "", t.Users()), t.Lists("similarity", "item", "value")
	var block num.Lists
	t.Blocks(neighbours.Block(k), func(first, rows int) {
		p := num.Product{A: users.Slice(first, rows), B: t.Sparse("by_user", "item", "", k)}
		if threshold > 1 {
			block.ProductTopK(p, k)
			p.Without = below(block, threshold, k)
		}
		own, ones, zeros := n[t.First+first:][:rows], make([]float32, rows), make([]float32, rows)
		for i := range ones {
			ones[i] = 1
		}
		switch t.Text("similarity") {
		case "jaccard":
			p.Norms, p.Alpha, p.Beta, p.Gamma = n, ones, own, 1
		case "lift":
			p.Norms, p.Alpha, p.Beta = n, own, zeros
		}
		block.ProductTopK(p, k)
		lists.AddAll(block)
	})
}

// below is what stands at the end of each list, from the first count that is
// under the threshold.
func below(counts num.Lists, threshold float32, cols int) num.Sparse {
	offsets, index := make([]uint64, 1, len(counts.Offsets)), []uint32(nil)
	for r := range len(counts.Offsets) - 1 {
		lo, hi := counts.Offsets[r], counts.Offsets[r+1]
		row := counts.Score[lo:hi]
		at := sort.Search(len(row), func(e int) bool { return row[e] < threshold })
		index = append(index, counts.Index[lo+uint64(at):hi]...)
		offsets = append(offsets, uint64(len(index)))
	}
	return num.CSR(cols, offsets, index, nil)
}

// latest is the time of each user's last interaction.
func latest(t *guest.Task) {
	offsets, times, out := t.U64("by_user.offsets"), t.I64("by_user.time"), make([]int64, t.Rows)
	for u := range out {
		out[u] = math.MinInt64
		for _, at := range times[offsets[u]-offsets[0] : offsets[u+1]-offsets[0]] {
			out[u] = max(out[u], at)
		}
	}
	t.WriteI64("latest.time", out)
}

// affinity of a user to an item is its value w, halved for every time_decay
// days between the interaction and the last one of anybody: w · 2^(-Δt/T).
func affinity(t *guest.Task) {
	now := int64(math.MinInt64)
	for _, at := range t.I64("latest.time") {
		now = max(now, at)
	}
	const day = 24 * 60 * 60 * 1e6 // microseconds
	half := t.Float("time_decay") * day
	times, values := t.I64("by_user.time"), t.F32("by_user.value")
	for e, at := range times {
		// Past 2^-126 nothing is left in float32; the bound keeps Exp in its range.
		lives := min((float64(now)-float64(at))/half, 126)
		values[e] *= float32(guest.Exp(float64(-lives * math.Ln2)))
	}
	offsets, out := t.U64("by_user.offsets"), t.Lists("affinity", "", "value")
	for u := range t.Rows {
		out.Add(nil, values[offsets[u]-offsets[0]:offsets[u+1]-offsets[0]])
	}
}

// score is affinity times similarity.
func score(t *guest.Task) {
	s := t.Sparse("similarity", "item", "value", t.Items())
	if !fades(t.Config) {
		neighbours.Recommend(t, t.Sparse("targets", "item", "value", t.Items()), s)
		return
	}
	a := t.Sparse("by_user", "item", "", t.Items())
	a.Value = t.Vector("affinity.value")
	neighbours.RecommendUsers(t, a, s)
}
