package profile

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"rechost/host/interactions"
	"rechost/host/matrix"
)

func offsets(counts ...int) []uint64 {
	o := []uint64{0}
	for _, c := range counts {
		o = append(o, o[len(o)-1]+uint64(c))
	}
	return o
}

func TestSpread(t *testing.T) {
	s := spread(offsets(1, 1, 1, 9, 3, 1))
	if s.Mean != 16.0/6 {
		t.Errorf("mean %v", s.Mean)
	}
	// sorted 1 1 1 1 3 9: (-5-3-1+1+9+45) / (6*16)
	if math.Abs(s.Gini-46.0/96) > 1e-15 {
		t.Errorf("gini %v", s.Gini)
	}
	want := []Quantile{{0, 1}, {1, 1}, {10, 1}, {25, 1}, {50, 1}, {75, 3}, {90, 9}, {99, 9}, {100, 9}}
	if !slices.Equal(s.Quantiles, want) {
		t.Errorf("quantiles %v", s.Quantiles)
	}
	if want := []Bucket{{1, 1, 4}, {2, 3, 1}, {4, 7, 0}, {8, 15, 1}}; !slices.Equal(s.Buckets, want) {
		t.Errorf("buckets %v", s.Buckets)
	}
	if s := spread(offsets(0, 2)); !slices.Equal(s.Buckets, []Bucket{{0, 0, 1}, {1, 1, 0}, {2, 3, 1}}) {
		t.Errorf("buckets with a zero %v", s.Buckets)
	}
	for _, o := range [][]uint64{nil, {0}} {
		if s := spread(o); len(s.Quantiles)+len(s.Buckets) != 0 || s.Gini != 0 {
			t.Errorf("nobody: %+v", s)
		}
	}
	if s := spread(offsets(0, 0)); s.Gini != 0 || s.Mean != 0 {
		t.Errorf("nothing: %+v", s)
	}
}

func example() *matrix.Matrix {
	return &matrix.Matrix{
		ByUser:   matrix.CSR{Offsets: offsets(1, 1, 3, 200), Index: make([]uint32, 205)},
		ByItem:   matrix.CSR{Offsets: offsets(slices.Repeat([]int{1}, 205)...), Index: make([]uint32, 205)},
		Combined: 7,
		Read: interactions.Report{
			Rows: 1234567, Kept: 1234560, LeftOut: interactions.LeftOut{User: 3, Time: 4},
			Value: &interactions.Column{}, MinValue: 0.5, MaxValue: 5, Time: &interactions.Column{}, MinTime: 0, MaxTime: 1e15,
		},
	}
}

func TestText(t *testing.T) {
	p := Of(example())
	var b strings.Builder
	if err := p.WriteText(&b, Text{Width: 60, ASCII: true}); err != nil {
		t.Fatal(err)
	}
	const want = `rows          1,234,567
  left out    3 without a user
  left out    4 without a time
  repeated    7 of a pair that another row has
interactions  205
users         4
items         205
density       25 %
values        0.5 to 5
times         1970-01-01 00:00:00Z to 2001-09-09 01:46:40Z

interactions per user
  least 1  1 %: 1  10 %: 1  25 %: 1  median 1  75 %: 3
  90 %: 200  99 %: 200  most 200  mean 51.2  gini 0.730
                                              users
          1 |################################     2  50.0 %
      2 - 3 |################                     1  25.0 %
      4 - 7 |                                     0   0.0 %
     8 - 15 |                                     0   0.0 %
    16 - 31 |                                     0   0.0 %
    32 - 63 |                                     0   0.0 %
   64 - 127 |                                     0   0.0 %
  128 - 255 |################                     1  25.0 %

interactions per item
  least 1  1 %: 1  10 %: 1  25 %: 1  median 1  75 %: 1
  90 %: 1  99 %: 1  most 1  mean 1.0  gini 0.000
                                              items
  1 |########################################   205 100.0 %
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for _, width := range []int{0, 10, 60, 80, 133} {
		for _, ascii := range []bool{true, false} {
			b.Reset()
			if err := p.WriteText(&b, Text{width, ascii}); err != nil {
				t.Fatal(err)
			}
			most := width
			if width == 0 {
				most = 80
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if n := utf8.RuneCountInString(line); n > max(most, 60) {
					t.Errorf("width %d: a line of %d columns: %s", width, n, line)
				}
			}
		}
	}
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		n, most, columns int
		want             string
	}{{0, 9, 10, ""}, {1, 1000, 10, "▏"}, {8, 8, 2, "██"}, {5, 8, 2, "█▎"}, {3, 0, 2, ""}} {
		if got := bar(c.n, c.most, c.columns, false); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(Of(&matrix.Matrix{}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"rows":0,"kept":0,"left_out":{},"repeated_rows":0,"entries":0,"users":0,"items":0,"density":0,` +
		`"per_user":{"mean":0,"gini":0,"quantiles":[],"buckets":[]},"per_item":{"mean":0,"gini":0,"quantiles":[],"buckets":[]}}`
	if string(b) != want {
		t.Errorf("got %s", b)
	}
	if b, err = json.Marshal(Of(example())); err != nil || !strings.Contains(string(b), `"time":{"from":0,"to":1000000000000000}`) {
		t.Errorf("%s, %v", b, err)
	}
}
