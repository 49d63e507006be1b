package kernel

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"rechost/guest/num/naive"
)

// forms runs a test for every form of the kernels that this machine has.
func forms(t *testing.T, test func(t *testing.T, s *set, r *rand.Rand)) {
	for _, s := range available() {
		t.Run(s.name, func(t *testing.T) { test(t, s, rand.New(rand.NewPCG(1, 2))) })
	}
}

var guard = math.Float32frombits(0x7fa5a5a5) // a signalling NaN that no operation makes

// guarded is n numbers in the middle of guards, at any alignment to 4 bytes,
// and a check that the guards are whole.
func guarded(r *rand.Rand, n int, fill func() float32) ([]float32, func() bool) {
	before := 64 + r.IntN(16)
	all := make([]float32, before+n+64)
	for i := range all {
		all[i] = guard
	}
	x := all[before:][:n:n]
	for i := range x {
		x[i] = fill()
	}
	return x, func() bool {
		for _, v := range append(slices.Clone(all[:before]), all[before+n:]...) {
			if math.Float32bits(v) != math.Float32bits(guard) {
				return false
			}
		}
		return true
	}
}

func ordinary(r *rand.Rand) func() float32 { return func() float32 { return r.Float32() - 0.5 } }

// special gives numbers of which some are the kind that go wrong.
func special(r *rand.Rand) func() float32 {
	odd := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
		math.SmallestNonzeroFloat32, -1e-40, math.MaxFloat32, math.Float32frombits(0xffc00001)}
	return func() float32 {
		if r.IntN(12) == 0 {
			return odd[r.IntN(len(odd))]
		}
		return (r.Float32() - 0.5) * float32(math.Exp2(float64(r.IntN(20)-10)))
	}
}

// fills are the kinds of numbers every kernel is tested with.
func fills(r *rand.Rand) map[string]func() float32 {
	return map[string]func() float32{"ordinary": ordinary(r), "special": special(r)}
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if g, w := math.Float32bits(got[i]), math.Float32bits(want[i]); g != w {
			t.Fatalf("%s: element %d of %d is %v (%#x), want %v (%#x)", what, i, len(got), got[i], g, want[i], w)
		}
	}
}

func TestVectors(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for n := range 101 {
				what := fmt.Sprintf("%s, length %d", kind, n)
				x, okx := guarded(r, n, fill)
				y, oky := guarded(r, n, fill)
				same(t, "dot, "+what, []float32{s.Dot(x, y)}, []float32{naive.Dot(x, y)})
				want := slices.Clone(y)
				a := fill()
				naive.Axpy(a, x, want)
				s.Axpy(a, x, y)
				same(t, "axpy, "+what, y, want)
				if !okx() || !oky() {
					t.Fatalf("%s: wrote outside", what)
				}
			}
		}
	})
}

// A long vector gives the same bits in its pieces, at whatever place it ends.
func TestLongVectors(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for _, n := range []int{longest - 17, longest - 1, longest, longest + 1, longest + 16, 2*longest - 1, 2 * longest, 2*longest + 5, 5*longest + 99} {
				what := fmt.Sprintf("%s, length %d", kind, n)
				x, okx := guarded(r, n, fill)
				y, oky := guarded(r, n, fill)
				same(t, "dot, "+what, []float32{s.longDot(x, y, streaming(nil))}, []float32{naive.Dot(x, y)})
				same(t, "sum, "+what, []float32{Sum(x, nil)}, []float32{naive.Sum(x)})
				if !okx() || !oky() {
					t.Fatalf("%s: wrote outside", what)
				}
			}
		}
	})
}

func TestGemv(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for cols := 1; cols < 140; cols += 1 + cols/20 {
				for _, rows := range []int{0, 1, 7} {
					stride := cols + r.IntN(5)
					g, _ := guarded(r, rows*stride+cols, fill)
					x, _ := guarded(r, rows, fill)
					q, ok := guarded(r, cols, fill)
					want := slices.Clone(q)
					plain.gemv(first(want), first(x), first(g), rows, cols, stride)
					s.gemv(first(q), first(x), first(g), rows, cols, stride)
					canonical(q)
					canonical(want)
					same(t, fmt.Sprintf("%s %dx%d", kind, rows, cols), q, want)
					if !ok() {
						t.Fatal("wrote outside")
					}
				}
			}
		}
	})
}

