// Command als is a module that factorises the matrix of implicit feedback by
// alternating least squares.
package main

import (
	"slices"

	"rechost/guest"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "als",
	Version: "1.0.0",
	Summary: "matrix factorisation of implicit feedback by alternating least squares",
	Source: "Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets, ICDM 2008, equations 3 to 5; " +
		"Takács, Pilászy, Tikk: Applications of the conjugate gradient method for implicit feedback collaborative filtering, RecSys 2011",
	Params: []guest.Param{
		guest.Int("factors", 64, "length of a user's and an item's vector").Between(1, 4096),
		guest.Int("iterations", 15, "turns of solving users, then items").Between(1, 10000),
		guest.Float("regularization", 0.01, "λ, the weight of the vectors' squared lengths").AtLeast(0),
		guest.Float("alpha", 1, "α, how much confidence an interaction's value gives").AtLeast(0),
		guest.Choice("confidence", "of an interaction of value v: linear is 1+αv, as in the paper; scaled is αv, as in the library implicit", "linear", "scaled"),
		guest.Choice("solver", "cg takes a few steps from the last solution, cholesky solves exactly", "cg", "cholesky"),
		guest.Int("cg_steps", 3, "steps of cg").Between(1, 1000),
	},
	Plan: func(c *guest.Config, p *guest.Plan) {
		vectors := guest.F32("vector").Wide(c.Int("factors"))
		p.Stage("start_users", startUsers).Over(guest.Users).Aligned("by_user", "value").Writes("user_factors", vectors)
		p.Stage("start_items", startItems).Over(guest.Items).Writes("item_factors", vectors)
		p.Repeat(c.Int("iterations"), func(p *guest.Plan) {
			p.Stage("item_gram", itemGram).Over(guest.Once).Whole("item_factors").WritesRows("gram", c.Int("factors"), vectors)
			p.Stage("solve_users", solveUsers).Over(guest.Users).Aligned("by_user", "item", "value").
				Aligned("user_factors").Whole("item_factors").Whole("gram").Writes("user_factors", vectors)
			p.Stage("user_gram", userGram).Over(guest.Once).Whole("user_factors").WritesRows("gram", c.Int("factors"), vectors)
			p.Stage("solve_items", solveItems).Over(guest.Items).Aligned("by_item", "user", "value").
				Aligned("item_factors").Whole("user_factors").Whole("gram").Writes("item_factors", vectors)
		})
		p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("user_factors").Whole("item_factors").Recommends()
	},
}

func startUsers(t *guest.Task) {
	for _, v := range t.F32("by_user.value") {
		if v < 0 {
			t.Fail("a value is", v, "but there is no confidence below none: drop values below 0")
		}
	}
	start(t, "user_factors.vector", 1)
}

func startItems(t *guest.Task) { start(t, "item_factors.vector", 2) }

// start draws the first vectors from [0, 0.01), as the library implicit does.
// A row's numbers depend on the seed and on nothing else.
func start(t *guest.Task, name string, stream uint64) {
	f := t.Int("factors")
	t.Blocks(4096, func(first, rows int) {
		x := make([]float32, rows*f)
		num.Uniform(x, uint64(t.Seed()), stream, uint64(t.First+first)*uint64(f))
		num.Scale(0.01, x)
		t.WriteF32(name, x)
	})
}

func itemGram(t *guest.Task) { gram(t, "item_factors.vector") }
func userGram(t *guest.Task) { gram(t, "user_factors.vector") }

// gram is YᵀY, the part of every row's equations that all rows share.
func gram(t *guest.Task, name string) {
	y := t.Matrix(name)
	g := make([]float32, y.Cols*y.Cols)
	num.Gram(g, y)
	t.WriteF32("gram.vector", g)
}

func solveUsers(t *guest.Task) {
	solve(t, t.Sparse("by_user", "item", "value", t.Items()), "user_factors.vector", "item_factors.vector")
}

func solveItems(t *guest.Task) {
	solve(t, t.Sparse("by_item", "user", "value", t.Users()), "item_factors.vector", "user_factors.vector")
}

// solve finds for each row u of m the x with the least
//
//	Σ_i c_ui (p_ui - x·y_i)² + λ|x|²      p 1 and confidence c where m has an entry, p 0 and c 1 elsewhere
//
// that is (YᵀY + Yᵀ(C_u-I)Y + λI) x = YᵀC_u p_u (equation 4), where the sums
// over C_u-I and p_u run over the row's entries only.
func solve(t *guest.Task, m num.Sparse, mine, others string) {
	y, f := t.Matrix(others), t.Int("factors")
	r := num.Ridge{Factors: y, Gram: t.F32("gram.vector")}
	alpha := t.Float32("alpha")
	if t.Text("confidence") == "linear" {
		r.Weight, r.Target = [2]float32{alpha, 0}, [2]float32{alpha, 1} // c-1 = αv, c = αv+1
	} else {
		r.Weight, r.Target = [2]float32{alpha, -1}, [2]float32{alpha, 0} // c-1 = αv-1, c = αv
	}
	before := t.F32(mine)
	lambda := slices.Repeat([]float32{t.Float32("regularization")}, t.Rows)
	t.Blocks(1024, func(first, rows int) {
		r.Rows, r.Lambda = m.Slice(first, rows), lambda[first:first+rows]
		x := before[first*f : (first+rows)*f]
		if t.Text("solver") == "cg" {
			num.RidgeCG(x, r, t.Int("cg_steps"))
		} else if bad := num.RidgeCholesky(x, r); bad >= 0 {
			t.Fail("row", t.First+first+bad, "has no solution: raise regularization")
		}
		t.WriteF32(mine, x)
	})
}

// score lists the items with the largest x·y. A user without a profile gets no
// list, as nothing speaks for any item.
func score(t *guest.Task) { t.RecommendByFactors("user_factors.vector", "item_factors.vector") }
