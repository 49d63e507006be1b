package kernel

import (
	"math"
	"math/bits"
	"slices"

	"rechost/guest/num/naive"
)

// A key orders candidates of a list: a better one is a greater number. The
// score's bits are turned so that they order as the score does (which is never
// -0 or NaN here), and below them lies the complement of the index.
func key(score float32, index uint32) uint64 {
	return uint64(turned(score))<<32 | uint64(^index)
}

func turned(score float32) uint32 {
	b := math.Float32bits(score)
	return b ^ (uint32(int32(b)>>31) | 1<<31) // all bits of a negative number, the sign of another
}

func unkey(k uint64) (float32, uint32) {
	b := uint32(k >> 32)
	if b>>31 != 0 {
		b &^= 1 << 31
	} else {
		b = ^b
	}
	return math.Float32frombits(b), ^uint32(k)
}

// best is the best k candidates of one user, as a heap with the worst first
// once it is full.
type best struct {
	heap []uint64
	n    int
	mask passed
}

// passed is what a mask says of one list, to be asked about columns in
// ascending order.
type passed struct {
	without []uint32 // from the first that may still come
	only    []uint32 // the same, where limited
	limited bool
}

func passing(m *naive.Mask, r int) (p passed) {
	if m.Without.Rows > 0 {
		p.without = m.Without.Row(r)
	}
	if p.limited = m.Only.Rows > 0; p.limited {
		p.only = m.Kept(r)
	}
	return p
}

// out tells whether a column is left out, not before one that was asked about
// earlier.
func (p *passed) out(column uint32) bool {
	for len(p.without) > 0 && p.without[0] < column {
		p.without = p.without[1:]
	}
	if len(p.without) > 0 && p.without[0] == column {
		return true
	}
	if !p.limited {
		return false
	}
	for len(p.only) > 0 && p.only[0] < column {
		p.only = p.only[1:]
	}
	return len(p.only) == 0 || p.only[0] != column
}

// put takes a candidate that belongs in the list, and returns the score that
// a later one has to be above.
func (b *best) put(key uint64) float32 {
	h := b.heap
	if b.n < len(h) {
		h[b.n] = key
		if b.n++; b.n < len(h) {
			return float32(math.Inf(-1))
		}
		for i := len(h)/2 - 1; i >= 0; i-- {
			down(h, i)
		}
	} else {
		h[0] = key
		down(h, 0)
	}
	s, _ := unkey(h[0])
	return s
}

