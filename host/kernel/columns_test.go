package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"rechost/guest/num/naive"
)

// numbers is n numbers with guards after them.
func numbers[T byte | uint32 | uint64](n int, fill func() T) ([]T, func() bool) {
	mark := T(0xa5)
	all := make([]T, n+40)
	for i := range all {
		if all[i] = mark; i < n {
			all[i] = fill()
		}
	}
	return all[:n:n], func() bool { return !slices.ContainsFunc(all[n:], func(v T) bool { return v != mark }) }
}

// The inner loops of a sparse product's row do what their documentation says,
// and write nowhere else: columns that come again, sums that go back to 0, and
// keys at the bound.
func TestColumns(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for n := range 101 {
				what := fmt.Sprintf("%s, length %d", kind, n)
				cols := 1 + r.IntN(40)
				index := make([]uint32, n+1)
				value := make([]float32, n+1)
				for e := range index {
					index[e], value[e] = uint32(r.IntN(cols)), fill()
					if e > 0 && r.IntN(3) == 0 {
						index[e], value[e] = index[e-1], -value[e-1]
					}
				}
				for _, ones := range []bool{false, true} {
					sum, okSum := numbers(cols, func() uint32 { return [2]uint32{0, math.Float32bits(fill())}[r.IntN(2)] })
					before := r.IntN(3)
					touched, okTouched := numbers(before+n+1, r.Uint32)
					w := fill()
					wantSum, wantTouched := slices.Clone(sum), slices.Clone(touched[:before])
					var v *float32
					if !ones {
						v = &value[0]
					}
					for e, j := range index[:n] {
						if wantSum[j] == 0 {
							wantTouched = append(wantTouched, j)
						}
						x := w
						if !ones {
							x = float32(w * value[e])
						}
						wantSum[j] = math.Float32bits(math.Float32frombits(wantSum[j]) + x)
					}
					m := s.scatter(&sum[0], &touched[0], before, w, &index[0], v, n)
					if m != len(wantTouched) || !slices.Equal(touched[:m], wantTouched) {
						t.Fatalf("scatter, %s: listed %v, want %v", what, touched[:m], wantTouched)
					}
					for j := range sum {
						if g, w := math.Float32frombits(sum[j]), math.Float32frombits(wantSum[j]); sum[j] != wantSum[j] && (g == g || w == w) {
							t.Fatalf("scatter, %s: sum %d is %v, want %v", what, j, g, w)
						}
					}
					keys, okKeys := numbers(n+1, r.Uint32)
					last := keys[n]
					wantSum = slices.Clone(sum)
					s.fetch(&keys[0], &sum[0], &index[0], n)
					for i, j := range index[:n] {
						if keys[i] != wantSum[j] {
							t.Fatalf("fetch, %s: key %d is %#x, want %#x", what, i, keys[i], wantSum[j])
						}
						wantSum[j] = 0
					}
					if keys[n] != last || !slices.Equal(sum, wantSum) {
						t.Fatalf("fetch, %s: left other sums, or wrote after the end", what)
					}
					if !okSum() || !okTouched() || !okKeys() {
						t.Fatalf("%s: wrote outside", what)
					}
				}
				if n%16 != 0 {
					continue
				}
				keys, _ := numbers(n+1, func() uint32 { return 100 + r.Uint32N(5)<<30 })
				least := 100 + r.Uint32N(5)<<30
				out, ok := numbers(n+8, r.Uint64)
				var want []uint64
				for i, k := range keys[:n] {
					if k >= least {
						want = append(want, uint64(k)<<32|uint64(^index[i]))
					}
				}
				if m := s.sift(&out[0], &keys[0], &index[0], n, least); !slices.Equal(out[:m], want) || !ok() {
					t.Fatalf("sift, %s: %x, want %x", what, out[:m], want)
				}
			}
		}
	})
}

