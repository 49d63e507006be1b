package guesttest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rechost/guest"
	"rechost/guest/abi"
)

// Expect is what Suite may expect of a module.
type Expect struct {
	Params       map[string]any
	Personal     bool     // lists differ from user to user: finds the checkerboard's hole
	MayFail      []string // parameters whose smallest value, or some of whose choices, need not give an answer, but must be taken
	ShardsDiffer bool     // the number of shards may change the numbers, by its documentation
	NeverSeen    bool     // KeepSeen changes nothing
}

// Suite runs the tests that every recommender should pass, as plain Go.
func Suite(t *testing.T, m guest.Module, e Expect) {
	t.Helper()
	SuiteOn(t, Native(m), e)
}

// SuiteOn is Suite through any runner.
func SuiteOn(t *testing.T, run Runner, e Expect) {
	t.Run("description", func(t *testing.T) { description(t, run) })
	t.Run("plan", func(t *testing.T) { plan(t, run, e) })
	t.Run("parameters", func(t *testing.T) { parameters(t, run, e) })
	t.Run("checkerboard", func(t *testing.T) { checkerboard(t, run, e) })
	t.Run("shards", func(t *testing.T) { shards(t, run, e) })
	t.Run("targets", func(t *testing.T) { targets(t, run, e) })
	t.Run("seen", func(t *testing.T) { seen(t, run, e) })
	t.Run("candidates", func(t *testing.T) { candidatesOnly(t, run, e) })
	t.Run("edges", func(t *testing.T) { edges(t, run, e) })
}

