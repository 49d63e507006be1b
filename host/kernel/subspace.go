package kernel

import (
	"math"

	"rechost/guest/num/naive"
)

// AddSparse is naive.AddSparse.
func AddSparse(dst []float32, a float32, m naive.Sparse, x naive.Matrix, threads int, pause func()) {
	active.AddSparse(dst, a, m, x, threads, pause)
}

// AddProduct is naive.AddProduct.
func AddProduct(dst []float32, a, b naive.Matrix, threads int, pause func()) {
	active.AddProduct(dst, a, b, threads, pause)
}

// Whiten is naive.Whiten.
func Whiten(dst, g []float32, k int, tolerance float32, pause func()) int {
	return active.Whiten(dst, g, k, tolerance, pause)
}

// Eigen is naive.Eigen: in float64, along memory, and small.
func Eigen(values, vectors, g []float32, k int, pause func()) {
	naive.EigenIn(values, vectors, g, k, Space[float64](k*k), pause)
}

// AddSparse shares runs of rows among threads.
func (s *set) AddSparse(dst []float32, a float32, m naive.Sparse, x naive.Matrix, threads int, pause func()) {
	size := m.Rows
	if threads > 1 {
		size = max(m.Rows/(32*threads), 16) // rows differ in what they cost
	}
	if m.Rows == 0 {
		return
	}
	share(threads, (m.Rows+size-1)/size, pause, func(_, i int, pause func()) {
		from, to := i*size, min(i*size+size, m.Rows)
		s.addSparse(dst[from*x.Cols:to*x.Cols], a, rowsOf(m, from, to), x, pause)
	})
}

// addSparse runs set.fit with weights of 0, which leave the dots out and keep
// rows of 64 numbers in registers.
func (s *set) addSparse(dst []float32, a float32, m naive.Sparse, x naive.Matrix, pause func()) {
	k, meter := x.Cols, s.meter(pause)
	if k > longest {
		s.addLong(dst, a, m, x, meter)
		return
	}
	piece := min(max(meter.quota/(4*k), 1), 1<<12)
	zeros := make([]float32, max(piece, k))
	scaled := make([]float32, piece)
	for i := range scaled {
		scaled[i] = a // where m has no values
	}
	for r := range m.Rows {
		q := dst[r*k:][:k:k]
		from, to := m.Range(r)
		for from < to {
			n := min(piece, to-from)
			c := scaled[:n]
			if len(m.Value) > 0 {
				if a == 1 {
					c = m.Value[from : from+n]
				} else {
					for i, v := range m.Value[from : from+n] {
						c[i] = a * v
					}
				}
			}
			s.fit(&q[0], &q[0], first(x.Data), &m.Index[from], &zeros[0], &c[0], n, len(m.Index)-from-n, k)
			from += n
			meter.spend(4 * n * k) // rows come from all over memory
			meter.stream(16 * n)
		}
		s.tidy(q, zeros, meter)
		meter.stream(64)
	}
}

// addLong is addSparse where a row of x is more than a piece of work.
func (s *set) addLong(dst []float32, a float32, m naive.Sparse, x naive.Matrix, meter *meter) {
	k := x.Cols
	for r := range m.Rows {
		q := dst[r*k:][:k:k]
		from, to := m.Range(r)
		for e := from; e < to; e++ {
			c := a
			if len(m.Value) > 0 {
				c = a * m.Value[e]
			}
			row := x.Row(int(m.Index[e]))
			for at := 0; at < k; at += longest {
				n := min(longest, k-at)
				s.axpy(c, &row[at], &q[at], n)
				meter.stream(2 * n)
			}
		}
		meter.canonical(q)
	}
}

// tidy is canonical for numbers that are seldom NaN; zeros are as many, or
// longest.
func (s *set) tidy(x, zeros []float32, m *meter) {
	for len(x) > 0 {
		n := min(len(x), longest)
		if d := s.dot(first(x), first(zeros), n); d != 0 {
			canonical(x[:n]) // d is NaN: an element is, or is infinite
		}
		m.stream(n)
		x = x[n:]
	}
}

