//go:build linux

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"rechost/guest/num/naive"
)

// peakOf is a loop of 24 vectors' multiplications and additions a turn.
type peakOf struct {
	loop  func(n int)
	lanes int
}

// peaks are the loops that measure what the units for float32 can do, by form.
var peaks = map[string]peakOf{"go": {func(n int) {
	var s [4]float32
	x := float32(n) * 0
	for range n * 6 {
		s[0] += float32(x * x)
		s[1] += float32(x * x)
		s[2] += float32(x * x)
		s[3] += float32(x * x)
	}
	kept = s[0] + s[1] + s[2] + s[3]
}, 1}}

var kept float32

// BenchmarkRoofline prints, for one core and the form in use, the rate at which
// it multiplies and adds, separately, the bandwidth of memory, and each
// kernel's share of the bound that is nearest (Williams, Waterman and Patterson:
// Roofline, CACM 2009). A kernel's bytes are those that it cannot avoid: each
// input and output once. Sums that go to places all over a row have a bound of
// their own: the rate of the barest loop of additions at random places.
//
//	go test -run - -bench Roofline ./host/kernel
func BenchmarkRoofline(b *testing.B) {
	s := active
	p := peaks[s.name]
	const turns = 1 << 18
	peak := 2 * 24 * turns * float64(p.lanes) / fastest(func() { p.loop(turns) })
	big := make([]float32, 64<<20)
	for i := range big {
		big[i] = float32(i)
	}
	half := len(big) / 2
	bandwidth := 12 * float64(half) / fastest(func() { s.axpy(1, &big[0], &big[half], half) })
	r := rand.New(rand.NewPCG(1, 2))
	const users, items, factors, each = 20_000, 40_000, 64, 40
	places := make([]uint32, 1<<16)
	for i := range places {
		places[i] = uint32(r.IntN(items))
	}
	row := make([]float32, items)
	additions := float64(len(places)) / fastest(func() {
		for _, j := range places {
			row[j]++
		}
	})

	x := naive.Sparse{Rows: users, Cols: items, Offsets: []uint64{0}}
	for range users {
		for j := r.IntN(items / each); j < items; j += 1 + r.IntN(2*items/each) {
			x.Index = append(x.Index, uint32(j))
		}
		x.Offsets = append(x.Offsets, uint64(len(x.Index)))
	}
	byItem := transposed(x)
	entries := float64(len(x.Index))
	u := naive.Matrix{Rows: users, Cols: factors, Data: random(users * factors)}
	v := naive.Matrix{Rows: items, Cols: factors, Data: random(items * factors)}
	gram := make([]float32, factors*factors)
	s.AddGram(gram, v, 1, nil)
	ridge := naive.Ridge{Rows: x, Factors: v, Gram: gram, Lambda: make([]float32, users), Weight: [2]float32{0, 1}, Target: [2]float32{0, 1}}
	for i := range ridge.Lambda {
		ridge.Lambda[i] = 0.01
	}
	solved := make([]float32, users*factors)
	few := u
	few.Rows = 2000
	fewSeen := x
	fewSeen.Rows = few.Rows
	top, near := lists(users, 20), lists(items, 100)
	product := naive.Product{A: byItem, B: x, Norms: make([]float32, items), Beta: make([]float32, items)}
	RowSums(product.Norms, byItem, 2, nil)
	for i, n := range product.Norms {
		product.Norms[i] = float32(math.Sqrt(float64(n)))
	}
	product.Alpha = product.Norms
	var increments float64
	for i := range users {
		n := float64(x.Offsets[i+1] - x.Offsets[i])
		increments += n * n
	}
	const n = 1024
	sq := naive.Matrix{Rows: n, Cols: n, Data: random(n * n)}
	out := make([]float32, n*n)
	from := definite(r, n)
	dense := make([]float32, n*n)

	list := []struct {
		name               string
		flops, bytes, sums float64
		run                func()
	}{
		{"axpy, 128 MiB", 2 * float64(half), 12 * float64(half), 0, func() { s.axpy(1, &big[0], &big[half], half) }},
		{"dot, 128 MiB", 2 * float64(half), 8 * float64(half), 0, func() { kept = s.dot(&big[0], &big[half], half) }},
		{"gemv, 64 x 64, in cache", 2 * 64 * 64 * 1000, 0, 0, func() {
			for range 1000 {
				s.gemv(&out[0], &u.Data[0], &gram[0], 64, 64, 64)
			}
		}},
		{"tile, in cache", 1000 * 2 * 64 * float64(s.tall*s.wide), 0, 0, func() {
			for range 1000 {
				s.tile(&out[0], 32, &u.Data[0], s.tall, &v.Data[0], s.wide, 64)
			}
		}},
		{fmt.Sprintf("gemm, %d³", n), 2 * n * n * n, 12 * n * n, 0, func() { s.Gemm(out, sq, sq, 1, nil) }},
		{fmt.Sprintf("inverse, %d²", n), n * n * n, 4 * n * n, 0, func() { copy(dense, from); s.Inverse(dense, n, 1, nil) }},
		{"Gram, 40,000 x 64", factors * factors * items, 4 * factors * items, 0, func() { s.AddGram(gram, v, 1, nil) }},
		{"score, mask, top 20", 2 * factors * float64(few.Rows) * items, 4 * factors * items, 0, func() { s.ScoreTopK(top, few, nil, v, naive.Mask{Without: fewSeen}, 20, nil) }},
		// Three steps: four passes over a row's entries, each a dot and an axpy.
		{"conjugate gradient, 3 steps", (3*4+2)*factors*entries + 4*2*factors*factors*users, 4 * factors * (entries + users), 0, func() { s.RidgeCG(solved, ridge, 3, nil) }},
		{"Cholesky, 64 factors", (2*factors*factors*entries/2 + factors*factors*factors/3*users) / 10, 4 * factors * entries / 10, 0, func() {
			some := ridge
			some.Rows.Rows = users / 10
			s.RidgeCholesky(solved, some, nil)
		}},
		{"item neighbours, top 100", 2 * increments, 8 * (2*entries + 100*items), increments, func() { ProductTopK(near, product, 100, 1, 1<<30, nil) }},
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(os.Stdout, "\n%s, one core: %.1f GFlop/s multiplying and adding, memory %.1f GB/s, %.2f G additions at random places a second\n",
		s.name, peak/1e9, bandwidth/1e9, additions/1e9)
	fmt.Fprintln(w, "kernel\tms\tGFlop/s\tGB/s\tbound by\tshare\t")
	for _, k := range list {
		t := fastest(k.run)
		bound, least := "arithmetic", k.flops/peak
		if m := k.bytes / bandwidth; m > least {
			bound, least = "memory", m
		}
		if a := k.sums / additions; a > least {
			bound, least = "additions", a
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.1f\t%.1f\t%s\t%.0f %%\t\n", k.name, 1e3*t, k.flops/t/1e9, k.bytes/t/1e9, bound, 100*least/t)
	}
	w.Flush()
	for b.Loop() { // the figures are in the table
	}
}

// fastest is the least time, in seconds, of some runs: what the machine does when
// nothing else uses it.
func fastest(run func()) float64 {
	least := math.Inf(1)
	for start, n := time.Now(), 0; n < 3 || (n < 20 && time.Since(start) < time.Second); n++ {
		t := time.Now()
		run()
		least = min(least, time.Since(t).Seconds())
	}
	return least
}
