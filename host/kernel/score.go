package kernel

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"rechost/guest/num/naive"
)

// How many users and how many bytes of items are worked on at a time: both
// stay in the second-level cache.
const (
	slabUsers  = 2040 // a multiple of every tile's height
	blockBytes = 256 << 10
)

// ScoreTopK is naive.ScoreTopK on one thread.
func (s *set) ScoreTopK(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, mask naive.Mask, k int, pause func()) int {
	return s.scoreTopK(dst, users, rows, items, mask, k, 1, pause)
}

// scoreRun is how many users' lists a thread makes at a time, about: enough for
// packing the items to be little beside scoring them, few enough for the
// threads to come to their ends together.
const scoreRun = 1024

func (s *set) scoreTopK(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, mask naive.Mask, k, threads int, pause func()) int {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	var ids []uint32
	if mask.Only.Rows == 1 && n > 1 { // the same items for everyone: as if there were no others
		ids = mask.Kept(0)
		some := naive.Matrix{Rows: len(ids), Cols: items.Cols, Data: cleared[float32](streaming(pause), len(ids)*items.Cols)}
		Gather(some.Data, items, ids, pause)
		items, mask.Only = some, naive.Sparse{}
	}
	if k = min(k, items.Rows); n == 0 || k == 0 {
		wipe(streaming(pause), dst.Offsets)
		return 0
	}
	runs := roundUp((n+scoreRun-1)/scoreRun, max(threads, 1))
	do := s.scoreFew
	if !few(mask.Only, n, items.Rows) {
		order := s.arrange(items, threads, pause)
		do = func(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, mask naive.Mask, k int, pause func()) int {
			return s.scoreAll(dst, users, rows, items, ids, order, mask, k, pause)
		}
	}
	return shareLists(dst, n, k, threads, runs, pause, func(dst naive.Sparse, from, to int, pause func()) int {
		u, r := users, rows
		if rows != nil {
			r = rows[from:to]
		} else {
			u = naive.Matrix{Rows: to - from, Cols: users.Cols, Data: users.Data[from*users.Cols:]}
		}
		return do(dst, u, r, items, maskOf(mask, from, to), k, pause)
	})
}

