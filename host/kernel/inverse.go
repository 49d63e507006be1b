package kernel

import (
	"math"
	"sync/atomic"
	"unsafe"

	"rechost/guest/num/naive"
)

const (
	pivots  = 192 // swept before the rest of the matrix follows: a multiple of inner
	inner   = 96  // swept before the rest of a block follows: a multiple of runRows and of every tile's sides
	abreast = 3   // strips that are a piece of work, so that no other thread writes to the same panels of tall

	runRows = 48               // a piece of work: a multiple of every tile's height and of half its width
	early   = pivots / runRows // pieces that the next block's pivots wait for
)

// InverseScratch is about the bytes that Inverse allocates for a matrix of n x n.
// What each thread has of its own counts for sixteen, whatever there are: how
// much a guest may have depends on no machine.
func InverseScratch(n int) int { return 8*pivots*(n+3*pivots) + 4*runRows*n + 16*8*(pivots+runRows)*32 }

// Inverse is naive.Inverse.
func Inverse(a []float32, n, threads int, pause func()) int {
	return active.Inverse(a, n, threads, pause)
}

// Inverse sweeps a block of pivots at a time. An element outside the block's
// rows and columns gets its updates in the order of the pivots whether they
// come one by one or as a product of the block's c and r, which is what a tile
// computes. Within a block it is the same again, with smaller blocks, and in
// these by a tile's height of pivots.
//
// For each block there are the strips of its rows, then the rest of the matrix.
// The next block's rows come first, and then its pivots, which one thread sweeps
// while the others go on with the rest.
//
// Meanwhile the upper half lies in tiles, one after the other, see half.run.
// The first block's pieces pack it, each before its first use, and the last
// block's unpack it.
func (s *set) Inverse(a []float32, n, threads int, pause func()) int {
	if n == 0 {
		return -1
	}
	threads = max(threads, 1)
	m := s.meter(pause)
	w := s.inverting(a, n, threads)
	w.bad.Store(-1)
	for r := range min(pivots/runRows, w.runs) {
		w.pack(r, m)
	}
	w.pivots(&w.mine[0], 0, m)
	w.swept.Store(1)
	each := w.strips + early + 1 + w.runs
	meters := s.meter(nil).each(threads)
	share(threads, w.blocks*each, pause, func(worker, piece int, pause func()) {
		w.piece(piece/each, piece%each, &w.mine[worker], meters[worker].use(pause))
	})
	if k := int(w.bad.Load()); k >= 0 {
		for i := range a {
			a[i] = naive.Canonical(float32(math.NaN()))
			if i%(1<<16) == 1<<16-1 && pause != nil {
				pause()
			}
		}
		return k
	}
	return -1
}

// half is a symmetric matrix of n x n on its way to its inverse.
type half struct {
	s *set
	n int

	// run holds the upper half by runs of runRows rows: runRows x wide numbers, row
	// by row, for each wide columns from those on in which the run's first row has
	// its diagonal. Rows and columns that are not in the matrix, and what is below
	// the diagonal, hold anything.
	run [][]float32

	// Step k of a block of pivots, counted from the block's first: -c of the whole matrix as
	// panels of tall and r as panels of wide, and r of the block's rows as panels of tall.
	// A panel has depth steps, of which the block's begin with first.
	tall, wide, ratio []float32
	depth, first      int
	pivot             []float32
}

// inverting is the inverse on its way: a half whose runs are aligned, whatever
// n is, and go through memory from start to end.
//
// A run takes less room than its rows in a, but for the first ones, so it lies
// in the rows of the run before it, which has been packed by then. The first
// one, and those for which there is no room, lie elsewhere.
type inverting struct {
	half
	a []float32

	// How many blocks of pivots there are, and for each pieces of strips of wide columns
	// and runs of rows.
	blocks, strips, runs int
	// How many blocks' pivots have been swept, and how many pieces of strips, of rows
	// that come early and of the others are done, of all blocks; and how many runs
	// have been packed, from the first on, and unpacked, from the last on.
	swept, stripped, hurried, rested, packed, unpacked atomic.Int64
	bad                                                atomic.Int64 // the first pivot not above 0, or -1

	block  []float32 // pivots that are swept one by one: their upper half
	within []float32 // half.wide of a block by itself, while others use wide
	mine   []sweeper
}

// sweeper is a thread's own space.
type sweeper struct {
	rows, minus []float32
	at          [8]int
}

