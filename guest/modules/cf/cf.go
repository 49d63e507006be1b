// Command cf is a module that recommends by nearest neighbours of items.
package main

import (
	"rechost/guest"
	"rechost/guest/neighbours"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "cf",
	Version: "1.0.0",
	Summary: "collaborative filtering by the nearest neighbours of items",
	Source:  "Sarwar, Karypis, Konstan, Riedl: Item-based collaborative filtering recommendation algorithms, WWW 2001",
	Params:  neighbours.Params(neighbours.Items),
	Plan:    plan,
}

func plan(c *guest.Config, p *guest.Plan) {
	if c.Text("cut") == "implicit" {
		planImplicit(c, p)
		return
	}
	neighbours.Plan(c, p, neighbours.Items)
	p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("neighbours").Recommends()
}

// score sums, for each item, its similarity to the items of the profile, times
// their values.
func score(t *guest.Task) {
	profiles := t.Sparse("targets", "item", "value", t.Items())
	neighbours.Recommend(t, profiles, t.Sparse("neighbours", "item", "value", t.Items()))
}
