package main

import (
	"bufio"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	for _, similarity := range []string{"cosine", "tfidf", "bm25", "jaccard", "dice", "asymmetric"} {
		for _, cut := range []string{"column", "row"} {
			t.Run(similarity+" "+cut, func(t *testing.T) {
				guesttest.Suite(t, module, guesttest.Expect{Personal: true, ShardsDiffer: false, MayFail: []string{"cut"},
					Params: map[string]any{"similarity": similarity, "cut": cut, "alpha": 0.3}})
			})
		}
	}
	t.Run("implicit", func(t *testing.T) {
		guesttest.Suite(t, module, guesttest.Expect{Personal: true, MayFail: []string{"similarity"}, Params: map[string]any{"cut": "implicit"}})
	})
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

// Two users have items 0 and 1, one has 1 and 2, one has all three.
var small = guesttest.Rows([][]float32{{1, 1, 0}, {1, 1, 0}, {0, 1, 1}, {1, 1, 1}})

func TestSimilarity(t *testing.T) {
	n := []float64{3, 4, 2}
	c := map[[2]int]float64{{0, 1}: 3, {0, 2}: 1, {1, 2}: 2}
	for name, f := range map[string]func(c, n, m float64) float64{
		"cosine":  func(c, n, m float64) float64 { return c / (math.Sqrt(n*m) + 5) },
		"jaccard": func(c, n, m float64) float64 { return c / (n + m - c + 5) },
		"dice":    func(c, n, m float64) float64 { return c / (n + m + 5) },
	} {
		r, err := guesttest.Run(module, small, guesttest.Options{Params: map[string]any{"similarity": name, "shrink": 5.0}})
		if err != nil {
			t.Fatal(err)
		}
		for p, count := range c {
			want := f(count, n[p[0]], n[p[1]])
			if got := similarity(r, p[0], p[1]); math.Abs(got-want) > 1e-6 {
				t.Errorf("%s of %v: %v, want %v", name, p, got, want)
			}
			if similarity(r, p[0], p[1]) != similarity(r, p[1], p[0]) {
				t.Errorf("%s of %v is not symmetric", name, p)
			}
		}
	}
}

// The exponent of the item in the profile is alpha, whichever side is cut.
func TestAsymmetric(t *testing.T) {
	for _, cut := range []string{"column", "row"} {
		r, err := guesttest.Run(module, small, guesttest.Options{Params: map[string]any{"similarity": "asymmetric", "alpha": 0.2, "cut": cut}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := similarity(r, 2, 0), 1/(math.Pow(2, 0.2)*math.Pow(3, 0.8)); math.Abs(got-want) > 1e-6 {
			t.Errorf("cut=%s: of 2 in the profile and 0: %v, want %v", cut, got, want)
		}
	}
}

// similarity is that of item i in the profile to item j, 0 where it is not kept.
func similarity(r *guesttest.Result, i, j int) float64 {
	ids, values := r.Frames["neighbours"].Row(i, "item", "value")
	if at := slices.Index(ids, uint32(j)); at >= 0 {
		return float64(values[at])
	}
	return 0
}

// With one neighbour, column keeps each item's nearest other item, and row the
// item itself.
func TestCut(t *testing.T) {
	for cut, want := range map[string][3][3]bool{
		"column": {{false, true, false}, {true, false, true}, {false, false, false}}, // 0's is 1, 1's is 0, 2's is 1
		"row":    {{true, false, false}, {false, true, false}, {false, false, true}},
	} {
		r, err := guesttest.Run(module, small, guesttest.Options{Params: map[string]any{"neighbours": 1, "cut": cut}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			for j := range 3 {
				if got := similarity(r, i, j) != 0; got != want[i][j] {
					t.Errorf("cut=%s keeps %d for %d: %v, want %v", cut, j, i, got, want[i][j])
				}
			}
		}
	}
}

func TestNegativeValue(t *testing.T) {
	x := guesttest.Rows([][]float32{{1, -2}, {3, 1}})
	_, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"similarity": "bm25"}})
	if err == nil || !strings.Contains(err.Error(), "a value is -2") {
		t.Errorf("a value below 0 gives %v", err)
	}
}

// line is a line of testdata/implicit.tsv.
type line struct {
	data, values, model, kind string
	id, n                     int
	sum, min                  float64
	ids                       []int
	scores                    []float64
}

func table(t *testing.T) (lines []line) {
	f, err := os.Open("testdata/implicit.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	number := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Split(s.Text(), "\t")
		if strings.HasPrefix(s.Text(), "#") || len(w) != 9 {
			continue
		}
		l := line{data: w[0], values: w[1], model: w[2], kind: w[3], id: int(number(w[4])), n: int(number(w[5])), sum: number(w[6]), min: number(w[7])}
		for _, p := range strings.Fields(w[8]) {
			id, score, _ := strings.Cut(p, ":")
			l.ids, l.scores = append(l.ids, int(number(id))), append(l.scores, number(score))
		}
		lines = append(lines, l)
	}
	return lines
}

// cf with cut=row is implicit: the same neighbours and lists, scores within
// 1e-5 of their size (float32 against implicit's float64), and equal scores in
// any order.
func TestImplicit(t *testing.T) {
	runs := map[string]*guesttest.Result{}
	data := map[string]*guesttest.Labelled{}
	lines := table(t)
	for _, l := range lines {
		key := l.data + " " + l.values + " " + l.model
		if runs[key] == nil {
			var x *guesttest.Labelled
			var o guesttest.Options
			if l.data == "gowalla" {
				x = guesttest.Gowalla(t, "train")
				o = listed(x, lines, l.data)
			} else if x = guesttest.MovieLens100K(t); l.values == "binary" {
				x = x.Binary()
			}
			o.Params = map[string]any{"similarity": l.model, "neighbours": 100, "cut": "row", "normalize": l.model != "bm25"}
			r, err := guesttest.Run(module, x.Matrix, o)
			if err != nil {
				t.Fatal(err)
			}
			runs[key], data[key] = r, x
		}
		r, x := runs[key], data[key]
		var ids []uint32
		var scores []float32
		if l.kind == "item" {
			ids, scores = r.Frames["neighbours"].Row(int(x.Item(l.id)), "item", "value")
		} else {
			ids, scores = r.List(int(x.User(l.id)))
		}
		if len(ids) != l.n {
			t.Errorf("%s %s %d: %d entries, want %d", key, l.kind, l.id, len(ids), l.n)
			continue
		}
		got := map[int]float64{}
		var sum float64
		for i, id := range ids {
			got[x.ItemIDs[id]] = float64(scores[i])
			sum += float64(scores[i])
		}
		for i, id := range l.ids {
			near(t, key, l, "score of "+strconv.Itoa(id), got[id], l.scores[i])
			near(t, key, l, "score in place "+strconv.Itoa(i), float64(scores[i]), l.scores[i])
		}
		near(t, key, l, "sum", sum, l.sum)
		near(t, key, l, "smallest score", float64(scores[len(scores)-1]), l.min)
	}
}

// listed limits a run to the rows that the table needs: its items, its users,
// and the items of these.
func listed(x *guesttest.Labelled, lines []line, data string) guesttest.Options {
	items, users := map[int]bool{}, map[int]bool{}
	for _, l := range lines {
		switch {
		case l.data == data && l.kind == "item":
			items[int(x.Item(l.id))] = true
		case l.data == data:
			u := int(x.User(l.id))
			users[u] = true
			for _, i := range x.Profile(u) {
				items[i] = true
			}
		}
	}
	return guesttest.Options{Shards: 8000, Only: func(stage string, first, rows int) bool {
		need := map[string]map[int]bool{"neighbours": items, "score": users}[stage]
		if need == nil {
			return true
		}
		for r := first; r < first+rows; r++ {
			if need[r] {
				return true
			}
		}
		return false
	}}
}

// The usual way of cutting, with the parameters and the protocol of Ferrari
// Dacrema, Boglio, Cremonesi and Jannach, "A troubling analysis of
// reproducibility and progress in recommender systems research", TOIS 2021,
// additional material, tables 55, 58 and 59: HR@10 and NDCG@10 of the held-out
// item among 99 others, last among equal scores.
func TestPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	x := guesttest.MovieLens1MLeaveOneOut(t)
	for _, c := range []struct {
		params   map[string]any
		hr, ndcg float64
	}{
		{map[string]any{"similarity": "bm25", "neighbours": 111, "shrink": 298.0}, 0.6694, 0.3979},
		{map[string]any{"similarity": "dice", "neighbours": 61}, 0.6604, 0.3887},
		{map[string]any{"similarity": "jaccard", "neighbours": 62, "shrink": 19.0}, 0.6533, 0.3837},
	} {
		if c.params["similarity"] != "bm25" && os.Getenv("RECHOST_SLOW") == "" {
			continue
		}
		r, err := guesttest.Run(module, x.Matrix, guesttest.Options{Params: c.params,
			Only: func(stage string, first, rows int) bool { return stage != "score" }})
		if err != nil {
			t.Fatal(err)
		}
		x.Publishes(t, c.params, x.ByProfile(r.Frames["neighbours"]), c.hr, c.ndcg, 3e-4)
	}
}

