package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/table"
)

// row is an interaction of a test.
type row struct {
	user, item int // turned into ids by a form
	value      float32
	time       int64
}

// form is how a test's ids are stored.
type form struct {
	name string
	t    table.Type
	make func(v *table.Vector, x int)
}

var forms = []form{
	{"int64", table.TypeInt64, func(v *table.Vector, x int) { v.Ints = append(v.Ints, int64(x)*1_000_003-5e6) }},
	{"small int", table.TypeInt32, func(v *table.Vector, x int) { v.Ints = append(v.Ints, int64(x)-3) }},
	{"uint64", table.Type{Physical: table.Int64, Logical: table.Integer, Bits: 64, Unsigned: true}, func(v *table.Vector, x int) { v.Uints = append(v.Uints, uint64(x)<<58|uint64(x)) }},
	{"uint8", table.Type{Physical: table.Int32, Logical: table.Integer, Bits: 8, Unsigned: true}, func(v *table.Vector, x int) { v.Uints = append(v.Uints, uint64(x&0xff)) }},
	{"double", table.TypeDouble, func(v *table.Vector, x int) { v.Floats = append(v.Floats, float64(x)*3-100) }},
	{"string", table.TypeString, func(v *table.Vector, x int) { v.AppendBytes(fmt.Appendf(nil, "user-%d", x)) }},
	{"decimal", table.Type{Physical: table.FixedLen, Length: 9, Logical: table.Decimal, Precision: 20}, func(v *table.Vector, x int) { v.Ints = append(v.Ints, int64(x)-50) }},
	{"uuid", table.Type{Physical: table.FixedLen, Length: 16, Logical: table.UUID}, func(v *table.Vector, x int) { v.AppendBytes(fmt.Appendf(nil, "%016d", x*x)) }},
}

func (f form) vector(xs []int) table.Vector {
	v := table.Vector{Kind: f.t.Kind()}
	if f.t.Logical == table.Decimal {
		v.Kind = table.Ints
	}
	for _, x := range xs {
		f.make(&v, x)
	}
	return v
}

