package kernel

import (
	"math"
	"unsafe"

	"rechost/guest/num/naive"
)

// entries is entries of a row as fit takes them, in pieces.
type entries struct {
	index []uint32
	more  int // how many follow the last one in index's array
	w, c  []float32
}

// piece is how many entries of k elements are gone through between looks at the
// meter, and what each of them costs.
func (m *meter) piece(k int) (n, each int) {
	each = 2*k + m.quota>>13 // an entry takes up to 32 ns before its first element
	return max(m.quota/each&^15, 16), each
}

// fitAll is fit of all entries.
func (s *set) fitAll(q, p []float32, y *naive.Matrix, e *entries, m *meter) {
	k := len(q)
	piece, each := m.piece(k)
	for at := 0; at < len(e.index); at += piece {
		n := min(piece, len(e.index)-at)
		var c *float32
		if e.c != nil {
			c = &e.c[at]
		}
		s.fit(first(q), first(p), first(y.Data), &e.index[at], &e.w[at], c, n, len(e.index)-at-n+e.more, k)
		m.spend(n * each)
	}
}

// energyOf is naive's energy of dir, with q its gram. It uses sums.
func (s *set) energyOf(dir, q []float32, y *naive.Matrix, e *entries, sums *[naive.Lanes]float32, m *meter) float32 {
	clear(sums[:])
	k := len(dir)
	piece, each := m.piece(k)
	for at := 0; at < len(e.index); at += piece {
		n := min(piece, len(e.index)-at)
		s.energy(&sums[0], first(dir), first(y.Data), &e.index[at], &e.w[at], n, len(e.index)-at-n+e.more, k)
		m.spend(n * each)
	}
	return s.Dot(dir, q) + naive.Tree(sums)
}

// RidgeCG is naive.RidgeCG. Entries of weight 0 are taken out beforehand where
// they have no effect.
func (s *set) RidgeCG(x []float32, p naive.Ridge, steps int, pause func()) {
	k := p.Factors.Cols
	m := s.meter(pause)
	buf := make([]float32, 3*k)
	res, dir, q := buf[:k:k], buf[k:2*k:2*k], buf[2*k:]
	weights := weigher{s: s, p: &p}
	var sums [naive.Lanes]float32
	for row := range p.Rows.Rows {
		x := x[row*k:][:k]
		a, b := p.Rows.Range(row)
		m.stream(128 + k)
		if a == b {
			clear(x)
			continue
		}
		all, some := weights.row(a, b, m)
		lambda := p.Lambda[row]
		s.aim(&dir[0], &res[0], -1, &x[0], lambda, k)
		s.gram(res, dir, &p, m)
		s.fitAll(res, dir, &p.Factors, all, m)
		old := s.aim(&dir[0], &q[0], 1, &res[0], lambda, k)
		for t := 0; t < steps && !(old < negligible); t++ {
			s.gram(q, dir, &p, m)
			if t == steps-1 {
				s.axpy(old/s.energyOf(dir, q, &p.Factors, some, &sums, m), &dir[0], &x[0], k)
				break
			}
			s.fitAll(q, dir, &p.Factors, some, m)
			old = s.along(&dir[0], &q[0], &x[0], &res[0], old, lambda, k)
		}
		s.clean(&x[0], k, 0)
	}
}

// negligible is the constant of naive.RidgeCG.
const negligible = 1e-20

// weigher says what entries weigh, for those of several short rows at a time.
type weigher struct {
	s         *set
	p         *naive.Ridge
	from, to  int       // the entries that w and c are of; without values, any so many
	w, c      []float32 // their weights and targets
	zeros     int       // how many weigh nothing
	all, some entries
	heavy     []float32 // of some, where there are zeros
	index     []uint32
}

// window is how many entries are weighed at a time where rows are shorter.
const window = 2048

// RidgeScratch is the bytes that RidgeCG allocates beside vectors of the
// factors' length, at most, for so many entries, of which the longest row has
// longest.
func RidgeScratch(longest, entries uint64) uint64 {
	return 12*longest + 12*max(longest, min(window, entries))
}

