// Command als is a module that factorises the matrix of implicit feedback by
// alternating least squares.
package main

import (
	"math"
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
		"Takács, Pilászy, Tikk: Applications of the conjugate gradient method for implicit feedback collaborative filtering, RecSys 2011; " +
		"Rendle, Krichene, Zhang, Koren: Revisiting the performance of iALS on item recommendation benchmarks, RecSys 2022",
	Params: []guest.Param{
		guest.Int("factors", 64, "length of a user's and an item's vector").Between(1, 4096),
		guest.Int("iterations", 15, "turns of solving users, then items").Between(1, 10000),
		guest.Float("regularization", 0.01, "λ, the weight of the vectors' squared lengths").AtLeast(0),
		guest.Float("alpha", 1, "α, how much confidence an interaction's value gives").AtLeast(0),
		guest.Choice("confidence", "of an interaction of value v: linear is 1+αv, as in the paper; scaled is αv, as in the library implicit; added is αv besides α0, as by Rendle et al.", "linear", "scaled", "added"),
		guest.Float("unobserved_weight", 1, "α0, the confidence of a pair without an interaction").AtLeast(0),
		guest.Float("regularization_exp", 0, "ν: λ times (interactions + α0·pairs)^ν of the user or item; 0 is λ for all, 1 as by Rendle et al.").Between(0, 1),
		guest.Choice("solver", "cg takes a few steps from the last solution, cholesky solves exactly", "cg", "cholesky"),
		guest.Int("cg_steps", 3, "steps of cg").Between(1, 1000),
		guest.Choice("start", "first numbers of the vectors: uniform in [0, 0.01), as in the library implicit, or normal around 0", "uniform", "normal"),
		guest.Float("stddev", 0.1, "σ: normal numbers have a standard deviation of σ/√factors").AtLeast(1e-6),
	},
	Plan: func(c *guest.Config, p *guest.Plan) {
		f := c.Int("factors")
		vectors := guest.F32("vector").Wide(f)
		first := p.Stage("start_users", startUsers).Over(guest.Users).Writes("user_factors", vectors)
		var value []string // which there is no need to hand over where all are 1
		if c.HasValues() {
			value = []string{"value"}
			first.Aligned("by_user", value...)
		}
		p.Stage("start_items", startItems).Over(guest.Items).Writes("item_factors", vectors).Sums("item_gram", f, vectors)
		p.Repeat(c.Int("iterations"), func(p *guest.Plan) {
			// One side's vectors, with those of the other fixed.
			side := func(over, own, other string, solve func(*guest.Task)) {
				p.Stage("solve_"+own+"s", solve).Over(over).Aligned("by_"+own, append([]string{other}, value...)...).
					Aligned(own+"_factors").Whole(other+"_factors").Whole(other+"_gram").
					Writes(own+"_factors", vectors).Sums(own+"_gram", f, vectors)
			}
			side(guest.Users, "user", "item", solveUsers)
			side(guest.Items, "item", "user", solveItems)
		})
		p.EmitsMatrix("user_factors", "user_factors", guest.Users, "", "vector", "the vector of each user")
		p.EmitsMatrix("item_factors", "item_factors", guest.Items, "", "vector", "the vector of each item")
		p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("user_factors").Whole("item_factors").Recommends()
	},
}

func startUsers(t *guest.Task) {
	if t.HasValues() {
		for _, v := range t.F32("by_user.value") {
			if v < 0 {
				t.Fail("a value is", v, "but there is no confidence below none: drop values below 0")
			}
		}
	}
	start(t, "user_factors.vector", 1, nil)
}

func startItems(t *guest.Task) {
	gram := newGram(t)
	start(t, "item_factors.vector", 2, gram)
	t.WriteF32("item_gram.vector", gram)
}

// start draws the first vectors X. A row's numbers depend on the seed and on
// nothing else. It adds XᵀX to gram.
func start(t *guest.Task, name string, stream uint64, gram []float32) {
	f := t.Int("factors")
	draw, scale := num.Uniform, float32(0.01)
	if t.Text("start") == "normal" {
		draw, scale = num.Normal, float32(t.Float("stddev")/math.Sqrt(float64(f)))
	}
	blocks(t, gram, func(first int, x []float32) {
		draw(x, uint64(t.Seed()), stream, uint64(t.First+first)*uint64(f))
		num.Scale(scale, x)
		t.WriteF32(name, x)
	})
}

func newGram(t *guest.Task) []float32 {
	f := t.Int("factors")
	return make([]float32, f*f)
}

