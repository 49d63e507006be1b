// Command ease is a module that recommends by a linear model of items on items
// that has a closed solution.
package main

import (
	"strconv"

	"rechost/guest"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "ease",
	Version: "1.0.0",
	Summary: "a linear model of items on items in closed form (EASE)",
	Source:  "Steck: Embarrassingly shallow autoencoders for sparse data, WWW 2019, equations 4 to 8",
	Params: []guest.Param{
		guest.Float("regularization", 500, "λ, the weight of the squared weights (l2_norm, reg_weight)").AtLeast(0),
	},
	Plan: func(c *guest.Config, p *guest.Plan) {
		if n := c.Items(); n > most {
			panic(guest.Failure("the weights of " + strconv.Itoa(n) + " items by as many are larger than a module's memory can be, which holds those of " +
				strconv.Itoa(most) + ": leave rare items out, or use another module"))
		}
		p.Stage("weights", weights).Over(guest.Once).Whole("by_user", "item", "value").
			WritesRows("weights", c.Items(), guest.F32("weight").Wide(c.Items()))
		p.EmitsMatrix("weights", "weights", guest.Items, guest.Items, "weight", "the weight of each item of a profile (row) for each item")
		p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("weights").Recommends()
	},
}

// most is how many items' matrix of float32 fits in 4 GiB.
const most = 32000

// weights finds the B with a diagonal of 0 that is nearest to X = XB,
//
//	min |X - XB|² + λ|B|²      P = (XᵀX + λI)⁻¹      B_ij = -P_ij / P_jj
func weights(t *guest.Task) {
	x := t.Sparse("by_user", "item", "value", t.Items())
	n, lambda := t.Items(), t.Float32("regularization")
	p := make([]float32, n*n)
	num.SparseGram(p, x)
	for i := range n {
		p[i*n+i] += lambda
	}
	if bad := num.Inverse(p, n); bad >= 0 {
		t.Fail("the items' equations have no solution at item", bad, "in the order of ids: raise regularization")
	}
	minus := make([]float32, n)
	for j := range n {
		minus[j] = -p[j*n+j]
	}
	num.DivideColumns(p, minus)
	for j := range n {
		p[j*n+j] = 0
	}
	t.WriteF32("weights.weight", p)
}

// score lists the items with the largest xB. A user without a profile gets no
// list, as nothing speaks for any item.
func score(t *guest.Task) {
	b, profiles := t.Matrix("weights.weight"), t.Sparse("targets", "item", "value", t.Items())
	own, lists := t.U64("targets.offsets"), t.Recommendations()
	t.Blocks(2040, func(first, rows int) {
		l := num.RowsTopK(profiles.Slice(first, rows), b, t.Mask(first, rows), t.Top())
		for r := range rows {
			from, to := l.Offsets[r], l.Offsets[r+1]
			if own[first+r] == own[first+r+1] {
				to = from
			}
			lists.Add(l.Index[from:to], l.Score[from:to])
		}
	})
}
