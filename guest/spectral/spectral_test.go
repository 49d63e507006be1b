package spectral

import (
	"math"
	"testing"

	"rechost/guest"
	"rechost/guest/guesttest"
	"rechost/guest/num/naive"
)

const rank = 4

func module(filter func(s *Signals)) guest.Module {
	return guest.Module{Name: "filter", Version: "1.0.0", Summary: "a test", Params: Params(),
		Plan: func(c *guest.Config, p *guest.Plan) {
			Decompose(c, p, rank)
			Stage(c, p, rank, func(t *guest.Task) { Score(t, filter) })
		}}
}

// dense is X, R, P and the projection on the first singular vectors in float64.
type dense struct {
	users, items int
	x, p, band   []float64
	du, di       []float64
	values       []float64
}

func reference(m *guesttest.Matrix) *dense {
	n := m.Items
	d := &dense{users: m.Users, items: n, x: make([]float64, m.Users*n), p: make([]float64, n*n), band: make([]float64, n*n),
		du: make([]float64, m.Users), di: make([]float64, n)}
	for _, c := range m.Cells() {
		v := float64(c.Value)
		d.x[c.User*n+c.Item] = v
		d.du[c.User] += v
		d.di[c.Item] += v
	}
	g := make([]float32, n*n)
	for i := range n {
		for j := range n {
			for u := range m.Users {
				if d.du[u] > 0 && d.di[i] > 0 && d.di[j] > 0 {
					d.p[i*n+j] += d.x[u*n+i] * d.x[u*n+j] / d.du[u] / math.Sqrt(d.di[i]*d.di[j])
				}
			}
			g[i*n+j] = float32(d.p[i*n+j])
		}
	}
	values, w := make([]float32, n), make([]float32, n*n)
	naive.Eigen(values, w, g, n, nil)
	for i := range n {
		for j := range n {
			for k := range rank {
				d.band[i*n+j] += float64(w[i*n+k]) * float64(w[j*n+k]) * math.Sqrt(d.di[j]/math.Max(d.di[i], 1e-30))
			}
		}
	}
	for _, v := range values {
		d.values = append(d.values, float64(v))
	}
	return d
}

// times is x·m.
func (d *dense) times(x, m []float64) []float64 {
	y := make([]float64, d.items)
	for i, v := range x {
		for j := range y {
			y[j] += v * m[i*d.items+j]
		}
	}
	return y
}

// The filters are what their formulas say, worked out in float64 with dense
// matrices.
func TestFilters(t *testing.T) {
	const weight, h = 0.7, 1.3
	m := guesttest.Noisy(61, 43)
	d := reference(m)
	if gap := d.values[rank-1] - d.values[rank]; gap < 1e-3 {
		t.Fatalf("the matrix is no test: its singular vectors are not set apart: %v", d.values[:rank+1])
	}
	add := func(y, z []float64, a float64) []float64 {
		for i := range y {
			y[i] += a * z[i]
		}
		return y
	}
	for name, c := range map[string]struct {
		filter func(s *Signals)
		want   func(x []float64) []float64
	}{
		"smooth": {func(s *Signals) { s.Smooth() }, func(x []float64) []float64 { return d.times(x, d.p) }},
		"band":   {func(s *Signals) { s.AddBand(weight) }, func(x []float64) []float64 { return add(make([]float64, d.items), d.times(x, d.band), weight) }},
		"sharpen": {func(s *Signals) { s.Smooth(); s.AddBand(weight); s.Sharpen(h) }, func(x []float64) []float64 {
			y := add(d.times(x, d.p), d.times(x, d.band), weight)
			z, factor := add(make([]float64, d.items), y, 1), 1.0
			term := y
			for j := 1; j <= 4; j++ { // y(1 - hP + (hP)²/2 - …), term by term
				term = d.times(term, d.p)
				factor *= -h / float64(j)
				add(z, term, factor)
			}
			return z
		}},
	} {
		r, err := guesttest.Run(module(c.filter), m, guesttest.Options{Seed: 3, Top: m.Items, KeepSeen: true, Params: map[string]any{"iterations": 12, "oversampling": 16}})
		if err != nil {
			t.Fatal(err)
		}
		for u := range m.Users {
			want := c.want(d.x[u*d.items:][:d.items])
			items, scores := r.List(u)
			for e, i := range items {
				if math.Abs(float64(scores[e])-want[i]) > 2e-4 {
					t.Fatalf("%s: user %d item %d: %v, want %v", name, u, i, scores[e], want[i])
				}
			}
		}
	}
}

// On a matrix of known singular vectors, two groups that share nothing, the
// band is the mean within the group.
func TestKnownVectors(t *testing.T) {
	m := guesttest.Rows([][]float32{{1, 1, 1, 0, 0}, {1, 1, 1, 0, 0}, {0, 0, 0, 1, 1}, {0, 0, 0, 1, 1}})
	r, err := guesttest.Run(module(func(s *Signals) { s.AddBand(1) }), m, guesttest.Options{Seed: 1, Top: 5, KeepSeen: true})
	if err != nil {
		t.Fatal(err)
	}
	for u := range 4 {
		items, scores := r.List(u)
		for e, i := range items {
			want := 0.
			if (i < 3) == (u < 2) {
				want = 1 // all items of the group have the same sum
			}
			if math.Abs(float64(scores[e])-want) > 1e-5 {
				t.Errorf("user %d item %d: %v, want %v", u, i, scores[e], want)
			}
		}
	}
	v := r.Frames["band"].Arrays["vector"]
	if v.Width != rank {
		t.Fatalf("%d vectors", v.Width)
	}
	for i, x := range v.Data.([]float32) {
		if i%rank >= 2 && math.Abs(float64(x)) > 1e-3 {
			t.Errorf("item %d: vector %d of a matrix of rank 2 is %v", i/rank, i%rank, x)
		}
	}
}