func (s *set) inverting(a []float32, n, threads int) *inverting {
	b, cols := min(pivots, n), roundUp(n, s.wide)
	w := &inverting{half: half{s: s, n: n, depth: b}, a: a}
	w.blocks, w.strips, w.runs = (n+pivots-1)/pivots, (cols/s.wide+abreast-1)/abreast, (n+runRows-1)/runRows
	side := roundUp(roundUp(b, s.wide), runRows)
	w.block, w.within = make([]float32, inner*inner), make([]float32, b*side)
	w.pivot, w.ratio = make([]float32, b), make([]float32, b*side)
	panels := Space[float32]((roundUp(cols, runRows) + cols) * b)
	w.tall, w.wide = panels[cols*b:], panels[:cols*b]
	w.mine = make([]sweeper, threads)
	for i := range w.mine {
		w.mine[i] = sweeper{rows: make([]float32, (b+s.tall)*s.wide), minus: make([]float32, b*s.wide)}
	}
	w.run = make([][]float32, w.runs)
	for r := range w.run {
		size, top := runRows*(cols-r*runRows/s.wide*s.wide), max(r-1, 0)*runRows*n
		top += int(-uintptr(unsafe.Pointer(&a[top])) % line / 4)
		if r > 0 && top+size <= r*runRows*n {
			w.run[r] = a[top:][:size]
		} else {
			w.run[r] = make([]float32, size)
		}
	}
	return w
}

// line is the size of a line of the cache in bytes.
const line = 64

// at is row i from column j on, a multiple of wide: wide numbers, after which
// come the next row's of the run, and after these the next wide columns'.
func (h *half) at(i, j int) []float32 {
	r, wide := i/runRows, h.s.wide
	return h.run[r][(j/wide-r*runRows/wide)*runRows*wide+i%runRows*wide:]
}

// piece does a piece of work of block t, when those before are as far as it
// needs them.
func (w *inverting) piece(t, i int, mine *sweeper, meter *meter) {
	enough := func(done *atomic.Int64, n int) {
		await(func() bool { return done.Load() >= int64(n) }, meter.pause)
	}
	at := t * pivots
	b, next := min(pivots, w.n-at), at+pivots
	update := func(r int) {
		if t == 0 && r >= early {
			enough(&w.packed, r)
			w.pack(r, meter)
		}
		if w.bad.Load() < 0 {
			w.rest(at, b, r*runRows, meter)
		}
	}
	switch {
	case i < w.strips: // the rest of the last block has used what strips write
		enough(&w.swept, t+1)
		enough(&w.hurried, t*early)
		enough(&w.rested, t*w.runs)
		for j := i * abreast * w.s.wide; j < min((i+1)*abreast*w.s.wide, w.n); j += w.s.wide {
			if (j < at || j >= at+b) && w.bad.Load() < 0 {
				w.strip(mine, at, b, j, false)
				meter.spend(2 * b * b * w.s.wide)
			}
		}
		w.stripped.Add(1)
		return
	case i < w.strips+early: // the next block's rows
		enough(&w.stripped, (t+1)*w.strips)
		if r := next/runRows + i - w.strips; r < w.runs {
			update(r)
		}
		w.hurried.Add(1)
		return
	case i == w.strips+early:
		enough(&w.hurried, (t+1)*early)
		if next < w.n && w.bad.Load() < 0 {
			w.pivots(mine, next, meter)
		}
		w.swept.Add(1)
		return
	}
	enough(&w.stripped, (t+1)*w.strips)
	r := i - w.strips - early - 1
	if t == w.blocks-1 { // from the last to the first, as that is how they are unpacked
		r = w.runs - 1 - r
	}
	if r < next/runRows || r >= next/runRows+early {
		update(r)
	}
	if t == w.blocks-1 && w.bad.Load() < 0 {
		enough(&w.unpacked, w.runs-1-r)
		w.unpack(r, meter)
		w.unpacked.Add(1)
		w.s.lower(w.a, w.n, r*runRows, min((r+1)*runRows, w.n), meter)
	}
	w.rested.Add(1)
}

// pack copies a run of rows to its place; those before it are there.
func (w *inverting) pack(r int, meter *meter) {
	wide, n, top := w.s.wide, w.n, r*runRows
	first := top / wide * wide
	for i := range runRows {
		for j := first; j < n; j += wide {
			var row []float32
			if top+i < n {
				row = w.a[(top+i)*n+j:][:min(wide, n-j)]
			}
			dst := w.run[r][(j-first)*runRows+i*wide:][:wide]
			clear(dst[copy(dst, row):])
		}
		meter.stream(2 * (n - first))
	}
	w.packed.Add(1)
}

