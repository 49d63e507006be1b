package naive

import "math"

// Eigen finds the eigenvalues of a symmetric k x k matrix, in descending
// order, and the eigenvectors, of which the j-th is column j of vectors. Only
// g's lower half is read; where it holds a number that is not finite, all
// results are NaN. pause, where it is not nil, is called now and then.
//
// It works in float64 with nothing but + - * / and square roots: Householder's
// reduction to three diagonals, then the implicit QL method (Bowdler, Martin,
// Reinsch and Wilkinson 1968, tred2 and tql2; the variant of the library JAMA)
// with at most 64 turns an eigenvalue. Equal eigenvalues keep the order in
// which the method leaves them.
func Eigen(values, vectors, g []float32, k int, pause func()) {
	EigenIn(values, vectors, g, k, make([]float64, k*k), pause)
}

// EigenIn is Eigen with k*k numbers to work in, whatever they are.
func EigenIn(values, vectors, g []float32, k int, v []float64, pause func()) {
	values, vectors, g = values[:k], vectors[:k*k], g[:k*k]
	e := &eigen{n: k, v: v[:k*k], d: make([]float64, k), e: make([]float64, k), pause: pause}
	for i := range k {
		for j := range i + 1 {
			x := float64(g[i*k+j])
			if x-x != 0 {
				e.fillNaN(values)
				e.fillNaN(vectors)
				return
			}
			e.v[i*k+j] = x
		}
		e.spend(4 * i)
	}
	for i := range k { // now that every page of v has been touched, in order
		for j := i + 1; j < k; j++ {
			e.v[i*k+j] = e.v[j*k+i]
		}
		e.spend(8 * (k - i))
	}
	if k == 0 {
		return
	}
	e.reduce()
	e.accumulate()
	e.iterate()
	order := make([]int, k) // insertion keeps equals in order
	for j := range order {
		i := j
		for ; i > 0 && e.d[order[i-1]] < e.d[j]; i-- {
			order[i] = order[i-1]
		}
		order[i] = j
		e.spend(2 * (j - i))
	}
	for j, from := range order {
		values[j] = float32(e.d[from])
	}
	for i := range k {
		for j, from := range order {
			vectors[i*k+j] = Canonical(float32(e.row(from)[i]))
		}
		e.spend(8 * k)
	}
	canonical(values)
}

func (s *eigen) fillNaN(x []float32) {
	for i := range x {
		x[i] = Canonical(float32(math.NaN()))
		s.spend(1)
	}
}

// eigen is the work of Eigen. Row j of v is what the literature has in column
// j, so that the inner loops run along memory.
type eigen struct {
	n     int
	v     []float64
	d, e  []float64
	pause func()
	work  int
}

func (s *eigen) row(j int) []float64 { return s.v[j*s.n:][:s.n] }

func (s *eigen) spend(n int) {
	if s.work += n; s.work > 50_000 && s.pause != nil {
		s.work = 0
		s.pause()
	}
}

// reduce leaves the diagonal in d, what is beside it in e, and the reflections.
func (s *eigen) reduce() {
	n, d, e := s.n, s.d, s.e
	for j := range n {
		d[j] = s.row(j)[n-1]
	}
	for i := n - 1; i > 0; i-- {
		var scale, h float64
		for _, x := range d[:i] {
			scale += math.Abs(x)
		}
		if scale == 0 {
			e[i] = d[i-1]
			for j := range i {
				d[j] = s.row(j)[i-1]
				s.row(j)[i], s.row(i)[j] = 0, 0
			}
			s.spend(8 * i)
			d[i] = 0
			continue
		}
		for k := range i {
			d[k] /= scale
			h += float64(d[k] * d[k])
		}
		f, g := d[i-1], math.Sqrt(h)
		if f > 0 {
			g = -g
		}
		e[i] = scale * g
		h -= float64(f * g)
		d[i-1] = f - g
		clear(e[:i])
		for j := range i {
			f, v := d[j], s.row(j)
			s.row(i)[j] = f
			g := e[j] + float64(v[j]*f)
			for k := j + 1; k < i; k++ {
				g += float64(v[k] * d[k])
				e[k] += float64(v[k] * f)
			}
			e[j] = g
			s.spend(2 * (i - j))
		}
		f = 0
		for j := range i {
			e[j] /= h
			f += float64(e[j] * d[j])
		}
		hh := f / (h + h)
		for j := range i {
			e[j] -= float64(hh * d[j])
		}
		for j := range i {
			f, g, v := d[j], e[j], s.row(j)
			for k := j; k < i; k++ {
				v[k] -= float64(f*e[k]) + float64(g*d[k])
			}
			d[j], v[i] = v[i-1], 0
			s.spend(2 * (i - j))
		}
		d[i] = h
	}
}