// AddProduct goes through B in panels of wide columns and A in panels of tall
// rows, of which it shares runs among threads.
func (s *set) AddProduct(dst []float32, a, b naive.Matrix, threads int, pause func()) {
	n, cols, meter := a.Cols, b.Cols, s.meter(pause)
	panels := cleared[float32](meter, roundUp(cols, s.wide)*n)
	for p := range n {
		row := b.Row(p)
		for j := 0; j < cols; j += s.wide {
			copy(panels[j*n+p*s.wide:][:s.wide], row[j:min(j+s.wide, cols)])
			meter.stream(16 + 2*s.wide)
		}
	}
	size := max(a.Rows, 1)
	if threads > 1 {
		size = roundUp(max(a.Rows/(8*threads), 1), s.tall)
	}
	share(threads, (a.Rows+size-1)/size, pause, func(_, i int, pause func()) {
		from, to := i*size, min(i*size+size, a.Rows)
		part := naive.Matrix{Rows: to - from, Cols: n, Data: a.Data[from*n : to*n]}
		s.addPanels(dst[from*cols:to*cols], part, panels, cols, s.meter(pause))
	})
}

// addPanels adds A·B to dst, B of cols columns as AddProduct packs it. Tiles at
// the edges work on a copy.
func (s *set) addPanels(dst []float32, a naive.Matrix, panels []float32, cols int, meter *meter) {
	n := a.Cols
	zeros, rows, edge := make([]float32, min(cols, longest)), cleared[float32](meter, s.tall*n), make([]float32, s.tall*s.wide)
	for r := 0; r < a.Rows; r += s.tall {
		high := min(s.tall, a.Rows-r)
		for p := 0; p < n; p += deep {
			end := min(p+deep, n)
			s.packTall(rows[p*s.tall:end*s.tall], a.Data[r*n+p:], n, high)
			meter.stream(64 + 2*high*(end-p))
		}
		for j := 0; j < cols; j += s.wide {
			wide := min(s.wide, cols-j)
			if high == s.tall && wide == s.wide {
				s.tileAll(&dst[r*cols+j], cols, rows, panels[j*n:], n, meter)
			} else {
				for i := range high {
					copy(edge[i*s.wide:], dst[(r+i)*cols+j:][:wide])
				}
				s.tileAll(&edge[0], s.wide, rows, panels[j*n:], n, meter)
				for i := range high {
					copy(dst[(r+i)*cols+j:][:wide], edge[i*s.wide:])
				}
			}
		}
		for i := range high {
			s.tidy(dst[(r+i)*cols:][:cols], zeros, meter)
		}
	}
}

// deep is how many steps a tile takes between looks at the meter.
const deep = 1 << 14

// tileAll is tile of n steps, of panels that are tall and wide, in pieces.
func (s *set) tileAll(dst *float32, ldc int, a, b []float32, n int, m *meter) {
	for p := 0; p < n; p += deep {
		steps := min(deep, n-p)
		s.tile(dst, ldc, &a[p*s.tall], s.tall, &b[p*s.wide], s.wide, steps)
		m.spend(s.tall * s.wide * steps)
		m.stream(64)
	}
}

// Whiten is naive.Whiten.
func (s *set) Whiten(dst, g []float32, k int, tolerance float32, pause func()) int {
	meter := s.meter(pause)
	dst = dst[:k*k]
	a, scale, dropped := cleared[float32](meter, k*k), make([]float32, k), make([]bool, k)
	for i := range k {
		if d := g[i*k+i]; d > 0 {
			scale[i] = 1 / float32(math.Sqrt(float64(d)))
		}
		meter.stream(apart)
	}
	for i := range k {
		for j := i; j < k; j++ {
			a[i*k+j] = float32(scale[i]*g[i*k+j]) * scale[j]
		}
		meter.stream(8 * (k - i))
	}
	rank := 0
	for j := range k {
		u := a[j*k:][:k]
		if dropped[j] = !(u[j] > tolerance); dropped[j] {
			continue
		}
		rank++
		s.divide(float32(math.Sqrt(float64(u[j]))), &u[j], k-j)
		for i := j + 1; i < k; i++ {
			s.axpy(-u[i], &u[i], &a[i*k+i], k-i)
			meter.spend(4 * (k - i))
		}
	}
	wipe(meter, dst)
	for i := k - 1; i >= 0; i-- {
		if dropped[i] {
			continue
		}
		x := dst[i*k:][:k]
		x[i] = 1
		for j := i + 1; j < k; j++ {
			if !dropped[j] {
				s.axpy(-a[i*k+j], &dst[j*k+j], &x[j], k-j)
				meter.spend(4 * (k - j))
			}
		}
		s.divide(a[i*k+i], &x[i], k-i)
		meter.spend(4 * (k - i))
	}
	for i := range k {
		for l := i; l < k; l++ {
			dst[i*k+l] = naive.Canonical(dst[i*k+l] * scale[i])
		}
		meter.stream(8 * (k - i))
	}
	return rank
}
