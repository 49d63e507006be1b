package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"rechost/guest/num/naive"
)

// threads are the numbers of threads every shared kernel is tested with.
var threads = []int{1, 2, 7}

func TestGemm(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for i := range 60 {
				m, k, n := r.IntN(101), r.IntN(101), r.IntN(101)
				if i < 3 {
					m, k, n = 100+r.IntN(30), 2*gemmSteps+r.IntN(30), 60
				}
				a, oka := guarded(r, m*k, fill)
				b, okb := guarded(r, k*n, fill)
				want := make([]float32, m*n)
				A, B := naive.Matrix{Rows: m, Cols: k, Data: a}, naive.Matrix{Rows: k, Cols: n, Data: b}
				naive.Gemm(want, A, B)
				for _, th := range threads {
					got, ok := guarded(r, m*n, fill)
					s.Gemm(got, A, B, th, nil)
					same(t, fmt.Sprintf("%s %dx%dx%d, %d threads", kind, m, k, n, th), got, want)
					if !ok() || !oka() || !okb() {
						t.Fatal("wrote outside")
					}
				}
			}
		}
		// Several blocks of columns and of steps, which threads pack beside each other.
		m, k, n := gemmRows+7, 2*gemmSteps+3, 2*gemmCols+5
		a, b, fill := make([]float32, m*k), make([]float32, k*n), ordinary(r)
		for _, x := range [][]float32{a, b} {
			for i := range x {
				x[i] = fill()
			}
		}
		got, want := make([]float32, m*n), make([]float32, m*n)
		A, B := naive.Matrix{Rows: m, Cols: k, Data: a}, naive.Matrix{Rows: k, Cols: n, Data: b}
		naive.Gemm(want, A, B)
		for _, th := range threads {
			s.Gemm(got, A, B, th, nil)
			same(t, fmt.Sprintf("wide, %d threads", th), got, want)
			clear(got)
		}
	})
}

// definite is a positive definite matrix of n x n, in its upper half; the
// lower holds anything.
func definite(r *rand.Rand, n int) []float32 {
	x := make([]float32, n*n)
	for i := range n {
		for j := range n {
			x[i*n+j] = (r.Float32() - 0.5) / float32(n)
			if j < i {
				x[i*n+j] = float32(math.NaN())
			}
		}
		x[i*n+i] = 0.5 + r.Float32()
	}
	return x
}

func TestInverse(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		sizes := []int{pivots - 1, pivots, pivots + 1, 2*pivots + 77, 450}
		for n := range 101 {
			sizes = append(sizes, n)
		}
		for _, n := range sizes {
			from := definite(r, n)
			want := slices.Clone(from)
			if k := naive.Inverse(want, n); k != -1 {
				t.Fatalf("naive %d: pivot %d", n, k)
			}
			for _, th := range threads {
				got, ok := guarded(r, n*n, ordinary(r))
				copy(got, from)
				if k := s.Inverse(got, n, th, nil); k != -1 {
					t.Fatalf("%d: pivot %d", n, k)
				}
				same(t, fmt.Sprintf("%d x %d, %d threads", n, n, th), got, want)
				if !ok() {
					t.Fatal("wrote outside")
				}
			}
		}
		fill := special(r)
		for i := range 200 { // odd numbers anywhere, and most of them without an inverse
			n := 1 + r.IntN(80)
			if i%20 == 0 {
				n += pivots
			}
			from := definite(r, n)
			for range r.IntN(4) {
				from[r.IntN(n*n)] = fill()
			}
			want := slices.Clone(from)
			k := naive.Inverse(want, n)
			got, ok := guarded(r, n*n, ordinary(r))
			copy(got, from)
			if g := s.Inverse(got, n, 1+r.IntN(3), nil); g != k {
				t.Fatalf("%d: pivot %d, want %d", n, g, k)
			}
			same(t, fmt.Sprintf("special %d", n), got, want)
			if !ok() {
				t.Fatal("wrote outside")
			}
		}
	})
}

// A pivot not above 0 is found whichever block it is in, though other threads
// have begun with what follows.
func TestInverseOfLateBadPivots(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		const n = 2*pivots + 50
		for _, bad := range []int{pivots - 1, pivots, pivots + 5, 2*pivots + 3, n - 1} {
			from := definite(r, n)
			from[bad*n+bad] = -1e6
			for _, th := range threads {
				got := slices.Clone(from)
				if k := s.Inverse(got, n, th, nil); k != bad {
					t.Fatalf("pivot %d on %d threads: %d", bad, th, k)
				}
				if slices.ContainsFunc(got, func(v float32) bool { return math.Float32bits(v) != 0x7fc00000 }) {
					t.Fatalf("pivot %d on %d threads: not all NaN", bad, th)
				}
			}
		}
	})
}