// row is a row's entries [a, b), for the first residual, and those that weigh
// anything, for the steps after it. Both are good until the next call.
func (r *weigher) row(a, b int, m *meter) (all, some *entries) {
	r.weigh(a, b, m)
	index, from, n := r.p.Rows.Index, a-r.from, b-a
	if len(r.p.Rows.Value) == 0 {
		from = 0
	}
	r.all = entries{index[a:b:b], len(index) - b, r.w[from:][:n], r.c[from:][:n]}
	switch r.zeros {
	case 0:
		r.some = entries{r.all.index, r.all.more, r.all.w, nil}
	case r.to - r.from:
		r.some = entries{}
	default:
		r.heavy, r.index = grown(m, r.heavy, n), grown(m, r.index, n)
		some := 0
		for i, w := range r.all.w {
			if i%longest == longest-1 {
				m.stream(4 * longest)
			}
			r.heavy[some], r.index[some] = w, r.all.index[i]
			if w != 0 {
				some++
			}
		}
		r.some = entries{r.index[:some], 0, r.heavy[:some], nil}
	}
	return &r.all, &r.some
}

// weigh sees to it that w and c are those of entries [a, b).
func (r *weigher) weigh(a, b int, m *meter) {
	p, values := r.p, r.p.Rows.Value
	if r.from <= a && b <= r.to || len(values) == 0 && b-a <= r.to-r.from {
		return
	}
	_, end := p.Rows.Range(p.Rows.Rows - 1)
	r.from, r.to, r.zeros = a, max(b, min(a+window, end)), 0
	n := r.to - r.from
	r.w, r.c = grown(m, r.w, n), grown(m, r.c, n)
	one := float32(1)
	for at := 0; at < n; at += longest {
		piece := min(longest, n-at)
		if len(values) > 0 {
			r.zeros += r.s.line(&r.w[at], &values[a+at], p.Weight[0], p.Weight[1], piece)
			r.s.line(&r.c[at], &values[a+at], p.Target[0], p.Target[1], piece)
		} else {
			zero := r.s.line(&r.w[at], &one, p.Weight[0], p.Weight[1], 1)
			r.s.line(&r.c[at], &one, p.Target[0], p.Target[1], 1)
			for i := at + 1; i < at+piece; i++ {
				r.w[i], r.c[i] = r.w[at], r.c[at]
			}
			r.zeros += zero * piece
		}
		m.stream(8 * piece)
	}
}

func grown[T element](m *meter, x []T, n int) []T {
	if cap(x) < n {
		return cleared[T](m, n+n/2)[:n]
	}
	return x[:n]
}

// gram adds Gram·x to q.
func (s *set) gram(q, x []float32, p *naive.Ridge, m *meter) {
	k := len(x)
	piece := max(stretch/k, 1) // of the matrix, which a large one has to bring from memory
	for j := 0; j < k; j += piece {
		n := min(piece, k-j)
		s.gemv(&q[0], &x[j], &p.Gram[j*k], n, k, k)
		m.stream(64 + (n+8)*k)
	}
}

func goLine(y, v *float32, m, b float32, n int) int {
	ys, zeros := unsafe.Slice(y, n), 0
	for i, v := range unsafe.Slice(v, n) {
		ys[i] = float32(m*v) + b
		if ys[i] == 0 {
			zeros++
		}
	}
	return zeros
}

func goAim(dir, q *float32, a float32, src *float32, lambda float32, k int) float32 {
	d, l := unsafe.Slice(dir, k), unsafe.Slice(q, k)
	for i, v := range unsafe.Slice(src, k) {
		d[i] = a * v
		l[i] = lambda * d[i]
	}
	return goDot(dir, dir, k)
}

func goFit(q, p, y *float32, index *uint32, w, c *float32, n, _, k int) {
	ws := unsafe.Slice(w, n)
	for e, i := range unsafe.Slice(index, n) {
		row, t := at(y, int(i)*k), float32(0)
		if c != nil {
			t = *at(c, e)
		}
		if ws[e] != 0 {
			t += float32(ws[e] * goDot(row, p, k))
		}
		goAxpy(t, row, q, k)
	}
}

