package naive

import "math"

// Pairwise is the data and the constants of [BPR].
type Pairwise struct {
	Rows    Sparse   // the users' items, ascending in each row
	Items   []uint32 // the columns that the block of items has, in its order, each once
	Passes  int      // samples for each entry of the block
	Rate    float32  // step of the gradient ascent
	Decay   float32  // weight of the squared lengths, of vectors and of biases
	PerUser bool     // draw a user, then one of his entries, rather than an entry
	Verify  bool     // leave out samples whose second item the user has too
	Seed    uint64
	Stream  uint64
}

// BPR is stochastic gradient ascent on Σ ln σ(x_ui - x_uj), x_ui = u·i + b_i, by
// pairs of an item that a user has and one that he has not (Rendle,
// Freudenthaler, Gantner and Schmidt-Thieme 2009, figure 4), on one block of
// users (Rows.Rows x k) and one of items (len(Items) x k, and their biases).
//
// The block's entries are those of Rows whose column is among Items, row by
// row, and Passes samples are drawn for each. Sample s takes of the words of Block(Seed, Stream, s/2) the two from
// 2*(s%2): entry w0*entries>>32, which names user and item i, and item j,
// w1*len(Items)>>32. With PerUser w0 draws among the users that have entries,
// w0*users>>32, and what is left of it, w0*users mod 2^32, among his entries in
// the same way. The sample is passed over where j is i, or where Verify is set and
// the user has j. Then, with d = i-j element by element and Dot's order of
// sums,
//
//	z = Fall((b_i - b_j) + u·d)
//	u += Rate*(z*d - Decay*u)    i += Rate*(z*u - Decay*i)    j -= Rate*(z*u + Decay*j)
//
// where u on the right is the old u; and the biases as a factor that is 1 for
// every user. It returns the number of samples not passed over.
func BPR(users, items, bias []float32, p Pairwise) int {
	place := make([]int, p.Rows.Cols)
	for i, c := range p.Items {
		place[c] = i + 1
	}
	var rows, entries, starts []int // entries, and the first one of each row that has any
	has := map[[2]int]bool{}
	for r := range p.Rows.Rows {
		for _, c := range p.Rows.Row(r) {
			if i := place[c] - 1; i >= 0 {
				if len(rows) == 0 || rows[len(rows)-1] != r {
					starts = append(starts, len(rows))
				}
				rows, entries = append(rows, r), append(entries, i)
				has[[2]int{r, i}] = true
			}
		}
	}
	if len(entries) == 0 {
		return 0
	}
	starts = append(starts, len(rows))
	k, done := len(items)/len(p.Items), 0
	d := make([]float32, k)
	for s := range p.Passes * len(entries) {
		b := Block(p.Seed, p.Stream, uint64(s/2))
		w := b[2*(s%2):]
		e := uint64(w[0]) * uint64(len(entries)) >> 32
		if p.PerUser {
			at := uint64(w[0]) * uint64(len(starts)-1)
			from, to := uint64(starts[at>>32]), uint64(starts[at>>32+1])
			e = from + (at&math.MaxUint32)*(to-from)>>32
		}
		r, i, j := rows[e], entries[e], int(uint64(w[1])*uint64(len(p.Items))>>32)
		if i == j || p.Verify && has[[2]int{r, j}] {
			continue
		}
		u, vi, vj := users[r*k:][:k], items[i*k:][:k], items[j*k:][:k]
		for f := range d {
			d[f] = vi[f] - vj[f]
		}
		z := Fall((bias[i] - bias[j]) + Dot(u, d))
		for f, a := range u {
			t := float32(z * a)
			u[f] = a + float32(p.Rate*(float32(z*d[f])-float32(p.Decay*a)))
			vi[f] += float32(p.Rate * (t - float32(p.Decay*vi[f])))
			vj[f] -= float32(p.Rate * (t + float32(p.Decay*vj[f])))
		}
		bias[i] += float32(p.Rate * (z - float32(p.Decay*bias[i])))
		bias[j] -= float32(p.Rate * (z + float32(p.Decay*bias[j])))
		done++
	}
	canonical(users)
	canonical(items)
	canonical(bias)
	return done
}

// Fall is 1/(1+exp(x)), to about 1e-7, of x cut to [-40, 40]: the exponential
// as 2^n times the Taylor polynomial of degree 6 at r = x - n ln 2, |r| < 0.35,
// with ln 2 in two parts of which the first has so few bits that n times it is
// exact (Cody and Waite).
func Fall(x float32) float32 {
	const (
		round = 3 << 22 // adding it leaves a number's nearest whole number in the lowest bits
		high  = 0.693359375
		low   = -2.12194440e-4
	)
	switch {
	case x > 40:
		x = 40
	case x < -40:
		x = -40
	case x != x:
		return x
	}
	t := float32(x*math.Log2E) + round
	n := t - round
	r := x - float32(n*high)
	r -= float32(n * low)
	y := float32(1.0 / 720)
	y = float32(y*r) + 1.0/120
	y = float32(y*r) + 1.0/24
	y = float32(y*r) + 1.0/6
	y = float32(y*r) + 0.5
	y = float32(y*r) + 1
	y = float32(y*r) + 1
	y = math.Float32frombits(math.Float32bits(y) + math.Float32bits(t)<<23)
	return 1 / (1 + y)
}