// scoreAll goes through a tile of users and items at a time; only a tile that
// has a score of at least one of its users' worst so far is looked at, item by
// item. Items come by falling length, and a user needs none of those that are
// too short to reach his worst: the greatest that a product can be is the
// product of the lengths (Cauchy and Schwarz; Teflioudi, Gemulla and Mykytiuk:
// LEMP, SIGMOD 2015, section 4.1). Item j has the number ids[j], in ascending
// order; no ids stand for j itself.
func (s *set) scoreAll(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, ids []uint32, order arrangement, mask naive.Mask, k int, pause func()) int {
	n := users.Rows
	if rows != nil {
		n = len(rows)
	}
	dst.Offsets[0] = 0
	written := 0
	slab := s.slab(n, users.Cols, k)
	w := s.scorer(users, items, ids, order, &mask, slab, k, pause)
	for from := 0; from < n; from += slab {
		w.slab = w.slab[:min(slab, n-from)]
		for t := range w.slab {
			c := &w.slab[t]
			c.row, c.n = from+t, 0
			c.keepOut(passing(&mask, from+t), w.meter)
			if rows != nil {
				c.row = int(rows[from+t])
			}
			c.length = s.length(users.Row(c.row), w.meter) * w.excess
			c.list = from + t
		}
		w.score()
		slices.SortFunc(w.slab, func(a, b candidate) int { return a.list - b.list })
		for t := range w.slab {
			written = w.meter.list(dst, from+t, w.slab[t].heap[:w.slab[t].n], written)
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

// pack is the function of that name, in pieces.
func (m *meter) pack(panel, row []float32, i, height int) {
	for part := range slices.Chunk(row, longest) {
		pack(panel, part, i, height)
		i += len(part) * height
		m.stream(apart + 4*len(part))
	}
}

// candidate is a user whose list is being made.
type candidate struct {
	best
	row    int     // of users
	list   int     // of the result
	length float64 // at least the vector's, and the rounding of its products
	marks  *marks  // of the columns that the mask is without; nil where no mask is without any
	exact  bool    // they are all below marked
}

// need is the least length of an item that can still enter the list: for one
// below it even the longest product is below the list's worst score.
func (c *candidate) need(slack float64) float64 {
	if c.n < len(c.heap) {
		return 0
	}
	worst, _ := unkey(c.heap[0])
	need := (float64(worst) - slack) / c.length * (1 - 1e-9)
	if !(need > 0) || math.IsInf(need, 1) { // a worst of infinity may be a product of finite lengths that overflows
		return 0
	}
	return need
}

type scorer struct {
	s     *set
	f     int
	meter *meter

	all    naive.Matrix // users
	slab   []candidate
	users  []float32 // panels of tall users
	floor  []float32 // of each: a score has to be above it
	needs  []float64 // of each panel: the least length that one of its users needs
	excess float64   // 1 and the relative rounding of a product of lengths
	slack  float64   // what denormal numbers may add to it

	items  naive.Matrix
	ids    []uint32  // of items; nil where they are their places
	panels int       // of items in a block
	block  []float32 // panels of wide items
	four   []float32 // rows on their way into a panel, turning numbers of each

	arrangement

	tile []float32
	hits []uint32
}

// slab is how many users' lists of k are made at a time: a multiple of the
// tile's height, and of vectors and lists no more than 32 and 64 MiB if that can be.
func (s *set) slab(users, f, k int) int {
	atMost := func(n int) int { return max(n/s.tall, 1) * s.tall }
	return min(roundUp(users, s.tall), slabUsers, atMost((32<<20)/(4*f)), atMost((64<<20)/(8*k)))
}

// ScoreScratch is the bytes that ScoreTopK allocates on each thread, at most,
// for so many users' lists of k of so many items of f numbers.
func ScoreScratch(users, items, f, k int) int {
	if users == 0 || items == 0 || k == 0 {
		return 0
	}
	k = min(k, items)
	return active.slab(users, f, k)*(4*f+8*k+marked/8+256) + 16*items + blockBytes + 4*32*f + 1<<14
}

func (s *set) scorer(users, items naive.Matrix, ids []uint32, order arrangement, mask *naive.Mask, slab, k int, pause func()) *scorer {
	f := users.Cols
	w := &scorer{s: s, f: f, all: users, items: items, ids: ids, arrangement: order, panels: max(blockBytes/(4*f*s.wide), 1), meter: s.meter(pause)}
	// A sum of f products is off by at most f/2^24 of the sum of their sizes,
	// and by a denormal number for each (Higham: Accuracy and Stability of
	// Numerical Algorithms, section 3.1); the lengths are off in the same way.
	w.excess = 1 + float64(f+32)/(1<<22)
	w.slack = float64(f) * 0x1p-147
	w.users = cleared[float32](w.meter, slab*f)
	w.block = cleared[float32](w.meter, w.panels*s.wide*f)
	w.floor, w.needs = make([]float32, slab), make([]float64, slab/s.tall)
	w.slab = make([]candidate, slab)
	w.tile, w.hits = make([]float32, s.tall*32), make([]uint32, s.tall)
	heaps := cleared[uint64](w.meter, slab*k)
	for t := range w.slab {
		w.slab[t].heap = heaps[t*k:][:k:k]
	}
	if mask.Without.Rows > 0 {
		sets := cleared[uint64](w.meter, slab*len(marks{}))
		for t := range w.slab {
			w.slab[t].marks = (*marks)(sets[t*len(marks{}):])
		}
	}
	w.four = make([]float32, 4*turning)
	return w
}

// length is at least the length of x: 1e-3 more covers the rounding of up to
// 4,096 squares, and a longer vector is summed in pieces of so many.
func (s *set) length(x []float32, m *meter) float64 {
	var sum float64
	for len(x) > 0 {
		y := x[:min(len(x), 4096)]
		sum += float64(s.dot(&y[0], &y[0], len(y)))
		m.stream(16 + len(y))
		x = x[len(y):]
	}
	if sum != sum {
		return math.Inf(1)
	}
	return math.Sqrt(sum*1.001 + 0x1p-130)
}

// arrangement is in which order items are scored.
type arrangement struct {
	order  []uint32  // items by falling length, roughly
	longer []float64 // for each panel in that order: at least the length of its items and all after
}

// arrange puts items into an order of falling lengths, exact to a part in 256,
// which two counts of eight bits find.
func (s *set) arrange(items naive.Matrix, threads int, pause func()) (a arrangement) {
	n := items.Rows
	meter := s.meter(pause)
	length := cleared[float32](meter, n)
	const piece = 1024
	meters := s.meter(nil).each(threads)
	share(threads, (n+piece-1)/piece, pause, func(worker, p int, pause func()) {
		meter := meters[worker].use(pause)
		for j := p * piece; j < min((p+1)*piece, n); j++ {
			length[j] = float32(s.length(items.Row(j), meter) * (1 + 1e-6))
		}
	})
	order, other := cleared[uint32](meter, n), cleared[uint32](meter, n)
	for j := range order {
		order[j] = uint32(j)
		if j%longest == longest-1 {
			meter.stream(longest)
		}
	}
	for _, shift := range []int{15, 23} {
		var place [257]int
		bucket := func(j uint32) int { return 255 - int(math.Float32bits(length[j])>>shift&255) }
		for part := range slices.Chunk(order, longest) {
			for _, j := range part {
				place[bucket(j)+1]++
			}
			meter.stream(8 * len(part))
		}
		for b := range 256 {
			place[b+1] += place[b]
		}
		for part := range slices.Chunk(order, longest) {
			for _, j := range part {
				b := bucket(j)
				other[place[b]] = j
				place[b]++
			}
			meter.stream(8 * len(part))
		}
		order, other = other, order
	}
	a = arrangement{order, cleared[float64](meter, roundUp(n, s.wide)/s.wide)}
	longest := 0.0
	for p := len(a.longer) - 1; p >= 0; p-- {
		for _, j := range order[p*s.wide : min((p+1)*s.wide, n)] {
			longest = max(longest, float64(length[j]))
		}
		a.longer[p] = longest
		meter.stream(4 * s.wide)
	}
	return a
}

// score makes the lists of the slab.
func (w *scorer) score() {
	w.group()
	for b, next := 0, 1; b*w.panels < len(w.longer); b++ {
		if b == next { // the users' needs have come apart
			next *= 2
			w.group()
		}
		first := b * w.panels
		if !slices.ContainsFunc(w.needs, func(need float64) bool { return w.longer[first] >= need }) {
			break
		}
		last := min(first+w.panels, len(w.longer))
		w.fill(first, last)
		for g, need := range w.needs {
			a := w.users[g*w.s.tall*w.f:]
			p, changed := first, false
			for ; p < last && w.longer[p] >= need; p++ {
				if w.hit(g, a, w.block[(p-first)*w.s.wide*w.f:]) {
					changed = w.take(g, p*w.s.wide) || changed
				}
				if changed && p%8 == 7 {
					need, changed = w.need(g), false
				}
			}
			w.needs[g] = max(need, w.need(g))
			w.meter.spend(w.s.tall * (p - first) * w.s.wide * min(w.f, deep))
			w.meter.stream(32)
		}
	}
}

// hit scores a panel of users, the g-th, with a panel of items, and tells
// whether a score is above its user's floor.
func (w *scorer) hit(g int, users, items []float32) bool {
	s, floor := w.s, w.floor[g*w.s.tall:]
	if w.f <= deep {
		return s.score(&w.tile[0], &users[0], &items[0], w.f, &floor[0], &w.hits[0]) != 0
	}
	clear(w.tile)
	s.tileAll(&w.tile[0], 32, users, items, w.f, w.meter)
	var any uint32
	for i := range w.hits {
		w.hits[i] = 0
		for j, x := range w.tile[32*i:][:s.wide] {
			if x > floor[i] {
				w.hits[i] |= 1 << j
			}
		}
		any |= w.hits[i]
	}
	return any != 0
}

// group packs the users into panels, those first who need the shortest items,
// so that a panel's users are done at about the same time.
func (w *scorer) group() {
	slices.SortFunc(w.slab, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.need(w.slack), b.need(w.slack)), a.list-b.list)
	})
	w.needs = w.needs[:roundUp(len(w.slab), w.s.tall)/w.s.tall]
	for t := range w.floor {
		w.floor[t] = float32(math.Inf(1)) // padding never has a hit
	}
	for t := range w.slab {
		c := &w.slab[t]
		w.floor[t] = c.floor()
	}
	w.pack(w.users, w.s.tall, len(w.slab), func(t int) []float32 { return w.all.Row(w.slab[t].row) })
	for g := range w.needs {
		w.needs[g] = w.need(g)
	}
	w.meter.stream(128 * len(w.slab)) // what it takes to sort them
}

