package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// numbers is n numbers with guards after them.
func numbers[T uint32 | uint64](n int, fill func() T) ([]T, func() bool) {
	const mark = 0xa5a5a5a5
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
