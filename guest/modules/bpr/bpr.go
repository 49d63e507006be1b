// Command bpr is a module that factorises the matrix of implicit feedback so
// that each user's items come before the others: Bayesian personalised
// ranking, by stratified stochastic gradient ascent.
package main

import (
	"rechost/guest"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "bpr",
	Version: "1.0.0",
	Summary: "Bayesian personalised ranking, a matrix factorisation that learns from pairs of items",
	Source: "Rendle, Freudenthaler, Gantner, Schmidt-Thieme: BPR: Bayesian personalized ranking from implicit feedback, UAI 2009, figure 4; " +
		"Gemulla, Nijkamp, Haas, Sismanis: Large-scale matrix factorization with distributed stochastic gradient descent, KDD 2011",
	Params: []guest.Param{
		guest.Int("factors", 64, "length of a user's and an item's vector, without the item's bias").Between(1, 4096),
		guest.Int("iterations", 100, "epochs: each draws as many samples as there are interactions").Between(1, 10000),
		guest.Float("learning_rate", 0.1, "step of the gradient ascent, at first").AtLeast(0),
		guest.Float("learning_rate_decay", 1, "share of the learning rate that it loses to the end, evenly: 0 keeps it, as the paper does").Between(0, 1),
		guest.Float("regularization", 0.01, "λ, the weight of the squared lengths, biases too").AtLeast(0),
		guest.Choice("draw", "a sample's first item is of a user drawn first, or of an interaction drawn from all, as in the paper", "users", "interactions"),
		guest.Bool("verify_negative_samples", true, "pass over a sample whose negative item the user has too"),
		guest.Int("blocks", 2, "blocks of users and of items: so many tasks can run at a time; part of the result").Between(1, 1024),
		guest.Int("passes", 4, "epochs' worth of samples a block gets at a visit; more need less moving of data, and mix less").Between(1, 10000),
	},
	Plan: func(c *guest.Config, p *guest.Plan) {
		n := blocks(c)
		vectors := guest.F32("vector").Wide(c.Int("factors") + 1)
		numbers := guest.F32("x").Entries()
		p.Stage("blocks", start).Over(guest.Once).WritesRows("blocks", n, guest.U32("number"))
		p.Stage("start", draw).Over("blocks").Whole("by_user", "item").
			Writes("user_blocks", numbers).Writes("item_blocks", numbers)
		p.Repeat(turns(c), func(p *guest.Plan) {
			p.Stage("ascend", ascend).Over("blocks").Whole("by_user", "item").
				Aligned("user_blocks").Whole("item_blocks").Writes("user_blocks", numbers).Writes("item_blocks", numbers)
		})
		p.Stage("user_vectors", userVectors).Over(guest.Users).Whole("user_blocks", "x").Writes("user_factors", vectors)
		p.Stage("item_vectors", itemVectors).Over(guest.Items).Whole("item_blocks", "x").Writes("item_factors", vectors)
		p.EmitsMatrix("user_factors", "user_factors", guest.Users, "", "vector", "the vector of each user, and a 1 for the item's bias")
		p.EmitsMatrix("item_factors", "item_factors", guest.Items, "", "vector", "the vector of each item, its bias last")
		p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("user_factors").Whole("item_factors").Recommends()
	},
}

func blocks(c *guest.Config) int { return max(1, min(c.Int("blocks"), c.Users(), c.Items())) }

// turns is how many times each block of users is visited: all blocks of items
// for every passes epochs.
func turns(c *guest.Config) int {
	passes := min(c.Int("passes"), c.Int("iterations"))
	return (c.Int("iterations") + passes - 1) / passes * blocks(c)
}

// epochs is how many epochs' worth of samples turn t takes: the last round may
// have fewer.
func epochs(c *guest.Config, t int) int {
	passes := min(c.Int("passes"), c.Int("iterations"))
	return min(passes, c.Int("iterations")-t/blocks(c)*passes)
}

// rate is the learning rate in turn t: it falls on a line that would meet its
// end after the last round, and is the same in all turns of a round.
func rate(c *guest.Config, t int) float32 {
	n := blocks(c)
	gone := float64(t/n) / float64(turns(c)/n)
	return float32(c.Float("learning_rate") * (1 - float64(c.Float("learning_rate_decay")*gone)))
}

// Streams of random numbers. A turn's samples have streams of their own from
// samples on.
const (
	ofUsers = iota + 1
	ofItems
	ofOrders = 1 << 32
	samples  = 1 << 40
)

func start(t *guest.Task) {
	n := make([]uint32, blocks(t.Config))
	for i := range n {
		n[i] = uint32(i)
	}
	t.WriteU32("blocks.number", n)
}

// cut is the bounds of block b where n things are cut into so many.
func cut(n, b, blocks int) (from, to int) { return n * b / blocks, n * (b + 1) / blocks }

// userCut is the bounds of a block of users: blocks have about as many
// interactions.
func userCut(offsets []uint64, b, blocks int) (from, to int) {
	total := offsets[len(offsets)-1]
	bound := func(b int) int {
		lo, hi := 0, len(offsets)-1
		for want := total * uint64(b) / uint64(blocks); lo < hi; {
			if m := (lo + hi) / 2; offsets[m] < want {
				lo = m + 1
			} else {
				hi = m
			}
		}
		return lo
	}
	from, to = bound(b), bound(b+1)
	if b == blocks-1 {
		to = len(offsets) - 1
	}
	return from, to
}

