package kernel

import (
	"math"
	"slices"
	"unsafe"

	"rechost/guest/num/naive"
)

// entries is a row's entries as fit takes them, in pieces.
type entries struct {
	index []uint32
	w, c  []float32
	ones  int // how many of w and c are those of entries without values, all alike
}

// fit runs set.fit over e in pieces.
func (s *set) fitAll(q, p []float32, y naive.Matrix, e entries, m *meter) {
	k := len(q)
	each := 2*k + m.quota>>13 // an entry takes up to 32 ns before its first element
	piece := max(m.quota/each, 1)
	for len(e.index) > 0 {
		n := min(piece, len(e.index))
		s.fit(first(q), first(p), first(y.Data), &e.index[0], &e.w[0], &e.c[0], n, k)
		m.spend(n * each)
		e.index, e.w, e.c = e.index[n:], e.w[n:], e.c[n:]
	}
}

// RidgeCG is naive.RidgeCG. What the loop does entry by entry, t = target -
// w*dot, is c + w*dot here with the sign in w, which rounds to the same; and
// entries of weight 0 are taken out beforehand where they have no effect.
func (s *set) RidgeCG(x []float32, p naive.Ridge, steps int, pause func()) {
	k := p.Factors.Cols
	m := s.meter(pause)
	buf := make([]float32, 3*k)
	res, dir, q := buf[:k:k], buf[k:2*k:2*k], buf[2*k:]
	var first, later entries
	for row := range p.Rows.Rows {
		x := x[row*k:][:k]
		a, b := p.Rows.Range(row)
		m.stream(128 + k)
		if a == b {
			clear(x)
			continue
		}
		first.split(&later, s, p, a, b, m)
		lambda := p.Lambda[row]
		s.gram(res, x, &p, lambda, m)
		for i, v := range res {
			res[i] = -v
		}
		s.fitAll(res, x, p.Factors, first, m)
		copy(dir, res)
		old := s.Dot(res, res)
		for t := 0; t < steps && !(old < negligible); t++ {
			m.stream(64 + 8*k)
			s.gram(q, dir, &p, lambda, m)
			s.fitAll(q, dir, p.Factors, later, m)
			old = s.along(&dir[0], &q[0], &x[0], &res[0], old, k)
		}
		canonical(x)
	}
}

func goAlong(dir, q, x, res *float32, old float32, k int) float32 {
	alpha := old / goDot(dir, q, k)
	goAxpy(alpha, dir, x, k)
	goAxpy(-alpha, q, res, k)
	now := goDot(res, res, k)
	beta, r := now/old, unsafe.Slice(res, k)
	for i, v := range unsafe.Slice(dir, k) {
		*at(dir, i) = float32(beta*v) + r[i]
	}
	return now
}

// negligible is the constant of naive.RidgeCG.
const negligible = 1e-20

// RidgeScratch is the bytes that RidgeCG and RidgeCholesky allocate for each
// entry of the longest row, at most, beside vectors of the factors' length and,
// for RidgeCholesky, OuterScratch.
const RidgeScratch = 4*6 + 4

// split fills e with entries [a, b) for the first residual, and later with
// those that weigh anything for the steps after it.
func (e *entries) split(later *entries, s *set, p naive.Ridge, a, b int, m *meter) {
	n, zeros := b-a, false
	e.index = p.Rows.Index[a:b:b]
	if n <= e.ones {
		e.w, e.c = e.w[:n], e.c[:n]
		later.index, later.w, later.c = e.index[:min(n, later.ones)], later.w[:min(n, later.ones)], later.c[:min(n, later.ones)]
		return
	}
	e.w, e.c, later.w = grown(m, e.w, n), grown(m, e.c, n), grown(m, later.w, n)
	for at := 0; at < n; at += longest {
		end := min(at+longest, n)
		var values []float32
		if len(p.Rows.Value) > 0 {
			values = p.Rows.Value[a+at : a+end]
		}
		s.line(e.w[at:end], -p.Weight[0], -p.Weight[1], values)
		s.line(e.c[at:end], p.Target[0], p.Target[1], values)
		s.line(later.w[at:end], p.Weight[0], p.Weight[1], values)
		zeros = zeros || slices.Contains(later.w[at:end], 0)
		if end < n {
			m.stream(12 * longest)
		}
	}
	later.index = e.index
	if zeros {
		later.index = cleared[uint32](m, n)[:0]
		for i, j := range e.index {
			if i%longest == longest-1 {
				m.stream(4 * longest)
			}
			if w := later.w[i]; w != 0 {
				later.w[len(later.index)] = w
				later.index = append(later.index, j)
			}
		}
		later.w = later.w[:len(later.index)]
	}
	later.c = grown(m, later.c, n)[:len(later.index)] // zeros: nothing is ever written to it
	if len(p.Rows.Value) == 0 {
		e.ones, later.ones = n, len(later.index) // all of them, or none
	}
}

// line sets y to m*v + b, for values v that are all 1 where there are none.
func (s *set) line(y []float32, m, b float32, values []float32) {
	if values == nil {
		m, b = 0, float32(m*1)+b
	}
	for i := range y {
		y[i] = b
	}
	if values != nil {
		s.axpy(m, &values[0], &y[0], len(y))
	}
}

func grown(m *meter, x []float32, n int) []float32 {
	if cap(x) < n {
		return cleared[float32](m, n+n/2)[:n]
	}
	return x[:n]
}

// gram sets q to (Gram + diag(lambda))·x.
func (s *set) gram(q, x []float32, p *naive.Ridge, lambda float32, m *meter) {
	k := len(x)
	clear(q)
	piece := max(stretch/k, 1) // of the matrix, which a large one has to bring from memory
	for j := 0; j < k; j += piece {
		n := min(piece, k-j)
		s.gemv(&q[0], &x[j], &p.Gram[j*k], n, k, k)
		m.stream(n * k)
	}
	s.axpy(lambda, &x[0], &q[0], k)
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