// The result is an inverse.
func TestInverseInverts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const n = 150
	a := definite(r, n)
	for i := range n {
		for j := range i {
			a[i*n+j] = a[j*n+i]
		}
	}
	b, c := slices.Clone(a), make([]float32, n*n)
	Inverse(b, n, 2, nil)
	Gemm(c, naive.Matrix{Rows: n, Cols: n, Data: a}, naive.Matrix{Rows: n, Cols: n, Data: b}, 2, nil)
	for i, v := range c {
		want := 0.0
		if i%(n+1) == 0 {
			want = 1
		}
		if math.Abs(float64(v)-want) > 1e-5 {
			t.Fatalf("element %d of A·A⁻¹ is %v", i, v)
		}
	}
}

// ascendingRows is a random matrix whose rows are in ascending order.
func ascendingRows(r *rand.Rand, rows, cols int, density float64, fill func() float32) naive.Sparse {
	m := naive.Sparse{Rows: rows, Cols: cols, First: 1, Offsets: []uint64{5, 5}}
	for range rows {
		for j := range cols {
			if r.Float64() < density {
				m.Index = append(m.Index, uint32(j))
				if fill != nil {
					m.Value = append(m.Value, fill())
				}
			}
		}
		m.Offsets = append(m.Offsets, 5+uint64(len(m.Index)))
	}
	return m
}

func TestSparseGram(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := fills(r)
	all["ones"] = nil
	for kind, fill := range all {
		for range 30 {
			m := ascendingRows(r, r.IntN(60), 1+r.IntN(100), r.Float64(), fill)
			want := make([]float32, m.Cols*m.Cols)
			naive.SparseGram(want, m)
			for _, th := range threads {
				got, ok := guarded(r, len(want), ordinary(r))
				SparseGram(got, m, th, 1<<30, nil)
				same(t, kind, got, want)
				if !ok() {
					t.Fatal("wrote outside")
				}
			}
			if kind == "ones" { // the product of the transpose and the matrix
				trans := lists(m.Cols, len(m.Index))
				trans.Rows, trans.Cols = m.Cols, m.Rows
				naive.Transpose(trans, m)
				trans.Value = nil
				product := make([]float32, len(want))
				naive.ProductRows(naive.Matrix{Rows: m.Cols, Cols: m.Cols, Data: product}, trans, m)
				same(t, "as a product", want, product)
			}
		}
	}
}

// Dense columns of ones are counted as sets of bits, those of few entries are
// added up, and so is all where a row has an entry twice.
func TestSparseGramOfSets(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for _, kind := range []string{"sets", "a pair", "a two"} {
			m := ascendingRows(r, 700, 131, 0.4, func() float32 { return 1 })
			for e := range m.Index { // the later columns become rare
				if m.Index[e] > 90 && r.IntN(100) > 0 {
					m.Index[e] = uint32(r.IntN(90))
				}
			}
			n, from := 0, 0
			for i := range m.Rows {
				_, to := m.Range(i)
				row := slices.Sorted(slices.Values(m.Index[from:to]))
				n, from = n+copy(m.Index[n:], slices.Compact(row)), to
				m.Offsets[m.First+i+1] = m.Offsets[0] + uint64(n)
			}
			switch last := n - 1; kind {
			case "a pair":
				m.Index[last] = m.Index[last-1]
			case "a two":
				m.Value[last] = 2
			}
			if counted := s.columnsOf(m, 1, 1<<30, scattered(nil)) != nil; counted != (s.meet != nil && kind == "sets") {
				t.Fatalf("%s: counted: %v", kind, counted)
			}
			want := make([]float32, m.Cols*m.Cols)
			naive.SparseGram(want, m)
			for _, th := range threads {
				got, ok := guarded(r, len(want), ordinary(r))
				s.sparseGram(got, m, th, 1<<30, nil)
				same(t, kind, got, want)
				if !ok() {
					t.Fatal("wrote outside")
				}
			}
		}
	})
}

func TestDivideColumns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for kind, fill := range fills(r) {
		for cols := range 40 {
			x, ok := guarded(r, 7*cols, fill)
			by, _ := guarded(r, cols, fill)
			want := slices.Clone(x)
			naive.DivideColumns(want, by)
			DivideColumns(x, by, 1+cols%3, nil)
			same(t, kind, x, want)
			if !ok() {
				t.Fatal("wrote outside")
			}
		}
	}
}

