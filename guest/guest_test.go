package guest_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"rechost/guest"
	"rechost/guest/guesttest"
)

var small = guesttest.Rows([][]float32{{1, 0, 2}, {0, 3, 0}, {4, 0, 0}, {0, 5, 6}})

// one is a module of a stage over targets, which do runs.
func one(do func(t *guest.Task)) guest.Module {
	return guest.Module{Name: "one", Version: "1", Summary: "a test", Params: []guest.Param{guest.Int("n", 1, "a number"), guest.Choice("w", "a word", "x", "y")},
		Plan: func(c *guest.Config, p *guest.Plan) {
			p.Stage("only", do).Over(guest.Targets).Aligned("targets").Whole("by_item").Recommends()
		}}
}

// Mistakes end the task with a message that says what is wrong.
func TestMistakes(t *testing.T) {
	lists := func(t *guest.Task) {
		l := t.Recommendations()
		for range t.Rows {
			l.Add(nil, nil)
		}
	}
	for want, do := range map[string]func(t *guest.Task){
		"no parameter nope is declared":        func(t *guest.Task) { t.Int("nope") },
		"parameter w is not a whole number":    func(t *guest.Task) { t.Int("w") },
		"parameter n is not true or false":     func(t *guest.Task) { t.Bool("n") },
		"stage only has no input by_user.item": func(t *guest.Task) { t.U32("by_user.item") },
		"input targets.item is u32, not f32":   func(t *guest.Task) { t.F32("targets.item") },
		"input targets.value has no columns":   func(t *guest.Task) { t.Matrix("targets.value") },
		"input targets.value has no elements from 1 to ": func(t *guest.Task) {
			t.ReadF32(make([]float32, len(t.F32("targets.value"))), "targets.value", 1)
		},
		"input targets.value has no elements from -1 to 0": func(t *guest.Task) { t.ReadF32(make([]float32, 1), "targets.value", -1) },
		"targets.item is u32, not f32":                     func(t *guest.Task) { t.ReadF32(nil, "targets.item", 0) },
		"stage only declares no output x.y":                func(t *guest.Task) { t.WriteF32("x.y", nil) },
		"recommendations.item is declared as u32, not f32": func(t *guest.Task) { t.WriteF32("recommendations.item", nil) },
		"row 0 of recommendations has 1 ids and 0 values":  func(t *guest.Task) { t.Recommendations().Add([]uint32{1}, nil) },
		"no luck: 7 0.5 true":                              func(t *guest.Task) { t.Fail("no luck:", 7, 0.5, true) },
		"recommendations.offsets are not 5 rising numbers": func(t *guest.Task) {},
	} {
		if _, err := guesttest.Run(one(do), small, guesttest.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := guesttest.Run(one(lists), small, guesttest.Options{}); err != nil {
		t.Error(err)
	}
}

// A plan that refuses what it is asked for ends with its own words, and can be
// told from one that fails.
func TestRefuse(t *testing.T) {
	m := one(nil)
	m.Plan = func(c *guest.Config, p *guest.Plan) { p.Refuse("n =", c.Int("n"), "does not go with w =", c.Text("w")) }
	config := []byte(`{"abi":1,"parameters":{"n":1,"w":"x"}}`)
	_, err := m.PlanJSON(config)
	if r, ok := err.(guest.Refusal); !ok || string(r) != "n = 1 does not go with w = x" {
		t.Errorf("%T: %v", err, err)
	}
	m.Plan = nil
	if _, err = m.PlanJSON(config); err == nil {
		t.Error("a module without a plan has one")
	} else if _, ok := err.(guest.Refusal); ok {
		t.Errorf("a mistake is a refusal: %v", err)
	}
}

// A task sees its own rows of an aligned frame, offsets and all, and can write
// in pieces.
func TestTask(t *testing.T) {
	m := one(func(t *guest.Task) {
		e, sparse := t.Entries("targets", "item", "value"), t.Sparse("targets", "item", "value", t.Items())
		lists := t.Recommendations()
		if sparse.Rows != t.Rows || len(e.Offsets) != t.Rows+1 {
			t.Fail("rows", sparse.Rows, len(e.Offsets))
		}
		blocks := 0
		t.Blocks(1, func(first, rows int) {
			blocks += rows
			items, values := e.Row(first)
			some := make([]float32, len(values))
			if t.ReadF32(some, "targets.value", int(e.Offsets[first]-e.Offsets[0])); !slices.Equal(some, values) {
				t.Fail("row", first, "is not", values[0])
			}
			if len(items) != e.Len(first) {
				t.Fail("length")
			}
			best := slices.Max(values) // name the item of the largest value
			at := slices.Index(values, best)
			lists.Add(items[at:at+1], values[at:at+1])
		})
		if blocks != t.Rows || t.Top() != 10 || t.Users() != 4 || t.Items() != 3 || t.Interactions() != 6 || !t.HasValues() || t.HasTimes() {
			t.Fail("configuration")
		}
		t.Log("shard", t.Shard, "from", t.First)
	})
	for _, shards := range []int{1, 2, 3} {
		r, err := guesttest.Run(m, small, guesttest.Options{KeepSeen: true, Shards: shards, Targets: []uint32{0, 3, 2}})
		if err != nil {
			t.Fatal(err)
		}
		for row, want := range []struct {
			item  uint32
			score float32
		}{{2, 2}, {2, 6}, {0, 4}} {
			if items, scores := r.List(row); len(items) != 1 || items[0] != want.item || scores[0] != want.score {
				t.Errorf("%d shards, row %d: %v %v", shards, row, items, scores)
			}
		}
		if len(r.Log) != shards || r.Log[0] != "shard 0 from 0" {
			t.Errorf("log %q", r.Log)
		}
	}
}

// Sums, rotation, repeats and their early end, as the driver follows them.
func TestPlanForms(t *testing.T) {
	m := guest.Module{Name: "forms", Version: "1", Summary: "a test",
		Plan: func(c *guest.Config, p *guest.Plan) {
			p.Stage("start", func(t *guest.Task) {
				t.WriteI64("turns.n", []int64{0})
				t.WriteF32("blocks.v", make([]float32, 3))
			}).Over(guest.Once).WritesRows("turns", 1, guest.I64("n")).WritesRows("blocks", 3, guest.F32("v"))
			p.RepeatUntil(10, "stop", func(p *guest.Plan) {
				p.Stage("rotate", func(t *guest.Task) {
					v := t.F32("blocks.v")
					for i := range v { // each block meets each shard of items once in three turns
						v[i] += float32(math.Pow(10, float64(t.Shard)))
					}
					t.WriteF32("blocks.v", v)
				}).Over(guest.Items).Rotated("blocks").WritesRotated("blocks", guest.F32("v"))
				p.Stage("turn", func(t *guest.Task) {
					n := t.I64("turns.n")[0] + 1
					t.WriteI64("turns.n", []int64{n})
					end := int32(0)
					if n == 3 {
						end = 1
					}
					t.WriteI32("stop.now", []int32{end})
				}).Over(guest.Once).Whole("turns").WritesRows("turns", 1, guest.I64("n")).WritesRows("stop", 1, guest.I32("now"))
			})
			p.Stage("sum", func(t *guest.Task) {
				t.WriteF64("total.rows", []float64{float64(t.Rows), 1})
			}).Over(guest.Users).Sums("total", 2, guest.F64("rows"))
			p.Stage("last", func(t *guest.Task) {
				l := t.Recommendations()
				for range t.Rows {
					l.Add(nil, nil)
				}
			}).Over(guest.Targets).Recommends()
		}}
	r, err := guesttest.Run(m, small, guesttest.Options{Shards: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Frames["blocks"].Arrays["v"].Data.([]float32); !slices.Equal(got, []float32{111, 111, 111}) {
		t.Errorf("blocks %v", got)
	}
	if got := r.Frames["turns"].Arrays["n"].Data.([]int64); got[0] != 3 {
		t.Errorf("%d turns", got[0])
	}
	if got := r.Frames["total"].Arrays["rows"].Data.([]float64); !slices.Equal(got, []float64{4, 3}) {
		t.Errorf("total %v", got)
	}
}

func TestExact(t *testing.T) {
	for x := 1e-12; x < 1e12; x *= 1.37 {
		if got, want := guest.Log(x), math.Log(x); math.Abs(got-want) > 4e-15*math.Max(1, math.Abs(want)) {
			t.Errorf("Log(%v) = %v, want %v", x, got, want)
		}
		for _, y := range []float64{-1.5, 0.3, 0.5, 1, 2} {
			if got, want := guest.Pow(x, y), math.Pow(x, y); math.Abs(got/want-1) > 2e-13 {
				t.Errorf("Pow(%v, %v) = %v, want %v", x, y, got, want)
			}
		}
	}
	for x := -30.0; x < 30; x += 0.31 {
		if got, want := guest.Exp(x), math.Exp(x); math.Abs(got/want-1) > 2e-14 {
			t.Errorf("Exp(%v) = %v, want %v", x, got, want)
		}
	}
	if guest.Log(1) != 0 || guest.Exp(0) != 1 {
		t.Errorf("Log(1) = %v, Exp(0) = %v", guest.Log(1), guest.Exp(0))
	}
	// What the sandbox must give, too.
	if got := math.Float64bits(guest.Log(10)); got != logTen {
		t.Errorf("Log(10) has the bits %#x", got)
	}
	if got := math.Float64bits(guest.Pow(3, 0.4)); got != powThree {
		t.Errorf("Pow(3, 0.4) has the bits %#x", got)
	}
}

const logTen, powThree = 0x40026bb1bbb55515, 0x3ff8d45c06468a87
