package kernel

import (
	"math"
	"sync/atomic"

	"rechost/guest/num/naive"
)

const (
	pivots    = 192 // swept before the rest of the matrix follows: a multiple of every tile's sides
	sweepRows = 48  // a piece of work: divides pivots, and is a multiple of every tile's height
)

// InverseScratch is about the bytes that Inverse allocates for a matrix of n x n.
func InverseScratch(n int) int { return 8 * pivots * (n + 3*pivots) }

// Inverse is naive.Inverse.
func Inverse(a []float32, n, threads int, pause func()) int {
	return active.Inverse(a, n, threads, pause)
}

// Inverse sweeps a block of pivots at a time. An element outside the block's
// rows and columns gets its updates in the order of the pivots whether they
// come one by one or as a product of the block's c and r, which is what a tile
// computes; so it does within the block, by a tile's height of pivots.
//
// For each block there are the strips of its rows, then the rest of the matrix.
// What the next block needs of the rest comes first, and then the next block's
// pivots, which one thread sweeps while the others go on with the rest.
func (s *set) Inverse(a []float32, n, threads int, pause func()) int {
	if n == 0 {
		return -1
	}
	threads = max(threads, 1)
	m := s.meter(pause)
	w := s.inverting(a, n, threads, m)
	w.bad.Store(-1)
	w.pivots(0, m)
	w.swept.Store(1)
	each := w.strips + w.early + 1 + w.runs
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
	s.mirror(a, n, 1<<31, threads, pause)
	return -1
}

// inverting is the inverse on its way.
type inverting struct {
	s *set
	a []float32
	n int

	// How many blocks of pivots there are, and for each strips of wide columns,
	// pieces of the rest that come early, and runs of rows.
	blocks, strips, early, runs int
	// How many blocks' pivots have been swept, and how many strips and pieces of
	// the rest that come early and late are done, of all blocks.
	swept, stripped, hurried, rested atomic.Int64
	bad                              atomic.Int64 // the first pivot not above 0, or -1

	// Step k of the block, counted from its first: -c and r of the block's own
	// elements and the pivot, and of the whole matrix -c as panels of tall and r
	// as panels of wide, of as many steps as the block has pivots.
	block        []float32 // the block itself, its upper half
	minus, ratio []float32 // panels of tall
	pivot        []float32
	tall, wide   []float32
	mine         []sweeper
}

// sweeper is a thread's own space.
type sweeper struct{ rows, minus, edge []float32 }

func (s *set) inverting(a []float32, n, threads int, m *meter) *inverting {
	b := min(pivots, n)
	w := &inverting{s: s, a: a, n: n}
	w.blocks, w.strips, w.runs = (n+pivots-1)/pivots, (n+s.wide-1)/s.wide, (n+sweepRows-1)/sweepRows
	w.early = pivots/sweepRows + w.runs
	w.block, w.pivot = make([]float32, b*b), make([]float32, b)
	w.minus, w.ratio = make([]float32, b*roundUp(b, s.tall)), make([]float32, b*roundUp(b, s.tall))
	w.tall, w.wide = cleared[float32](m, roundUp(n, s.tall)*b), cleared[float32](m, roundUp(n, s.wide)*b)
	w.mine = make([]sweeper, threads)
	for i := range w.mine {
		w.mine[i] = sweeper{make([]float32, (b+s.tall)*s.wide), make([]float32, b*s.wide), make([]float32, s.tall*s.wide)}
	}
	return w
}

// piece does a piece of work of block t, when those before are as far as it
// needs them.
func (w *inverting) piece(t, i int, mine *sweeper, meter *meter) {
	enough := func(done *atomic.Int64, n int) {
		await(func() bool { return done.Load() >= int64(n) }, meter.pause)
	}
	at := t * pivots
	b, next := min(pivots, w.n-at), at+pivots
	switch {
	case i < w.strips: // the rest of the last block has used what strips write
		enough(&w.swept, t+1)
		enough(&w.hurried, t*w.early)
		enough(&w.rested, t*w.runs)
		if j := i * w.s.wide; (j < at || j >= at+b) && w.bad.Load() < 0 {
			w.strip(mine, at, b, j)
			meter.spend(2 * b * b * w.s.wide)
		}
		w.stripped.Add(1)
		return
	case i < w.strips+w.early: // the next block's rows, then what stands above them
		i -= w.strips
		enough(&w.stripped, (t+1)*w.strips)
		if own := pivots / sweepRows; i < own {
			w.rest(at, b, next+i*sweepRows, next, w.n, mine, meter)
		} else if top := (i - own) * sweepRows; top < next {
			w.rest(at, b, top, next, next+pivots, mine, meter)
		}
		w.hurried.Add(1)
		return
	case i == w.strips+w.early:
		enough(&w.hurried, (t+1)*w.early)
		if next < w.n && w.bad.Load() < 0 {
			w.pivots(next, meter)
		}
		w.swept.Add(1)
		return
	}
	enough(&w.stripped, (t+1)*w.strips)
	if top := (i - w.strips - w.early - 1) * sweepRows; top < next {
		w.rest(at, b, top, 0, next, mine, meter)
		w.rest(at, b, top, next+pivots, w.n, mine, meter)
	} else if top >= next+pivots {
		w.rest(at, b, top, 0, w.n, mine, meter)
	}
	w.rested.Add(1)
}

