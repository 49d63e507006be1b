// Command cf is a module that recommends by nearest neighbours of items.
package main

import (
	"math"

	"rechost/guest"
	"rechost/guest/num"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "cf",
	Version: "1.0.0",
	Summary: "collaborative filtering by the nearest neighbours of items",
	Source:  "Sarwar, Karypis, Konstan, Riedl: Item-based collaborative filtering recommendation algorithms, WWW 2001",
	Params: []guest.Param{
		guest.Choice("similarity", "of two items, by the users who have them", "cosine", "tfidf", "bm25", "jaccard", "dice", "asymmetric"),
		guest.Int("neighbours", 100, "neighbours kept for each item (K)").Between(1, 100000),
		guest.Choice("cut", "whose neighbours are kept: those of the item recommended, or with row, as the library implicit does, those of the item in the profile, itself among them", "column", "row"),
		guest.Bool("normalize", true, "divide by the items' lengths; false is the plain product of cosine, tfidf and bm25"),
		guest.Float("shrink", 0, "added to the denominator: pulls down similarities that few users support").AtLeast(0),
		guest.Float("k1", 1.2, "bm25: how fast an interaction's value saturates").AtLeast(0),
		guest.Float("b", 0.75, "bm25: how much an item's popularity counts against it").Between(0, 1),
		guest.Float("alpha", 0.5, "asymmetric: exponent of the profile item's length; 0.5 is cosine").Between(0, 1),
	},
	Plan: plan,
}

func plan(c *guest.Config, p *guest.Plan) {
	byItem, byUser := "by_item", "by_user"
	if weighted(c) {
		byItem, byUser = "item_weights", "user_weights"
		p.Stage("lengths", lengths).Over(guest.Items).Aligned("by_item").Writes("lengths", guest.F32("sum"))
		p.Stage("weigh_users", weighUsers).Over(guest.Users).Aligned("by_user", "item", "value").Whole("lengths").
			Writes("user_idf", guest.F32("value")).Writes(byUser, guest.F32("value").Entries())
		p.Stage("weigh_items", weighItems).Over(guest.Items).Aligned("by_item").Whole("lengths").Whole("user_idf").
			Writes(byItem, guest.F32("value").Entries())
	}
	s := p.Stage("measure", measure).Over(guest.Items).Aligned("by_item").
		Writes("rows", guest.F32("alpha"), guest.F32("beta")).Writes("columns", guest.F32("norm"))
	n := p.Stage("neighbours", neighbours).Over(guest.Items).Aligned("by_item").Whole("by_user", "item", "value").
		Aligned("rows").Whole("columns").Writes("neighbours", guest.U32("item").Entries(), guest.F32("value").Entries())
	if weighted(c) {
		s.Aligned(byItem)
		n.Aligned(byItem).Whole(byUser)
	}
	if c.Text("cut") == "column" {
		p.Stage("turn", turn).Over(guest.Once).Whole("neighbours").
			WritesRows("neighbours", c.Items(), guest.U32("item").Entries(), guest.F32("value").Entries())
	}
	p.Stage("score", score).Over(guest.Targets).Aligned("targets").Whole("neighbours").Recommends()
}

func weighted(c *guest.Config) bool {
	s := c.Text("similarity")
	return s == "tfidf" || s == "bm25"
}

// lengths sums the values of each item.
func lengths(t *guest.Task) {
	sum := make([]float32, t.Rows)
	num.RowSums(sum, t.Sparse("by_item", "user", "value", t.Users()), 1)
	t.WriteF32("lengths.sum", sum)
}

// weigher returns the weight of a value v, where items are documents and users
// are terms:
//
//	tfidf  √v · idf
//	bm25   v(k1+1) / (k1·(1-b + b·length/mean) + v) · idf
func weigher(t *guest.Task) func(v, length, idf float32) float32 {
	if t.Text("similarity") == "tfidf" {
		return func(v, _, idf float32) float32 { return float32(math.Sqrt(float64(v))) * idf }
	}
	var total float64
	for _, l := range t.F32("lengths.sum") {
		total += float64(l)
	}
	mean := float32(total / float64(t.Items()))
	k1, b := t.Float32("k1"), t.Float32("b")
	return func(v, length, idf float32) float32 {
		norm := 1 - b + float32(b*length/mean)
		return v * (k1 + 1) / (float32(k1*norm) + v) * idf
	}
}

