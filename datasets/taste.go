package datasets

import (
	"math"
	"sort"
)

// weightScale is the weight of the most popular item; small enough that
// 2^27 of them add up inside 63 bits.
const weightScale = 1 << 36

// powerWeight is weightScale * ((rank+offset)/offset)^-exponent for the
// exponents that square roots and products alone can make, because
// those are exact to the last bit on every machine and math.Pow is not.
func powerWeight(rank, offset uint64, eighths int) uint64 {
	x := float64(rank+offset) / float64(offset)
	root2 := math.Sqrt(x)
	root4 := math.Sqrt(root2)
	root8 := math.Sqrt(root4)
	p := 1.0
	if eighths&4 != 0 {
		p *= root2
	}
	if eighths&2 != 0 {
		p *= root4
	}
	if eighths&1 != 0 {
		p *= root8
	}
	return max(1, uint64(weightScale/p))
}

// group is a set of items of one kind, by falling popularity.
type group struct {
	first int      // index of its most popular item; the others follow
	cum   []uint64 // cum[i] = weight of the items before the i-th; one more than there are items
}

func (g *group) size() int { return len(g.cum) - 1 }

// pick returns the j-th of n different items of the group (0 <= j < n <= size)
// for the user whose phase and draw are given, in time logarithmic in size and
// with no memory of the other n-1.
//
// It is stratified sampling without replacement. Items so popular that
// their expected count would pass one are taken for sure: the first t. The
// weight of the others, bent into a circle and turned by the user's phase, is cut
// into n-t equal arcs, and the j-th pick is drawn by weight among the items that
// *begin* in arc j. No item begins in two arcs, so no item is picked twice; every
// item is lighter than an arc, so every arc has a beginning in it.
func (g *group) pick(j, n int, phase, draw uint64) int {
	s := g.size()
	total := g.cum[s]
	t := sort.Search(n, func(i int) bool {
		return (g.cum[i+1]-g.cum[i])*uint64(n-i) < total-g.cum[i]
	})
	if j < t {
		return g.first + j
	}
	rest, arcs, k := total-g.cum[t], uint64(n-t), uint64(j-t)
	turn := scale(phase, rest)
	from, to := mulDiv(k, rest, turn, arcs), mulDiv(k+1, rest, turn, arcs)
	// Items t..s-1, then the same again: begin(i) for i up to 2s-t.
	begin := func(i int) uint64 {
		if i <= s {
			return g.cum[i] - g.cum[t]
		}
		return rest + g.cum[t+i-s] - g.cum[t]
	}
	after := func(x uint64) int { // first item that begins at x or later
		if x <= rest {
			return t + sort.Search(s-t, func(i int) bool { return g.cum[t+i]-g.cum[t] >= x })
		}
		return s + sort.Search(s-t, func(i int) bool { return g.cum[t+i]-g.cum[t] >= x-rest })
	}
	lo, hi := after(from), after(to)
	at := begin(lo) + scale(draw, begin(hi)-begin(lo))
	i := lo + sort.Search(hi-lo-1, func(i int) bool { return begin(lo+i+1) > at })
	if i >= s {
		i -= s - t
	}
	return g.first + i
}

// catalogue is all items: group 0 holds the hits that everybody may like, the
// others are tastes.
type catalogue struct {
	groups []group
	appeal [1 << 12]uint16 // a taste for each 4096th of chance
}

// maxTastes keeps a taste's appeal above the grain of the table.
const maxTastes = 1024

// newCatalogue arranges items: 2 % of them hits (10 % of a small catalogue), the rest
// divided over about 2 sqrt(items) tastes. Popularity within each falls as
// rank^-7/8.
func newCatalogue(items int) *catalogue {
	hits := max(items/50, min(items/10, 200))
	tastes := min(items/30, 2*int(math.Sqrt(float64(items))), maxTastes)
	tastes = max(tastes, min(5, items/4), 1)
	c := &catalogue{}
	place := 0
	add := func(rank, step int) {
		g := group{first: place, cum: []uint64{0}}
		end := items
		if step == 0 {
			step, end = 1, hits
		}
		offset := uint64(max(2, (end-rank)/step/32))
		for k := uint64(0); rank < end; rank += step {
			g.cum = append(g.cum, g.cum[k]+powerWeight(k, offset, 7))
			k++
			place++
		}
		c.groups = append(c.groups, g)
	}
	add(0, 0)
	appeal := []uint64{0}
	for k := range tastes {
		add(hits+k, tastes)
		appeal = append(appeal, appeal[k]+powerWeight(uint64(k), uint64(max(2, tastes/16)), 6))
	}
	g := 0
	for i := range c.appeal {
		for appeal[g+1] <= mulDiv(appeal[tastes], uint64(i), 0, uint64(len(c.appeal))) {
			g++
		}
		c.appeal[i] = uint16(g)
	}
	return c
}

// tastesPerUser is how many tastes a user has beside the hits.
const tastesPerUser = 5

// shares is how a user's interactions are spread over hits and tastes, in 256ths, for
// four kinds of user: one who follows the crowd, two in between, one with a single love.
var shares = [4][1 + tastesPerUser]uint64{
	{112, 48, 40, 24, 20, 12},
	{64, 84, 48, 30, 18, 12},
	{40, 100, 56, 28, 20, 12},
	{24, 168, 32, 16, 10, 6},
}

// part is how many items of a group a user takes.
type part struct {
	group int
	n     int
}

// parts appends to buf how a user with n interactions spreads them. Parts add
// up to n, no group comes twice, none is overdrawn; n is at most the
// number of items.
func (c *catalogue) parts(buf []part, user stream, n int) []part {
	buf = append(buf[:0], part{group: 0})
	tastes := len(c.groups) - 1
	free := func(g int) bool {
		for _, p := range buf {
			if p.group == g {
				return false
			}
		}
		return true
	}
	for k := 0; k < min(tastesPerUser, tastes); k++ {
		w := user.at(uint64(k))
		var g int
		if k > 0 && w&1 == 0 { // akin to the first love: a taste beside it
			g = (buf[1].group - 1 + int(w>>1%7) + tastes - 3%tastes) % tastes
		} else {
			g = int(c.appeal[w>>52])
		}
		for !free(g + 1) {
			g = (g + 1) % tastes
		}
		buf = append(buf, part{group: g + 1})
	}
	kind := user.at(10)
	share, dither := &shares[kind&3], kind>>8&255
	left, cum, before := n, uint64(0), uint64(0)
	for k := range buf {
		cum += share[k]
		upto := (cum*uint64(n) + dither) >> 8
		p := &buf[k]
		p.n = min(int(upto-before), c.groups[p.group].size())
		before = upto
		left -= p.n
	}
	// What a group cannot give, and the last rounding, comes from the groups with room,
	// the user's own first.
	for k := 0; left > 0 && k < len(buf); k++ {
		more := min(left, c.groups[buf[k].group].size()-buf[k].n)
		buf[k].n += more
		left -= more
	}
	for g := int(scale(user.at(11), uint64(tastes))); left > 0; g = (g + 1) % tastes {
		if free(g + 1) {
			buf = append(buf, part{g + 1, min(left, c.groups[g+1].size())})
			left -= buf[len(buf)-1].n
		}
	}
	return buf
}