// unpack copies a run of rows back and makes it the result's: its sign changed and its
// NaNs canonical. The runs behind it have been unpacked.
func (w *inverting) unpack(r int, meter *meter) {
	wide, n, top := w.s.wide, w.n, r*runRows
	first, rows := top/wide*wide, min(runRows, n-top)
	for j := first; j < n; j += wide {
		tiles := w.at(top, j)
		w.s.clean(&tiles[0], runRows*wide, 1<<31)
		for i := range rows {
			copy(w.a[(top+i)*n+j:][:min(wide, n-j)], tiles[i*wide:])
		}
		meter.stream(2 * runRows * wide)
	}
}

// pivots sweeps the block from at on alone, up to a pivot that is not above 0.
func (w *inverting) pivots(m *sweeper, at int, meter *meter) {
	b := min(pivots, w.n-at)
	h := half{s: w.s, n: b, run: w.run[at/runRows:], tall: w.tall[at*w.depth:], wide: w.within, ratio: w.ratio, depth: w.depth, pivot: w.pivot}
	for t := 0; t < b; t += inner {
		q := min(inner, b-t)
		h.first = t
		if k := h.corner(w.block, t, q, meter); k >= 0 {
			w.bad.Store(int64(at + k))
			return
		}
		for j := 0; j < b; j += w.s.wide {
			if j < t || j >= t+q {
				h.strip(m, t, q, j, true)
				meter.spend(2 * q * q * w.s.wide)
			}
		}
		for top := 0; top < b; top += runRows {
			h.rest(t, q, top, meter)
		}
	}
}

// corner sweeps the b <= inner pivots from at on one by one, within their own
// rows and columns, which lie in block meanwhile. It returns the first that is
// not above 0, or -1.
func (h *half) corner(block []float32, at, b int, meter *meter) int {
	s, side, bad := h.s, roundUp(b, 16), -1
	row := func(i int) []float32 { return block[i*side:][:side:side] }
	for i := range b {
		for j := i / s.wide * s.wide; j < b; j += s.wide {
			copy(row(i)[j:], h.at(at+i, at+j)[:s.wide])
		}
	}
	var c, r [inner]float32
	for k := range b {
		u := row(k)
		d := u[k]
		if !(d > 0) {
			bad = at + k
			break
		}
		for i := range k {
			r[i] = block[i*side+k]
		}
		copy(r[k:b], u[k:])
		for i, v := range r[:b] {
			c[i] = -v
		}
		s.divide(d, &r[0], b)
		s.corner(&block[0], side, &c[0], &r[0], side)
		for i, v := range r[:k] {
			block[i*side+k] = v
		}
		copy(u[k+1:b], r[k+1:])
		u[k] = -1 / d
		h.pivot[h.first+k] = d
		minus, ratio := h.steps(at)
		for i := 0; i < b; i += s.tall {
			copy(minus[i*h.depth+k*s.tall:][:s.tall], c[i:b])
			copy(ratio[i*h.depth+k*s.tall:][:s.tall], r[i:b])
		}
		meter.spend(2 * b * b)
	}
	for i := range b {
		for j := i / s.wide * s.wide; j < b; j += s.wide {
			copy(h.at(at+i, at+j)[:s.wide], row(i)[j:])
		}
	}
	return bad
}

// steps is -c and r of the rows of the block of pivots from at on, as panels of tall.
func (h *half) steps(at int) (minus, ratio []float32) {
	step := h.first * h.s.tall
	return h.tall[at*h.depth+step:], h.ratio[at%pivots*h.depth+step:]
}

