package metric

import (
	"bufio"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"rechost/host/fault"
	"rechost/host/matrix"
)

const none = matrix.None

// problem is lists and truth by user, in dense ids.
type problem struct {
	listUsers []uint32
	lists     [][]uint32
	truth     [][]uint32 // sorted, of each test user
}

func (p problem) measure(at ...int) *Result {
	l := lists{users: p.listUsers, offsets: []uint64{0}}
	for _, list := range p.lists {
		l.items = append(l.items, list...)
		l.offsets = append(l.offsets, uint64(len(l.items)))
	}
	offsets, index := []uint64{0}, []uint32{}
	for _, t := range p.truth {
		index = append(index, t...)
		offsets = append(offsets, uint64(len(index)))
	}
	return measure(l, offsets, index, at)
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// By hand: user 0 took items 1, 4 and 9 and was shown 7, 1, 9, 2.
func TestByHand(t *testing.T) {
	p := problem{listUsers: []uint32{0}, lists: [][]uint32{{7, 1, 9, 2}}, truth: [][]uint32{{1, 4, 9}}}
	r := p.measure(1, 2, 3, 10)
	l3, l4 := math.Log2(3), 2.0
	ideal2, ideal3 := 1+1/l3, 1+1/l3+1/l4
	want := map[int][]float64{
		//     recall  ndcg                    precision hr mrr  map
		1:  {0, 0, 0, 0, 0, 0},
		2:  {1.0 / 3, 1 / l3 / ideal2, 0.5, 1, 0.5, 0.5 / 2},
		3:  {2.0 / 3, (1/l3 + 1/l4) / ideal3, 2.0 / 3, 1, 0.5, (0.5 + 2.0/3) / 3},
		10: {2.0 / 3, (1/l3 + 1/l4) / ideal3, 0.2, 1, 0.5, (0.5 + 2.0/3) / 3},
	}
	if len(r.Values) != 4*len(Definitions) {
		t.Fatalf("%d values", len(r.Values))
	}
	for i, v := range r.Values {
		d := Definitions[i%len(Definitions)]
		if v.Metric != d.Name || v.Definition != d.ID || v.K != r.At[i/len(Definitions)] {
			t.Errorf("value %d is %s@%d", i, v.Metric, v.K)
		}
		if w := want[v.K][i%len(Definitions)]; !near(v.Mean, w, 1e-15) {
			t.Errorf("%s@%d is %v, want %v", v.Metric, v.K, v.Mean, w)
		}
	}
}

func TestWhoCounts(t *testing.T) {
	p := problem{
		// 1 has no test items, a stranger is not in the test data at all, 3's list is empty, 4 has none.
		listUsers: []uint32{none, 0, 1, 3},
		lists:     [][]uint32{{1}, {5, none, 6}, {2}, {}},
		truth:     [][]uint32{{6}, {}, {}, {7}, {8, 9}},
	}
	r := p.measure(3)
	if r.Users != 3 || r.LeftOut != 2 || r.WithoutList != 2 || r.Lists != 3 || r.Shortest != 3 {
		t.Errorf("%+v", r)
	}
	if !slices.Equal(r.who, []uint32{0, 3, 4}) || !slices.Equal(r.tests, []int64{1, 1, 2}) || !slices.Equal(r.listed, []int64{3, 0, 0}) {
		t.Errorf("rows: %v %v %v", r.who, r.tests, r.listed)
	}
	if v := r.PerUser("recall", 3); !slices.Equal(v, []float64{1, 0, 0}) || !near(r.Values[0].Mean, 1.0/3, 1e-16) {
		t.Errorf("recall %v, mean %v", v, r.Values[0].Mean)
	}
	if r.PerUser("recall", 4) != nil || r.PerUser("auc", 3) != nil {
		t.Error("values of what was not measured")
	}
	if r := (problem{truth: [][]uint32{{}, {}}}).measure(5); r.Users != 0 || r.Values[0].Mean != 0 {
		t.Errorf("nobody: %+v", r)
	}
}

// The definitions, written down a second time and as plainly as possible.
func oracle(list, truth []uint32, k int) []float64 {
	cut := list[:min(k, len(list))]
	hit := func(i int) bool { return slices.Contains(truth, cut[i]) }
	hits, dcg, ap, rr := 0.0, 0.0, 0.0, 0.0
	for i := range cut {
		if !hit(i) {
			continue
		}
		hits++
		dcg += 1 / math.Log2(float64(i)+2)
		before := 0.0
		for j := range i + 1 {
			if hit(j) {
				before++
			}
		}
		ap += before / float64(i+1)
		if rr == 0 {
			rr = 1 / float64(i+1)
		}
	}
	ideal := 0.0
	for i := range min(k, len(truth)) {
		ideal += 1 / math.Log2(float64(i)+2)
	}
	return []float64{hits / float64(len(truth)), dcg / ideal, hits / float64(k), math.Min(hits, 1), rr, ap / float64(min(k, len(truth)))}
}

func TestAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		const items = 30
		var p problem
		for u := range uint32(10) {
			if r.IntN(4) > 0 {
				list := r.Perm(items)[:r.IntN(items)]
				own := make([]uint32, len(list))
				for i, x := range list {
					own[i] = uint32(x)
				}
				p.listUsers, p.lists = append(p.listUsers, u), append(p.lists, own)
			}
			var truth []uint32
			for i := range uint32(items) {
				if r.IntN(6) == 0 {
					truth = append(truth, i)
				}
			}
			p.truth = append(p.truth, truth)
		}
		at := []int{1, 2 + r.IntN(5), 10, 40}
		res := p.measure(at...)
		for row, u := range res.who {
			var list []uint32
			if i := slices.Index(p.listUsers, u); i >= 0 {
				list = p.lists[i]
			}
			for c, k := range at {
				for m, want := range oracle(list, p.truth[u], k) {
					if got := res.per[c*len(Definitions)+m][row]; !near(got, want, 1e-12) {
						t.Fatalf("%s@%d of %v for %v is %v, want %v", Definitions[m].Name, k, list, p.truth[u], got, want)
					}
				}
			}
		}
		// The order in which lists come must not matter, to the last bit.
		for i := range p.lists {
			j := r.IntN(i + 1)
			p.lists[i], p.lists[j] = p.lists[j], p.lists[i]
			p.listUsers[i], p.listUsers[j] = p.listUsers[j], p.listUsers[i]
		}
		if again := p.measure(at...); !slices.Equal(again.Values, res.Values) {
			t.Fatal("other order of lists, other values")
		}
	}
}