// floor is a score that one in the list has to be above: the next below the
// worst, which an item with a smaller number may still replace.
func (c *candidate) floor() float32 {
	if c.n < len(c.heap) {
		return float32(math.Inf(-1))
	}
	b := uint32(c.heap[0]>>32) - 1
	if b == 1<<31-1 { // -0, which is not below 0
		b--
	}
	below, _ := unkey(uint64(b) << 32)
	return below
}

func (w *scorer) need(g int) float64 {
	least := math.Inf(1)
	for t := g * w.s.tall; t < min((g+1)*w.s.tall, len(w.slab)); t++ {
		least = min(least, w.slab[t].need(w.slack))
	}
	return least
}

// fill packs the panels of items from first up to last.
func (w *scorer) fill(first, last int) {
	from, to := first*w.s.wide, min(last*w.s.wide, len(w.order))
	if to < last*w.s.wide {
		wipe(w.meter, w.block[(last-first-1)*w.s.wide*w.f:])
	}
	w.pack(w.block, w.s.wide, to-from, func(i int) []float32 { return w.items.Row(int(w.order[from+i])) })
}

// turning is how many numbers of four rows are turned at a time: they stay in the
// first-level cache.
const turning = 512

// pack writes n rows as panels of height rows each, four rows at a time where
// they are in one panel.
func (w *scorer) pack(panels []float32, height, n int, row func(i int) []float32) {
	for i := 0; i < n; {
		panel := panels[i/height*height*w.f:]
		if height%4 != 0 || i+4 > n {
			w.meter.pack(panel, row(i), i%height, height)
			i++
			continue
		}
		rows := [4][]float32{row(i), row(i + 1), row(i + 2), row(i + 3)}
		for p := 0; p < w.f; p += turning {
			steps := min(turning, w.f-p)
			for q, r := range rows {
				copy(w.four[q*turning:][:steps], r[p:])
			}
			w.s.transpose(panel[p*height+i%height:], height, w.four, turning, 4, steps)
			w.meter.stream(4*apart + 4*steps)
		}
		i += 4
	}
}

// take puts a tile's hits into its users' lists, and tells whether one has
// another worst score.
func (w *scorer) take(g, place int) (changed bool) {
	for i, h := range w.hits {
		for ; h != 0; h &= h - 1 {
			bit := bits.TrailingZeros32(h)
			t := g*w.s.tall + i
			score := w.tile[32*i+bit]
			if place+bit >= len(w.order) {
				break
			}
			if !(score > w.floor[t]) {
				continue
			}
			c, id := &w.slab[t], w.order[place+bit]
			if w.ids != nil {
				id = w.ids[id]
			}
			x := key(score, id)
			if c.n == len(c.heap) && x < c.heap[0] {
				continue
			}
			if c.leavesOut(id, w.meter) {
				continue
			}
			c.put(x, w.meter)
			w.floor[t], changed = c.floor(), true
		}
	}
	return changed
}