// strip sweeps the rows of the block of b pivots from at on in wide columns from
// j on, outside the block. To the left of the block these are columns of the
// upper half, whose c has the smaller number: there an update is -c[j]*r[i] for
// row i of the block, to the right it is -c[i]*r[j]. With keep, r goes to ratio too.
func (h *half) strip(m *sweeper, at, b, j int, keep bool) {
	s := h.s
	tall, wide := s.tall, s.wide
	minus, own := h.steps(at)
	ratio := h.wide[j*h.depth+h.first*wide:][:b*wide]
	coefficient, source, left := minus, ratio, 0
	rows := func(i int) *float32 { return &h.at(at+i, j)[0] }
	if j < at {
		h.across(m.rows, at, b, j, false)
		coefficient, source, left = own, m.minus, 1
		rows = func(i int) *float32 { return &m.rows[i*wide] }
	}
	part := s.part()
	for x := range wide / part {
		m.at[x] = (j+x*part)/tall*tall*h.depth + (j+x*part)%tall
	}
	// update adds what pivots [k, end) give to a tile of rows from i on.
	update := func(k, end, i int) {
		if k < end {
			s.tile(rows(i), wide, &coefficient[i*h.depth+k*tall], tall, &source[k*wide], wide, end-k)
		}
	}
	for g := 0; g < b; g += tall {
		update(0, g, g)
		minus, r, c := &m.minus[g*wide], &ratio[g*wide], &coefficient[g*h.depth+g*tall]
		if g+tall <= b {
			s.sweep(rows(g), minus, r, c, &h.pivot[h.first+g], left)
		} else {
			plainSweep(rows(g), minus, r, c, &h.pivot[h.first+g], left, b-g, tall, wide)
		}
		// To write them here and there keeps the tiles from waiting for their lines.
		n := min(tall, b-g)
		s.deal(&h.tall[(h.first+g)*tall], &m.at[0], minus, n)
		if keep {
			s.deal(&h.ratio[(h.first+g)*tall], &m.at[0], r, n)
		}
	}
	for g := 0; g < b; g += tall {
		update(min(g+tall, b), b, g)
	}
	if j < at {
		h.across(m.rows, at, b, j, true)
	}
}

// part is how many numbers of a row of wide lie together in a panel of tall,
// wherever the row begins.
func (s *set) part() int { return max(s.wide/8, 1) }

// across copies wide rows from j on of the columns of the block of b pivots
// from at on to rows, where they are its columns, or back.
func (h *half) across(rows []float32, at, b, j int, back bool) {
	wide := h.s.wide
	some := min(wide, 16) // rows of one run
	for i := 0; i < wide; i += some {
		for k := 0; k < b; k += wide {
			mine, cols := h.at(j+i, at+k), min(wide, b-k)
			if back {
				h.s.transpose(mine, wide, rows[k*wide+i:], wide, cols, some)
			} else {
				h.s.transpose(rows[k*wide+i:], wide, mine, wide, some, cols)
			}
		}
	}
}

// rest updates runRows rows of the upper half from top on, outside the rows and
// columns of the block of b pivots from at on.
func (h *half) rest(at, b, top int, meter *meter) {
	if top >= at && top < at+b {
		return
	}
	s, end := h.s, min(top+runRows, h.n)
	step, last := h.first*s.wide, (h.n-1)/s.wide*s.wide
	for j := top / s.wide * s.wide; j < h.n; j += s.wide {
		if j >= at && j < at+b {
			continue
		}
		count := (min(end, j+s.wide) - top + s.tall - 1) / s.tall // no further than the diagonal
		if count <= 0 {
			continue
		}
		s.column(&h.at(top, j)[0], s.wide, runRows*s.wide, &h.tall[top*h.depth+h.first*s.tall], s.tall*h.depth,
			&h.wide[j*h.depth+step], b, count, 0, &h.wide[min(j+s.wide, last)*h.depth+step], s.wide/count)
		meter.spend((end - top) * s.wide * b)
	}
}

// mirror copies the upper half of a, with the bits flip changed, to the lower,
// and makes both canonical.
func (s *set) mirror(a []float32, n int, flip uint32, threads int, pause func()) {
	meters := streaming(nil).each(threads)
	share(threads, (n+runRows-1)/runRows, pause, func(worker, p int, pause func()) {
		meter := meters[worker].use(pause)
		top, bottom := p*runRows, min((p+1)*runRows, n)
		for i := top; i < bottom; i++ {
			s.clean(&a[i*n+i], n-i, flip)
			meter.stream(n - i)
		}
		s.lower(a, n, top, bottom, meter)
	})
}

// lower copies rows [top, bottom) of the upper half of a to the lower.
func (s *set) lower(a []float32, n, top, bottom int, meter *meter) {
	const side = 32 // rows that are written to at a time, each on a page of its own
	for i := top; i < bottom; i++ {
		for j := i + 1; j < bottom; j++ {
			a[j*n+i] = a[i*n+j]
		}
	}
	for left := bottom; left < n; left += side {
		s.transpose(a[left*n+top:], n, a[top*n+left:], n, bottom-top, min(side, n-left))
		meter.stream(8 * side * runRows)
	}
}
