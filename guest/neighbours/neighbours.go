// Package neighbours finds the nearest neighbours of items, or of users, and
// scores with lists of them: what the modules of that kind have in common.
//
//	neighbours.Plan(c, p, neighbours.Items) // makes the frame "neighbours"
//	p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("neighbours").Recommends()
//
//	func score(t *guest.Task) {
//		neighbours.Recommend(t, t.Sparse("targets", "item", "value", t.Items()), t.Sparse("neighbours", "item", "value", t.Items()))
//	}
//
// # Notes
//
// Own is the side whose neighbours are looked for, other the opposite one: an
// item is compared with items by the users who have both, a user with users by
// the items that both have.
package neighbours

import (
	"math"

	"rechost/guest"
	"rechost/guest/num"
)

// Side is whose neighbours are looked for: [Items] or [Users].
type Side struct{ own, other string }

var (
	Items = Side{"item", "user"}
	Users = Side{"user", "item"}
)

// Params are the parameters that a plan of the side reads.
func Params(of Side) []guest.Param {
	mine, cuts := "profile item's", []string{"column", "row", "implicit"}
	cut := "whose neighbours are kept: those of the item recommended; with row those of the item in the profile, itself among them; implicit is row as the library implicit has it, entry by entry"
	if of == Users {
		mine, cuts = "target's", []string{"column", "row"}
		cut = "whose neighbours are kept: a target counts the users who have it among theirs, as Ferrari Dacrema does, or with row, its own"
	}
	return []guest.Param{
		guest.Choice("similarity", "of two "+of.own+"s, by the "+of.other+"s they share", "cosine", "tfidf", "bm25", "jaccard", "dice", "asymmetric"),
		guest.Int("neighbours", 100, "neighbours kept for each "+of.own+" (K)").Between(1, 100000),
		guest.Choice("cut", cut, cuts...),
		guest.Bool("normalize", true, "divide by the "+of.own+"s' lengths; false is the plain product of cosine, tfidf and bm25"),
		guest.Float("shrink", 0, "added to the denominator: pulls down similarities that few "+of.other+"s support").AtLeast(0),
		guest.Float("k1", 1.2, "bm25: how fast an interaction's value saturates").AtLeast(0),
		guest.Float("b", 0.75, "bm25: how much the length of one "+of.own+"'s row counts against it").Between(0, 1),
		guest.Float("alpha", 0.5, "asymmetric: exponent of the "+mine+" length; 0.5 is cosine").Between(0, 1),
	}
}

// Plan adds the stages that make the frame "neighbours": a row for each of the
// side, its entries the neighbours that a score of that row counts, as arrays
// "item" or "user" and "value". With cut=row they are the row's own nearest;
// with cut=column those who have the row among their nearest.
func Plan(c *guest.Config, p *guest.Plan, of Side) {
	byOwn, byOther := "by_"+of.own, "by_"+of.other
	ownWeights, otherWeights, idf := of.own+"_weights", of.other+"_weights", of.other+"_idf"
	over, across, count := guest.Items, guest.Users, c.Items()
	if of == Users {
		over, across, count = guest.Users, guest.Items, c.Users()
	}
	if weighted(c) {
		p.Stage("lengths", of.lengths).Over(over).Aligned(byOwn).Writes("lengths", guest.F32("sum"))
		p.Stage("weigh_"+of.other+"s", of.weighOther).Over(across).Aligned(byOther, of.own, "value").Whole("lengths").
			Writes(idf, guest.F32("value")).Writes(otherWeights, guest.F32("value").Entries())
		p.Stage("weigh_"+of.own+"s", of.weighOwn).Over(over).Aligned(byOwn, of.other, "value").Whole("lengths").Whole(idf).
			Writes(ownWeights, guest.F32("value").Entries())
	}
	m := p.Stage("measure", of.measure).Over(over).Aligned(byOwn, of.other, "value").
		Writes("rows", guest.F32("alpha"), guest.F32("beta")).Writes("columns", guest.F32("norm"))
	n := p.Stage("neighbours", of.nearest).Over(over).Aligned(byOwn, of.other, "value").Whole(byOther, of.own, "value").
		Aligned("rows").Whole("columns").Writes(kept(c), guest.U32(of.own).Entries(), guest.F32("value").Entries())
	p.EmitsLists("neighbours", kept(c), over, of.own, "value", "the neighbours that are kept for each "+of.own)
	if weighted(c) {
		m.Aligned(ownWeights)
		n.Aligned(ownWeights).Whole(otherWeights)
	}
	if c.Text("cut") == "column" {
		p.Stage("turn", of.turn).Over(guest.Once).Whole(kept(c)).
			WritesRows("neighbours", count, guest.U32(of.own).Entries(), guest.F32("value").Entries())
	}
}

// kept is the frame of each row's own nearest.
func kept(c *guest.Config) string {
	if c.Text("cut") == "column" {
		return "nearest"
	}
	return "neighbours"
}

func (of Side) count(c *guest.Config) int {
	if of == Users {
		return c.Users()
	}
	return c.Items()
}

func (of Side) across() Side { return Side{of.other, of.own} }

func weighted(c *guest.Config) bool {
	s := c.Text("similarity")
	return s == "tfidf" || s == "bm25"
}

// lengths sums the values of each row of the own side.
func (of Side) lengths(t *guest.Task) {
	sum := make([]float32, t.Rows)
	num.RowSums(sum, t.Sparse("by_"+of.own, of.other, "value", of.across().count(t.Config)), 1)
	t.WriteF32("lengths.sum", sum)
}