func must(t *testing.T, run Runner, x *Matrix, e Expect, o Options) *Result {
	t.Helper()
	if o.Params == nil {
		o.Params = e.Params
	}
	r, err := Drive(run, x, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func description(t *testing.T, run Runner) {
	d, err := run.Describe()
	if err != nil {
		t.Fatal(err)
	}
	if d.Name == "" || d.Version == "" || d.Summary == "" || strings.ToLower(d.Name) != d.Name {
		t.Errorf("name %q, version %q, summary %q", d.Name, d.Version, d.Summary)
	}
	seen := map[string]bool{}
	for _, p := range d.Parameters {
		if p.Help == "" || seen[p.Name] || !slices.Contains([]string{abi.Int, abi.Float, abi.Bool, abi.String}, p.Type) {
			t.Errorf("parameter %q: type %q, help %q, or declared twice", p.Name, p.Type, p.Help)
		}
		seen[p.Name] = true
		if _, err := Parameters(d, map[string]any{p.Name: p.Default}); err != nil {
			t.Errorf("its own default: %v", err)
		}
	}
}

// plan: what the schema asks of a plan holds, beside what Drive checks.
func plan(t *testing.T, run Runner, e Expect) {
	d, err := run.Describe()
	if err != nil {
		t.Fatal(err)
	}
	params, err := Parameters(d, e.Params)
	if err != nil {
		t.Fatal(err)
	}
	p, err := run.Plan(abi.Config{ABI: abi.Version, Parameters: params, Top: 10, Data: abi.Data{Users: 7, Items: 5, Interactions: 9, Targets: 3}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := Schema(abi.PlanSchema, string(b)); err != nil {
		t.Errorf("%s: %v", b, err)
	}
}

// parameters out of range are refused before anything runs, and those at
// their bounds and each of the choices run.
func parameters(t *testing.T, run Runner, e Expect) {
	d, err := run.Describe()
	if err != nil {
		t.Fatal(err)
	}
	small := Rows([][]float32{{1, 1, 0}, {0, 1, 1}, {1, 1, 1}})
	try := func(name string, v any) error {
		p := map[string]any{}
		for n, x := range e.Params {
			p[n] = x
		}
		p[name] = v
		_, err := Drive(run, small, Options{Params: p})
		return err
	}
	if try("no_such_parameter", 1) == nil {
		t.Error("an unknown parameter was taken")
	}
	for _, p := range d.Parameters {
		if p.Min != nil {
			if try(p.Name, number(p, *p.Min-1)) == nil {
				t.Errorf("%s below its range was taken", p.Name)
			}
			if err := try(p.Name, number(p, *p.Min)); err != nil && !slices.Contains(e.MayFail, p.Name) {
				t.Errorf("%s at its minimum: %v", p.Name, err)
			}
		}
		if p.Max != nil && try(p.Name, number(p, *p.Max+1)) == nil {
			t.Errorf("%s above its range was taken", p.Name)
		}
		for _, c := range p.Choices {
			if err := try(p.Name, c); err != nil && !slices.Contains(e.MayFail, p.Name) {
				t.Errorf("%s=%s: %v", p.Name, c, err)
			}
		}
		if p.Choices != nil && try(p.Name, "no such choice") == nil {
			t.Errorf("%s took a word that is none of its choices", p.Name)
		}
	}
}

func number(p abi.Parameter, v float64) any {
	if p.Type == abi.Int {
		return int(v)
	}
	return v
}

func checkerboard(t *testing.T, run Runner, e Expect) {
	const n = 40
	r := must(t, run, Checkerboard(n), e, Options{Top: 3})
	for u := range n {
		items, _ := r.List(u)
		if e.Personal && (len(items) == 0 || int(items[0]) != u) {
			t.Fatalf("user %d lacks item %d of its kind and is recommended %v", u, u, items)
		}
	}
}

// Noisy is a matrix without structure in which ties would hide: counts from 1
// to 5 in about two cells of seven.
func Noisy(users, items int) *Matrix {
	var cells []Cell
	s := uint64(1)
	for u := range users {
		for i := range items {
			s = s*6364136223846793005 + 1442695040888963407
			if s>>33%7 < 2 {
				cells = append(cells, Cell{User: u, Item: i, Value: float32(s>>40%5) + 1})
			}
		}
	}
	return New(users, items, cells)
}

// Timed is a noisy matrix whose interactions have times, over some months.
func Timed(users, items int) *Matrix {
	cells := slices.Clone(Noisy(users, items).cells)
	for e := range cells {
		cells[e].Time = 1_700_000_000_000_000 + int64(e*7919%9973)*1_000_000_000
	}
	return New(users, items, cells)
}

// shards: the same bits for any number of shards, unless documented otherwise,
// and for the same number always.
func shards(t *testing.T, run Runner, e Expect) {
	x := Noisy(37, 29)
	want := must(t, run, x, e, Options{Seed: 7})
	for _, n := range []int{1, 2, 3, 7, 100} {
		got := must(t, run, x, e, Options{Seed: 7, Shards: n})
		if !e.ShardsDiffer || n == 1 {
			if err := Same(want.Frames, got.Frames); err != nil {
				t.Errorf("%d shards: %v", n, err)
			}
		} else if err := Same(got.Frames, must(t, run, x, e, Options{Seed: 7, Shards: n}).Frames); err != nil {
			t.Errorf("%d shards, twice: %v", n, err)
		}
	}
}

// targets: a user's list does not depend on who else is asked for.
func targets(t *testing.T, run Runner, e Expect) {
	x := Noisy(23, 31)
	all := must(t, run, x, e, Options{Shards: 2})
	some := []uint32{2, 3, 11, 22}
	r := must(t, run, x, e, Options{Targets: some, Shards: 2})
	for row, u := range some {
		i, s := all.List(int(u))
		j, v := r.List(row)
		if !reflect.DeepEqual(i, j) || !reflect.DeepEqual(s, v) {
			t.Errorf("user %d: %v alone, %v among all", u, j, i)
		}
	}
	if none := must(t, run, x, e, Options{Targets: []uint32{}}); none.Frames[abi.Recommendations].Rows != 0 {
		t.Error("lists for nobody")
	}
}

// seen: KeepSeen lets own items in, and leaving them out only filters.
func seen(t *testing.T, run Runner, e Expect) {
	x := Noisy(17, 19)
	without := must(t, run, x, e, Options{Top: 19})
	with := must(t, run, x, e, Options{Top: 19, KeepSeen: true})
	own := map[string]bool{}
	for _, c := range x.cells {
		own[fmt.Sprint(c.User, c.Item)] = true
	}
	kept := false
	for u := range x.Users {
		items, _ := with.List(u)
		var rest []uint32
		for _, i := range items {
			if own[fmt.Sprint(u, i)] {
				kept = true
			} else {
				rest = append(rest, i)
			}
		}
		if got, _ := without.List(u); !slices.Equal(got, rest) {
			t.Errorf("user %d: %v, but with own items left in and taken out %v", u, got, rest)
		}
	}
	if kept == e.NeverSeen {
		t.Errorf("with KeepSeen, own items were kept: %v", kept)
	}
}

// candidatesOnly: with candidates a list is that of a run without, filtered.
func candidatesOnly(t *testing.T, run Runner, e Expect) {
	x := Noisy(17, 43)
	each := make([][]uint32, x.Users)
	for u := range each {
		for i := range uint32(x.Items) {
			if (uint32(u)*7+i*i)%uint32(u%5+2) == 0 { // from a few to half of them
				each[u] = append(each[u], i)
			}
		}
	}
	each[3] = nil
	for _, keep := range []bool{false, true} {
		all := must(t, run, x, e, Options{Top: x.Items, KeepSeen: keep, Shards: 3})
		for what, rows := range map[string][][]uint32{"each": each, "all": {{0, 5, 6, 41}}, "none": {{}}} {
			got := must(t, run, x, e, Options{Top: 5, KeepSeen: keep, Candidates: rows, Shards: 3})
			for u := range x.Users {
				allowed := rows[min(u, len(rows)-1)]
				var wantItems []uint32
				var wantScores []float32
				items, scores := all.List(u)
				for i, item := range items {
					if slices.Contains(allowed, item) && len(wantItems) < 5 {
						wantItems, wantScores = append(wantItems, item), append(wantScores, scores[i])
					}
				}
				if items, scores = got.List(u); !slices.Equal(items, wantItems) || !slices.Equal(scores, wantScores) {
					t.Errorf("candidates for %s, user %d: %v %v, want %v %v", what, u, items, scores, wantItems, wantScores)
				}
			}
		}
	}
}

// edges are matrices at the ends of what can be.
func edges(t *testing.T, run Runner, e Expect) {
	must(t, run, Rows([][]float32{{1}}), e, Options{})
	must(t, run, Rows([][]float32{{1, 1, 1}}), e, Options{Top: 1})
	must(t, run, Rows([][]float32{{1}, {1}}), e, Options{Shards: 5})
	r := must(t, run, Rows([][]float32{{1, 0, 1}, {0, 0, 0}, {1, 1, 0}}), e, Options{Shards: 2}) // a user of nothing
	if items, _ := r.List(1); e.Personal && len(items) > 0 {
		t.Errorf("a user without a profile is recommended %v: nothing speaks for anything", items)
	}
	must(t, run, New(3, 4, []Cell{{User: 1, Item: 1, Value: 2}, {User: 2, Item: 1, Value: 3}}), e, Options{}) // items of nobody
}
