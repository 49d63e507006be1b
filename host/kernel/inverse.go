package kernel

import (
	"math"

	"rechost/guest/num/naive"
)

const (
	pivots    = 192 // swept before the rest of the matrix follows: a multiple of every tile's sides
	sweepRows = 96  // a piece of work, likewise
	fewPivots = 48  // swept before the rest of the block follows, likewise
)

// InverseScratch is about the bytes that Inverse allocates for a matrix of n x n.
func InverseScratch(n int) int { return 8 * pivots * (n + 2*pivots) }

// Inverse is naive.Inverse.
func Inverse(a []float32, n, threads int, pause func()) int {
	return active.Inverse(a, n, threads, pause)
}

// Inverse sweeps a block of pivots at a time. An element outside the block's
// rows and columns gets its updates in the order of the pivots whether they
// come one by one or as a product of the block's c and r, which is what a tile
// computes; so it does within the block, by fewPivots and by a tile's height of pivots.
func (s *set) Inverse(a []float32, n, threads int, pause func()) int {
	if n == 0 {
		return -1
	}
	w := s.sweep(a, n, max(threads, 1), pause)
	meters := w.meter.each(threads)
	for at := 0; at < n; at += pivots {
		w.at, w.b = at, min(pivots, n-at)
		if k := w.pivots(); k >= 0 {
			for i := range a {
				a[i] = naive.Canonical(float32(math.NaN()))
				if i%(1<<18) == 1<<18-1 && pause != nil {
					pause()
				}
			}
			return at + k
		}
		strips := (n + s.wide - 1) / s.wide
		share(w.threads, strips, pause, func(worker, i int, pause func()) {
			if j := i * s.wide; j < at || j >= at+w.b {
				w.strip(&w.mine[worker], j)
				meters[worker].use(pause).spend(2 * w.b * w.b * s.wide)
			}
		})
		share(w.threads, (n+sweepRows-1)/sweepRows, pause, func(worker, i int, pause func()) {
			w.rest(i*sweepRows, w.mine[worker].edge, meters[worker].use(pause))
		})
	}
	s.mirror(a, n, 1<<31, w.threads, pause)
	return -1
}

// sweeping is the inverse on its way.
type sweeping struct {
	s       *set
	a       []float32
	n       int
	threads int
	pause   func()
	meter   *meter

	at, b int // the block of pivots

	// Step k of the block, counted from at: -c and r of the block's own
	// elements (rows stride apart), the pivot, and of the whole matrix -c as
	// panels of tall and r as panels of wide, b steps in each.
	stride       int
	block        []float32 // the block itself, its upper half
	minus, ratio []float32
	pivot        []float32
	tall, wide   []float32
	mine         []sweeper
}

// sweeper is a thread's own space.
type sweeper struct{ rows, minus, edge []float32 }

func (s *set) sweep(a []float32, n, threads int, pause func()) *sweeping {
	b := min(pivots, n)
	w := &sweeping{s: s, a: a, n: n, threads: threads, pause: pause, meter: s.meter(pause)}
	w.stride = roundUp(b, s.tall) + s.tall
	w.block, w.minus, w.ratio = make([]float32, b*w.stride), make([]float32, (b+1)*w.stride), make([]float32, (b+1)*w.stride)
	w.pivot = make([]float32, b)
	w.tall, w.wide = make([]float32, roundUp(n, s.tall)*b), make([]float32, roundUp(n, s.wide)*b)
	w.mine = make([]sweeper, threads)
	for i := range w.mine {
		w.mine[i] = sweeper{make([]float32, (b+s.tall)*s.wide), make([]float32, b*s.wide), make([]float32, s.tall*s.wide)}
	}
	return w
}