func TestRowsTopK(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		all := fills(r)
		all["ones"] = nil
		all["ties"] = func() float32 { return float32(r.IntN(3)) }
		for kind, fill := range all {
			for range 40 {
				x := ascendingRows(r, r.IntN(50), 1+r.IntN(60), 0.3, fill)
				w := naive.Matrix{Rows: x.Cols, Cols: 1 + r.IntN(200)}
				numbers := fill
				if fill == nil {
					numbers = ordinary(r)
				}
				w.Data, _ = guarded(r, w.Rows*w.Cols, numbers)
				left := mask(r, x.Rows, w.Cols)
				k := r.IntN(w.Cols + 2)
				want := lists(x.Rows, k)
				n := naive.RowsTopK(want, x, w, left, k)
				for _, th := range threads {
					got := lists(x.Rows, k)
					m := s.rowsTopK(got, x, w, left, k, th, nil)
					sameLists(t, fmt.Sprintf("%s %dx%dx%d k %d, %d threads", kind, x.Rows, w.Rows, w.Cols, k, th), got, m, want, n)
				}
			}
		}
	})
}

// Lists made on several threads are those of one.
func TestListsOnThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows, cols, k = 301, 90, 7
	x := ascendingRows(r, rows, cols, 0.2, ordinary(r))
	near := ascendingRows(r, cols, cols, 0.3, ordinary(r))
	users, items := naive.Matrix{Rows: rows, Cols: 5, Data: uniform(rows * 5)}, naive.Matrix{Rows: cols, Cols: 5, Data: uniform(cols * 5)}
	numbers := make([]uint32, rows)
	for i := range numbers {
		numbers[i] = uint32(r.IntN(rows))
	}
	some := naive.Mask{Without: x, Only: ascendingRows(r, rows, cols, 0.04, nil)}
	same := naive.Mask{Without: x, Only: ascendingRows(r, 1, cols, 0.5, nil)}
	p := naive.Product{A: x, B: near, Mask: some, OffDiagonal: true, Diagonal: 2}
	p.Norms, p.Alpha, p.Beta = uniform(cols), uniform(rows), uniform(rows)
	for name, run := range map[string]func(dst naive.Sparse, threads int) int{
		"product": func(d naive.Sparse, th int) int { return ProductTopK(d, p, k, th, 1<<30, nil) },
		"score": func(d naive.Sparse, th int) int {
			return ScoreTopK(d, users, nil, items, naive.Mask{Without: x}, k, th, nil)
		},
		"some": func(d naive.Sparse, th int) int { return ScoreTopK(d, users, nil, items, some, k, th, nil) },
		"same": func(d naive.Sparse, th int) int { return ScoreTopK(d, users, nil, items, same, k, th, nil) },
		"chosen": func(d naive.Sparse, th int) int {
			return ScoreTopK(d, users, numbers, items, naive.Mask{}, k, th, nil)
		},
	} {
		want := lists(rows, k)
		n := run(want, 1)
		for _, th := range []int{2, 3, 8} {
			got := lists(rows, k)
			sameLists(t, name, got, run(got, th), want, n)
		}
	}
}

// A pause that panics ends the work of all threads before it is passed on.
func TestShareGivesUp(t *testing.T) {
	busy := make(chan struct{}, 8)
	defer func() {
		if x := recover(); x != "enough" {
			t.Errorf("%v", x)
		}
		if len(busy) != 0 {
			t.Error("a helper is still at work")
		}
	}()
	share(4, 1000, func() { panic("enough") }, func(_, _ int, pause func()) {
		busy <- struct{}{}
		defer func() { <-busy }()
		for {
			time.Sleep(time.Millisecond)
			pause()
		}
	})
}

// A helper's own panic comes out on the caller's thread.
func TestSharePanics(t *testing.T) {
	defer func() {
		if x := recover(); x != "broken" {
			t.Errorf("%v", x)
		}
	}()
	share(2, 10, func() {}, func(worker, _ int, _ func()) {
		if worker == 1 {
			panic("broken")
		}
		time.Sleep(10 * time.Millisecond)
	})
}

// So does one that others wait for.
func TestSharePanicsAwaited(t *testing.T) {
	for _, culprit := range []int{0, 1} { // the caller and a helper, whose pieces are begun in any order
		func() {
			defer func() {
				if x := recover(); x != "broken" {
					t.Errorf("%v", x)
				}
			}()
			share(2, 10, nil, func(worker, _ int, pause func()) {
				if worker == culprit {
					panic("broken")
				}
				await(func() bool { return false }, pause)
			})
		}()
	}
}

// Pieces that wait for all earlier ones are done in order on any number of threads.
func TestAwait(t *testing.T) {
	for _, th := range []int{1, 2, 3, 8} {
		var done atomic.Int64
		var order []int
		share(th, 300, nil, func(_, piece int, pause func()) {
			await(func() bool { return done.Load() == int64(piece) }, pause)
			if order = append(order, piece); piece%100 == 99 {
				time.Sleep(3 * time.Millisecond) // longer than others spin
			}
			done.Add(1)
		})
		if len(order) != 300 || !slices.IsSorted(order) {
			t.Errorf("%d threads: %v", th, order)
		}
	}
}

func uniform(n int) []float32 {
	x := make([]float32, n)
	naive.Uniform(x, 1, 2, 3)
	return x
}
