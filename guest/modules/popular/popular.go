// Command popular is a module that recommends what most users have.
package main

import (
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

func recommend(t *guest.Task) { t.RecommendByScore(t.F32("counts.score")) }
