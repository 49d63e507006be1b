// Command dated is a module that cannot do without times: it recommends items
// by the time of their latest interaction.
package main

import (
	"cmp"
	"slices"

	"rechost/guest"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "dated",
	Version: "1.0.0",
	Summary: "the items that somebody took last",
	Needs:   []string{guest.Time},
	Plan: func(c *guest.Config, p *guest.Plan) {
		p.Stage("latest", latest).Over(guest.Once).Whole("by_user", "item", "time").WritesRows("latest", c.Items(), guest.F32("day"))
		p.Stage("lists", lists).Over(guest.Targets).Aligned("targets").Whole("latest").Recommends()
	},
}

// latest is the day of each item's last interaction.
func latest(t *guest.Task) {
	out := make([]float32, t.Items())
	times := t.I64("by_user.time")
	for e, i := range t.U32("by_user.item") {
		out[i] = max(out[i], float32(times[e]/(24*60*60*1_000_000)))
	}
	t.WriteF32("latest.day", out)
}

// lists orders the items that a target has not by their day.
func lists(t *guest.Task) {
	day, profiles, out := t.F32("latest.day"), t.Entries("targets", "item", ""), t.Recommendations()
	for row := range t.Rows {
		seen, _ := profiles.Row(row)
		var items []uint32
		for i := range uint32(t.Items()) {
			if !slices.Contains(seen, i) {
				items = append(items, i)
			}
		}
		slices.SortStableFunc(items, func(a, b uint32) int { return cmp.Compare(day[b], day[a]) })
		items = items[:min(len(items), t.Top())]
		scores := make([]float32, len(items))
		for k, i := range items {
			scores[k] = day[i]
		}
		out.Add(items, scores)
	}
}
