package main

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	for _, similarity := range []string{"jaccard", "lift", "cooccurrence"} {
		t.Run(similarity, func(t *testing.T) {
			guesttest.Suite(t, module, guesttest.Expect{Personal: true, Params: map[string]any{"similarity": similarity}})
		})
	}
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

const day = 24 * 60 * 60 * 1_000_000 // microseconds

// dated is the matrix of testdata/numpy.tsv, its days counted from some date.
func dated() *guesttest.Matrix {
	var cells []guesttest.Cell
	for _, r := range [][4]int{{0, 0, 5, 0}, {0, 1, 3, 40}, {0, 3, 1, 90}, {1, 0, 2, 10}, {1, 2, 4, 75}, {2, 1, 1, 5}, {2, 2, 2, 60},
		{2, 3, 3, 89}, {2, 4, 5, 30}, {3, 0, 4, 88}, {3, 1, 5, 20}, {4, 2, 1, 90}, {4, 4, 2, 1}} {
		cells = append(cells, guesttest.Cell{User: r[0], Item: r[1], Value: float32(r[2]), Time: (int64(r[3]) + 19000) * day})
	}
	return guesttest.New(5, 5, cells)
}

func TestNumPy(t *testing.T) {
	b, err := os.ReadFile("testdata/numpy.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		w := strings.Fields(line)
		number := func(s string) float64 {
			x, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		r, err := guesttest.Run(module, dated(), guesttest.Options{KeepSeen: true, Shards: 2, Params: map[string]any{
			"time_decay": number(w[0]), "threshold": int(number(w[1])), "similarity": w[2]}})
		if err != nil {
			t.Fatal(err)
		}
		items, scores := r.List(int(number(w[3])))
		for i, s := range w[4:] {
			var got float64
			if at := slices.Index(items, uint32(i)); at >= 0 {
				got = float64(scores[at])
			}
			if want := number(s); math.Abs(got-want) > 1e-6*max(1, want) {
				t.Errorf("%v: item %d has the score %v, want %v", w[:4], i, got, want)
			}
		}
	}
	if lines != 90 {
		t.Errorf("%d lines, want 90", lines)
	}
}

// Without times nothing fades: the result is that of time_decay=0.
func TestWithoutTimes(t *testing.T) {
	cells := slices.Clone(dated().Cells())
	for e := range cells {
		cells[e].Time = 0
	}
	without, err := guesttest.Run(module, guesttest.New(5, 5, cells), guesttest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	still, err := guesttest.Run(module, dated(), guesttest.Options{Params: map[string]any{"time_decay": 0.0}})
	if err != nil {
		t.Fatal(err)
	}
	if err := guesttest.Same(without.Frames, still.Frames); err != nil {
		t.Error(err)
	}
}

// What is older than float32 can tell fades to nothing, not to a number that
// is none.
func TestLongAgo(t *testing.T) {
	x := guesttest.New(2, 3, []guesttest.Cell{{User: 0, Item: 0, Value: 1, Time: -9e18}, {User: 0, Item: 1, Value: 1, Time: 9e18},
		{User: 1, Item: 1, Value: 1, Time: 1}, {User: 1, Item: 2, Value: 1, Time: 9e18}})
	if _, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"time_decay": 1e-9}}); err != nil {
		t.Error(err)
	}
}
