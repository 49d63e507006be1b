package guesttest

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Labelled is a matrix of a published data set and the ids it uses; dense ids
// follow their order.
type Labelled struct {
	*Matrix
	UserIDs, ItemIDs []int
}

// Item is the dense id of an item.
func (l *Labelled) Item(id int) uint32 { return dense(l.ItemIDs, id) }

// User is the dense id of a user.
func (l *Labelled) User(id int) uint32 { return dense(l.UserIDs, id) }

func dense(ids []int, id int) uint32 {
	i, ok := slices.BinarySearch(ids, id)
	if !ok {
		panic("guesttest: no id " + strconv.Itoa(id))
	}
	return uint32(i)
}

// Binary is the matrix with 1 for every value.
func (l *Labelled) Binary() *Labelled {
	cells := slices.Clone(l.cells)
	for i := range cells {
		cells[i].Value = 1
	}
	return &Labelled{New(l.Users, l.Items, cells), l.UserIDs, l.ItemIDs}
}

// Split parts the matrix by a rule of a cell's place among its user's, in the
// order of items; the rows of test have raw item ids by dense user.
func (l *Labelled) Split(isTest func(place int) bool) (train *Labelled, test map[uint32][]int) {
	var cells []raw
	test = map[uint32][]int{}
	last, place := -1, 0
	var held []raw
	for _, c := range l.cells {
		if c.User != last {
			last, place = c.User, 0
		}
		r := raw{l.UserIDs[c.User], l.ItemIDs[c.Item], c.Value}
		if isTest(place) {
			held = append(held, r)
		} else {
			cells = append(cells, r)
		}
		place++
	}
	train = label(cells)
	for _, r := range held {
		u := train.User(r.user)
		test[u] = append(test[u], r.item)
	}
	return train, test
}

// Held is the items of a test matrix, by dense user of l. Users that l does
// not have are left out.
func (l *Labelled) Held(test *Labelled) map[uint32][]int {
	held := map[uint32][]int{}
	for _, c := range test.cells {
		if u, ok := slices.BinarySearch(l.UserIDs, test.UserIDs[c.User]); ok {
			held[uint32(u)] = append(held[uint32(u)], test.ItemIDs[c.Item])
		}
	}
	return held
}

// Profile is the items of a user.
func (m *Matrix) Profile(user int) (items []int) {
	at, _ := slices.BinarySearchFunc(m.cells, user, func(c Cell, u int) int { return cmp.Compare(c.User, u) })
	for ; at < len(m.cells) && m.cells[at].User == user; at++ {
		items = append(items, m.cells[at].Item)
	}
	return items
}

// Quality is the mean, over users with held-out items, of Recall@k (hits over
// held-out items) and nDCG@k (binary, the ideal list over the smaller of k and
// the held-out items). The run's targets are all users.
func Quality(r *Result, l *Labelled, held map[uint32][]int, k int) (recall, ndcg float64) {
	users := slices.Sorted(maps.Keys(held))
	for _, u := range users {
		want := held[u]
		items, _ := r.List(int(u))
		var hits, dcg, ideal float64
		for i := range k {
			d := 1 / math.Log2(float64(i+2))
			if i < len(want) {
				ideal += d
			}
			if i < len(items) && slices.Contains(want, l.ItemIDs[items[i]]) {
				hits++
				dcg += d
			}
		}
		recall += hits / float64(len(want))
		ndcg += dcg / ideal
	}
	return recall / float64(len(users)), ndcg / float64(len(users))
}

type raw struct {
	user, item int
	value      float32
}

func label(rows []raw) *Labelled {
	l := &Labelled{}
	for _, r := range rows {
		l.UserIDs, l.ItemIDs = append(l.UserIDs, r.user), append(l.ItemIDs, r.item)
	}
	slices.Sort(l.UserIDs)
	slices.Sort(l.ItemIDs)
	l.UserIDs, l.ItemIDs = slices.Compact(l.UserIDs), slices.Compact(l.ItemIDs)
	cells := make([]Cell, len(rows))
	for i, r := range rows {
		cells[i] = Cell{User: int(l.User(r.user)), Item: int(l.Item(r.item)), Value: r.value}
	}
	l.Matrix = New(len(l.UserIDs), len(l.ItemIDs), cells)
	return l
}

// MovieLens100K reads u.data of MovieLens 100K, values the ratings. The test
// is skipped where the data is not.
func MovieLens100K(t testing.TB) *Labelled {
	t.Helper()
	var rows []raw
	lines(t, func(f []int) { rows = append(rows, raw{f[0], f[1], float32(f[2])}) }, "ml-100k", "u.data")
	return label(rows)
}

// Gowalla reads a file, "train" or "test", of the split of Gowalla that came
// with LightGCN. The test is skipped where the data is not.
func Gowalla(t testing.TB, part string) *Labelled {
	t.Helper()
	var rows []raw
	lines(t, func(f []int) {
		for _, i := range f[1:] {
			rows = append(rows, raw{f[0], i, 1})
		}
	}, "gowalla", "light_gcn_gowalla", part+".txt")
	return label(rows)
}

// MovieLens1MLeaveOneOut reads the split of MovieLens 1M that came with "Neural
// collaborative filtering": the training matrix, all values 1, and for each
// user the held-out item and 99 others to rank it among. The test is skipped
// where the data is not.
func MovieLens1MLeaveOneOut(t testing.TB) *LeaveOneOut {
	t.Helper()
	var held []int
	var others [][]int
	lines(t, func(f []int) { held = append(held, f[1]) }, "ml-1m-ncf", "ml-1m.test.rating")
	lines(t, func(f []int) { others = append(others, f[2:]) }, "ml-1m-ncf", "ml-1m.test.negative")
	users, items := map[int]int{}, map[int]int{}
	number := func(m map[int]int, id int) int { // by first appearance
		if _, ok := m[id]; !ok {
			m[id] = len(m)
		}
		return m[id]
	}
	var rows []raw
	lines(t, func(f []int) {
		u, i := number(users, f[0]), number(items, f[1])
		if held[u] != i {
			rows = append(rows, raw{u, i, 1})
		}
	}, "ml-1m", "ratings.csv.gz")
	return &LeaveOneOut{label(rows), held, others}
}

// lines calls do with the numbers of each line of a file in the folder that
// RECHOST_DATA names, by default one beside the repository.
func lines(t testing.TB, do func([]int), path ...string) {
	t.Helper()
	root := os.Getenv("RECHOST_DATA")
	if root == "" {
		dir, err := os.Getwd()
		for err == nil {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	name := filepath.Join(append([]string{root}, path...)...)
	f, err := os.Open(name)
	if err != nil {
		t.Skipf("no data: %v (RECHOST_DATA names its folder)", err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	first := true // a line of names
	for s.Scan() {
		var row []int
		for _, w := range strings.FieldsFunc(s.Text(), func(r rune) bool { return strings.ContainsRune(" \t,()", r) }) {
			n, err := strconv.Atoi(w)
			if err != nil && !first {
				t.Fatalf("%s: %v", name, err)
			}
			if err == nil {
				row = append(row, n)
			}
		}
		if first = false; len(row) > 0 {
			do(row)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}
