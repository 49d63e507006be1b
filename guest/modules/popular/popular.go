// Command popular is a module that recommends what most users have.
package main

import (
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
		p.Stage("recommend", recommend).Over(guest.Targets).Aligned("targets", "item").Whole("counts").Recommends()
	},
}

func count(t *guest.Task) {
	score := make([]float32, t.Rows)
	power := map[string]int{"users": 0, "values": 1}[t.Text("by")]
	num.RowSums(score, t.Sparse("by_item", "user", "value", t.Users()), power)
	t.WriteF32("counts.score", score)
}

func recommend(t *guest.Task) {
	score, profiles, lists := t.F32("counts.score"), t.Entries("targets", "item", ""), t.Recommendations()
	ranking := guest.Ranking(score)
	for row := range t.Rows {
		own, _ := profiles.Row(row)
		var items []uint32
		var scores []float32
		for _, i := range ranking {
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
