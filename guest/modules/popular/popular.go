// Command popular is a module that recommends what most users have.
package main

import (
	"cmp"
	"slices"

	"rechost/guest"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "popular",
	Version: "1.0.0",
	Summary: "the items that most users have, to everybody the same but for what they have already",
	Params: []guest.Param{
		guest.Choice("by", "what an item's score is: its number of users, or the sum of their values", "users", "values"),
	},
	Plan: func(c *guest.Config, p *guest.Plan) {
		p.Stage("count", count).Over(guest.Items).Aligned("by_item").Writes("counts", guest.F32("score"))
		p.Stage("rank", rank).Over(guest.Once).Whole("counts").
			WritesRows("ranking", c.Items(), guest.U32("item"), guest.F32("score"))
		p.Stage("recommend", recommend).Over(guest.Targets).Aligned("targets", "item").Whole("ranking").Recommends()
	},
}

func count(t *guest.Task) {
	score := make([]float32, t.Rows)
	power := 0
	if t.Text("by") == "values" {
		power = 1
	}
	num.RowSums(score, t.Sparse("by_item", "user", "value", t.Users()), power)
	t.WriteF32("counts.score", score)
}

func rank(t *guest.Task) {
	score := t.F32("counts.score")
	item := make([]uint32, len(score))
	for i := range item {
		item[i] = uint32(i)
	}
	slices.SortStableFunc(item, func(a, b uint32) int { return cmp.Compare(score[b], score[a]) })
	sorted := make([]float32, len(score))
	for i, j := range item {
		sorted[i] = score[j]
	}
	t.WriteU32("ranking.item", item)
	t.WriteF32("ranking.score", sorted)
}

func recommend(t *guest.Task) {
	item, score := t.U32("ranking.item"), t.F32("ranking.score")
	profiles, lists := t.Entries("targets", "item", ""), t.Recommendations()
	seenBy := make([]int, t.Items()) // last row that has the item, from 1
	items, scores := make([]uint32, 0, t.Top()), make([]float32, 0, t.Top())
	for row := range t.Rows {
		seen, _ := profiles.Row(row)
		for _, i := range seen {
			seenBy[i] = row + 1
		}
		items, scores = items[:0], scores[:0]
		for n, i := range item {
			if len(items) == t.Top() {
				break
			}
			if t.KeepSeen() || seenBy[i] != row+1 {
				items, scores = append(items, i), append(scores, score[n])
			}
		}
		lists.Add(items, scores)
	}
}