func TestAddGram(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for _, k := range []int{1, 2, 5, 11, 12, 13, 16, 31, 32, 33, 48, 64, 65, 100} {
				for _, n := range []int{0, 1, 63, 64, 65, 200} {
					data, _ := guarded(r, n*k, fill)
					m := naive.Matrix{Rows: n, Cols: k, Data: data}
					got, ok := guarded(r, k*k, fill)
					want := slices.Clone(got)
					for i := range k { // what is below the diagonal does not count
						clear(want[i*k:][:i])
					}
					naive.AddGram(want, m)
					s.AddGram(got, m, 1+r.IntN(4), nil)
					same(t, fmt.Sprintf("%s, %d rows of %d", kind, n, k), got, want)
					if !ok() {
						t.Fatal("wrote outside")
					}
				}
			}
		}
	})
}

// sparse is a random matrix whose offsets start anywhere.
func sparse(r *rand.Rand, rows, cols, longest int, fill func() float32) naive.Sparse {
	base := uint64(r.IntN(1000))
	m := naive.Sparse{Rows: rows, Cols: cols, Offsets: []uint64{base}}
	for range rows {
		n := 0
		if cols > 0 {
			n = r.IntN(min(longest, cols) + 1)
		}
		row := r.Perm(cols)[:n]
		slices.Sort(row)
		for _, j := range row {
			m.Index = append(m.Index, uint32(j))
		}
		m.Offsets = append(m.Offsets, base+uint64(len(m.Index)))
	}
	if fill != nil {
		m.Value = make([]float32, len(m.Index))
		for e := range m.Value {
			m.Value[e] = fill()
		}
	}
	return m
}

func TestRidge(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		count := func() float32 { return float32(r.IntN(4)) }
		for _, k := range []int{1, 3, 8, 15, 16, 17, 31, 32, 48, 63, 64, 65, 100, 128} {
			for kind, fill := range fills(r) {
				y := naive.Matrix{Rows: 70, Cols: k}
				y.Data, _ = guarded(r, y.Rows*k, fill)
				p := naive.Ridge{Rows: sparse(r, 12, y.Rows, 70, count), Factors: y, Gram: make([]float32, k*k), Lambda: make([]float32, 12),
					Weight: [2]float32{1, -1}, Target: [2]float32{1, 0.5}}
				if k%2 == 0 {
					p.Rows.Value = nil
					p.Weight = [2]float32{2, 1}
				}
				if k == 64 { // no entry weighs anything
					p.Weight = [2]float32{1, -1}
				}
				naive.AddGram(p.Gram, y)
				for i := range p.Lambda {
					p.Lambda[i] = r.Float32() + 0.1
				}
				x, ok := guarded(r, 12*k, fill)
				want := slices.Clone(x)
				naive.RidgeCG(want, p, 3)
				s.RidgeCG(x, p, 3, nil)
				same(t, fmt.Sprintf("cg, %s, k %d", kind, k), x, want)
				bad := naive.RidgeCholesky(want, p)
				if got := s.RidgeCholesky(x, p, nil); got != bad {
					t.Fatalf("cholesky, %s, k %d: first bad row %d, want %d", kind, k, got, bad)
				}
				same(t, fmt.Sprintf("cholesky, %s, k %d", kind, k), x, want)
				if !ok() {
					t.Fatal("wrote outside")
				}
			}
		}
	})
}

