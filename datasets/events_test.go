package datasets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"
)

func collect(t *testing.T, o SynthOptions, workers int) []event {
	t.Helper()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	var all []event
	err := newWorld(o).blocks(nil, workers, func(b block) error {
		if int(b.first) != len(all) {
			t.Fatalf("block begins at %d after %d rows", b.first, len(all))
		}
		all = append(all, b.events...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEventsKeepTheirPromises(t *testing.T) {
	for _, c := range []struct{ users, items, rows int }{
		{1, 1, 1}, {1, 7, 7}, {7, 1, 7}, {3, 3, 9}, {2, 5, 3}, {5, 3, 2}, {9, 40, 360}, {40, 9, 200}, {100, 30, 2999},
		{50, 1000, 1000}, {50, 1000, 1001}, {50, 1000, 30_000}, {943, 1682, 100_000}, {3, 5000, 12_000}, {5000, 3, 12_000}, {200, 100_000, 5_000},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			o := SynthOptions{Users: c.users, Items: c.items, Rows: int64(c.rows), Seed: 3}
			all := collect(t, o, 1)
			if len(all) != c.rows {
				t.Fatalf("%d rows, want %d", len(all), c.rows)
			}
			pairs := map[[2]int]bool{}
			users, items := map[int]bool{}, map[int]bool{}
			for _, e := range all {
				if e.user < 0 || e.user >= c.users || e.item < 0 || e.item >= c.items {
					t.Fatalf("out of range: %+v", e)
				}
				if pairs[[2]int{e.user, e.item}] {
					t.Fatalf("pair twice: %+v", e)
				}
				pairs[[2]int{e.user, e.item}] = true
				users[e.user], items[e.item] = true, true
			}
			if len(users) != min(c.users, c.rows) || len(items) != min(c.items, c.rows) {
				t.Errorf("%d users and %d items occur", len(users), len(items))
			}
			for _, workers := range []int{2, 5} {
				if !slices.Equal(all, collect(t, o, workers)) {
					t.Errorf("%d workers give other rows", workers)
				}
			}
		})
	}
}

// The digest was made by the first version of the generator; another value
// means that everybody's synthetic data sets change.
func TestEventsDigest(t *testing.T) {
	o := SynthOptions{Users: 300, Items: 200, Rows: 5000, Seed: 42}
	w := newWorld(o)
	var buf bytes.Buffer
	var last int64
	if err := w.blocks(nil, 2, func(b block) error {
		for i, e := range b.events {
			r := b.first + uint64(i)
			if e.time < last || e.time < synthEpoch || e.time >= synthEpoch+synthSpan {
				t.Fatalf("row %d: time %d after %d", r, e.time, last)
			}
			last = e.time
			if e.rating < 0.5 || e.rating > 5 || e.rating*2 != float32(int(e.rating*2)) {
				t.Fatalf("row %d: rating %v", r, e.rating)
			}
			if e.userID < 0 || e.userID >= 1<<40 || e.itemID < 1 || e.itemID > int64(o.Items) {
				t.Fatalf("row %d: ids %d, %d", r, e.userID, e.itemID)
			}
			binary.Write(&buf, binary.LittleEndian, []int64{e.userID, e.itemID, int64(e.rating * 2), e.time})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	const want = "665b3fcb5d130ba26ac4896339589166f66ff5d6426afcdeec1d0314d4fbfa05"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the rows have digest %s, want %s", got, want)
	}
}

// gini is 0 for equal counts and near 1 where one has all.
func gini(counts []int) float64 {
	slices.Sort(counts)
	n, sum, weighted := float64(len(counts)), 0.0, 0.0
	for i, c := range counts {
		sum += float64(c)
		weighted += (2*float64(i+1) - n - 1) * float64(c)
	}
	return weighted / (n * sum)
}

func TestTailsAndStructure(t *testing.T) {
	const users, items, rows = 2000, 1500, 100_000
	all := collect(t, SynthOptions{Users: users, Items: items, Rows: rows, Seed: 1}, 2)
	perUser, perItem := make([]int, users), make([]int, items)
	train, test := make([][]int, users), make([][]int, users)
	for i, e := range all {
		perUser[e.user]++
		perItem[e.item]++
		if i < rows*4/5 { // rows come in the order of time
			train[e.user] = append(train[e.user], e.item)
		} else {
			test[e.user] = append(test[e.user], e.item)
		}
	}
	u, i := gini(slices.Clone(perUser)), gini(slices.Clone(perItem))
	t.Logf("gini: users %.3f, items %.3f; busiest user %d, top item %d", u, i, slices.Max(perUser), slices.Max(perItem))
	// MovieLens-1M has 0.53 and 0.63; Gowalla's split 0.47 and 0.44.
	if u < 0.4 || u > 0.75 || i < 0.45 || i > 0.85 {
		t.Errorf("gini %.3f over users, %.3f over items", u, i)
	}

	// Recall@20 of popularity and of plain co-occurrence, cosine.
	count := make([]int, items)
	co := make([]float64, items*items)
	for _, list := range train {
		for _, a := range list {
			count[a]++
			for _, b := range list {
				co[a*items+b]++
			}
		}
	}
	recall := func(score func(user, item int) float64) float64 {
		sum, n := 0.0, 0
		for u := range users {
			if len(test[u]) == 0 {
				continue
			}
			seen := map[int]bool{}
			for _, i := range train[u] {
				seen[i] = true
			}
			order := make([]int, 0, items)
			s := make([]float64, items)
			for i := range items {
				if !seen[i] {
					order = append(order, i)
					s[i] = score(u, i)
				}
			}
			sort.Slice(order, func(a, b int) bool {
				if s[order[a]] != s[order[b]] {
					return s[order[a]] > s[order[b]]
				}
				return order[a] < order[b]
			})
			hits := 0
			for _, i := range order[:20] {
				if slices.Contains(test[u], i) {
					hits++
				}
			}
			sum += float64(hits) / float64(len(test[u]))
			n++
		}
		return sum / float64(n)
	}
	pop := recall(func(_, i int) float64 { return float64(count[i]) })
	knn := recall(func(u, i int) float64 {
		s := 0.0
		for _, j := range train[u] {
			if c := co[i*items+j]; c > 0 {
				s += c / math.Sqrt(float64(count[i]*count[j]))
			}
		}
		return s
	})
	t.Logf("recall@20: popularity %.4f, co-occurrence %.4f", pop, knn)
	if knn < 1.5*pop {
		t.Errorf("recall@20 of co-occurrence is %.4f, of popularity %.4f: no structure to find", knn, pop)
	}
}

func TestPickTakesDifferentItems(t *testing.T) {
	c := newCatalogue(3000)
	key := newStream(5, 5)
	for trial := range 300 {
		g := &c.groups[trial%len(c.groups)]
		n := 1 + int(scale(key.at(uint64(trial)), uint64(g.size())))
		if trial%10 == 0 {
			n = g.size()
		}
		seen := map[int]bool{}
		for j := range n {
			i := g.pick(j, n, key.at(uint64(1000+trial)), key.sub(uint64(trial)).at(uint64(j)))
			if i < g.first || i >= g.first+g.size() || seen[i] {
				t.Fatalf("trial %d: pick %d of %d is %d, again or out of %d..%d", trial, j, n, i, g.first, g.first+g.size()-1)
			}
			seen[i] = true
		}
	}
}

func TestShuffleIsAPermutation(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 7, 8, 9, 1000, 4097} {
		p := newShuffle(n, newStream(n, 1))
		seen := make([]bool, n)
		for x := range n {
			y := p.at(x)
			if y >= n || seen[y] {
				t.Fatalf("n=%d: %d goes to %d, again or out of range", n, x, y)
			}
			seen[y] = true
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	o := SynthOptions{Users: 200_000, Items: 50_000, Rows: 10_000_000, Seed: 10}
	w := newWorld(o)
	b.ResetTimer()
	var buf []part
	for i := range b.N {
		_, buf = w.event(uint64(i)%10_000_000, buf)
	}
}