// pivots sweeps the block alone. It returns the first pivot not above 0, or -1.
func (w *sweeping) pivots() int {
	s, b := w.s, w.b
	row := func(i int) []float32 { return w.block[i*w.stride:][:b:b] }
	for i := range b {
		copy(row(i)[i:], w.a[(w.at+i)*w.n+w.at+i:])
	}
	for k := range b {
		u := row(k)
		d := u[k]
		if !(d > 0) {
			return k
		}
		minus, r := w.minus[k*w.stride:][:b], w.ratio[k*w.stride:][:b]
		for i := range k {
			r[i] = row(i)[k]
		}
		copy(r[k:], u[k:])
		for i, c := range r {
			minus[i] = -c
		}
		s.divide(d, &r[0], b)
		for i := range b {
			if i != k {
				s.axpy(minus[i], &r[i], &row(i)[i], b-i)
			}
		}
		for i := range k {
			row(i)[k] = r[i]
		}
		copy(u[k+1:], r[k+1:])
		u[k] = -1 / d
		w.pivot[k] = d
		w.meter.spend(8 * b * b)
	}
	for i := range b {
		copy(w.a[(w.at+i)*w.n+w.at+i:], row(i)[i:])
	}
	return -1
}

// strip sweeps the block's rows in wide columns from j on, outside the block.
// To the left of the block these are columns of the upper half, whose c has
// the smaller number: there an update is -c[j]*r[i] for row i of the block, to
// the right it is -c[i]*r[j].
func (w *sweeping) strip(m *sweeper, j int) {
	s, b, n := w.s, w.b, w.n
	wide, cols := s.wide, min(s.wide, n-j)
	left := j < w.at
	if left {
		s.transpose(m.rows, wide, w.a[j*n+w.at:], n, cols, b)
	} else {
		for k := range b {
			clear(m.rows[k*wide:][:wide])
			copy(m.rows[k*wide:][:cols], w.a[(w.at+k)*n+j:])
		}
	}
	ratio := w.wide[j*b:][:b*wide]
	coefficient, source := w.minus, ratio
	if left {
		coefficient, source = w.ratio, m.minus
	}
	// update adds what pivots [k, end) give to rows [top, bottom) but [not, to).
	update := func(k, end, top, bottom, not, to int) {
		for i := top; i < bottom; i += s.tall {
			if i < not || i >= to {
				s.tile(&m.rows[i*wide], wide, &coefficient[k*w.stride+i], w.stride, &source[k*wide], wide, end-k)
			}
		}
	}
	for few := 0; few < b; few += fewPivots {
		last := min(few+fewPivots, b)
		for g := few; g < last; g += s.tall {
			end := min(g+s.tall, b)
			for k := g; k < end; k++ {
				row, minus, r := m.rows[k*wide:][:wide], m.minus[k*wide:][:wide], ratio[k*wide:][:wide]
				copy(minus, row)
				s.clean(&minus[0], wide, 1<<31)
				s.divide(w.pivot[k], &row[0], wide)
				copy(r, row)
				for i := g; i < end; i++ {
					if i != k {
						s.axpy(coefficient[k*w.stride+i], &source[k*wide], &m.rows[i*wide], wide)
					}
				}
			}
			update(g, end, few, last, g, end)
		}
		update(few, last, 0, b, few, last)
	}
	for x := 0; x < cols; {
		i := j + x
		size := min(s.tall-i%s.tall, cols-x) // of the panel's rows
		panel := w.tall[i/s.tall*s.tall*b+i%s.tall:]
		for k := range b {
			copy(panel[k*s.tall:][:size], m.minus[k*wide+x:])
		}
		x += size
	}
	if left {
		s.transpose(w.a[j*n+w.at:], n, m.rows, wide, b, cols)
		return
	}
	for k := range b {
		copy(w.a[(w.at+k)*n+j:][:cols], m.rows[k*wide:])
	}
}

// rest updates sweepRows rows of the upper half outside the block.
func (w *sweeping) rest(top int, edge []float32, meter *meter) {
	s, n, end := w.s, w.n, min(top+sweepRows, w.n)
	for j := top / s.wide * s.wide; j < n; j += s.wide {
		if j >= w.at && j < w.at+w.b {
			continue
		}
		for i := top; i < end; i += s.tall {
			if i >= j+s.wide || i >= w.at && i < w.at+w.b {
				continue
			}
			s.tileOf(w.a[i*n+j:], n, min(s.tall, n-i), min(s.wide, n-j), &w.tall[i*w.b], s.tall, &w.wide[j*w.b], s.wide, w.b, edge)
		}
		meter.spend((end - top) * s.wide * w.b)
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
			meter.stream(8 * side * side)
		}
	})
}