// Rows are weighed together, pieces of a row are not, and entries are taken
// sixteen at a time: rows of all lengths, longer than any of these, and with
// entries that weigh nothing in some places only.
func TestRidgeRows(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for _, k := range []int{5, 64} {
			y := naive.Matrix{Rows: 40000, Cols: k}
			y.Data, _ = guarded(r, y.Rows*k, ordinary(r))
			gram := make([]float32, k*k)
			naive.AddGram(gram, y)
			for _, lengths := range [][]int{nil, {window + 1, 3, 20000, 0, window, 1}} {
				if lengths == nil {
					for n := range 70 {
						lengths = append(lengths, n, 70-n)
					}
				}
				m := naive.Sparse{Rows: len(lengths), Cols: y.Rows, Offsets: []uint64{7}}
				for row, n := range lengths {
					for _, j := range r.Perm(y.Rows)[:n] {
						m.Index = append(m.Index, uint32(j))
						m.Value = append(m.Value, float32(1+row%3*r.IntN(2)))
					}
					slices.Sort(m.Index[len(m.Index)-n:])
					m.Offsets = append(m.Offsets, m.Offsets[row]+uint64(n))
				}
				m.Value, _ = guarded(r, len(m.Value), values(m.Value))
				p := naive.Ridge{Rows: m, Factors: y, Gram: gram, Lambda: slices.Repeat([]float32{0.5}, m.Rows), Target: [2]float32{1, 0.5}}
				for i, weight := range [][2]float32{{1, -1}, {1, 1}, {0, 0}, {1, -1}} {
					if i == 3 {
						p.Rows.Value = nil
					}
					p.Weight = weight
					for _, steps := range []int{0, 1, 2} {
						x, ok := guarded(r, m.Rows*k, ordinary(r))
						want := slices.Clone(x)
						naive.RidgeCG(want, p, steps)
						s.RidgeCG(x, p, steps, nil)
						same(t, fmt.Sprintf("%d rows, k %d, weight %v, %d steps", m.Rows, k, weight, steps), x, want)
						if !ok() {
							t.Fatal("wrote outside")
						}
					}
				}
			}
		}
	})
}

// values gives the elements of x in order.
func values(x []float32) func() float32 {
	i := -1
	return func() float32 { i++; return x[i] }
}

func lists(rows, k int) naive.Sparse {
	return naive.Sparse{Offsets: make([]uint64, rows+1), Index: make([]uint32, rows*k), Value: make([]float32, rows*k)}
}

func sameLists(t *testing.T, what string, got naive.Sparse, n int, want naive.Sparse, m int) {
	t.Helper()
	if n != m || !slices.Equal(got.Offsets, want.Offsets) {
		t.Fatalf("%s: %d entries at %v, want %d at %v", what, n, got.Offsets, m, want.Offsets)
	}
	if !slices.Equal(got.Index[:n], want.Index[:n]) {
		t.Fatalf("%s: got\n%v, want\n%v", what, got.Index[:n], want.Index[:n])
	}
	same(t, what, got.Value[:n], want.Value[:n])
}

// mask is one of every kind for so many lists of so many columns.
func mask(r *rand.Rand, lists, cols int) (m naive.Mask) {
	if r.IntN(3) > 0 {
		m.Without = ascendingRows(r, lists, cols, 0.2, nil)
	}
	share := []float64{0.02, 0.3, 0.95}[r.IntN(3)]
	switch r.IntN(3) {
	case 0:
		m.Only = ascendingRows(r, lists, cols, share, nil)
	case 1:
		m.Only = ascendingRows(r, 1, cols, share, nil)
	}
	return m
}

func TestScoreTopK(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		coarse := func() float32 { return float32(r.IntN(3) - 1) } // many equal scores
		for kind, fill := range map[string]func() float32{"ordinary": ordinary(r), "special": special(r), "coarse": coarse} {
			for _, f := range []int{1, 5, 64} {
				for _, items := range []int{1, 15, 32, 100, 333} {
					for _, k := range []int{1, 7, 400} {
						users := naive.Matrix{Rows: 30, Cols: f}
						users.Data, _ = guarded(r, 30*f, fill)
						y := naive.Matrix{Rows: items, Cols: f}
						y.Data, _ = guarded(r, items*f, fill)
						var rows []uint32
						n := 30
						if k == 7 {
							n = 17
							for range n {
								rows = append(rows, uint32(r.IntN(30)))
							}
						}
						m := mask(r, n, items)
						got, want := lists(n, k), lists(n, k)
						a := s.ScoreTopK(got, users, rows, y, m, k, nil)
						b := naive.ScoreTopK(want, users, rows, y, m, k)
						sameLists(t, fmt.Sprintf("%s, f %d, %d items, k %d", kind, f, items, k), got, a, want, b)
					}
				}
			}
		}
	})
}