// order is the order of the items in round r, one round being a turn for every
// block of items: the first blocks hold the first of them. Each round shuffles
// anew (Fisher and Yates), so that in time every two items share a block.
func order(t *guest.Task, r int) []uint32 {
	p := make([]uint32, t.Items())
	for i := range p {
		p[i] = uint32(i)
	}
	if r < 0 {
		return p
	}
	x := make([]float32, len(p))
	num.Uniform(x, uint64(t.Seed()), ofOrders+uint64(r), 0)
	for i := len(p) - 1; i > 0; i-- {
		j := min(int(float64(x[i])*float64(i+1)), i)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// draw draws the first vectors from [-1/2f, 1/2f), as the library implicit
// does. Item biases start at 0. A block of items is its vectors, then biases.
func draw(t *guest.Task) {
	f, offsets := t.Int("factors"), t.U64("by_user.offsets")
	fill := func(stream uint64, from, to, room int) []float32 {
		x := make([]float32, (to-from)*room)
		v := x[:(to-from)*f]
		num.Uniform(v, uint64(t.Seed()), stream, uint64(from)*uint64(f))
		for i := range v {
			v[i] = (v[i] - 0.5) / float32(f)
		}
		return x
	}
	users, items := t.Lists("user_blocks", "", "x"), t.Lists("item_blocks", "", "x")
	for b := t.First; b < t.First+t.Rows; b++ {
		from, to := userCut(offsets, b, blocks(t.Config))
		users.Add(nil, fill(ofUsers, from, to, f))
		from, to = cut(t.Items(), b, blocks(t.Config))
		items.Add(nil, fill(ofItems, from, to, f+1))
	}
}

// ascend takes a turn: block p of users works on block (p+turn) mod blocks of
// items, so no two work on the same rows of either side. Row p of item_blocks
// is then the block of items that p has had, in that turn's order; the next
// turn fetches its items from wherever they are.
func ascend(t *guest.Task) {
	n, f, turn := blocks(t.Config), t.Int("factors"), t.Iteration
	offsets := t.U64("by_user.offsets")
	rows := t.Sparse("by_user", "item", "", t.Items())
	mine, users := t.F32("user_blocks.x"), t.Lists("user_blocks", "", "x")
	all, items := t.F32("item_blocks.x"), t.Lists("item_blocks", "", "x")
	now, at := order(t, turn/n), places(t, turn-1)
	for b := t.First; b < t.First+t.Rows; b++ {
		from, to := userCut(offsets, b, n)
		part := rows.Slice(from, to-from)
		x := mine[:(to-from)*f]
		mine = mine[len(x):]
		from, to = cut(t.Items(), (b+turn)%n, n)
		ids := now[from:to]
		y := make([]float32, len(ids)*(f+1))
		v, bias := y[:len(ids)*f], y[len(ids)*f:]
		for i, id := range ids {
			copy(v[i*f:][:f], all[at[id].vector:])
			bias[i] = all[at[id].bias]
		}
		seed, stream := uint64(t.Seed()), samples+uint64(turn)*uint64(n)+uint64(b)
		num.BPR(x, v, bias, num.Pairwise{
			Rows: part, Items: ids, Passes: epochs(t.Config, turn),
			Rate: rate(t.Config, turn), Decay: t.Float32("regularization"),
			PerUser: t.Text("draw") == "users", Verify: t.Bool("verify_negative_samples"), Seed: seed, Stream: stream,
		})
		users.Add(nil, x)
		items.Add(nil, y)
	}
}

// place is where in the numbers of item_blocks an item is.
type place struct{ vector, bias int }

// places is where the items are after a turn; after -1, where draw left them.
func places(t *guest.Task, turn int) []place {
	n, f := blocks(t.Config), t.Int("factors")
	p, round, base := make([]place, t.Items()), -1, 0
	if turn >= 0 {
		round = turn / n
	}
	ids := order(t, round)
	for b := range n {
		from, to := cut(len(ids), (b+max(turn, 0))%n, n)
		for i, id := range ids[from:to] {
			p[id] = place{base + i*f, base + (to-from)*f + i}
		}
		base += (to - from) * (f + 1)
	}
	return p
}

// userVectors and itemVectors write the vectors in the order of users and
// items. The bias is an item's last factor, and every user's is 1.
func userVectors(t *guest.Task) {
	f := t.Int("factors")
	x := t.F32("user_blocks.x")[t.First*f:][:t.Rows*f]
	t.Blocks(4096, func(first, rows int) {
		out := make([]float32, 0, rows*(f+1))
		for u := first; u < first+rows; u++ {
			out = append(append(out, x[u*f:][:f]...), 1)
		}
		t.WriteF32("user_factors.vector", out)
	})
}

func itemVectors(t *guest.Task) {
	f := t.Int("factors")
	x, at := t.F32("item_blocks.x"), places(t, turns(t.Config)-1)
	t.Blocks(4096, func(first, rows int) {
		out := make([]float32, 0, rows*(f+1))
		for _, p := range at[t.First+first:][:rows] {
			out = append(append(out, x[p.vector:][:f]...), x[p.bias])
		}
		t.WriteF32("item_factors.vector", out)
	})
}

// score lists the items with the largest x·y. A user without a profile gets no
// list: his vector is still the one that was drawn.
func score(t *guest.Task) { t.RecommendByFactors("user_factors.vector", "item_factors.vector") }
