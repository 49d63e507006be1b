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

// tied is a line of testdata/ties.tsv.
type tied struct {
	data, kind string
	k, id      int
	ids        []uint32
	scores     []float64
}

func ties(t *testing.T) (lines []tied) {
	t.Helper()
	f, err := os.Open("testdata/ties.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	s := bufio.NewScanner(f)
	for s.Scan() {
		w := strings.Split(s.Text(), "\t")
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		l := tied{data: w[0], k: number(w[1]), kind: w[2], id: number(w[3])}
		for _, p := range strings.Fields(w[4]) {
			id, score, _ := strings.Cut(p, ":")
			x, err := strconv.ParseFloat(score, 64)
			if err != nil {
				t.Fatal(err)
			}
			l.ids, l.scores = append(l.ids, uint32(number(id))), append(l.scores, x)
		}
		lines = append(lines, l)
	}
	if err := s.Err(); err != nil || len(lines) == 0 {
		t.Fatal(len(lines), "lines:", err)
	}
	return lines
}

// withTies is the matrix "small" of testdata/ties.tsv.
func withTies() *guesttest.Matrix {
	x := make([][]float32, 24)
	for u := range x {
		x[u] = make([]float32, 14)
		for i := range x[u] {
			if (u*u*i+3*i+5*u)%11 < 4 {
				x[u][i] = 1
			}
		}
	}
	return guesttest.Rows(x)
}

// With cut=implicit neighbours are those of implicit to the last bit, and
// lists too but for the order of equal float32 scores. With cut=row they are
// others, or the tables would show nothing.
func TestTies(t *testing.T) {
	lines := ties(t)
	t.Run("small", func(t *testing.T) { holdTies(t, lines, "small", withTies(), guesttest.Options{Top: 3}) })
	t.Run("gowalla", func(t *testing.T) {
		x := guesttest.Gowalla(t, "train") // its dense ids are its ids
		var rows []line
		for _, l := range lines {
			if l.data == "gowalla" {
				rows = append(rows, line{data: l.data, kind: l.kind, id: l.id})
			}
		}
		o := listed(x, rows, "gowalla")
		o.Top = 10
		holdTies(t, lines, "gowalla", x.Matrix, o)
	})
}

func holdTies(t *testing.T, lines []tied, data string, x *guesttest.Matrix, o guesttest.Options) {
	others := map[string]int{}
	for _, cut := range []string{"implicit", "row"} {
		for _, l := range lines {
			if l.data == data {
				o.Params = map[string]any{"neighbours": l.k, "cut": cut}
				break
			}
		}
		r, err := guesttest.Run(module, x, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.data != data {
				continue
			}
			var ids []uint32
			if cut == "row" {
				if l.kind == "item" {
					ids, _ = r.Frames["neighbours"].Row(l.id, "item", "value")
				} else {
					ids, _ = r.List(l.id)
				}
				if ids = slices.Sorted(slices.Values(ids)); !slices.Equal(ids, slices.Sorted(slices.Values(l.ids))) {
					others[l.kind]++
				}
				continue
			}
			if l.kind == "item" {
				n := r.Frames["neighbours"].Arrays
				from, to := n["offsets"].Data.([]uint64)[l.id], n["offsets"].Data.([]uint64)[l.id+1]
				ids = n["item"].Data.([]uint32)[from:to]
				if !slices.Equal(n["value"].Data.([]float64)[from:to], l.scores) {
					t.Errorf("%s: item %d has other similarities", data, l.id)
				}
			} else {
				var scores []float32
				ids, scores = r.List(l.id)
				for e := range min(len(scores), len(l.scores)) {
					if math.Float32bits(scores[e]) != math.Float32bits(float32(l.scores[e])) {
						t.Errorf("%s: user %d has the score %v in place %d, want %v", data, l.id, scores[e], e, float32(l.scores[e]))
					}
				}
				ids = slices.Sorted(slices.Values(ids))
				l.ids = slices.Sorted(slices.Values(l.ids))
			}
			if !slices.Equal(ids, l.ids) {
				t.Errorf("%s: %s %d has %v, want %v", data, l.kind, l.id, ids, l.ids)
			}
		}
	}
	if others["item"] == 0 || others["user"] == 0 {
		t.Errorf("%s: cut=row gives the same lists but for %v", data, others)
	}
}

// What the library does not have is refused.
func TestImplicitIsCosine(t *testing.T) {
	for _, p := range []map[string]any{{"similarity": "jaccard"}, {"shrink": 1.0}, {"normalize": false}} {
		p["cut"] = "implicit"
		if _, err := guesttest.Run(module, small, guesttest.Options{Params: p}); err == nil || !strings.Contains(err.Error(), "use cut=row") {
			t.Errorf("%v: %v", p, err)
		}
	}
}

// An item that nobody gives anything is like no other.
func TestImplicitOfZeros(t *testing.T) {
	x := guesttest.New(2, 2, []guesttest.Cell{{User: 0, Item: 0, Value: 2}, {User: 0, Item: 1}, {User: 1, Item: 1}})
	r, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"cut": "implicit"}, KeepSeen: true})
	if err != nil {
		t.Fatal(err)
	}
	for u := range 2 {
		if _, scores := r.List(u); len(scores) != 2 || scores[u] != float32(2*(1-u)) || scores[1] != 0 {
			t.Errorf("user %d has the scores %v", u, scores)
		}
	}
}
