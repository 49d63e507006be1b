package naive

import (
	"math"
	"testing"
)

func TestFall(t *testing.T) {
	for x := -45.0; x <= 45; x += 1.0 / 128 {
		want := 1 / (1 + math.Exp(math.Max(-40, math.Min(40, x))))
		if got := float64(Fall(float32(x))); math.Abs(got-want) > 4e-7*want {
			t.Errorf("Fall(%v) is %v, want %v", x, got, want)
		}
	}
	for x, want := range map[float32]float32{0: 0.5, float32(math.Inf(-1)): 1, float32(math.Inf(1)): Fall(40)} {
		if got := Fall(x); got != want {
			t.Errorf("Fall(%v) is %v, want %v", x, got, want)
		}
	}
	if x := Fall(float32(math.NaN())); x == x {
		t.Error("Fall of no number is", x)
	}
}

// A step of one sample is the gradient of ln σ(x_ui - x_uj) less that of the
// squared lengths, as differences of the objective in float64 give it.
func TestBPRGradient(t *testing.T) {
	const k, rate, decay = 5, 1e-2, 0.3
	p := Pairwise{Rows: Sparse{Rows: 1, Cols: 2, Offsets: []uint64{0, 1}, Index: []uint32{1}}, Items: []uint32{0, 1},
		Passes: 1, Rate: rate, Decay: decay, Verify: true}
	for ; ; p.Stream++ { // to a stream whose sample has the other item
		if w := Block(p.Seed, p.Stream, 0); w[1]>>31 == 0 {
			break
		}
	}
	x := make([]float32, k+2*k+2) // u, item 0 (j), item 1 (i), their biases
	Normal(x, 7, 0, 0)
	objective := func(x []float64) float64 {
		d := x[3*k+1] - x[3*k]
		l := 0.0
		for f := range k {
			d += x[f] * (x[2*k+f] - x[k+f])
		}
		for _, v := range x {
			l += v * v
		}
		return -math.Log(1+math.Exp(-d)) - decay/2*l
	}
	before := make([]float64, len(x))
	for i, v := range x {
		before[i] = float64(v)
	}
	if n := BPR(x[:k], x[k:3*k], x[3*k:], p); n != 1 {
		t.Fatal(n, "samples")
	}
	for i := range x {
		const h = 1e-5
		y := append([]float64(nil), before...)
		y[i] += h
		up := objective(y)
		y[i] -= 2 * h
		want := rate * (up - objective(y)) / (2 * h)
		if got := float64(x[i]) - before[i]; math.Abs(got-want) > 1e-6 {
			t.Errorf("number %d moved by %v, want %v", i, got, want)
		}
	}
}