// pivots sweeps the block from at on alone, up to a pivot that is not above 0.
func (w *inverting) pivots(at int, meter *meter) {
	s, b := w.s, min(pivots, w.n-at)
	row := func(i int) []float32 { return w.block[i*b:][:b:b] }
	for i := range b {
		copy(row(i)[i:], w.a[(at+i)*w.n+at+i:])
	}
	var c, r [pivots]float32
	for k := range b {
		u := row(k)
		d := u[k]
		if !(d > 0) {
			w.bad.Store(int64(at + k))
			break
		}
		for i := range k {
			r[i] = row(i)[k]
		}
		copy(r[k:], u[k:])
		for i, v := range r[:b] {
			c[i] = -v
		}
		s.divide(d, &r[0], b)
		for i := range b {
			if i != k {
				s.axpy(c[i], &r[i], &row(i)[i], b-i)
			}
		}
		for i := range k {
			row(i)[k] = r[i]
		}
		copy(u[k+1:], r[k+1:])
		u[k] = -1 / d
		w.pivot[k] = d
		for i := 0; i < b; i += s.tall {
			copy(w.minus[i*b+k*s.tall:][:s.tall], c[i:b])
			copy(w.ratio[i*b+k*s.tall:][:s.tall], r[i:b])
		}
		meter.spend(8 * b * b)
	}
	for i := range b {
		copy(w.a[(at+i)*w.n+at+i:], row(i)[i:])
	}
}

// strip sweeps the rows of the block of b pivots from at on in wide columns from
// j on, outside the block. To the left of the block these are columns of the
// upper half, whose c has the smaller number: there an update is -c[j]*r[i] for
// row i of the block, to the right it is -c[i]*r[j].
func (w *inverting) strip(m *sweeper, at, b, j int) {
	s, n := w.s, w.n
	tall, wide, cols := s.tall, s.wide, min(s.wide, n-j)
	if j < at {
		s.transpose(m.rows, wide, w.a[j*n+at:], n, cols, b)
	} else {
		for k := range b {
			clear(m.rows[k*wide:][:wide])
			copy(m.rows[k*wide:][:cols], w.a[(at+k)*n+j:])
		}
	}
	ratio := w.wide[j*b:][:b*wide]
	coefficient, source, left := w.minus, ratio, 0
	if j < at {
		coefficient, source, left = w.ratio, m.minus, 1
	}
	// update adds what pivots [k, end) give to a tile of rows from i on.
	update := func(k, end, i int) {
		if k < end {
			s.tile(&m.rows[i*wide], wide, &coefficient[i*b+k*tall], tall, &source[k*wide], wide, end-k)
		}
	}
	for g := 0; g < b; g += tall {
		update(0, g, g)
		rows, minus, r, c := &m.rows[g*wide], &m.minus[g*wide], &ratio[g*wide], &coefficient[g*b+g*tall]
		if g+tall <= b {
			s.sweep(rows, minus, r, c, &w.pivot[g], left)
		} else {
			plainSweep(rows, minus, r, c, &w.pivot[g], left, b-g, tall, wide)
		}
	}
	for g := 0; g < b; g += tall {
		update(min(g+tall, b), b, g)
	}
	for x := 0; x < cols; {
		i := j + x
		size := min(tall-i%tall, cols-x) // of the panel's rows
		panel := w.tall[i/tall*tall*b+i%tall:]
		for k := range b {
			copy(panel[k*tall:][:size], m.minus[k*wide+x:])
		}
		x += size
	}
	if j < at {
		s.transpose(w.a[j*n+at:], n, m.rows, wide, b, cols)
		return
	}
	for k := range b {
		copy(w.a[(at+k)*n+j:][:cols], m.rows[k*wide:])
	}
}

// rest updates sweepRows rows of the upper half from top on in columns [from,
// to), outside the rows and columns of the block of b pivots from at on.
func (w *inverting) rest(at, b, top, from, to int, m *sweeper, meter *meter) {
	if top >= at && top < at+b || w.bad.Load() >= 0 {
		return
	}
	s, n, end := w.s, w.n, min(top+sweepRows, w.n)
	last := (n - 1) / s.wide * s.wide
	for j := max(from, top/s.wide*s.wide); j < min(to, n); j += s.wide {
		if j >= at && j < at+b {
			continue
		}
		bottom := min(end, j+s.wide) // no further than the diagonal
		i := top
		if j+s.wide <= n {
			if count := (min(bottom+s.tall-1, n) - top) / s.tall; count > 0 {
				s.column(&w.a[i*n+j], n, &w.tall[i*b], s.tall*b, &w.wide[j*b], b, count, 0, &w.wide[min(j+s.wide, last)*b], s.wide/count)
				i += count * s.tall
			}
		}
		for ; i < bottom; i += s.tall {
			s.tileOf(w.a[i*n+j:], n, min(s.tall, n-i), min(s.wide, n-j), &w.tall[i*b], s.tall, &w.wide[j*b], s.wide, b, m.edge, false)
		}
		meter.spend((end - top) * s.wide * b)
	}
}

// mirror copies the upper half of a, with the bits flip changed, to the lower,
// and makes both canonical.
func (s *set) mirror(a []float32, n int, flip uint32, threads int, pause func()) {
	const side = 32
	meters := streaming(nil).each(threads)
	share(threads, (n+side-1)/side, pause, func(worker, p int, pause func()) {
		meter := meters[worker].use(pause)
		top, bottom := p*side, min(p*side+side, n)
		for i := top; i < bottom; i++ {
			s.clean(&a[i*n+i], n-i, flip)
			meter.stream(n - i)
		}
		for i := top; i < bottom; i++ {
			for j := i + 1; j < bottom; j++ {
				a[j*n+i] = a[i*n+j]
			}
		}
		for left := bottom; left < n; left += side {
			s.transpose(a[left*n+top:], n, a[top*n+left:], n, bottom-top, min(side, n-left))
			meter.stream(16 * side * side)
		}
	})
}
