// Command userknn is a module that recommends by nearest neighbours of users.
package main

import (
	"rechost/guest"
	"rechost/guest/neighbours"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "userknn",
	Version: "1.0.0",
	Summary: "collaborative filtering by the nearest neighbours of users",
	Source:  "Resnick, Iacovou, Suchak, Bergstrom, Riedl: GroupLens: an open architecture for collaborative filtering of netnews, CSCW 1994",
	Params:  neighbours.Params(neighbours.Users),
	Plan:    plan,
}

func plan(c *guest.Config, p *guest.Plan) {
	neighbours.Plan(c, p, neighbours.Users)
	p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("neighbours").Whole("by_user", "item", "value").Recommends()
}

// score sums, for each item, the similarity of the users who have it, times
// their values.
func score(t *guest.Task) {
	near := t.Sparse("neighbours", "user", "value", t.Users())
	neighbours.RecommendUsers(t, near, t.Sparse("by_user", "item", "value", t.Items()))
}
