// Command slim is a module that recommends by a sparse linear model of items on
// items.
package main

import (
	"strconv"

	"rechost/guest"
	"rechost/guest/neighbours"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "slim",
	Version: "1.0.0",
	Summary: "a sparse linear model of items on items, an elastic net each (SLIM)",
	Source:  "Ning, Karypis: SLIM: sparse linear methods for top-N recommender systems, ICDM 2011; Friedman, Hastie, Tibshirani: Regularization paths for generalized linear models via coordinate descent, Journal of Statistical Software 2010",
	Params: []guest.Param{
		guest.Float("alpha", 0.02, "weight of the penalty on weights, in units of the number of users").Between(0, 1000),
		guest.Float("l1_ratio", 0.0001, "the part of it that is on their sum, which makes them 0; the rest is on their squares").Between(0, 1),
		guest.Int("neighbours", 100, "weights kept for each item (topK)").Between(1, 100000),
		guest.Int("iterations", 1000, "most turns of coordinate descent (max_iter)").Between(1, 100000),
		guest.Float("tolerance", 0.00001, "a turn in which no weight moves by more than this part of the greatest is the last").Between(0, 1),
	},
	Plan: plan,
}

// most is how many items' matrix of float32 fits in 4 GiB.
const most = 32000

func plan(c *guest.Config, p *guest.Plan) {
	if n := c.Items(); n > most {
		panic(guest.Failure("the products of " + strconv.Itoa(n) + " items by as many are more than slim goes through, which are those of " +
			strconv.Itoa(most) + ": leave rare items out, or use another module"))
	}
	p.Stage("gram", gram).Over(guest.Items).Aligned("by_item", "user", "value").Whole("by_user", "item", "value").
		Writes("gram", guest.F32("product").Wide(c.Items()))
	p.Stage("weights", weights).Over(guest.Items).Whole("gram").
		Writes("weights", guest.U32("item").Entries(), guest.F32("value").Entries())
	p.Stage("turn", turn).Over(guest.Once).Whole("weights").
		WritesRows("neighbours", c.Items(), guest.U32("item").Entries(), guest.F32("value").Entries())
	p.EmitsLists("weights", "weights", guest.Items, "item", "value", "the items whose weights for each item are the greatest")
	p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("neighbours").Recommends()
}

// block is the number of rows of items that are worked on at a time.
func block(items int) int { return max(1, min(256, (1<<20)/items)) }

// gram is XᵀX, X users by items.
func gram(t *guest.Task) {
	users, items := t.Sparse("by_item", "user", "value", t.Users()), t.Sparse("by_user", "item", "value", t.Items())
	g := make([]float32, block(t.Items())*t.Items())
	t.Blocks(block(t.Items()), func(first, rows int) {
		num.ProductRows(g[:rows*t.Items()], users.Slice(first, rows), items)
		t.WriteF32("gram.product", g[:rows*t.Items()])
	})
}

// weights finds the column w of each item j,
//
//	min |xⱼ - Xw|²/2n + α(ρ|w|₁ + (1-ρ)|w|²/2)     w ≥ 0, wⱼ = 0
//
// with n users, α alpha and ρ l1_ratio, and keeps its greatest weights. Its
// slope (b - Gw in terms of the Gram matrix) is row j of the matrix at w = 0.
func weights(t *guest.Task) {
	n, k := t.Items(), t.Int("neighbours")
	penalty := t.Float("alpha") * float64(t.Users())
	net := num.ElasticNet{Gram: t.Matrix("gram.product"), L1: float32(penalty * t.Float("l1_ratio")), L2: float32(penalty * (1 - t.Float("l1_ratio"))),
		Tolerance: t.Float32("tolerance"), Turns: t.Int("iterations")}
	size := block(n)
	w, slope, own := make([]float32, size*n), make([]float32, size*n), make([]uint32, size)
	lists := t.Lists("weights", "item", "value")
	t.Blocks(size, func(first, rows int) {
		w, slope, own := w[:rows*n], slope[:rows*n], own[:rows]
		clear(w)
		for r := range own {
			own[r] = uint32(t.First + first + r)
		}
		num.Gather(slope, net.Gram, own)
		net.First = t.First + first
		net.Descend(w, slope)
		best := num.RowsTopK(neighbours.Identity(rows), num.Dense(w, n), num.Mask{}, k)
		for r := range rows {
			from, to := best.Offsets[r], best.Offsets[r+1]
			for to > from && !(best.Score[to-1] > 0) {
				to--
			}
			lists.Add(best.Index[from:to], best.Score[from:to])
		}
	})
}

// turn makes the lists of an item's weights into those of its weights on
// others.
func turn(t *guest.Task) {
	t.Lists("neighbours", "item", "value").AddAll(neighbours.Turned(t.Sparse("weights", "item", "value", t.Items())))
}

// score sums, for each item, its weights on the items of the profile, times
// their values.
func score(t *guest.Task) {
	profiles := t.Sparse("targets", "item", "value", t.Items())
	neighbours.Recommend(t, profiles, t.Sparse("neighbours", "item", "value", t.Items()))
}
