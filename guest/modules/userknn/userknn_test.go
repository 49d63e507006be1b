package main

import (
	"math"
	"slices"
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	for _, similarity := range []string{"cosine", "tfidf", "bm25", "jaccard", "dice", "asymmetric"} {
		for _, cut := range []string{"column", "row"} {
			t.Run(similarity+" "+cut, func(t *testing.T) {
				guesttest.Suite(t, module, guesttest.Expect{Personal: true,
					Params: map[string]any{"similarity": similarity, "cut": cut, "alpha": 0.3}})
			})
		}
	}
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

// Users 0 and 1 share two items, 1 and 2 one, 0 and 2 none.
var small = guesttest.Rows([][]float32{{1, 1, 0, 0}, {1, 1, 1, 0}, {0, 0, 1, 1}})

// similarity is that of v to the target u, 0 where it does not count.
func similarity(r *guesttest.Result, u, v int) float64 {
	ids, values := r.Frames["neighbours"].Row(u, "user", "value")
	if at := slices.Index(ids, uint32(v)); at >= 0 {
		return float64(values[at])
	}
	return 0
}

func TestSimilarity(t *testing.T) {
	for name, want := range map[string]float64{"cosine": 2 / (math.Sqrt(6) + 5), "jaccard": 2.0 / (3 + 5), "dice": 2.0 / (5 + 5),
		"asymmetric": 2 / (math.Pow(2, 0.2)*math.Pow(3, 0.8) + 5)} {
		for _, cut := range []string{"column", "row"} {
			r, err := guesttest.Run(module, small, guesttest.Options{Params: map[string]any{"similarity": name, "shrink": 5.0, "alpha": 0.2, "cut": cut}})
			if err != nil {
				t.Fatal(err)
			}
			if got := similarity(r, 0, 1); math.Abs(got-want) > 1e-6 {
				t.Errorf("%s, cut=%s: %v, want %v", name, cut, got, want)
			}
			if got := similarity(r, 0, 2); got != 0 {
				t.Errorf("%s, cut=%s: users who share nothing: %v", name, cut, got)
			}
		}
	}
}

// With one neighbour, 1 is the nearest of 2, but 0 that of 1. So by column
// nobody counts for 2, and 1 counts 0 and 2; by row 2 counts 1.
func TestCut(t *testing.T) {
	for cut, want := range map[string][3][]int{"column": {{1}, {0, 2}, {}}, "row": {{1}, {0}, {1}}} {
		r, err := guesttest.Run(module, small, guesttest.Options{Params: map[string]any{"neighbours": 1, "cut": cut}})
		if err != nil {
			t.Fatal(err)
		}
		for u, counted := range want {
			for v := range 3 {
				if got := similarity(r, u, v) != 0; got != slices.Contains(counted, v) {
					t.Errorf("cut=%s: %d counts %d: %v", cut, u, v, got)
				}
			}
		}
	}
}

// A score is the neighbours' values times their similarity.
func TestScore(t *testing.T) {
	x := guesttest.Rows([][]float32{{1, 0, 0}, {3, 5, 0}, {2, 4, 7}})
	r, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"similarity": "jaccard"}, Targets: []uint32{2, 0}})
	if err != nil {
		t.Fatal(err)
	}
	items, scores := r.List(1)
	want := []float32{5.0/2 + 4.0/3, 7.0 / 3}
	if !slices.Equal(items, []uint32{1, 2}) || math.Abs(float64(scores[0]-want[0])) > 1e-6 || math.Abs(float64(scores[1]-want[1])) > 1e-6 {
		t.Errorf("%v %v, want items 1 and 2, %v", items, scores, want)
	}
}

// The parameters and the protocol of Ferrari Dacrema, Boglio, Cremonesi and
// Jannach, "A troubling analysis of reproducibility and progress in
// recommender systems research", TOIS 2021, additional material, tables 55, 58
// and 59.
func TestPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	x := guesttest.MovieLens1MLeaveOneOut(t)
	params := map[string]any{"similarity": "jaccard", "neighbours": 259}
	r, err := guesttest.Run(module, x.Matrix, guesttest.Options{Params: params,
		Only: func(stage string, first, rows int) bool { return stage != "score" }})
	if err != nil {
		t.Fatal(err)
	}
	x.Publishes(t, params, x.ByNeighbours(r.Frames["neighbours"]), 0.6725, 0.4066, 5e-4)
}
