package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"rechost/guest/num/naive"
)

func TestBPR(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for k := 1; k < 101; k += 1 + k/9 {
				m := sparse(r, 20, 90, 30, fill)
				for row := range m.Rows {
					slices.Sort(m.Row(row))
				}
				for _, verify := range []bool{true, false} {
					p := naive.Pairwise{Rows: m, Rate: 0.1, Decay: 0.02, Passes: 2, Verify: verify, PerUser: r.IntN(2) == 0, Seed: r.Uint64(), Stream: r.Uint64()}
					for _, c := range r.Perm(90)[:70] {
						p.Items = append(p.Items, uint32(c))
					}
					var got, want [3][]float32
					var ok [3]func() bool
					for i, n := range []int{20 * k, 70 * k, 70} {
						got[i], ok[i] = guarded(r, n, fill)
						want[i] = slices.Clone(got[i])
					}
					a, b := s.BPR(got[0], got[1], got[2], p, nil), naive.BPR(want[0], want[1], want[2], p)
					if a != b {
						t.Fatalf("%d samples, want %d", a, b)
					}
					for i := range got {
						same(t, fmt.Sprintf("%s, %d factors, array %d", kind, k, i), got[i], want[i])
						if !ok[i]() {
							t.Fatal("wrote outside")
						}
					}
				}
			}
		}
	})
}

// A table of bits too large to have gives way to a search in the rows.
func TestBPRWithoutTable(t *testing.T) {
	const users, columns, k = 40, BPRScratch/5 + 100, 3
	r := rand.New(rand.NewPCG(1, 2))
	m := naive.Sparse{Rows: users, Cols: columns, Offsets: []uint64{0}}
	p := naive.Pairwise{Rate: 0.1, Passes: 3, Verify: true}
	for i := range columns {
		p.Items = append(p.Items, uint32(i))
	}
	for range users {
		for c := range uint32(columns) {
			if r.IntN(2000) == 0 {
				m.Index = append(m.Index, c)
			}
		}
		m.Offsets = append(m.Offsets, uint64(len(m.Index)))
	}
	p.Rows = m
	if words := users * ((columns + 63) / 64); words <= BPRScratch/8 {
		t.Fatal("a table of", words, "words is not too large")
	}
	x := func() [3][]float32 {
		u, i := make([]float32, users*k), make([]float32, columns*k)
		naive.Normal(u, 1, 2, 3)
		naive.Normal(i, 1, 3, 3)
		return [3][]float32{u, i, make([]float32, columns)}
	}
	got, want := x(), x()
	if a, b := BPR(got[0], got[1], got[2], p, nil), naive.BPR(want[0], want[1], want[2], p); a != b {
		t.Fatalf("%d samples, want %d", a, b)
	}
	for i := range got {
		same(t, "array", got[i], want[i])
	}
}

func TestBlocks(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for _, counter := range []uint64{0, 1, 1<<32 - 5, 1<<64 - 3, r.Uint64()} {
			for n := 0; n <= 40; n += 8 {
				seed, stream := r.Uint64(), r.Uint64()
				got := make([]uint32, 4*n+1)
				got[4*n] = 77
				s.blocks(&got[0], seed, stream, counter, n)
				for i := range n {
					if want := naive.Block(seed, stream, counter+uint64(i)); [4]uint32(got[4*i:]) != want {
						t.Fatalf("block %d from %d is %x, want %x", i, counter, got[4*i:][:4], want)
					}
				}
				if got[4*n] != 77 {
					t.Fatal("wrote behind the last block")
				}
			}
		}
	})
}

// Vectors so long that they are gone through in pieces.
func TestBPROfLongVectors(t *testing.T) {
	const users, items, k = 3, 4, longest + 17
	m := naive.Sparse{Rows: users, Cols: items, Offsets: []uint64{0, 2, 3, 5}, Index: []uint32{0, 2, 1, 0, 3}}
	p := naive.Pairwise{Rows: m, Items: []uint32{0, 1, 2, 3}, Rate: 0.1, Decay: 0.02, Passes: 1, Verify: true, Seed: 5}
	x := func() (x [3][]float32) {
		for i, n := range []int{users * k, items * k, items} {
			x[i] = make([]float32, n)
			naive.Normal(x[i], 1, uint64(i), 0)
		}
		return x
	}
	got, want := x(), x()
	if a, b := BPR(got[0], got[1], got[2], p, nil), naive.BPR(want[0], want[1], want[2], p); a != b || a == 0 {
		t.Fatalf("%d samples, want %d", a, b)
	}
	for i := range got {
		same(t, "array", got[i], want[i])
	}
}