// Columns that a set of marks takes for one are told apart: of more than marked
// items some are left out, and those that are marked with them are not. In one
// slab after the other a candidate has another mask.
func TestScoreTopKTellsMarksApart(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		const cols, k = marked + 50, 40
		users := naive.Matrix{Rows: slabUsers + 30, Cols: 1, Data: slices.Repeat([]float32{1}, slabUsers+30)}
		y := naive.Matrix{Rows: cols, Cols: 1, Data: make([]float32, cols)}
		for _, j := range []int{0, 1, 7, marked - 1} { // the best, and all that are marked with them
			for c := j; c < cols; c += marked {
				y.Data[c] = 2 - float32(c)/cols
			}
		}
		without := naive.Sparse{Rows: users.Rows, Cols: cols, Offsets: []uint64{0}}
		for range users.Rows {
			var row []uint32
			below := []int{marked - 1, marked, marked + 1, cols}[r.IntN(4)]
			for j := range below {
				if y.Data[j] > 0 && r.IntN(2) == 0 || r.IntN(1000) == 0 {
					row = append(row, uint32(j))
				}
			}
			without.Index = append(without.Index, row...)
			without.Offsets = append(without.Offsets, uint64(len(without.Index)))
		}
		for what, only := range map[string]naive.Sparse{"all": {}, "some": ascendingRows(r, 1, cols, 0.9, nil)} {
			m := naive.Mask{Without: without, Only: only}
			got, want := lists(users.Rows, k), lists(users.Rows, k)
			a := s.ScoreTopK(got, users, nil, y, m, k, nil)
			b := naive.ScoreTopK(want, users, nil, y, m, k)
			sameLists(t, what, got, a, want, b)
		}
	})
}

// Where items differ in length, most of them are not scored for most users; the
// lists are those of the loop all the same, ties at their end too.
func TestScoreTopKOfDifferentLengths(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for _, f := range []int{2, 150} {
			for kind, fill := range map[string]func() float32{
				"ordinary": ordinary(r), "positive": r.Float32, "special": special(r),
				"equal": func() float32 { return float32(1 + r.IntN(2)) },
				"tiny":  func() float32 { return (r.Float32() - 0.5) * 1e-22 },
			} {
				users := naive.Matrix{Rows: 30, Cols: f, Data: make([]float32, 30*f)}
				y := naive.Matrix{Rows: 2500, Cols: f, Data: make([]float32, 2500*f)}
				for i := range users.Data {
					if users.Data[i] = fill(); i/f%7 == 0 {
						users.Data[i] = 0
					}
				}
				for j := range y.Rows {
					long := float32(math.Exp2(float64(-r.IntN(12))))
					if kind == "tiny" {
						long = 1 / long
					}
					for i := range f {
						y.Data[j*f+i] = fill() * long
					}
				}
				for j := 0; j+40 < y.Rows; j += 97 { // equal items, far apart in number
					copy(y.Row(y.Rows-1-j), y.Row(j))
				}
				for _, k := range []int{1, 20} {
					m := mask(r, 30, y.Rows)
					got, want := lists(30, k), lists(30, k)
					a := s.ScoreTopK(got, users, nil, y, m, k, nil)
					b := naive.ScoreTopK(want, users, nil, y, m, k)
					sameLists(t, fmt.Sprintf("%s, f %d, k %d", kind, f, k), got, a, want, b)
				}
			}
		}
	})
}

// Long vectors of finite length whose products overflow: all scores are equal,
// and the smallest items are listed, however short.
func TestScoreTopKOfInfiniteScores(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		const f, n, k = 3 * 4096, 100, 5
		users := naive.Matrix{Rows: 1, Cols: f, Data: slices.Repeat([]float32{2.7e17}, f)}
		items := naive.Matrix{Rows: n, Cols: f}
		for j := range n {
			items.Data = append(items.Data, slices.Repeat([]float32{2.7e17 - float32(n-j)*1e15}, f)...)
		}
		got, want := lists(1, k), lists(1, k)
		a := s.ScoreTopK(got, users, nil, items, naive.Mask{}, k, nil)
		b := naive.ScoreTopK(want, users, nil, items, naive.Mask{}, k)
		sameLists(t, "infinite", got, a, want, b)
	})
}

