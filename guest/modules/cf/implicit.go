package main

import (
	"cmp"
	"math"
	"slices"

	"rechost/guest"
	"rechost/guest/neighbours"
)

// The lists of the library implicit 0.7, cosine, entry by entry. Where many
// similarities are equal at the last place that is kept, which of them stay
// follows from the order in which the library meets them, and which are equal
// at all from how it rounds; so this is its arithmetic, float64 in its order,
// and its order (implicit/cpu/_nearest_neighbours.pyx, nearest_neighbours.h).

func planImplicit(c *guest.Config, p *guest.Plan) {
	if c.Text("similarity") != "cosine" || !c.Bool("normalize") || c.Float("shrink") != 0 {
		p.Refuse("cut=implicit is the library's cosine, so it goes with similarity=cosine, normalize=true and shrink=0: use cut=row for others")
	}
	p.Stage("measure", lengths).Over(guest.Items).Aligned("by_item", "user", "value").Writes("lengths", guest.F64("value"))
	p.Stage("neighbours", nearest).Over(guest.Items).Aligned("by_item", "user", "value").Whole("by_user", "item", "value").Whole("lengths").
		Writes("neighbours", guest.U32("item").Entries(), guest.F64("value").Entries())
	p.EmitsLists("neighbours", "neighbours", guest.Items, "item", "value", "the neighbours that are kept for each item, itself among them")
	p.Stage("score", recommend).Over(guest.Targets).Aligned("targets", "item", "value").Whole("neighbours").Recommends()
}

// lengths finds the length of each item's row: squares in float32, their sum
// in float64.
func lengths(t *guest.Task) {
	m, length := t.Entries("by_item", "user", "value"), make([]float64, t.Rows)
	for i := range length {
		_, values := m.Row(i)
		for _, v := range values {
			length[i] += float64(v * v)
		}
		if length[i] = math.Sqrt(length[i]); length[i] == 0 {
			length[i] = math.Inf(1) // of values that are all 0: like nothing
		}
	}
	t.WriteF64("lengths.value", length)
}

// nearest keeps for each item those most similar to it, by rising item.
func nearest(t *guest.Task) {
	own, users, length := t.Entries("by_item", "user", "value"), t.Entries("by_user", "item", "value"), t.F64("lengths.value")
	weights := make([]float64, len(users.Values))
	for e, j := range users.IDs {
		weights[e] = float64(users.Values[e]) / length[j]
	}
	sums, best := newSums(t.Items()), kept{most: t.Int("neighbours")}
	offsets := make([]uint64, 1, t.Rows+1)
	t.Blocks(neighbours.Block(best.most), func(first, rows int) {
		var items []uint32
		var values []float64
		for i := first; i < first+rows; i++ {
			shared, mine := own.Row(i)
			for e, u := range shared {
				w := float64(mine[e]) / length[t.First+i]
				from, to := users.Offsets[u], users.Offsets[u+1]
				sums.add(users.IDs[from:to], weights[from:to], w)
			}
			row := best.of(sums)
			slices.SortFunc(row, func(a, b scored) int { return cmp.Compare(a.item, b.item) })
			for _, s := range row {
				items, values = append(items, s.item), append(values, s.score)
			}
			offsets = append(offsets, offsets[len(offsets)-1]+uint64(len(row)))
		}
		t.WriteU32("neighbours.item", items)
		t.WriteF64("neighbours.value", values)
	})
	t.WriteU64("neighbours.offsets", offsets)
}

// recommend sums, for each item, its similarity to the items of the profile,
// times their values.
func recommend(t *guest.Task) {
	profiles, offsets := t.Entries("targets", "item", "value"), t.U64("neighbours.offsets")
	items, values := t.U32("neighbours.item"), t.F64("neighbours.value")
	sums, best, lists := newSums(t.Items()), kept{most: t.Top()}, t.Recommendations()
	var candidates func(row int) []uint32
	if t.HasCandidates() {
		candidates = t.Candidates()
	}
	var ids []uint32
	var scores []float32
	t.Blocks(1024, func(first, rows int) {
		for r := first; r < first+rows; r++ {
			profile, weights := profiles.Row(r)
			for e, i := range profile {
				from, to := offsets[i], offsets[i+1]
				sums.add(items[from:to], values[from:to], float64(weights[e]))
			}
			if !t.KeepSeen() {
				sums.without(profile)
			}
			if candidates != nil {
				sums.only(candidates(r))
			}
			row := best.of(sums)
			slices.SortFunc(row, func(a, b scored) int { // as lists are written: equal by the smaller item
				return cmp.Or(cmp.Compare(float32(b.score), float32(a.score)), cmp.Compare(a.item, b.item))
			})
			ids, scores = ids[:0], scores[:0]
			for _, s := range row {
				ids, scores = append(ids, s.item), append(scores, float32(s.score))
			}
			lists.Add(ids, scores)
		}
	})
}

// sums adds numbers to items and remembers which items, in the order of their
// first numbers.
type sums struct {
	sum   []float64
	state []byte // of an item: 0, met or left
	met   []uint32
}

const (
	met  = 1 // has had a number
	left = 2 // has had one and is left out
)

func newSums(items int) *sums { return &sums{sum: make([]float64, items), state: make([]byte, items)} }

// add adds w times its value to each of the items.
func (s *sums) add(items []uint32, values []float64, w float64) {
	for e, i := range items {
		s.sum[i] += float64(values[e] * w)
		if s.state[i] == 0 {
			s.state[i] = met
			s.met = append(s.met, i)
		}
	}
}

// without leaves items out.
func (s *sums) without(items []uint32) {
	for _, i := range items {
		if s.state[i] == met {
			s.state[i] = left
		}
	}
}

// only leaves all items out but these.
func (s *sums) only(items []uint32) {
	const chosen = 3
	for _, i := range items {
		if s.state[i] == met {
			s.state[i] = chosen
		}
	}
	for _, i := range s.met {
		switch s.state[i] {
		case met:
			s.state[i] = left
		case chosen:
			s.state[i] = met
		}
	}
}

type scored struct {
	item  uint32
	score float64
}

// under says whether a goes before b does: by score, then by item.
func (a scored) under(b scored) bool {
	return a.score < b.score || a.score == b.score && a.item < b.item
}

// kept is the best of the items that it is shown. Once it is full, an item
// enters only with a score above the lowest, and the smallest of the items with
// the lowest score goes.
type kept struct {
	most int
	heap []scored // the one to go next first
}

// of returns the best of the sums, which are shown from the last item met to
// the first, and clears them. The slice is good until the next call.
func (k *kept) of(s *sums) []scored {
	k.heap = k.heap[:0]
	for n := len(s.met) - 1; n >= 0; n-- {
		i := s.met[n]
		if s.state[i] == met {
			k.show(scored{i, s.sum[i]})
		}
		s.sum[i], s.state[i] = 0, 0
	}
	s.met = s.met[:0]
	return k.heap
}

func (k *kept) show(x scored) {
	h := k.heap
	if len(h) < k.most {
		at := len(h)
		h = append(h, x)
		for at > 0 && x.under(h[(at-1)/2]) {
			h[at] = h[(at-1)/2]
			at = (at - 1) / 2
		}
		h[at] = x
		k.heap = h
		return
	}
	if !(x.score > h[0].score) {
		return
	}
	at := 0
	for {
		child := 2*at + 1
		if child+1 < len(h) && h[child+1].under(h[child]) {
			child++
		}
		if child >= len(h) || !h[child].under(x) {
			break
		}
		h[at] = h[child]
		at = child
	}
	h[at] = x
}