// weigher returns the weight of a value v, where the own side are documents
// and the other terms:
//
//	tfidf  √v · idf
//	bm25   v(k1+1) / (k1·(1-b + b·length/mean) + v) · idf
func (of Side) weigher(t *guest.Task) func(v, length, idf float32) float32 {
	if t.Text("similarity") == "tfidf" {
		return func(v, _, idf float32) float32 { return float32(math.Sqrt(float64(v))) * idf }
	}
	var total float64
	for _, l := range t.F32("lengths.sum") {
		total += float64(l)
	}
	mean := float32(total / float64(of.count(t.Config)))
	k1, b := t.Float32("k1"), t.Float32("b")
	return func(v, length, idf float32) float32 {
		norm := 1 - b + float32(b*length/mean)
		return v * (k1 + 1) / (float32(k1*norm) + v) * idf
	}
}

// weighOther weighs the values by rows of the other side; the idf of one is
// ln(documents/(1+those that have it)).
func (of Side) weighOther(t *guest.Task) {
	weigh, length, m := of.weigher(t), t.F32("lengths.sum"), t.Entries("by_"+of.other, of.own, "value")
	idf, out := make([]float32, t.Rows), t.Lists(of.other+"_weights", "", "value")
	for r := range t.Rows {
		ids, values := m.Row(r)
		idf[r] = float32(guest.Log(float64(of.count(t.Config))) - guest.Log(float64(1+len(ids))))
		for e, i := range ids {
			if values[e] < 0 {
				t.Fail("a value is", values[e], "but", t.Text("similarity"), "has no weight for values below 0")
			}
			values[e] = weigh(values[e], length[i], idf[r])
		}
		out.Add(nil, values)
	}
	t.WriteF32(of.other+"_idf.value", idf)
}

// weighOwn weighs the same values by rows of the own side.
func (of Side) weighOwn(t *guest.Task) {
	weigh, length, m := of.weigher(t), t.F32("lengths.sum"), t.Entries("by_"+of.own, of.other, "value")
	idf, out := t.F32(of.other+"_idf.value"), t.Lists(of.own+"_weights", "", "value")
	for r := range t.Rows {
		ids, values := m.Row(r)
		for e, i := range ids {
			values[e] = weigh(values[e], length[t.First+r], idf[i])
		}
		out.Add(nil, values)
	}
}

// matrix is the interactions by rows of the side, with the numbers that the
// similarity counts.
func (of Side) matrix(t *guest.Task) num.Sparse {
	m := t.Sparse("by_"+of.own, of.other, "value", of.across().count(t.Config))
	switch {
	case weighted(t.Config):
		m.Value = t.Vector(of.own + "_weights.value")
	case t.Text("similarity") == "jaccard" || t.Text("similarity") == "dice":
		m = m.Binary()
	}
	return m
}

// measure finds what turns the product x of rows i and j into a similarity,
// x / (alpha_i·norm_j + beta_i - gamma·x):
//
//	cosine      x / (|i||j| + shrink)
//	asymmetric  x / (|i|^2α |j|^2(1-α) + shrink), i in the profile, or the target
//	jaccard     x / (n_i + n_j - x + shrink)
//	dice        x / (n_i + n_j + shrink)
func (of Side) measure(t *guest.Task) {
	squares := make([]float32, t.Rows) // of jaccard and dice: numbers of entries
	num.RowSums(squares, of.matrix(t), 2)
	left, right, beta := make([]float32, t.Rows), make([]float32, t.Rows), make([]float32, t.Rows)
	a, shrink, similarity := t.Float("alpha"), t.Float32("shrink"), t.Text("similarity")
	if t.Text("cut") == "column" { // the lists are made the other way round
		a = 1 - a
	}
	for i, s := range squares {
		beta[i] = shrink
		switch similarity {
		case "jaccard", "dice":
			left[i], right[i], beta[i] = 1, s, s+beta[i]
		case "asymmetric":
			if s > 0 {
				left[i], right[i] = float32(guest.Pow(float64(s), a)), float32(guest.Pow(float64(s), 1-a))
			}
		default:
			left[i] = float32(math.Sqrt(float64(s)))
			right[i] = left[i]
		}
	}
	t.WriteF32("rows.alpha", left)
	t.WriteF32("rows.beta", beta)
	t.WriteF32("columns.norm", right)
}

// nearest keeps the most similar of each row. Items cut by row count
// themselves, as implicit's do; a user is no neighbour of itself.
func (of Side) nearest(t *guest.Task) {
	p := num.Product{B: of.across().matrix(t), OffDiagonal: of == Users || t.Text("cut") == "column"}
	if t.Text("similarity") == "jaccard" {
		p.Gamma = 1
	}
	own, alpha, beta := of.matrix(t), t.F32("rows.alpha"), t.F32("rows.beta")
	if t.Bool("normalize") {
		p.Norms = t.F32("columns.norm")
	}
	lists, k := t.Lists(kept(t.Config), of.own, "value"), t.Int("neighbours")
	var block num.Lists
	t.Blocks(Block(k), func(first, rows int) {
		p.A, p.Diagonal = own.Slice(first, rows), t.First+first
		p.Alpha, p.Beta = alpha[first:first+rows], beta[first:first+rows]
		block.ProductTopK(p, k)
		lists.AddAll(block)
	})
}

// turn makes the lists of a row's nearest into those of the rows that it is
// near to.
func (of Side) turn(t *guest.Task) {
	n := of.count(t.Config)
	t.Lists("neighbours", of.own, "value").AddAll(Turned(t.Sparse(kept(t.Config), of.own, "value", n)))
}