func TestProduct(t *testing.T) { forms(t, testProduct) }

func testProduct(t *testing.T, s *set, r *rand.Rand) {
	coarse := func() float32 { return float32(r.IntN(5) - 2) } // zeros, and sums that return to 0
	for kind, fill := range map[string]func() float32{"ordinary": ordinary(r), "special": special(r), "coarse": coarse, "binary": nil} {
		for _, cols := range []int{1, 9, 200, 3000} { // rows are dense in few columns, and not in many
			for _, k := range []int{1, 10, 64, 300} {
				for range 3 {
					p := naive.Product{A: sparse(r, 20, 40, 30, fill), B: sparse(r, 45, cols, 150, fill)}
					p.A.First, p.A.Rows = 3, 15
					if k != 10 {
						p.Mask = mask(r, 15, cols)
						p.OffDiagonal, p.Diagonal = true, 2
					}
					if k >= 64 {
						p.Gamma = 0.5
						for range cols {
							p.Norms = append(p.Norms, r.Float32())
						}
						for range 15 {
							p.Alpha, p.Beta = append(p.Alpha, r.Float32()), append(p.Beta, float32(r.IntN(2)))
						}
					}
					got, want := lists(15, k), lists(15, k)
					a := s.productTopK(got, p, k, 1, 1<<30, nil)
					b := naive.ProductTopK(want, p, k)
					what := fmt.Sprintf("%s, %d columns, k %d", kind, cols, k)
					sameLists(t, what, got, a, want, b)

					x := naive.Matrix{Rows: 15, Cols: cols, Data: make([]float32, 15*cols)}
					y := naive.Matrix{Rows: 15, Cols: cols, Data: make([]float32, 15*cols)}
					ProductRows(x, p.A, p.B, nil)
					naive.ProductRows(y, p.A, p.B)
					same(t, what, x.Data, y.Data)
				}
			}
		}
	}
}

// Dense rows of ones are counted as sets of bits, and rows that are no sets, or
// not of ones, are added up.
func TestProductOfSets(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		if s.meet == nil {
			t.Skip("this form counts no bits by vectors")
		}
		for _, size := range [][2]int{{300, 1}, {513, 70}, {1024, 121}, {2000, 333}} {
			for _, kind := range []string{"none", "ones", "a two in A", "a two in B", "a pair in A", "a pair in B"} {
				one := func() float32 { return 1 }
				rows, cols := size[0], size[1]
				p := naive.Product{A: sparse(r, 100, rows, rows, nil), B: sparse(r, rows, cols, cols, nil), OffDiagonal: true}
				for q, m := range map[string]*naive.Sparse{"A": &p.A, "B": &p.B} {
					if kind == "ones" || kind == "a two in "+q {
						*m = sparse(r, m.Rows, m.Cols, m.Cols, one)
					}
					last := len(m.Index) - 1
					switch kind {
					case "a two in " + q:
						m.Value[last] = 2
					case "a pair in " + q:
						m.Index = append(m.Index, m.Index[last])
						m.Offsets[m.Rows]++
					}
				}
				b := s.bitmapsOf(&p, 1, 1<<30, scattered(nil))
				if counted := b != nil; counted != !strings.HasSuffix(kind, "in B") && cols > 1 {
					t.Fatalf("%v, %s: counted: %v", size, kind, counted)
				}
				if s.bitmapsOf(&p, 1, 1000, scattered(nil)) != nil {
					t.Fatalf("%v, %s: counted in no room", size, kind)
				}
				for _, threads := range []int{1, 3} {
					got, want := lists(100, 20), lists(100, 20)
					n := s.productTopK(got, p, 20, threads, 1<<30, nil)
					sameLists(t, fmt.Sprintf("%v, %s", size, kind), got, n, want, naive.ProductTopK(want, p, 20))
				}
			}
		}
	})
}