// blocks calls do for the vectors X of the task's rows, some at a time, for it to
// set, and adds XᵀX to gram if there is one: the task's part of a sum over all
// rows of a side, which the next side's equations have in common. So no vector is
// looked at twice, and those at hand are few enough for a processor's cache.
func blocks(t *guest.Task, gram []float32, do func(first int, x []float32)) {
	f := t.Int("factors")
	size := max(1<<16/f, 16)
	x := make([]float32, min(size, t.Rows)*f)
	t.Blocks(size, func(first, rows int) {
		x := x[:rows*f]
		do(first, x)
		if gram != nil {
			num.AddGram(gram, num.Dense(x, f))
		}
	})
}

func solveUsers(t *guest.Task) {
	solve(t, t.Sparse("by_user", "item", valueOf(t), t.Items()), lambdas(t, "by_user", t.Items()), "user", "item")
}

func solveItems(t *guest.Task) {
	solve(t, t.Sparse("by_item", "user", valueOf(t), t.Users()), lambdas(t, "by_item", t.Users()), "item", "user")
}

// valueOf names the array of values, if there is one.
func valueOf(t *guest.Task) string {
	if t.HasValues() {
		return "value"
	}
	return ""
}

// lambdas is λ for each row: the parameter times (n + α0·pairs)^ν, where n is
// the number of the row's entries in a frame, out of so many pairs, as Rendle et
// al. scale it. The vector of a row without entries is 0 whatever its λ.
func lambdas(t *guest.Task, frame string, pairs int) []float32 {
	lambda, exp := t.Float("regularization"), t.Float("regularization_exp")
	all := float64(t.Float("unobserved_weight") * float64(pairs))
	of := slices.Repeat([]float32{float32(lambda)}, t.Rows)
	if exp == 0 {
		return of
	}
	offsets := t.U64(frame + ".offsets")
	for r := range of {
		if n := offsets[r+1] - offsets[r]; n > 0 {
			of[r] = float32(lambda * guest.Pow(float64(n)+all, exp))
		}
	}
	return of
}

// solve finds for each row u of m the x with the least
//
//	Σ_i c_ui (p_ui - x·y_i)² + λ_u|x|²      p 0 and confidence α0 where m has no entry
//
// that is (α0 YᵀY + Yᵀ(C_u-α0 I)Y + λ_u I) x = YᵀC_u p_u (equation 4, where α0
// is 1), the sums over C_u-α0 I and p_u running over the row's entries only.
// At an entry p is 1; with the confidence called added, where an entry has a
// term α0 (0 - x·y_i)² like every pair and αv (1 - x·y_i)² of its own, c is
// α0+αv and c·p is αv.
func solve(t *guest.Task, m num.Sparse, lambda []float32, own, other string) {
	f, mine, cg, steps := t.Int("factors"), own+"_factors.vector", t.Text("solver") == "cg", t.Int("cg_steps")
	alpha, unobserved := t.Float32("alpha"), t.Float32("unobserved_weight")
	r := num.Ridge{Factors: t.Matrix(other + "_factors.vector"), Gram: t.F32(other + "_gram.vector")}
	num.Scale(unobserved, r.Gram)
	switch t.Text("confidence") { // Weight is of c-α0, Target of c·p
	case "linear":
		r.Weight, r.Target = [2]float32{alpha, 1 - unobserved}, [2]float32{alpha, 1}
	case "scaled":
		r.Weight, r.Target = [2]float32{alpha, -unobserved}, [2]float32{alpha, 0}
	case "added":
		r.Weight, r.Target = [2]float32{alpha, 0}, [2]float32{alpha, 0}
	}
	gram := newGram(t)
	blocks(t, gram, func(first int, x []float32) {
		rows := len(x) / f
		r.Rows, r.Lambda = m.Slice(first, rows), lambda[first:first+rows]
		if cg {
			t.ReadF32(x, mine, first*f) // the last solution
			num.RidgeCG(x, r, steps)
		} else if bad := num.RidgeCholesky(x, r); bad >= 0 {
			t.Fail("row", t.First+first+bad, "has no solution: raise regularization")
		}
		t.WriteF32(mine, x)
	})
	t.WriteF32(own+"_gram.vector", gram)
}

// score lists the items with the largest x·y. A user without a profile gets no
// list, as nothing speaks for any item.
func score(t *guest.Task) { t.RecommendByFactors("user_factors.vector", "item_factors.vector") }
