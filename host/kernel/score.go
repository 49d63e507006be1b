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
	seen []uint32 // what the user has seen, from the first that may still come
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
func (s *set) ScoreTopK(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, seen naive.Sparse, k int, pause func()) int {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	k = min(k, items.Rows)
	dst.Offsets[0] = 0
	written := 0
	if n == 0 || k == 0 {
		clear(dst.Offsets)
		return 0
	}
	slab := min(roundUp(n, s.tall), slabUsers, max(roundUp((32<<20)/(4*users.Cols), s.tall)-s.tall, s.tall))
	w := s.scorer(users.Cols, slab, k, pause)
	for from := 0; from < n; from += slab {
		count := min(slab, n-from)
		for t := range w.lists {
			l := &w.lists[t]
			l.n, l.seen = 0, nil
			w.floor[t] = float32(math.Inf(1)) // padding never has a hit
			if t >= count {
				continue
			}
			w.floor[t] = float32(math.Inf(-1))
			u := from + t
			if seen.Rows > 0 {
				l.seen = seen.Row(u)
			}
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
			slices.Sort(h)
			for i := len(h) - 1; i >= 0; i-- {
				dst.Value[written], dst.Index[written] = unkey(h[i])
				written++
			}
			dst.Offsets[from+t+1] = uint64(written)
		}
	}
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
			for len(l.seen) > 0 && int(l.seen[0]) < item {
				l.seen = l.seen[1:]
			}
			if len(l.seen) > 0 && int(l.seen[0]) == item {
				continue
			}
			w.floor[g+i] = l.put(key(score, uint32(item)))
		}
	}
}