func TestLog2(t *testing.T) {
	for n := 2; n < 3000; n++ {
		got, near := log2(n), math.Log2(float64(n))
		if n&(n-1) == 0 && got != near || math.Abs(got-near) > 2e-15*near {
			t.Errorf("log2(%d) = %v, math says %v", n, got, near)
		}
	}
	// log2(3), from OEIS A020857, rounded.
	if log2(3) != 1.58496250072115618145373894394781650875981440769248106 {
		t.Errorf("log2(3) = %v", log2(3))
	}
}

func TestRepeated(t *testing.T) {
	l := lists{users: []uint32{0, none}, offsets: []uint64{0, 2, 5}, raw: []uint32{0, 1, 1, 0, 2}}
	if _, _, twice := l.repeated(3); twice {
		t.Error("an item of two lists is not a repetition")
	}
	l.raw[4] = 1
	if list, item, twice := l.repeated(3); !twice || list != 1 || item != 1 {
		t.Errorf("list %d, item %d, %v", list, item, twice)
	}
}

func TestCuts(t *testing.T) {
	if at, err := cuts(nil); err != nil || !slices.Equal(at, []int{10, 20}) {
		t.Errorf("%v, %v", at, err)
	}
	if at, err := cuts([]int{50, 5}); err != nil || !slices.Equal(at, []int{5, 50}) {
		t.Errorf("%v, %v", at, err)
	}
	for _, at := range [][]int{{0}, {-1}, {5, 5}, {MaxCut + 1}} {
		if _, err := cuts(at); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%v: %v", at, err)
		}
	}
}

// Popularity on the split of Gowalla that LightGCN is published with has
// recall@20 0.04163, ndcg@20 0.03169, hit rate 0.2038 and precision 0.01388
// (computed with NumPy from the definitions; the users' own items are left out).
func TestPopularityOnGowalla(t *testing.T) {
	train, test := lightGCN(t, "train.txt"), lightGCN(t, "test.txt")
	var count []int
	for _, items := range train {
		for _, i := range items {
			for int(i) >= len(count) {
				count = append(count, 0)
			}
			count[i]++
		}
	}
	order := make([]uint32, len(count))
	for i := range order {
		order[i] = uint32(i)
	}
	sort.SliceStable(order, func(a, b int) bool { return count[order[a]] > count[order[b]] })
	var p problem
	for u := range test {
		var list []uint32
		for _, i := range order {
			if len(list) == 20 {
				break
			}
			if !slices.Contains(train[u], i) {
				list = append(list, i)
			}
		}
		slices.Sort(test[u])
		p.listUsers, p.lists, p.truth = append(p.listUsers, uint32(u)), append(p.lists, list), append(p.truth, test[u])
	}
	r := p.measure(20)
	want := map[string]float64{"recall": 0.04163, "ndcg": 0.03169, "hr": 0.2038, "precision": 0.01388}
	for _, v := range r.Values {
		if w, ok := want[v.Metric]; ok && !near(v.Mean, w, map[bool]float64{true: 5e-5, false: 5e-6}[v.Metric == "hr"]) {
			t.Errorf("%s@20 is %.6f, want %v", v.Metric, v.Mean, w)
		}
	}
	t.Logf("%d users, %d left out: %+v", r.Users, r.LeftOut, r.Values)
}

// lightGCN reads "user item item …" lines, users numbered from 0.
func lightGCN(t *testing.T, file string) [][]uint32 {
	t.Helper()
	dir := os.Getenv("RECHOST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "gowalla", "light_gcn_gowalla", file))
	if err != nil {
		t.Skipf("%v: set RECHOST_DATA to the folder of public data", err)
	}
	defer f.Close()
	var all [][]uint32
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		words := strings.Fields(s.Text())
		if len(words) == 0 {
			continue
		}
		var items []uint32
		for _, w := range words[1:] {
			x, err := strconv.ParseUint(w, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, uint32(x))
		}
		if words[0] != strconv.Itoa(len(all)) {
			t.Fatalf("%s: user %s on line %d", file, words[0], len(all)+1)
		}
		all = append(all, items)
	}
	return all
}