// Rows of many ones are counted in bytes, unless a column comes so often that a
// byte does not hold it; the lists are those of the loop, for scores of any kind.
func TestProductTally(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		const rows = 700
		for _, cols := range []int{1, 127, 128, 1000, 4500} {
			for _, kind := range []string{"sets", "a value", "pairs", "too many pairs"} {
				p := naive.Product{A: sparse(r, 12, rows, rows, nil), B: sparse(r, rows, cols, cols/2, nil), OffDiagonal: true, Diagonal: 3}
				full := naive.Sparse{Rows: 13, Cols: rows, First: 1, Offsets: append([]uint64{p.A.Offsets[0]}, p.A.Offsets...), Index: p.A.Index}
				for u := range rows { // a row with all of B's, more than a byte counts
					full.Index = append(full.Index, uint32(u))
				}
				full.Offsets = append(full.Offsets, full.Offsets[13]+rows)
				p.A = full
				switch n := map[string]int{"pairs": 2, "too many pairs": 256}[kind]; {
				case kind == "a value":
					p.A.Value = slices.Repeat([]float32{1}, len(p.A.Index))
					p.A.Value[len(p.A.Value)-1] = 2
				case n > 0: // the last row of B is a column that comes again and again
					last := p.B.Offsets[rows-1] - p.B.Offsets[0]
					p.B.Index = append(p.B.Index[:last], slices.Repeat([]uint32{uint32(cols - 1)}, n)...)
					p.B.Offsets[rows] = p.B.Offsets[rows-1] + uint64(n)
				}
				m := scattered(nil)
				a := s.accumulator(cols, m)
				if counted := a.tally(&p, 12, additions(&p, 12, m), m); counted != (kind == "sets" || kind == "pairs") && cols > 1 {
					t.Fatalf("%s, %d columns: counted: %v", kind, cols, counted)
				}
				for scores, set := range map[string]func(){
					"products":  func() {},
					"quotients": func() { p.Gamma = 0 },
					"jaccard":   func() { p.Gamma = 1 },
					"negative":  func() { p.Gamma = -3 },
					"tiny":      func() { p.Norms[cols/2], p.Beta[12] = 1e-30, 0 },
					"huge":      func() { p.Norms[cols/2], p.Alpha[12] = 3e38, 3e38 },
				} {
					p.Norms, p.Alpha, p.Beta, p.Gamma = nil, nil, nil, 0
					if scores != "products" {
						for j := range cols {
							p.Norms = append(p.Norms, float32(math.Sqrt(float64(r.IntN(5000)*(j%7))))) // some are 0
						}
						for i := range p.A.Rows {
							p.Alpha, p.Beta = append(p.Alpha, 1+r.Float32()), append(p.Beta, float32(i%3)*50)
						}
					}
					set()
					for _, k := range []int{1, 4, 30} {
						got, want := lists(p.A.Rows, k), lists(p.A.Rows, k)
						n := s.productTopK(got, p, k, 1, 0, nil)
						sameLists(t, fmt.Sprintf("%s, %s, %d columns, k %d", kind, scores, cols, k), got, n, want, naive.ProductTopK(want, p, k))
					}
				}
			}
		}
	})
}

// Rows that are looked at column by column are narrowed to what is near the best,
// whatever their sums are.
func TestProductOfDenseRows(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range map[string]func() float32{
			"ordinary": ordinary(r), "special": special(r), "positive": r.Float32,
			"coarse":   func() float32 { return float32(r.IntN(3) - 1) },
			"negative": func() float32 { return -r.Float32() },
			"tiny":     func() float32 { return r.Float32() * 1e-30 },
			"huge":     func() float32 { return r.Float32() * 1e30 },
		} {
			for _, cols := range []int{200, 2049} {
				p := naive.Product{A: sparse(r, 10, 40, 40, fill), B: sparse(r, 40, cols, cols, fill), Mask: mask(r, 10, cols)}
				for _, k := range []int{1, 6, 60} {
					got, want := lists(10, k), lists(10, k)
					n := s.productTopK(got, p, k, 1, 0, nil)
					sameLists(t, fmt.Sprintf("%s, %d columns, k %d", kind, cols, k), got, n, want, naive.ProductTopK(want, p, k))
				}
			}
		}
	})
}