// file writes rows as groups of the given size.
func file(t testing.TB, name string, u, i form, rs []row, group int) {
	t.Helper()
	var b bytes.Buffer
	w, err := table.NewWriter(&b, []table.Column{{Name: "user_id", Type: u.t}, {Name: "item_id", Type: i.t}, {Name: "rating", Type: table.TypeFloat}, {Name: "timestamp", Type: table.TypeInt64}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(rs, group) {
		var us, is []int
		var vs []float32
		var ts []int64
		for _, r := range part {
			us, is, vs, ts = append(us, r.user), append(is, r.item), append(vs, r.value), append(ts, r.time)
		}
		if err := w.Write([]table.Vector{u.vector(us), i.vector(is), table.Float32Vector(vs), table.IntVector(ts)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func random(n, users, items int, seed uint64) []row {
	r := rand.New(rand.NewPCG(seed, 1))
	rs := make([]row, n)
	for k := range rs {
		u := int(float64(users) * r.Float64() * r.Float64()) // few users do much
		rs[k] = row{u, r.IntN(items), float32(r.IntN(10)) / 2, 1_600_000_000 + int64(r.IntN(5))}
	}
	return rs
}

func build(t testing.TB, paths []string, io interactions.Options, o Options) *Matrix {
	t.Helper()
	set, err := interactions.Open(paths, io)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	m, err := Build(context.Background(), set, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// naive combines rows by the definitions, with maps and text.
func naive(rs []row, u, i form, d Duplicates, noValue bool) map[string]string {
	type key struct{ u, i string }
	all := map[key][]row{}
	text := func(f form, x int) string {
		d := IDs{Type: f.t, Values: f.vector([]int{x})}
		if d.Values.Kind == table.Floats {
			return fmt.Sprint(int64(d.Values.Floats[0]))
		}
		return d.Text(0)
	}
	for _, r := range rs {
		k := key{text(u, r.user), text(i, r.item)}
		all[k] = append(all[k], r)
	}
	out := map[string]string{}
	for k, same := range all {
		sort.Slice(same, func(a, b int) bool {
			if same[a].time != same[b].time {
				return same[a].time < same[b].time
			}
			return same[a].value < same[b].value
		})
		last := same[len(same)-1]
		v, sum := last.value, 0.0
		for _, r := range same {
			sum += float64(r.value)
			if d == Max {
				v = max(v, r.value)
			}
		}
		if d == First { // the larger value among the earliest
			v = same[0].value
			for _, r := range same {
				if r.time == same[0].time {
					v = max(v, r.value)
				}
			}
		}
		if d == Sum {
			v = float32(sum)
		}
		if noValue {
			v = 1
		}
		out[k.u+"|"+k.i] = fmt.Sprint(v, " ", last.time*1e6)
	}
	return out
}

func listed(m *Matrix) map[string]string {
	out := map[string]string{}
	for u := range m.Users.Len() {
		for k := m.ByUser.Offsets[u]; k < m.ByUser.Offsets[u+1]; k++ {
			out[m.Users.Text(u)+"|"+m.Items.Text(int(m.ByUser.Index[k]))] = fmt.Sprint(m.ByUser.Value[k], " ", m.ByUser.Time[k])
		}
	}
	return out
}

func TestEqualsDefinition(t *testing.T) {
	rs := random(3000, 60, 40, 7)
	for _, f := range forms {
		for _, d := range []Duplicates{Sum, Max, Last, First} {
			for _, noValue := range []bool{false, true} {
				name := filepath.Join(t.TempDir(), "r.parquet")
				file(t, name, f, forms[5], rs, 700)
				m := build(t, []string{name}, interactions.Options{NoValue: noValue}, Options{Duplicates: d})
				if got, want := listed(m), naive(rs, f, forms[5], d, noValue); !reflect.DeepEqual(got, want) {
					t.Errorf("%s, %s, no value %v: %d entries, want %d", f.name, d, noValue, len(got), len(want))
					for k, v := range want {
						if got[k] != v {
							t.Fatalf("%s: got %q, want %q", k, got[k], v)
						}
					}
				}
				check(t, m)
				if m.Combined != int64(len(rs)-m.ByUser.Entries()) {
					t.Errorf("%d rows combined, want %d", m.Combined, len(rs)-m.ByUser.Entries())
				}
			}
		}
	}
}

// check examines what every matrix keeps to.
func check(t *testing.T, m *Matrix) {
	t.Helper()
	for _, d := range []*IDs{&m.Users, &m.Items} {
		for i := 1; i < d.Len(); i++ {
			if compare(&d.Values, i-1, &d.Values, i) >= 0 {
				t.Fatalf("%s: id %s is not before %s", d.Name, d.Text(i-1), d.Text(i))
			}
			if k, ok := d.Find(d.Text(i)); !ok || k != i {
				t.Fatalf("%s: %s is %d, and found at %d, %v", d.Name, d.Text(i), i, k, ok)
			}
		}
	}
	seen := map[[2]uint32]float32{}
	for u := range m.ByUser.Rows() {
		items, values := m.ByUser.Row(u)
		if len(items) == 0 {
			t.Fatalf("user %d has nothing", u)
		}
		for i, it := range items {
			if i > 0 && items[i-1] >= it {
				t.Fatalf("user %d: items %d and %d", u, items[i-1], it)
			}
			seen[[2]uint32{uint32(u), it}] = values[i]
		}
	}
	n := 0
	for it := range m.ByItem.Rows() {
		users, values := m.ByItem.Row(it)
		for i, u := range users {
			if i > 0 && users[i-1] >= u {
				t.Fatalf("item %d: users %d and %d", it, users[i-1], u)
			}
			if v, ok := seen[[2]uint32{u, uint32(it)}]; !ok || v != values[i] {
				t.Fatalf("item %d, user %d: %v by item, %v by user", it, u, values[i], v)
			}
			n++
		}
	}
	if n != m.ByUser.Entries() || m.ByItem.Rows() != m.Items.Len() || m.ByUser.Rows() != m.Users.Len() {
		t.Fatalf("%d entries by item, %d by user", n, m.ByUser.Entries())
	}
}

// same compares all but where the rows came from.
func same(t *testing.T, what string, a, b *Matrix) {
	t.Helper()
	x, y := *a, *b
	x.Read, y.Read = interactions.Report{}, interactions.Report{}
	if !reflect.DeepEqual(x, y) || a.Digest() != b.Digest() {
		t.Fatalf("%s: another matrix", what)
	}
}

func TestOrderNeverCounts(t *testing.T) {
	rs := random(40_000, 3000, 500, 3)
	for i := range rs {
		rs[i].value = rs[i].value*1.1 + 0.3 // sums that depend on their order
	}
	for _, f := range []form{forms[0], forms[1], forms[5]} {
		for _, d := range []Duplicates{Sum, Last, First} {
			var first *Matrix
			r := rand.New(rand.NewPCG(9, 9))
			for try := range 4 {
				dir := t.TempDir()
				r.Shuffle(len(rs), func(a, b int) { rs[a], rs[b] = rs[b], rs[a] })
				cut := len(rs) / (try + 1)
				for k, part := range slices.Collect(slices.Chunk(rs, cut)) {
					file(t, filepath.Join(dir, fmt.Sprintf("%c.parquet", 'z'-k)), f, forms[1], part, 5000*(try+1))
				}
				for _, workers := range []int{1, 2, 7} {
					m := build(t, []string{dir}, interactions.Options{Workers: workers}, Options{Duplicates: d, Workers: workers})
					if first == nil {
						first = m
					}
					same(t, fmt.Sprintf("%s, %s, try %d, %d workers", f.name, d, try, workers), first, m)
				}
			}
		}
	}
}

func TestWithoutValues(t *testing.T) {
	name := filepath.Join(t.TempDir(), "r.parquet")
	var b bytes.Buffer
	w, _ := table.NewWriter(&b, []table.Column{{Name: "user", Type: table.TypeInt64}, {Name: "item", Type: table.TypeInt64}}, 1)
	w.Write([]table.Vector{table.IntVector([]int64{5, 5, -5, 5}), table.IntVector([]int64{1, 1, 1, 0})})
	w.Close()
	os.WriteFile(name, b.Bytes(), 0o600)
	m := build(t, []string{name}, interactions.Options{}, Options{})
	if got := fmt.Sprint(m.ByUser, m.Users.Values.Ints); got != "{[0 1 3] [1 0 1] [1 1 2] []} [-5 5]" {
		t.Error("rows are not counted:", got)
	}
	if m.Values || m.Times {
		t.Error("there are values or times")
	}
	m = build(t, []string{name}, interactions.Options{NoValue: true}, Options{})
	if got := fmt.Sprint(m.ByUser.Value); got != "[1 1 1]" {
		t.Error("pairs are not taken as they are:", got)
	}
	m = build(t, []string{name}, interactions.Options{}, Options{Duplicates: Max})
	if got := fmt.Sprint(m.ByUser.Value); got != "[1 1 1]" {
		t.Error("the largest of ones is", got)
	}
	set, err := interactions.Open([]string{name}, interactions.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if _, err := Build(context.Background(), set, Options{Duplicates: Error}); err == nil || !strings.HasSuffix(err.Error(), "r.parquet: user 5 has item 1 in 2 rows") {
		t.Error("a repeated pair gives", err)
	}
}

func TestCut(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, rows := range []int{0, 1, 2, 5, 64, 1000} {
		offsets := []uint64{0}
		for range rows {
			offsets = append(offsets, offsets[len(offsets)-1]+uint64(r.IntN(r.IntN(200)+1)))
		}
		for _, n := range []int{1, 2, 3, 7, 64, 5000} {
			shards := Cut(offsets, n)
			if want := max(min(n, rows), 1); len(shards) != want {
				t.Fatalf("%d rows in %d: %d shards", rows, n, len(shards))
			}
			next, heaviest, most := 0, uint64(0), uint64(0)
			for _, s := range shards {
				if s.First != next || s.Rows < 1 && rows > 0 {
					t.Fatalf("%d rows in %d: %v", rows, n, shards)
				}
				next += s.Rows
				heaviest = max(heaviest, offsets[next]-offsets[s.First]+uint64(s.Rows))
			}
			for i := range rows {
				most = max(most, offsets[i+1]-offsets[i]+1)
			}
			if next != rows {
				t.Fatalf("%d rows in %d: %v", rows, n, shards)
			}
			if mean := (offsets[rows] + uint64(rows)) / uint64(len(shards)); rows > 10*n && heaviest > mean+most {
				t.Errorf("%d rows in %d: the heaviest shard weighs %d, the mean %d, the heaviest row %d", rows, n, heaviest, mean, most)
			}
		}
	}
	for entries, want := range map[int]int{0: 1, 1: 1, 399_999: 1, 400_000: 2, 810_128: 4, 1_599_999: 4, 1_600_000: 8, 12_800_000: 64, 1e9: 64} {
		if got := DefaultShards(entries); got != want {
			t.Errorf("%d entries: %d shards, want %d", entries, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	a := &IDs{Type: table.TypeInt64, Values: table.IntVector([]int64{-4, -1, 0, 7, 1 << 40})}
	b := &IDs{Type: table.Type{Physical: table.Int64, Unsigned: true, Logical: table.Integer, Bits: 64}, Values: table.UintVector([]uint64{0, 1, 7, 1 << 63})}
	got, ok := a.Match(b)
	if want := []uint32{2, None, 3, None}; !ok || !slices.Equal(got, want) {
		t.Error(got, ok)
	}
	s := &IDs{Type: table.TypeString, Values: table.BytesVector("", "a", "ab", "b")}
	got, ok = s.Match(&IDs{Type: table.Type{Physical: table.ByteArray}, Values: table.BytesVector("a", "aa", "b", "c")})
	if want := []uint32{1, None, 3, None}; !ok || !slices.Equal(got, want) {
		t.Error(got, ok)
	}
	if got, ok = s.Match(a); ok || got[0] != None {
		t.Error("numbers match strings")
	}
	d := &IDs{Type: table.Type{Physical: table.Int32, Logical: table.Decimal, Precision: 5, Scale: 2}, Values: table.IntVector([]int64{-5, 5, 1234})}
	for i, want := range []string{"-0.05", "0.05", "12.34"} {
		if d.Text(i) != want {
			t.Errorf("%s, want %s", d.Text(i), want)
		}
		if k, ok := d.Find(want); !ok || k != i {
			t.Errorf("%s is not found", want)
		}
	}
	// Bytes that the type does not call text are some where all of them print.
	bytes := &IDs{Type: table.Type{Physical: table.ByteArray}, Values: table.BytesVector("\x00\x01", "a\n", "anna", "ümläut", "\xff")}
	for i, want := range []string{"0x0001", "0x610a", "anna", "ümläut", "0xff"} {
		if bytes.Text(i) != want {
			t.Errorf("%s, want %s", bytes.Text(i), want)
		}
		if k, ok := bytes.Find(want); !ok || k != i {
			t.Errorf("%s is not found", want)
		}
	}
	if k, ok := a.Find("7.0"); !ok || k != 3 {
		t.Error("7.0 is not 7")
	}
}

// Without times nobody can tell which of two rows is the last.
func TestFirstAndLastNeedTimes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := table.NewWriter(f, []table.Column{{Name: "user", Type: table.TypeInt64}, {Name: "item", Type: table.TypeInt64}, {Name: "time", Type: table.TypeInt64}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	one := table.IntVector([]int64{1, 1})
	if err := w.Write([]table.Vector{one, one, one}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, d := range []Duplicates{First, Last} {
		for _, noTime := range []bool{false, true} {
			set, err := interactions.Open([]string{name}, interactions.Options{NoTime: noTime})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Build(t.Context(), set, Options{Duplicates: d}); noTime != (fault.CodeOf(err) == fault.Usage) {
				t.Errorf("%s, no times %v: %v", d, noTime, err)
			}
			set.Close()
		}
	}
}