func down(h []uint64, i int) {
	x := h[i]
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if x <= h[c] {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = x
}

// How many users and how many bytes of items are worked on at a time: both
// stay in the second-level cache.
const (
	slabUsers  = 2040 // a multiple of every tile's height
	blockBytes = 256 << 10
)

// ScoreTopK is naive.ScoreTopK on one thread. It goes through a tile of users and items at a
// time; only a tile that has a score above one of its users' worst so far is
// looked at, item by item. Items come in ascending order, so that an equal
// score never displaces one that is listed.
func (s *set) ScoreTopK(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, mask naive.Mask, k int, pause func()) int {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	k = min(k, items.Rows)
	if n == 0 || k == 0 {
		clear(dst.Offsets)
		return 0
	}
	if few(mask.Only, n, items.Rows) {
		return s.scoreFew(dst, users, rows, items, mask, k, pause)
	}
	return s.scoreAll(dst, users, rows, items, nil, mask, k, pause)
}

// scoreAll is ScoreTopK where item j has the number ids[j], in ascending order;
// no ids stand for j itself.
func (s *set) scoreAll(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, ids []uint32, mask naive.Mask, k int, pause func()) int {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	dst.Offsets[0] = 0
	written := 0
	slab := min(roundUp(n, s.tall), slabUsers, max(roundUp((32<<20)/(4*users.Cols), s.tall)-s.tall, s.tall))
	w := s.scorer(users.Cols, slab, k, pause)
	w.ids = ids
	for from := 0; from < n; from += slab {
		count := min(slab, n-from)
		for t := range w.lists {
			l := &w.lists[t]
			l.n, l.mask = 0, passed{}
			w.floor[t] = float32(math.Inf(1)) // padding never has a hit
			if t >= count {
				continue
			}
			w.floor[t] = float32(math.Inf(-1))
			u := from + t
			l.mask = passing(&mask, u)
			if rows != nil {
				u = int(rows[u])
			}
			pack(w.users[t/s.tall*s.tall*w.f:], users.Row(u), t%s.tall, s.tall)
		}
		w.meter.spend(count * w.f)
		for j := 0; j < items.Rows; j += w.panels * s.wide {
			w.block(items, j, roundUp(count, s.tall))
		}
		for t := range count {
			h := w.lists[t].heap[:w.lists[t].n]
			written = list(dst, from+t, h, written)
		}
	}
	return written
}

// list sorts keys and writes them as list r, from entry written on; returned is
// the number of entries then.
func list(dst naive.Sparse, r int, keys []uint64, written int) int {
	slices.Sort(keys)
	for i := len(keys) - 1; i >= 0; i-- {
		dst.Value[written], dst.Index[written] = unkey(keys[i])
		written++
	}
	dst.Offsets[r+1] = uint64(written)
	return written
}

// pack writes a row as column i of a panel of that height.
func pack(panel, row []float32, i, height int) {
	for _, v := range row {
		panel[i] = v
		i += height
		if i >= len(panel) {
			break
		}
	}
}

type scorer struct {
	s      *set
	f      int
	ids    []uint32  // of items; nil where they are their places
	panels int       // of items in a block
	users  []float32 // panels of tall users
	items  []float32 // panels of wide items
	floor  []float32 // a user's score to be above
	lists  []best
	tile   []float32
	hits   []uint32
	meter  *meter
}

func (s *set) scorer(f, slab, k int, pause func()) *scorer {
	w := &scorer{s: s, f: f, panels: max(blockBytes/(4*f*s.wide), 1), meter: s.meter(pause)}
	w.users = make([]float32, slab*f)
	w.items = make([]float32, w.panels*s.wide*f)
	w.floor = make([]float32, slab)
	w.lists = make([]best, slab)
	w.tile, w.hits = make([]float32, s.tall*32), make([]uint32, s.tall)
	heaps := make([]uint64, slab*k)
	for t := range w.lists {
		w.lists[t].heap = heaps[t*k:][:k:k]
	}
	return w
}

// block scores the block of items from j on for the first count users.
func (w *scorer) block(items naive.Matrix, j, count int) {
	s := w.s
	panels := min(w.panels, roundUp(items.Rows-j, s.wide)/s.wide)
	if left := items.Rows - j; left < panels*s.wide {
		clear(w.items[(panels-1)*s.wide*w.f:])
	}
	for i := range min(panels*s.wide, items.Rows-j) {
		pack(w.items[i/s.wide*s.wide*w.f:], items.Row(j+i), i%s.wide, s.wide)
	}
	w.meter.spend(2 * panels * s.wide * w.f)
	for g := 0; g < count; g += s.tall {
		a := &w.users[g*w.f]
		for p := range panels {
			if s.score(&w.tile[0], a, &w.items[p*s.wide*w.f], w.f, &w.floor[g], &w.hits[0]) != 0 {
				w.take(g, j+p*s.wide, items.Rows)
			}
		}
		w.meter.spend(s.tall * panels * s.wide * w.f)
	}
}

// take puts a tile's hits into its users' lists.
func (w *scorer) take(g, j, end int) {
	for i, h := range w.hits {
		l := &w.lists[g+i]
		for ; h != 0; h &= h - 1 {
			bit := bits.TrailingZeros32(h)
			item, score := j+bit, w.tile[32*i+bit]
			if item >= end {
				break
			}
			if !(score > w.floor[g+i]) {
				continue
			}
			id := uint32(item)
			if w.ids != nil {
				id = w.ids[item]
			}
			if !l.mask.out(id) {
				w.floor[g+i] = l.put(key(score, id))
			}
		}
	}
}
