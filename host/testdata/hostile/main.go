// Command hostile is a module that misbehaves in the way its parameter says:
// each is a test of what the host does about it.
package main

import (
	"math"
	"os"
	"strings"

	"rechost/guest"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "hostile",
	Version: "1.0.0",
	Summary: "does what it must not",
	Params: []guest.Param{
		guest.Choice("how", "what to do wrong", "nothing", "trap", "panic", "fail", "loop", "flood", "newlines", "memory",
			"range", "nan", "infinite", "twice", "seen", "unsorted", "ties", "long", "short", "rows", "plan", "planloop", "times", "chat", "blind", "planpanic", "refuse"),
		guest.Choice("emits", "what to do wrong in what it emits", "nothing", "range", "twice", "nan", "rows", "array"),
		guest.Int("shard", 1, "which shard does it"),
		guest.Int("spin", 0, "turns of a loop that every task makes first"),
	},
	Plan: func(c *guest.Config, p *guest.Plan) {
		switch c.Text("how") {
		case "refuse":
			p.Refuse("this is not what the first of us want:", c.Users())
		case "planpanic":
			panic("no plan today")
		case "planloop":
			for {
				sink++
			}
		case "plan":
			p.Stage("lists", lists).Over(guest.Targets).Whole("nowhere").Recommends()
			return
		case "times":
			p.Stage("times", first).Over(guest.Users).Aligned("by_user", "time").Writes("sizes", guest.U32("size"))
		case "blind": // makes the lists without asking for candidates
			p.Stage("lists", lists).Over(guest.Targets).Aligned("targets").
				Writes("recommendations", guest.U32("item").Entries(), guest.F32("score").Entries())
			return
		}
		p.Stage("first", first).Over(guest.Users).Aligned("by_user").Writes("sizes", guest.U32("size"))
		p.Stage("lists", lists).Over(guest.Targets).Aligned("targets").Whole("sizes").Recommends()
		p.Stage("gift", gift).Over(guest.Items).Writes("gift", guest.U32("item").Entries(), guest.F32("value").Entries())
		rows, values := guest.Items, "value"
		switch c.Text("emits") {
		case "rows":
			rows = guest.Users
		case "array":
			values = "item"
		}
		p.EmitsLists("gift", "gift", rows, "item", values, "not to be trusted")
	},
}

var sink uint32

func spin(t *guest.Task) {
	for i := range t.Int("spin") {
		sink = sink*1664525 + uint32(i)
	}
}

func first(t *guest.Task) {
	spin(t)
	m, size := t.Entries("by_user", "item", ""), make([]uint32, t.Rows)
	for i := range size {
		size[i] = uint32(m.Len(i))
	}
	t.WriteU32("sizes.size", size)
}

// gift gives each item the first three, and goes wrong in one shard.
func gift(t *guest.Task) {
	l := t.Lists("gift", "item", "value")
	for r := range t.Rows {
		items, values := []uint32{0, 1, 2}, []float32{1, 2, 3}
		if t.Shard == t.Int("shard") && r == 0 {
			switch t.Text("emits") {
			case "range":
				items[2] = uint32(t.Items())
			case "twice":
				items[2] = 0
			case "nan":
				values[1] = float32(math.NaN())
			}
		}
		l.Add(items, values)
	}
}

// lists gives everybody the first items that they have not, and goes wrong in
// one shard.
func lists(t *guest.Task) {
	spin(t)
	how := t.Text("how")
	if t.Shard != t.Int("shard") {
		how = "nothing"
	}
	switch how {
	case "chat":
		t.Log("there are", t.Rows, "of them")
		t.Warn("beware")
	case "trap":
		var p *[1 << 20]byte
		sink = uint32(p[1<<19])
	case "panic":
		panic("I do not want to")
	case "fail":
		t.Fail("refused\x1b[2J on principle")
	case "loop":
		for {
			sink++
		}
	case "flood":
		for {
			t.Log("all work and no play makes a dull log", sink)
		}
	case "newlines":
		os.Stdout.WriteString(strings.Repeat("\n", 60_000))
	case "memory":
		var keep [][]byte
		for {
			keep = append(keep, make([]byte, 1<<20))
			keep[len(keep)-1][0] = 1
		}
	}
	profiles, out := t.Entries("targets", "item", ""), t.Recommendations()
	rows := t.Rows
	if how == "rows" {
		rows--
	}
	for row := range rows {
		seen, _ := profiles.Row(row)
		have := map[uint32]bool{}
		for _, i := range seen {
			have[i] = true
		}
		var items []uint32
		var scores []float32
		for i := range uint32(t.Items()) {
			if len(items) < t.Top() && (t.KeepSeen() || !have[i]) {
				items, scores = append(items, i), append(scores, float32(t.Items()-int(i)))
			}
		}
		if row == 0 && len(items) > 1 {
			switch how {
			case "range":
				items[0] = uint32(t.Items())
			case "nan":
				scores[1] = float32(math.NaN())
			case "infinite":
				scores[0] = float32(math.Inf(1))
			case "twice":
				items[1] = items[0]
			case "seen":
				items[0] = seen[0]
			case "unsorted":
				scores[0], scores[1] = scores[1], scores[0]
			case "ties":
				items[0], items[1], scores[1] = items[1], items[0], scores[0]
			case "long":
				items, scores = append(items, items[0]), append(scores, 0)
			}
		}
		out.Add(items, scores)
	}
}
