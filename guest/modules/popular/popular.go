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
		p.EmitsMatrix("counts", "counts", guest.Items, "", "score", "the score of each item")
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
	if t.HasCandidates() {
		choose(t)
		return
	}
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

// choose is recommend where lists may hold some items only: a score is the
// product of the factors 1 and the item's.
func choose(t *guest.Task) {
	scores, lists := num.Dense(t.F32("counts.score"), 1), t.Recommendations()
	t.Blocks(1024, func(first, rows int) {
		ones := make([]float32, rows)
		for i := range ones {
			ones[i] = 1
		}
		lists.AddAll(num.ScoreTopK(num.Dense(ones, 1), nil, scores, t.Mask(first, rows), t.Top()))
	})
}
