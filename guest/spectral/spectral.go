// Package spectral is what modules that see a user's profile as a signal on
// the graph of users and items have in common: the normalised matrix, its
// first singular vectors, and filters made of the two.
//
// With X the matrix of values, D_u and D_i its row and column sums on a
// diagonal, and R = D_u^-½ X D_i^-½, the largest singular value of R is 1. P =
// RᵀR smooths a signal over items, and the projection on R's first right
// singular vectors V lets its slowest part pass.
//
//	Plan: func(c *guest.Config, p *guest.Plan) {
//		spectral.Decompose(c, p, c.Int("rank"))
//		spectral.Stage(c, p, c.Int("rank"), score)
//	},
//
//	func score(t *guest.Task) {
//		spectral.Score(t, func(s *spectral.Signals) {
//			s.Smooth()                   // y = xP
//			s.AddBand(t.Float32("weight")) // y += weight · x D_i^-½ V Vᵀ D_i^½
//		})
//	}
//
// # Notes
//
// P is never formed: on many data sets it has fifty times the entries of R.
package spectral

import (
	"math"

	"rechost/guest"
	"rechost/guest/num"
)

// Params are the parameters of the decomposition, which a module adds to its own.
func Params() []guest.Param {
	return []guest.Param{
		guest.Int("oversampling", 64, "vectors sought beside those used, which makes them converge sooner").Between(0, 1024),
		guest.Int("iterations", 16, "turns of the subspace iteration that finds singular vectors").Between(1, 1000),
	}
}

// MaxRank bounds how many singular vectors a module may ask for.
const MaxRank = 2048

// Decompose adds the stages that normalise the matrix and find its first rank
// right singular vectors. Values below 0 fail.
func Decompose(c *guest.Config, p *guest.Plan, rank int) {
	p.Stage("user_sums", userSums).Over(guest.Users).Aligned("by_user", "item", "value").Writes("user_sums", guest.F32("sum"))
	p.Stage("item_sums", itemSums).Over(guest.Items).Aligned("by_item", "user", "value").Writes("item_sums", guest.F32("sum"))
	p.Stage("normalize_users", normalizeUsers).Over(guest.Users).Aligned("by_user", "item", "value").
		Aligned("user_sums").Whole("item_sums").Writes("user_weights", guest.F32("value").Entries())
	p.Stage("normalize_items", normalizeItems).Over(guest.Items).Aligned("by_item", "user", "value").
		Aligned("item_sums").Whole("user_sums").Writes("item_weights", guest.F32("value").Entries())
	if rank = width(c, rank); rank > 0 {
		inputs(p.Stage("decompose", func(t *guest.Task) { decompose(t, rank) }).Over(guest.Once)).
			WritesRows("band", c.Items(), guest.F32("vector").Wide(rank))
		p.EmitsMatrix("singular_vectors", "band", guest.Items, "", "vector",
			"the first right singular vectors as columns, largest singular value first, each row times the root of the item's sum of values")
	}
}

// Stage adds the stage that scores, after those of Decompose. Its function
// calls Score.
func Stage(c *guest.Config, p *guest.Plan, rank int, score func(t *guest.Task)) {
	s := inputs(p.Stage("score", score).Over(guest.Targets)).Aligned("targets").Recommends()
	if width(c, rank) > 0 {
		s.Whole("band")
	}
}

func inputs(s *guest.Stage) *guest.Stage {
	return s.Whole("by_user", "item").Whole("by_item", "user").Whole("user_weights").Whole("item_weights").Whole("item_sums")
}

// width is how many singular vectors there can be.
func width(c *guest.Config, rank int) int { return min(rank, c.Users(), c.Items()) }

func userSums(t *guest.Task) {
	m := t.Entries("by_user", "item", "value")
	for _, v := range m.Values {
		if v < 0 {
			t.Fail("a value is", v, "but a graph has no edges of less than nothing: drop values below 0")
		}
	}
	sums(t, "user_sums.sum", t.Sparse("by_user", "item", "value", t.Items()))
}

func itemSums(t *guest.Task) {
	sums(t, "item_sums.sum", t.Sparse("by_item", "user", "value", t.Users()))
}

func sums(t *guest.Task, name string, m num.Sparse) {
	s := make([]float32, t.Rows)
	num.RowSums(s, m, 1)
	t.WriteF32(name, s)
}

func normalizeUsers(t *guest.Task) {
	normalize(t, t.Entries("by_user", "item", "value"), t.F32("user_sums.sum"), t.F32("item_sums.sum"), "user_weights")
}

func normalizeItems(t *guest.Task) {
	normalize(t, t.Entries("by_item", "user", "value"), t.F32("item_sums.sum"), t.F32("user_sums.sum"), "item_weights")
}

// normalize divides each value by the roots of its row's and its column's sum.
// Either orientation multiplies in the same order, so that both have the same R.
func normalize(t *guest.Task, m guest.Entries, rows, cols []float32, frame string) {
	inverseRoots(rows)
	inverseRoots(cols)
	out := t.Lists(frame, "", "value")
	for r := range t.Rows {
		ids, values := m.Row(r)
		for e, j := range ids {
			values[e] *= rows[r] * cols[j]
		}
		out.Add(nil, values)
	}
}

// inverseRoots leaves the inverse square roots, 0 for 0.
func inverseRoots(x []float32) {
	for i, v := range x {
		if v > 0 {
			x[i] = float32(1 / math.Sqrt(float64(v)))
		}
	}
}

// graph is R by user and by item.
type graph struct{ users, items num.Sparse }

func open(t *guest.Task) graph {
	g := graph{t.Sparse("by_user", "item", "", t.Items()), t.Sparse("by_item", "user", "", t.Users())}
	g.users.Value, g.items.Value = t.Vector("user_weights.value"), t.Vector("item_weights.value")
	return g
}