// Counts go round from 255 to 0, and widening them leaves 0.
func TestCounts(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for cols := 1; cols < 400; cols += 1 + r.IntN(60) {
			b := sparse(r, 30, cols, cols, nil)
			padded := roundUp(cols, 64)
			count, okCount := numbers(padded, func() byte { return byte(r.IntN(256)) })
			want := slices.Clone(count)
			rows := make([]uint32, 1+r.IntN(40))
			for e := range rows {
				rows[e] = r.Uint32N(30)
				for _, j := range b.Row(int(rows[e])) {
					want[j]++
				}
			}
			if len(b.Index) == 0 {
				continue
			}
			s.tally(&count[0], &rows[0], len(rows), &b.Offsets[0], b.Offsets[0], &b.Index[0])
			if !slices.Equal(count, want) || !okCount() {
				t.Fatalf("%d columns: tally gives %v, want %v", cols, count, want)
			}
			for _, fresh := range []int{0, 1} {
				sum, okSum := numbers(padded, func() uint32 { return math.Float32bits(float32(r.IntN(1000))) })
				sums, total := make([]uint32, padded), 0
				for j, c := range want {
					x := float32(c)
					if fresh == 0 {
						x += math.Float32frombits(sum[j])
					}
					sums[j], total = math.Float32bits(x), total+int(c)
				}
				copy(count, want)
				if n := s.widen(&sum[0], &count[0], padded, fresh); n != total || !slices.Equal(sum, sums) || !okSum() || !okCount() {
					t.Fatalf("%d columns: widen gives %v and %d, want %v and %d", cols, sum, n, sums, total)
				}
				if slices.ContainsFunc(count, func(c byte) bool { return c != 0 }) {
					t.Fatalf("%d columns: widen leaves %v", cols, count)
				}
			}
		}
	})
}

// Peaks are about the best of eight columns, and what is picked are the columns
// at least as good as a score, without those that are clearly worse.
func TestPeaks(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		if s.peaks == nil {
			t.Skip("this form has no peaks")
		}
		for _, blocks := range []int{1, 2, 9} {
			for kind, fill := range fills(r) {
				for _, divided := range []bool{false, true} {
					cols := blocks * blockOf
					sum, okSum := numbers(cols, func() uint32 { return math.Float32bits(fill()) })
					p := naive.Product{Alpha: []float32{1 + r.Float32()}, Beta: []float32{r.Float32()}, Gamma: 0.25}
					var norms *float32
					if divided {
						for range cols {
							p.Norms = append(p.Norms, r.Float32()*100)
						}
						norms = &p.Norms[0]
					}
					score := func(j int) float64 { return float64(p.Score(math.Float32frombits(sum[j]), 0, j)) }
					near := func(x, y float64) bool { return x == y || math.Abs(x-y) <= math.Abs(y)*0x1p-13+1e-37 }
					peaks, okPeaks := numbers(blocks*16, r.Uint32)
					var top [16]uint32
					s.peaks(&peaks[0], &sum[0], norms, p.Alpha[0], p.Beta[0], p.Gamma, blocks, &top[0])
					best := uint32(0)
					for i, x := range peaks {
						want := 0.0
						for c := range 8 {
							if v := score(i/16*blockOf + 16*c + i%16); v > want {
								want = v
							}
						}
						if got := float64(math.Float32frombits(x)); !near(got, want) {
							t.Fatalf("%s, peak %d of %d: %v, want about %v", kind, i, len(peaks), got, want)
						}
						best = max(best, x)
					}
					if slices.Max(top[:]) != best || !okPeaks() {
						t.Fatalf("%s: the best peak is %#x, want %#x, or it wrote outside", kind, top, best)
					}
					least := math.Float32frombits(peaks[r.IntN(len(peaks))])
					if least == 0 {
						continue
					}
					keys, _ := numbers(cols+16, r.Uint32)
					columns, _ := numbers(cols+16, r.Uint32)
					n := s.pick(&keys[0], &columns[0], &sum[0], norms, p.Alpha[0], p.Beta[0], p.Gamma, &peaks[0], blocks, least)
					picked := map[uint32]bool{}
					for i, j := range columns[:n] {
						if i > 0 && j <= columns[i-1] || keys[i] != sum[j] || !(score(int(j)) >= float64(least)*(1-0x1p-13)) {
							t.Fatalf("%s: picked column %d with %#x, score %v, at least %v", kind, j, keys[i], score(int(j)), least)
						}
						picked[j] = true
					}
					for j := range cols {
						if score(j) > float64(least)*(1+0x1p-13) && !picked[uint32(j)] {
							t.Fatalf("%s: column %d with score %v is not picked at %v", kind, j, score(j), least)
						}
					}
					if !okSum() {
						t.Fatal("wrote to the sums")
					}
				}
			}
		}
	})
}