// accumulate multiplies the reflections.
func (s *eigen) accumulate() {
	n, d := s.n, s.d
	for i := range n - 1 {
		own, next := s.row(i), s.row(i+1)
		own[n-1], own[i] = own[i], 1
		if h := d[i+1]; h != 0 {
			for k := range i + 1 {
				d[k] = next[k] / h
			}
			for j := range i + 1 {
				v := s.row(j)
				var g float64
				for k := range i + 1 {
					g += float64(next[k] * v[k])
				}
				for k := range i + 1 {
					v[k] -= float64(g * d[k])
				}
				s.spend(2 * i)
			}
		}
		clear(next[:i+1])
		s.spend(i)
	}
	for j := range n {
		d[j], s.row(j)[n-1] = s.row(j)[n-1], 0
	}
	s.row(n - 1)[n-1] = 1
}

// iterate makes the three diagonals one.
func (s *eigen) iterate() {
	const eps = 1. / (1 << 52)
	n, d, e := s.n, s.d, s.e
	copy(e, e[1:])
	e[n-1] = 0
	var shift, size float64
	for l := range n {
		size = max(size, math.Abs(d[l])+math.Abs(e[l]))
		m := l
		for m < n-1 && math.Abs(e[m]) > float64(eps*size) {
			m++
		}
		s.spend(m - l)
		for turn := 0; m > l && turn < 64 && math.Abs(e[l]) > float64(eps*size); turn++ {
			shift += s.turn(l, m)
		}
		d[l] += shift
		e[l] = 0
	}
}

// turn is a QL step on rows l to m with an implicit shift, which it returns.
func (s *eigen) turn(l, m int) float64 {
	n, d, e := s.n, s.d, s.e
	g := d[l]
	p := (d[l+1] - g) / (2 * e[l])
	r := root(p, 1)
	if p < 0 {
		r = -r
	}
	d[l] = e[l] / (p + r)
	d[l+1] = e[l] * (p + r)
	below, shift := d[l+1], g-d[l]
	for i := l + 2; i < n; i++ {
		d[i] -= shift
	}
	p = d[m]
	c, c2, c3, first := 1., 1., 1., e[l+1]
	var sine, s2 float64
	for i := m - 1; i >= l; i-- {
		c3, c2, s2 = c2, c, sine
		g, h := float64(c*e[i]), float64(c*p)
		r := root(p, e[i])
		e[i+1] = sine * r
		sine, c = e[i]/r, p/r
		p = float64(c*d[i]) - float64(sine*g)
		d[i+1] = h + float64(sine*(float64(c*g)+float64(sine*d[i])))
		x, y := s.row(i), s.row(i+1)
		for k, a := range x {
			b := y[k]
			y[k] = float64(sine*a) + float64(c*b)
			x[k] = float64(c*a) - float64(sine*b)
		}
		s.spend(2 * n)
	}
	p = -sine * s2 * c3 * first * e[l] / below
	e[l], d[l] = sine*p, c*p
	return shift
}

func root(a, b float64) float64 { return math.Sqrt(float64(a*a) + float64(b*b)) }
