package naive

import (
	"fmt"
	"math"
	"testing"
)

// Eigenvectors and eigenvalues are those of the matrix, orthonormal and in order.
func TestEigen(t *testing.T) {
	for _, k := range []int{0, 1, 2, 3, 10, 61} {
		for _, kind := range []string{"any", "low rank", "diagonal", "zero"} {
			g := make([]float32, k*k)
			switch kind {
			case "any", "low rank":
				rows := 2*k + 1
				if kind == "low rank" {
					rows = 2
				}
				m := Matrix{Rows: rows, Cols: k, Data: make([]float32, rows*k)}
				Normal(m.Data, 1, uint64(k), 3)
				AddGram(g, m)
			case "diagonal":
				for i := range k {
					g[i*k+i] = float32(i % 3)
				}
			}
			values, w := make([]float32, k), make([]float32, k*k)
			Eigen(values, w, g, k, nil)
			for j := range k {
				if j > 0 && values[j] > values[j-1] {
					t.Errorf("%s, k %d: eigenvalue %d is %v after %v", kind, k, j, values[j], values[j-1])
				}
				for i := range k {
					var s float64
					for l := range k {
						s += float64(g[i*k+l]) * float64(w[l*k+j])
					}
					if want := float64(values[j]) * float64(w[i*k+j]); math.Abs(s-want) > 2e-6*float64(values[0]+1) {
						t.Errorf("%s, k %d: element %d of G times eigenvector %d is %v, want %v", kind, k, i, j, s, want)
					}
				}
				for l := range j + 1 {
					var s float64
					for i := range k {
						s += float64(w[i*k+j]) * float64(w[i*k+l])
					}
					if want := map[bool]float64{true: 1}[j == l]; math.Abs(s-want) > 1e-6 {
						t.Errorf("%s, k %d: the product of eigenvectors %d and %d is %v", kind, k, j, l, s)
					}
				}
			}
		}
	}
}

// The Hilbert matrix of 3, whose eigenvalues are known, and one in closed
// form: the second difference has 2 - 2cos(jπ/(k+1)).
func TestEigenKnown(t *testing.T) {
	values, w := make([]float32, 3), make([]float32, 9)
	Eigen(values, w, []float32{1, 1. / 2, 1. / 3, 1. / 2, 1. / 3, 1. / 4, 1. / 3, 1. / 4, 1. / 5}, 3, nil)
	if got := fmt.Sprintf("%.6f", values); got != "[1.408319 0.122327 0.002687]" {
		t.Errorf("Hilbert: %s", got)
	}
	const k = 20
	g, values, w := make([]float32, k*k), make([]float32, k), make([]float32, k*k)
	for i := range k {
		g[i*k+i] = 2
		if i > 0 {
			g[i*k+i-1], g[(i-1)*k+i] = -1, -1
		}
	}
	Eigen(values, w, g, k, nil)
	for j, v := range values {
		if want := 2 - 2*math.Cos(float64(k-j)*math.Pi/(k+1)); math.Abs(float64(v)-want) > 1e-6 {
			t.Errorf("second difference: eigenvalue %d is %v, want %v", j, v, want)
		}
	}
	g[5] = float32(math.Inf(1))
	g[5*k] = g[5]
	Eigen(values, w, g, k, nil)
	if values[0] == values[0] || w[7] == w[7] {
		t.Error("infinity has eigenvalues")
	}
}

// M·X has orthonormal columns, and zeros for a column that depends on others.
func TestWhiten(t *testing.T) {
	const rows, k = 50, 9
	m := Matrix{Rows: rows, Cols: k, Data: make([]float32, rows*k)}
	Normal(m.Data, 1, 2, 3)
	for r := range rows {
		row := m.Row(r)
		row[3], row[6] = row[1]+2*row[2], 1e-6*row[6] // length does not count
	}
	g, x := make([]float32, k*k), make([]float32, k*k)
	AddGram(g, m)
	if rank := Whiten(x, g, k, 1e-4); rank != k-1 {
		t.Errorf("rank %d", rank)
	}
	q := Matrix{Rows: rows, Cols: k, Data: make([]float32, rows*k)}
	AddProduct(q.Data, m, Matrix{Rows: k, Cols: k, Data: x})
	clear(g)
	AddGram(g, q)
	for i := range k {
		for j := range k {
			want := 0.
			if i == j && i != 3 {
				want = 1
			}
			if math.Abs(float64(g[i*k+j])-want) > 1e-5 {
				t.Errorf("columns %d and %d: %v, want %v", i, j, g[i*k+j], want)
			}
			if i > j && x[i*k+j] != 0 {
				t.Errorf("X is not upper triangular at %d, %d", i, j)
			}
		}
	}
}