// On Gowalla, cut=implicit is as good as implicit itself: Recall@20 0.11572,
// nDCG@20 0.08404. The figures of row and column were measured here.
func TestQuality(t *testing.T) {
	if os.Getenv("RECHOST_SLOW") == "" {
		t.Skip("takes a minute or two: set RECHOST_SLOW=1")
	}
	x, test := guesttest.Gowalla(t, "train"), guesttest.Gowalla(t, "test")
	for cut, want := range map[string][2]float64{"implicit": {0.1157, 0.0840}, "row": {0.1155, 0.0838}, "column": {0.1271, 0.0936}} {
		r, err := guesttest.Run(module, x.Matrix, guesttest.Options{Top: 20, Params: map[string]any{"cut": cut}})
		if err != nil {
			t.Fatal(err)
		}
		recall, ndcg := guesttest.Quality(r, x, x.Held(test), 20)
		t.Logf("cut=%s: Recall@20 %.4f, nDCG@20 %.4f", cut, recall, ndcg)
		if math.Abs(recall-want[0]) > 5e-5 || math.Abs(ndcg-want[1]) > 5e-5 {
			t.Errorf("cut=%s: Recall@20 %.4f, nDCG@20 %.4f, want %.4f, %.4f", cut, recall, ndcg, want[0], want[1])
		}
	}
}

func near(t *testing.T, key string, l line, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-5*math.Max(1, math.Abs(want)) {
		t.Errorf("%s, %s %d: %s is %v, want %v", key, l.kind, l.id, what, got, want)
	}
}