// weighUsers weighs the values by user; a user's idf is ln(items/(1+own items)).
func weighUsers(t *guest.Task) {
	weigh, length, m := weigher(t), t.F32("lengths.sum"), t.Entries("by_user", "item", "value")
	idf, out := make([]float32, t.Rows), t.Lists("user_weights", "", "value")
	for u := range t.Rows {
		items, values := m.Row(u)
		idf[u] = float32(guest.Log(float64(t.Items())) - guest.Log(float64(1+len(items))))
		for e, i := range items {
			if values[e] < 0 {
				t.Fail("a value is", values[e], "but", t.Text("similarity"), "has no weight for values below 0")
			}
			values[e] = weigh(values[e], length[i], idf[u])
		}
		out.Add(nil, values)
	}
	t.WriteF32("user_idf.value", idf)
}

// weighItems weighs the same values by item.
func weighItems(t *guest.Task) {
	weigh, length, m := weigher(t), t.F32("lengths.sum"), t.Entries("by_item", "user", "value")
	idf, out := t.F32("user_idf.value"), t.Lists("item_weights", "", "value")
	for i := range t.Rows {
		users, values := m.Row(i)
		for e, u := range users {
			values[e] = weigh(values[e], length[t.First+i], idf[u])
		}
		out.Add(nil, values)
	}
}

// matrix is by_item or by_user with the numbers that the similarity counts.
func matrix(t *guest.Task, frame, ids, weights string, cols int) num.Sparse {
	m := t.Sparse(frame, ids, "value", cols)
	switch {
	case weighted(t.Config):
		m.Value = t.Vector(weights + ".value")
	case t.Text("similarity") == "jaccard" || t.Text("similarity") == "dice":
		m = m.Binary()
	}
	return m
}

// measure finds what turns the product x of items i and j into a similarity,
// x / (alpha_i·norm_j + beta_i - gamma·x):
//
//	cosine      x / (|i||j| + shrink)
//	asymmetric  x / (|i|^2α |j|^2(1-α) + shrink), i in the profile
//	jaccard     x / (n_i + n_j - x + shrink)
//	dice        x / (n_i + n_j + shrink)
func measure(t *guest.Task) {
	squares := make([]float32, t.Rows) // of jaccard and dice: numbers of users
	num.RowSums(squares, matrix(t, "by_item", "user", "item_weights", t.Users()), 2)
	left, right, beta := make([]float32, t.Rows), make([]float32, t.Rows), make([]float32, t.Rows)
	a := t.Float("alpha")
	if t.Text("cut") == "column" { // a row is the recommended item, a column the profile's
		a = 1 - a
	}
	for i, s := range squares {
		beta[i] = t.Float32("shrink")
		switch t.Text("similarity") {
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

// neighbours keeps the most similar items of each item.
func neighbours(t *guest.Task) {
	p := num.Product{B: matrix(t, "by_user", "item", "user_weights", t.Items()), OffDiagonal: t.Text("cut") == "column"}
	if t.Text("similarity") == "jaccard" {
		p.Gamma = 1
	}
	items, alpha, beta := matrix(t, "by_item", "user", "item_weights", t.Users()), t.F32("rows.alpha"), t.F32("rows.beta")
	if t.Bool("normalize") {
		p.Norms = t.F32("columns.norm")
	}
	lists, k := t.Lists("neighbours", "item", "value"), t.Int("neighbours")
	t.Blocks(block(k), func(first, rows int) {
		p.A, p.Diagonal = items.Slice(first, rows), t.First+first
		p.Alpha, p.Beta = alpha[first:first+rows], beta[first:first+rows]
		lists.AddAll(num.ProductTopK(p, k))
	})
}

// block is the number of lists of k that are made at a time: at most 32 MiB.
func block(k int) int { return max(1, min(1024, (4<<20)/k)) }

// turn makes the lists of an item's neighbours into those of the items whose
// neighbour it is, which is what scoring by profile needs.
func turn(t *guest.Task) {
	m := num.Transpose(t.Sparse("neighbours", "item", "value", t.Items()))
	t.Lists("neighbours", "item", "value").AddAll(num.Lists{Offsets: m.Offsets.Data(), Index: m.Index.Data(), Score: m.Value.Data()})
}

// score sums, for each item, its similarity to the items of the profile, times
// their values.
func score(t *guest.Task) {
	profiles := t.Sparse("targets", "item", "value", t.Items())
	p := num.Product{B: t.Sparse("neighbours", "item", "value", t.Items())}
	lists := t.Recommendations()
	t.Blocks(block(t.Top()), func(first, rows int) {
		if p.A = profiles.Slice(first, rows); !t.KeepSeen() {
			p.Without = p.A
		}
		lists.AddAll(num.ProductTopK(p, t.Top()))
	})
}
