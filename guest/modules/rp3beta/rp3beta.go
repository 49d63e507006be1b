// Command rp3beta is a module that recommends by random walks of three steps
// over the graph of users and items: P3alpha, and with a penalty on popular
// items RP3beta.
package main

import (
	"slices"

	"rechost/guest"
	"rechost/guest/neighbours"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "rp3beta",
	Version: "1.0.0",
	Summary: "random walks of three steps, popular items penalised (RP3beta; beta=0 is P3alpha)",
	Source:  "Paudel, Christoffel, Newell, Bernstein: Updatable, accurate, diverse, and scalable recommendations for interactive applications, TiiS 2016; Cooper, Lee, Radzik, Siantos: Random walks in recommender systems, WWW 2014 (P3alpha)",
	Params: []guest.Param{
		guest.Float("alpha", 1, "exponent of the steps' probabilities").Between(0, 10),
		guest.Float("beta", 0.6, "exponent of the penalty on an item's number of users; 0 is P3alpha").Between(0, 10),
		guest.Int("neighbours", 100, "walks kept from each item, and to each (topK)").Between(1, 100000),
		guest.Bool("normalize", true, "let the walks kept from an item sum to 1"),
		guest.Choice("ties", "which of equal walks are kept: those of the smaller item, or with numpy those that NumPy's plain quicksort leaves in front, for repeating published figures", "id", "numpy"),
	},
	Plan: plan,
}

func plan(c *guest.Config, p *guest.Plan) {
	p.Stage("degrees", degrees).Over(guest.Items).Aligned("by_item").Writes("from", guest.F32("power")).Writes("to", guest.F32("power"))
	p.Stage("steps", steps).Over(guest.Users).Aligned("by_user", "item", "value").Writes("steps", guest.F32("value").Entries())
	p.Stage("walk", walk).Over(guest.Items).Aligned("by_item", "user").Whole("by_user", "item").Whole("steps").Aligned("from").Whole("to").
		Writes("walks", guest.U32("item").Entries(), guest.F32("value").Entries())
	p.Stage("cut", cut).Over(guest.Once).Whole("walks").
		WritesRows("neighbours", c.Items(), guest.U32("item").Entries(), guest.F32("value").Entries())
	p.EmitsLists("walks", "neighbours", guest.Items, "item", "value", "the walks that are kept from each item")
	p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("neighbours").Recommends()
}

// degrees raises each item's number of users n: n^alpha, by which the step from
// it to a user is divided, and n^beta, the penalty of a walk that ends there.
// With ties=numpy they are probabilities, (1/n)^alpha and n^-beta, to multiply by.
func degrees(t *guest.Task) {
	n := make([]float32, t.Rows)
	num.RowSums(n, t.Sparse("by_item", "user", "", t.Users()), 0)
	from, to := make([]float32, t.Rows), make([]float32, t.Rows)
	alpha, beta, numpy := t.Float("alpha"), t.Float("beta"), asNumPy(t)
	for i, n := range n {
		switch {
		case n == 0:
		case numpy:
			from[i], to[i] = power(1/n, alpha), power(n, -beta)
		default:
			from[i], to[i] = power(n, alpha), power(n, beta)
		}
	}
	t.WriteF32("from.power", from)
	t.WriteF32("to.power", to)
}

// steps finds the step from a user to each of its items, (value / the user's
// sum of values)^alpha.
func steps(t *guest.Task) {
	m, out, alpha := t.Entries("by_user", "item", "value"), t.Lists("steps", "", "value"), t.Float("alpha")
	var known, steps [16]float32
	for u := range t.Rows {
		_, values := m.Row(u)
		var sum float64
		for _, v := range values {
			if v < 0 {
				t.Fail("a value is", v, "but a step has no probability for values below 0")
			}
			sum += float64(v)
		}
		// A user's values are few different ones, often all the same.
		n := 0
		var last, p float32
		for e, v := range values {
			if v != last {
				last, p = v, 0
				if at := slices.Index(known[:n], v); at >= 0 {
					p = steps[at]
				} else if v > 0 {
					p = power(float32(float64(v)/sum), alpha)
					if n < len(known) {
						known[n], steps[n] = v, p
						n++
					}
				}
			}
			values[e] = p
		}
		out.Add(nil, values)
	}
}

func asNumPy(t *guest.Task) bool { return t.Text("ties") == "numpy" }

func power(x float32, y float64) float32 {
	if y == 1 { // what Pow rounds to, and alpha's default
		return x
	}
	return float32(guest.Pow(float64(x), y))
}

// walk keeps the best walks from each item i, to a user, to another item j:
//
//	w_ij = Σ over users u of both  n_i^-alpha · step_uj / n_j^beta
func walk(t *guest.Task) {
	if asNumPy(t) {
		walkNumPy(t)
		return
	}
	from, k := t.F32("from.power"), t.Int("neighbours")
	users := t.Sparse("by_item", "user", "", t.Users())
	p := num.Product{B: t.Sparse("by_user", "item", "", t.Items()), OffDiagonal: true, Norms: t.F32("to.power")}
	p.B.Value = t.Vector("steps.value")
	lists := t.Lists("walks", "item", "value")
	zeros := make([]float32, neighbours.Block(k))
	var block num.Lists
	t.Blocks(neighbours.Block(k), func(first, rows int) {
		p.A, p.Diagonal = users.Slice(first, rows), t.First+first
		p.Alpha, p.Beta = from[first:first+rows], zeros[:rows]
		block.ProductTopK(p, k)
		if t.Bool("normalize") {
			sumToOne(block)
		}
		lists.AddAll(block)
	})
}

// sumToOne divides each row by its sum.
func sumToOne(l num.Lists) {
	for r := range len(l.Offsets) - 1 {
		row := l.Score[l.Offsets[r]:l.Offsets[r+1]]
		if s := num.Sum(row); s > 0 {
			num.Scale(1/s, row)
		}
	}
}

// cut keeps, of the walks kept from every item, the best to each item.
func cut(t *guest.Task) {
	n, k := t.Items(), t.Int("neighbours")
	turned := neighbours.Turned(t.Sparse("walks", "item", "value", n))
	var best num.Lists
	if asNumPy(t) {
		best = cutNumPy(turned, k)
	} else {
		best = num.ProductTopK(num.Product{A: neighbours.Identity(n), B: turned.Sparse(n)}, k)
	}
	t.Lists("neighbours", "item", "value").AddAll(neighbours.Turned(best.Sparse(n)))
}

// score sums, for each item, the walks to it from the items of the profile,
// times their values.
func score(t *guest.Task) {
	profiles := t.Sparse("targets", "item", "value", t.Items())
	neighbours.Recommend(t, profiles, t.Sparse("neighbours", "item", "value", t.Items()))
}
