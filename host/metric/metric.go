// Package metric measures ranked lists against held-out interactions.
//
//	r, err := recs.Read(ctx, "recommendations.parquet")
//	test, err := matrix.Build(ctx, set, matrix.Options{Duplicates: matrix.Max})
//	res, err := metric.Evaluate(r, test, metric.Options{At: []int{10, 20}})
//	for _, v := range res.Values {
//		fmt.Printf("%s@%d %.4f\n", v.Metric, v.K, v.Mean)
//	}
//
// # Notes
//
// The same metric's name means different numbers in different libraries, so
// every metric here has a definition of one line and an id that changes
// with it; see Definitions.
//
// All arithmetic is float64, users in ascending order of their raw ids, items
// of a list in the order of rank: the same input gives the same bits on
// every machine.
package metric

import (
	"fmt"
	"slices"

	"rechost/host/fault"
	"rechost/host/matrix"
	"rechost/host/recs"
)

// Definition says what a metric is. T is the set of a user's test items, L
// the list, cut after k places; a hit is an item of both. The mean is over users.
type Definition struct {
	Name string `json:"name"`
	ID   string `json:"id"`   // changes when the numbers would
	Text string `json:"text"` // one line
}

// Definitions lists the metrics in the order of Result.Values.
var Definitions = []Definition{
	{"recall", "recall/all/1", "hits / |T|, whatever k"},
	{"ndcg", "ndcg/binary-log2-capped/1", "sum of 1/log2(rank+1) over hits / the same for min(k, |T|) hits at the top"},
	{"precision", "precision/k/1", "hits / k, for short lists too"},
	{"hr", "hr/any/1", "1 where there is any hit, else 0"},
	{"mrr", "mrr/first/1", "1 / rank of the first hit within k, else 0"},
	{"map", "map/capped/1", "sum over hits of precision at their rank / min(k, |T|)"},
}

// Options say what to measure.
type Options struct {
	At         []int  // cut-offs, each from 1 to MaxCut; none means 10 and 20
	Recs, Test string // names of the inputs for messages
}

// MaxCut is the largest cut-off.
const MaxCut = 100_000

// Value is the mean of a metric at a cut-off over the users evaluated, 0 to 1.
type Value struct {
	Metric     string  `json:"metric"`
	K          int     `json:"k"`
	Mean       float64 `json:"mean"`
	Definition string  `json:"definition"` // Definition.ID
}

// Result is what Evaluate found.
type Result struct {
	Users       int     `json:"users"`        // evaluated: those with a test item
	LeftOut     int     `json:"left_out"`     // with a list but without test items
	WithoutList int     `json:"without_list"` // evaluated without a list, as 0 everywhere
	Lists       int     `json:"lists"`        // that are not empty
	Shortest    int     `json:"shortest"`     // list of an evaluated user, not counting those without
	At          []int   `json:"at"`
	Values      []Value `json:"values"` // by cut-off, ascending, then as in Definitions

	users  matrix.IDs
	who    []uint32    // dense test user of each row below
	tests  []int64     // |T|
	listed []int64     // |L|
	per    [][]float64 // for each of Values, for each user
}

// Evaluate measures r's lists against test, whose every entry is an item that
// a user went on to take, whatever its value. Test users without a list count
// 0; users with a list and no test item are left out; both are counted.
//
// Ids match by value, integers of any width among each other. Byte strings
// never match integers: that, an item that comes twice in a list, and no
// user in common are errors of code fault.BadData.
func Evaluate(r *recs.Table, test *matrix.Matrix, o Options) (*Result, error) {
	at, err := cuts(o.At)
	if err != nil {
		return nil, err
	}
	recsName, testName := name(o.Recs, "the recommendations"), name(o.Test, "the test interactions")
	if len(r.Lists.Items) == 0 {
		return nil, fault.Data("%s: no recommendations in it", recsName)
	}
	users, ok := test.Users.Match(&r.Users)
	if !ok {
		return nil, differ(recsName, testName, "users", &r.Users, &test.Users)
	}
	items, ok := test.Items.Match(&r.Items)
	if !ok {
		return nil, differ(recsName, testName, "items", &r.Items, &test.Items)
	}
	l := lists{offsets: r.Lists.Offsets, raw: r.Lists.Items, users: make([]uint32, len(r.Lists.Users)), items: make([]uint32, len(r.Lists.Items))}
	common := false
	for i, u := range r.Lists.Users {
		l.users[i] = users[u]
		common = common || users[u] != matrix.None
	}
	for i, x := range r.Lists.Items {
		l.items[i] = items[x]
	}
	if list, item, twice := l.repeated(len(items)); twice {
		return nil, fault.Data("%s: the list of user %s has item %s twice", recsName,
			fault.Clean(r.Users.Text(int(r.Lists.Users[list])), 80), fault.Clean(r.Items.Text(int(item)), 80))
	}
	if !common {
		return nil, fault.Data("%s: none of its users has an item in %s", recsName, testName).
			WithHint("users are %s like %s there and %s like %s here", test.Users.Type, example(&test.Users), r.Users.Type, example(&r.Users))
	}
	res := measure(l, test.ByUser.Offsets, test.ByUser.Index, at)
	res.users = test.Users
	return res, nil
}

// cuts checks, sorts and copies cut-offs.
func cuts(at []int) ([]int, error) {
	if len(at) == 0 {
		at = []int{10, 20}
	}
	at = slices.Clone(at)
	slices.Sort(at)
	for i, k := range at {
		if k < 1 || k > MaxCut {
			return nil, fault.Use("a cut-off is 1 to %d, not %d", MaxCut, k)
		}
		if i > 0 && at[i-1] == k {
			return nil, fault.Use("cut-off %d is named twice", k)
		}
	}
	return at, nil
}

func name(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func differ(recsName, testName, what string, a, b *matrix.IDs) error {
	return fault.Data("the %s are %s in %s and %s in %s, and never match", what, a.Type, recsName, b.Type, testName).
		WithHint("make both from the same files, or convert the column %s or %s", a.Name, b.Name)
}

func example(d *matrix.IDs) string {
	if d.Len() == 0 {
		return fmt.Sprintf("none (%s is empty)", d.Name)
	}
	return fault.Clean(d.Text(0), 40)
}
