package guesttest_test

import (
	"strings"
	"testing"

	"rechost/guest"
	"rechost/guest/abi"
	"rechost/guest/guesttest"
)

func TestSchema(t *testing.T) {
	stage := func(s string) string { return `{"steps":[{"stage":` + s + `}]}` }
	good := `{"name":"a","over":"once","inputs":[],"outputs":[{"frame":"f","rows":1,"arrays":[{"name":"x","dtype":"f32"}]}]}`
	for text, want := range map[string]string{
		stage(good): "",
		`{"steps":[{"repeat":{"times":2,"until":"f","steps":[{"stage":` + good + `}]}}]}`: "",
		`{}`:                             "no steps",
		`[{"steps":1}]`:                  "no steps",
		`{"steps":[]}`:                   "minItems",
		`{"steps":[{}]}`:                 "minProperties",
		`{"steps":[{"stage":{},"x":1}]}`: "unknown key x",
		stage(`{"name":"a"}`):            "no over",
		`{"steps":[{"repeat":{"times":1.5,"steps":[{"stage":` + good + `}]}}]}`: "not of type integer",
		`{"steps":[{"repeat":{"times":0,"steps":[{"stage":` + good + `}]}}]}`:   "minimum",
		stage(strings.Replace(good, `"a"`, `"A"`, 1)):                           "does not match",
		stage(strings.Replace(good, `f32`, `f16`, 1)):                           "none of",
		stage(strings.Replace(good, `"rows":1`, `"rows":0`, 1)):                 "minimum",
		stage(strings.Replace(good, `"inputs":[]`, `"inputs":{}`, 1)):           "not of type array",
	} {
		err := guesttest.Schema(abi.PlanSchema, text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// The driver finds what the host would refuse.
func TestDriverChecks(t *testing.T) {
	x := guesttest.Rows([][]float32{{1, 1, 0, 0}, {0, 1, 1, 0}})
	recommend := func(items []uint32, scores []float32) func(t *guest.Task) {
		return func(t *guest.Task) {
			l := t.Recommendations()
			for range t.Rows {
				l.Add(items, scores)
			}
		}
	}
	plan := func(do func(*guest.Task)) func(*guest.Config, *guest.Plan) {
		return func(c *guest.Config, p *guest.Plan) { p.Stage("s", do).Over(guest.Targets).Recommends() }
	}
	for want, p := range map[string]func(*guest.Config, *guest.Plan){
		"item 7 is out of range":            plan(recommend([]uint32{7}, []float32{1})),
		"item 3 twice":                      plan(recommend([]uint32{3, 3}, []float32{2, 1})),
		"item 3 after item 2, out of order": plan(recommend([]uint32{2, 3}, []float32{1, 2})),
		"item 1 is the target's own":        plan(recommend([]uint32{1}, []float32{1})),
		"item 3 has the score NaN":          plan(recommend([]uint32{3}, []float32{nan()})),
		"3 recommendations, more than 2":    plan(recommend([]uint32{1, 2, 3}, []float32{3, 2, 1})),
		"makes no recommendations":          func(c *guest.Config, p *guest.Plan) {},
		"reads x, which no earlier": func(c *guest.Config, p *guest.Plan) {
			p.Stage("s", nil).Over(guest.Users).Whole("x").Writes("y", guest.F32("v"))
		},
		"is over \"x\", which is nothing": func(c *guest.Config, p *guest.Plan) { p.Stage("s", nil).Over("x").Writes("y", guest.F32("v")) },
		"bound twice": func(c *guest.Config, p *guest.Plan) {
			p.Stage("s", nil).Over(guest.Users).Whole("by_item").Aligned("by_item").Writes("y", guest.F32("v"))
		},
		"but the stage runs once": func(c *guest.Config, p *guest.Plan) {
			p.Stage("s", nil).Over(guest.Once).Aligned("by_item").WritesRows("y", 1, guest.F32("v"))
		},
		"say how many rows they have": func(c *guest.Config, p *guest.Plan) { p.Stage("s", nil).Over(guest.Once).Writes("y", guest.F32("v")) },
		"output \"users\": the name is taken": func(c *guest.Config, p *guest.Plan) {
			p.Stage("s", nil).Over(guest.Users).Writes("users", guest.F32("v"))
		},
		"stage s has no function": func(c *guest.Config, p *guest.Plan) { p.Stage("s", nil).Over(guest.Users).Writes("y", guest.F32("v")) },
		"y.v has 1 rows, not 2": func(c *guest.Config, p *guest.Plan) {
			p.Stage("s", func(t *guest.Task) { t.WriteF32("y.v", []float32{1}) }).Over(guest.Users).Writes("y", guest.F32("v"))
		},
	} {
		m := guest.Module{Name: "m", Version: "1", Summary: "s", Plan: p}
		if _, err := guesttest.Run(m, x, guesttest.Options{Top: 2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func nan() float32 {
	var zero float32
	return zero / zero
}

// Only runs the tasks asked for and leaves the rest empty.
func TestOnly(t *testing.T) {
	m := guest.Module{Name: "m", Version: "1", Summary: "s", Plan: func(c *guest.Config, p *guest.Plan) {
		p.Stage("s", func(t *guest.Task) { t.Recommendations().Add([]uint32{3}, []float32{1}) }).Over(guest.Targets).Recommends()
	}}
	r, err := guesttest.Run(m, guesttest.Rows([][]float32{{1, 1, 0, 1}, {0, 1, 1, 0}, {1, 0, 0, 0}}), guesttest.Options{Shards: 3,
		Only: func(stage string, first, rows int) bool { return first == 1 }})
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range []int{0, 1, 0} {
		if items, _ := r.List(row); len(items) != want {
			t.Errorf("row %d has %v", row, items)
		}
	}
}