// The bits that four rows and some columns have in common, with every word
// somewhere set and nothing written beside the counts.
func TestMeet(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		if s.meet == nil {
			t.Skip("this form counts no bits by vectors")
		}
		for _, words := range []int{8, 16, 104} {
			for _, n := range []int{4, 8, 100} {
				x, y := make([]uint64, 4*words), make([]uint64, n*words)
				for _, b := range [][]uint64{x, y} {
					for i := range b {
						b[i] = r.Uint64() | r.Uint64()
					}
				}
				ld := n + r.IntN(5)
				got, ok := guarded(r, 3*ld+n, func() float32 { return guard })
				s.meet(&got[0], ld, &x[0], &y[0], words, n)
				for i := range 4 {
					for j := range n {
						want := 0
						for w := range words {
							want += bits.OnesCount64(x[i*words+w] & y[j*words+w])
						}
						if got[i*ld+j] != float32(want) {
							t.Fatalf("%d words, row %d, column %d of %d: %v, want %d", words, i, j, n, got[i*ld+j], want)
						}
					}
					for _, v := range got[i*ld+n : max(i*ld+n, min((i+1)*ld, len(got)))] {
						if math.Float32bits(v) != math.Float32bits(guard) {
							t.Fatal("wrote between the rows")
						}
					}
				}
				if !ok() {
					t.Fatal("wrote outside")
				}
			}
		}
	})
}

// Sums that keep returning to 0 fill the list of columns with repetitions.
func TestProductRepetitions(t *testing.T) {
	p := naive.Product{
		A: naive.Sparse{Rows: 1, Cols: 2, Offsets: []uint64{0, 0}},
		B: naive.Sparse{Rows: 2, Cols: 3, Offsets: []uint64{0, 3, 6}, Index: []uint32{0, 1, 2, 0, 1, 2}, Value: []float32{1, 2, 0, -1, -2, 0}},
	}
	for i := range 101 {
		p.A.Index = append(p.A.Index, uint32(i%2))
	}
	p.A.Offsets[1] = 101
	got, want := lists(1, 3), lists(1, 3)
	sameLists(t, "repetitions", got, ProductTopK(got, p, 3, 1, 1<<30, nil), want, naive.ProductTopK(want, p, 3))
	if want.Offsets[1] != 2 {
		t.Errorf("%d columns, want 2", want.Offsets[1])
	}
}

func TestSparse(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for kind, fill := range map[string]func() float32{"ordinary": ordinary(r), "special": special(r), "binary": nil} {
		for _, cols := range []int{1, 30} {
			m := sparse(r, 40, cols, 20, fill)
			m.First, m.Rows = 5, 30
			for power := range 3 {
				got, want := make([]float32, 30), make([]float32, 30)
				RowSums(got, m, power, nil)
				naive.RowSums(want, m, power)
				same(t, kind+" rows", got, want)
				got, want = make([]float32, cols), make([]float32, cols)
				ColSums(got, m, power, nil)
				naive.ColSums(want, m, power)
				same(t, kind+" columns", got, want)
			}
			want := lists(cols, 40)
			naive.Transpose(want, m)
			n := int(want.Offsets[cols])
			for threads := range 5 {
				got := lists(cols, 40)
				Transpose(got, m, threads, nil)
				sameLists(t, kind+" transpose", got, n, want, n)
			}
		}
	}
}

func TestRandomInPieces(t *testing.T) {
	got, want := make([]float32, 40001), make([]float32, 40001)
	Normal(got, 1, 2, 3, nil)
	naive.Normal(want, 1, 2, 3)
	same(t, "normal", got, want)
	Uniform(got, 1, 2, 3, nil)
	naive.Uniform(want, 1, 2, 3)
	same(t, "uniform", got, want)
}

func TestChoose(t *testing.T) {
	for _, want := range []string{"", "go"} {
		if s, err := choose(want); err != nil || want != "" && s.name != want {
			t.Errorf("%q: %v, %v", want, s.name, err)
		}
	}
	if s, err := choose("sse9"); err == nil || s != available()[0] {
		t.Errorf("a form that nobody has: %v, %v", s.name, err)
	}
}