func goEnergy(s, p, y *float32, index *uint32, w *float32, n, _, k int) {
	ws := unsafe.Slice(w, n)
	for e, i := range unsafe.Slice(index, n) {
		if ws[e] != 0 {
			d := goDot(at(y, int(i)*k), p, k)
			*at(s, e%naive.Lanes) += float32(float32(ws[e]*d) * d)
		}
	}
}

func goAlong(dir, q, x, res *float32, old, lambda float32, k int) float32 {
	alpha := old / goDot(dir, q, k)
	goAxpy(alpha, dir, x, k)
	goAxpy(-alpha, q, res, k)
	now := goDot(res, res, k)
	beta, d, l := now/old, unsafe.Slice(dir, k), unsafe.Slice(q, k)
	for i, r := range unsafe.Slice(res, k) {
		d[i] = float32(beta*d[i]) + r
		l[i] = lambda * d[i]
	}
	return now
}

// RidgeCholesky is naive.RidgeCholesky.
func (s *set) RidgeCholesky(x []float32, p naive.Ridge, pause func()) int {
	k := p.Factors.Cols
	m := s.meter(pause)
	o := s.outer(k, m)
	bad := -1
	for row := range p.Rows.Rows {
		x := x[row*k:][:k]
		clear(x)
		m.stream(32 + k)
		a, b := p.Rows.Range(row)
		if a == b {
			continue
		}
		for i := range k {
			copy(o.row(i), p.Gram[i*k:])
			o.row(i)[i] += p.Lambda[row]
			m.stream(8 + 2*k)
		}
		for e := a; e < b; e++ {
			y, v := p.Factors.Row(int(p.Rows.Index[e])), p.Rows.At(e)
			s.axpy(float32(p.Target[0]*v)+p.Target[1], &y[0], &x[0], k)
			if w := float32(p.Weight[0]*v) + p.Weight[1]; w != 0 {
				o.add(w, y, m)
			}
			m.stream(16 + 2*k)
		}
		o.flush(m)
		if !s.solve(o, x, m) {
			for i := range x {
				x[i] = float32(math.NaN())
			}
			if bad < 0 {
				bad = row
			}
		}
		canonical(x)
	}
	return bad
}

// factor overwrites the upper half of o's sum by its Cholesky factor, and tells
// whether the matrix is positive definite. It goes a tile's height of rows at a
// time: first within them, then what they subtract from all rows below, in the
// order of the loop.
func (o *outer) factor(m *meter) bool {
	s, k := o.s, o.k
	clear(o.a[:s.tall*o.high])
	for top := 0; top < k; top += s.tall {
		bottom := min(top+s.tall, k)
		for j := top; j < bottom; j++ {
			u := o.row(j)
			if !(u[j] > 0) {
				return false
			}
			s.divide(float32(math.Sqrt(float64(u[j]))), &u[j], k-j)
			for i := j + 1; i < bottom; i++ {
				s.axpy(-u[i], &u[i], &o.row(i)[i], k-i)
			}
			minus := o.a[(j-top)*o.high:][:k]
			for i := bottom; i < k; i++ {
				minus[i] = -u[i]
			}
		}
		m.spend(8 * s.tall * s.tall * (k - top))
		for i := bottom; i < k; i += s.tall {
			m.spend(s.tall * s.tall * (k - i))
			for j := i / s.wide * s.wide; j < o.wide; j += s.wide {
				s.tile(&o.sum[i*o.wide+j], o.wide, &o.a[i], o.high, &o.sum[top*o.wide+j], o.wide, bottom-top)
			}
		}
	}
	return true
}

// solve is the function of that name in package naive.
func (s *set) solve(o *outer, x []float32, m *meter) bool {
	k := o.k
	if !o.factor(m) {
		return false
	}
	for j := range k {
		u := o.row(j)
		x[j] /= u[j]
		s.axpy(-x[j], first(u[j+1:]), first(x[j+1:]), k-j-1)
		m.stream(8 + k - j)
	}
	for j := k - 1; j >= 0; j-- {
		u := o.row(j)
		x[j] = (x[j] - s.Dot(u[j+1:], x[j+1:])) / u[j]
		m.stream(8 + k - j)
	}
	return true
}
