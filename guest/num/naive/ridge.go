package naive

import "math"

// Ridge is a regression for each row of Rows, the step of alternating least
// squares: with y the row of Factors that an entry's column names and v the
// entry's value,
//
//	A = Gram + diag(Lambda[r]) + Σ w·y·yᵀ      w = Weight[0]*v + Weight[1]
//	b = Σ t·y                                  t = Target[0]*v + Target[1]
//	solve A·x = b
//
// Hu, Koren and Volinsky (2008) with confidence 1+αv: Weight {α, 0}, Target
// {α, 1}. The library implicit's confidence αv: Weight {α, -1}, Target {α, 0}.
// Rendle et al. (2022): Weight {0, 1}, Target {0, 1}, Gram scaled by the
// unobserved weight and Lambda by the row's frequency.
type Ridge struct {
	Rows           Sparse
	Factors        Matrix
	Gram           []float32 // k*k, symmetric, k = Factors.Cols
	Lambda         []float32 // one a row
	Weight, Target [2]float32
}

func (p *Ridge) weight(v float32) float32 { return float32(p.Weight[0]*v) + p.Weight[1] }
func (p *Ridge) target(v float32) float32 { return float32(p.Target[0]*v) + p.Target[1] }

// gram sets q to (Gram + diag(lambda))·x: from lambda*x, for each j in order q +=
// x[j]*Gram[j].
func (p *Ridge) gram(q, x []float32, lambda float32) {
	for i, v := range x {
		q[i] = lambda * v
	}
	for j, v := range x {
		axpy(v, p.Gram[j*len(x):][:len(x)], q)
	}
}

// energy is dir·A·dir of a row with entries [a, b), where q is gram's of dir: the
// Dot of dir and q, and to it the tree of Dot over sixteen sums from 0, of which
// the n-th entry of a weight that is not 0 adds (w*d)*d to the one numbered n%16,
// d being the Dot of y and dir.
func (p *Ridge) energy(dir, q []float32, a, b int) float32 {
	var s [Lanes]float32
	n := 0
	for e := a; e < b; e++ {
		if w := p.weight(p.Rows.At(e)); w != 0 {
			d := Dot(p.Factors.Row(int(p.Rows.Index[e])), dir)
			s[n%Lanes] += float32(float32(w*d) * d)
			n++
		}
	}
	return Dot(dir, q) + Tree(&s)
}

// negligible is the squared residual below which RidgeCG stops, implicit's.
const negligible = 1e-20

// RidgeCG improves row r of x (Rows.Rows x k), its start, by so many steps of
// the conjugate gradient method, as least_squares_cg of the library implicit
// (Takács, Pilászy and Tikk 2011). A row without entries becomes 0. Entries of
// weight 0 are left out of A. The last step, after which no residual is needed,
// finds its length without A·dir. Dot is the function of this package.
func RidgeCG(x []float32, p Ridge, steps int) {
	k := p.Factors.Cols
	res, dir, q := make([]float32, k), make([]float32, k), make([]float32, k)
	for row := range p.Rows.Rows {
		x := x[row*k:][:k]
		a, b := p.Rows.Range(row)
		if a == b {
			clear(x)
			continue
		}
		minus := dir // the residual b - A·x is b + A·minus
		for i, v := range x {
			minus[i] = -v
		}
		p.gram(res, minus, p.Lambda[row])
		for e := a; e < b; e++ {
			y, v := p.Factors.Row(int(p.Rows.Index[e])), p.Rows.At(e)
			t := p.target(v)
			if w := p.weight(v); w != 0 {
				t += float32(w * Dot(y, minus))
			}
			axpy(t, y, res)
		}
		copy(dir, res)
		old := Dot(res, res)
		for s := 0; s < steps && !(old < negligible); s++ {
			p.gram(q, dir, p.Lambda[row])
			if s == steps-1 {
				axpy(old/p.energy(dir, q, a, b), dir, x)
				break
			}
			for e := a; e < b; e++ {
				if w := p.weight(p.Rows.At(e)); w != 0 {
					y := p.Factors.Row(int(p.Rows.Index[e]))
					axpy(float32(w*Dot(y, dir)), y, q)
				}
			}
			alpha := old / Dot(dir, q)
			axpy(alpha, dir, x)
			axpy(-alpha, q, res)
			now := Dot(res, res)
			beta := now / old
			for i, v := range dir {
				dir[i] = float32(beta*v) + res[i]
			}
			old = now
		}
		canonical(x)
	}
}

// RidgeCholesky sets row r of x to the solution by a Cholesky factorisation.
// The upper half of A is summed entry by entry, each as a[i][j] += (w*y[i])*y[j],
// then factored row by row, right-looking:
//
//	for j: d = sqrt(a[j][j]); a[j][i] /= d for i ≥ j; a[i][l] -= a[j][i]*a[j][l] for l ≥ i > j
//
// and b is solved forward, b[j] /= a[j][j]; b[i] -= b[j]*a[j][i] for i > j, and
// backward from the last, b[j] = (b[j] - a[j][j+1]*b[j+1] - …)/a[j][j], the
// difference being that of b[j] and a Dot. A row without entries becomes 0.
// Returned is the first row whose A has a pivot that is not above 0, and whose
// x, like that of any such row, is all NaN; or -1.
func RidgeCholesky(x []float32, p Ridge) int {
	k := p.Factors.Cols
	bad := -1
	m, scaled := make([]float32, k*k), make([]float32, k)
	for row := range p.Rows.Rows {
		x := x[row*k:][:k]
		clear(x)
		a, b := p.Rows.Range(row)
		if a == b {
			continue
		}
		copy(m, p.Gram)
		for i := range k {
			m[i*k+i] += p.Lambda[row]
		}
		for e := a; e < b; e++ {
			y, v := p.Factors.Row(int(p.Rows.Index[e])), p.Rows.At(e)
			axpy(p.target(v), y, x)
			w := p.weight(v)
			if w == 0 {
				continue
			}
			for i, c := range y {
				scaled[i] = w * c
			}
			for i, c := range scaled {
				axpy(c, y[i:], m[i*k+i:][:k-i])
			}
		}
		if !solve(m, x) {
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

// solve solves m·x = x by Cholesky on m's upper half, overwriting both, and
// tells whether m was positive definite.
func solve(m, x []float32) bool {
	k := len(x)
	for j := range k {
		u := m[j*k:][:k]
		if !(u[j] > 0) {
			return false
		}
		d := float32(math.Sqrt(float64(u[j])))
		for i := j; i < k; i++ {
			u[i] /= d
		}
		for i := j + 1; i < k; i++ {
			axpy(-u[i], u[i:], m[i*k+i:][:k-i])
		}
	}
	for j := range k {
		u := m[j*k:][:k]
		x[j] /= u[j]
		axpy(-x[j], u[j+1:], x[j+1:])
	}
	for j := k - 1; j >= 0; j-- {
		u := m[j*k:][:k]
		x[j] = (x[j] - Dot(u[j+1:], x[j+1:])) / u[j]
	}
	return true
}
