package recs

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/table"
)

func save(t testing.TB, name string, cols []table.Column, vs ...table.Vector) string {
	t.Helper()
	var b bytes.Buffer
	w, err := table.NewWriter(&b, cols, 1)
	if err == nil {
		err = w.Write(vs)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(name, b.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// data is three users and five items; u%d has seen item 0.
func data(t testing.TB, ids bool) (string, *matrix.Matrix) {
	t.Helper()
	user, item := table.BytesVector("ann", "bob", "c%d", "ann", "bob", "c%d", "ann"), table.IntVector([]int64{10, 10, 10, 20, 30, 40, 50})
	ut, it := table.TypeString, table.Type{Physical: table.Int32, Logical: table.Integer, Bits: 16}
	if ids {
		user = table.FloatVector([]float64{1, 2, 3, 1, 2, 3, 1})
		ut = table.TypeDouble
	}
	name := save(t, filepath.Join(t.TempDir(), "in.parquet"), []table.Column{{Name: "userId", Type: ut}, {Name: "Item ID", Type: it}}, user, item)
	set, err := interactions.Open([]string{name}, interactions.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	m, err := matrix.Build(context.Background(), set, matrix.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return name, m
}

// good recommends to users 0 and 2, and nothing to 1.
func good() Lists {
	return Lists{Users: []uint32{0, 1, 2}, Offsets: []uint64{0, 2, 2, 4}, Items: []uint32{2, 3, 1, 4}, Scores: []float32{2, 1, 0.5, 0.5}}
}

func TestCheck(t *testing.T) {
	_, m := data(t, false)
	if err := Check(good(), m, Rules{Top: 2}); err != nil {
		t.Fatal(err)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tests := []struct {
		name string
		do   func(l *Lists)
		r    Rules
		want string
	}{
		{"too long", func(*Lists) {}, Rules{Top: 1}, "user ann: 2 items, and 1 were asked for"},
		{"out of range", func(l *Lists) { l.Items[3] = 5 }, Rules{Top: 2}, "user c%d: rank 2 is item number 5, and there are 5 items"},
		{"far out of range", func(l *Lists) { l.Items[0] = math.MaxUint32 }, Rules{Top: 2}, "user ann: rank 1 is item number 4294967295, and there are 5 items"},
		{"nan", func(l *Lists) { l.Scores[1] = nan }, Rules{Top: 2}, "user ann: item 40 at rank 2 has the score NaN"},
		{"infinite", func(l *Lists) { l.Scores[2] = inf }, Rules{Top: 2}, "user c%d: item 20 at rank 1 has the score +Inf"},
		{"twice", func(l *Lists) { l.Items[3] = 1 }, Rules{Top: 2}, "user c%d: item 20 is there twice, at rank 2 too"},
		{"not best first", func(l *Lists) { l.Scores[0] = 0 }, Rules{Top: 2}, "user ann: rank 2 has a higher score (1) than the rank before it (0)"},
		{"ties out of order", func(l *Lists) { l.Items[2], l.Items[3] = 4, 1 }, Rules{Top: 2}, "user c%d: ranks 1 and 2 have the same score (0.5) and their items are not in order"},
		{"seen", func(l *Lists) { l.Items[0] = 0 }, Rules{Top: 2}, "user ann: item 10 at rank 1 is one of the user's own"},
		{"seen is kept", func(l *Lists) { l.Items[0] = 0 }, Rules{Top: 2, KeepSeen: true}, ""},
		{"scores are missing", func(l *Lists) { l.Scores = l.Scores[:3] }, Rules{Top: 2}, "recommendations have 4 items and 3 scores"},
		{"targets are missing", func(l *Lists) { l.Offsets = l.Offsets[:3] }, Rules{Top: 2}, "recommendations for 2 targets where there are 3"},
		{"no offsets", func(l *Lists) { l.Offsets = nil }, Rules{Top: 2}, "recommendations for -1 targets where there are 3"},
		{"offsets go down", func(l *Lists) { l.Offsets[1] = 3 }, Rules{Top: 9}, "user bob: a list from entry 3 to 2 of 4"},
		{"offsets go far", func(l *Lists) { l.Offsets[1] = math.MaxUint64 }, Rules{Top: 2}, "user ann: a list from entry 0 to 18446744073709551615 of 4"},
		{"offsets end early", func(l *Lists) { l.Offsets[3] = 3 }, Rules{Top: 2}, "recommendations have 4 entries, but their offsets run from 0 to 3"},
	}
	for _, tt := range tests {
		l := good()
		tt.do(&l)
		err := Check(l, m, tt.r)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "recommendations for ")
			if tt.want == err.Error() {
				got = tt.want
			}
			if fault.CodeOf(err) != fault.Module {
				t.Errorf("%s: code %d", tt.name, fault.CodeOf(err))
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	for _, ids := range []bool{false, true} {
		in, m := data(t, ids)
		out := filepath.Join(t.TempDir(), "recs.parquet")
		w, err := Write(context.Background(), out, good(), m, []string{in})
		if err != nil {
			t.Fatal(err)
		}
		d, n, err := digest.OfFile(out)
		if err != nil || w.Digest != d || w.Bytes != n || w.Rows != 4 || w.Users != 2 || w.Path != out {
			t.Errorf("%+v, and the file is %s of %d bytes, %v", w, d, n, err)
		}
		f, err := table.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		want := []table.Field{
			{Name: "userId", Type: m.Users.Type}, {Name: "Item ID", Type: m.Items.Type},
			{Name: "score", Type: table.TypeFloat}, {Name: "rank", Type: table.TypeInt32},
		}
		if !reflect.DeepEqual(f.Fields(), want) {
			t.Errorf("columns %+v", f.Fields())
		}
		f.Close()
		r, err := Read(context.Background(), out, ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for k, u := range r.Lists.Users {
			for e := r.Lists.Offsets[k]; e < r.Lists.Offsets[k+1]; e++ {
				got = append(got, fmt.Sprint(r.Users.Text(int(u)), "/", r.Items.Text(int(r.Lists.Items[e])), "/", r.Lists.Scores[e]))
			}
		}
		expect := "[ann/30/2 ann/40/1 c%d/20/0.5 c%d/50/0.5]"
		if ids {
			expect = "[1/30/2 1/40/1 3/20/0.5 3/50/0.5]"
		}
		if fmt.Sprint(got) != expect || !r.Scored || r.Digest != d {
			t.Errorf("%v, want %s", got, expect)
		}
		left, _ := os.ReadDir(filepath.Dir(out))
		if len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestReadOthers(t *testing.T) {
	dir := t.TempDir()
	u, i := table.Column{Name: "user_id", Type: table.TypeInt64}, table.Column{Name: "item_id", Type: table.TypeInt64}
	users, items := table.IntVector([]int64{2, 1, 2, 1}), table.IntVector([]int64{7, 8, 9, 7})
	show := func(name string) string {
		r, err := Read(context.Background(), name, ReadOptions{})
		if err != nil {
			return strings.TrimPrefix(err.Error(), dir+"/")
		}
		return fmt.Sprint(r.Lists.Items, r.Lists.Scores)
	}
	ranked := save(t, filepath.Join(dir, "a"), []table.Column{u, i, Rank}, users, items, table.IntVector([]int64{2, 1, 1, 2}))
	if got := show(ranked); got != "[1 0 2 0] [-1 -2 -1 -2]" {
		t.Error("ranks:", got)
	}
	scored := save(t, filepath.Join(dir, "b"), []table.Column{u, i, Score}, users, items, table.Float32Vector([]float32{1, 3, 1, 4}))
	if got := show(scored); got != "[0 1 0 2] [4 3 1 1]" {
		t.Error("scores:", got)
	}
	twice := save(t, filepath.Join(dir, "c"), []table.Column{u, i, Rank}, users, table.IntVector([]int64{7, 8, 7, 7}), table.IntVector([]int64{2, 1, 1, 2}))
	if got := show(twice); got != "c: user 2 has item 7 in 2 rows" {
		t.Error("an item twice:", got)
	}
	tied := save(t, filepath.Join(dir, "d"), []table.Column{u, i, Rank}, users, items, table.IntVector([]int64{1, 1, 1, 2}))
	if got := show(tied); got != "d: user 2: two items have the same rank" {
		t.Error("a rank twice:", got)
	}
	plain := save(t, filepath.Join(dir, "e"), []table.Column{u, i}, users, items)
	if got := show(plain); got != "e: no column score or rank, so that its lists have no order" {
		t.Error("no order:", got)
	}
	none := save(t, filepath.Join(dir, "g"), []table.Column{u, i, Score}, table.IntVector(nil), table.IntVector(nil), table.Float32Vector(nil))
	r, err := Read(context.Background(), none, ReadOptions{})
	if err != nil || r.Users.Len() != 0 || len(r.Lists.Offsets) != 1 || r.Users.Name != "user_id" {
		t.Errorf("no rows: %+v, %v", r, err)
	} else if want, _, err := digest.OfFile(none); err != nil || r.Digest != want {
		t.Errorf("no rows: digest %v, want %v, %v", r.Digest, want, err)
	}
	nan := save(t, filepath.Join(dir, "f"), []table.Column{u, i, Score}, users, items, table.Float32Vector([]float32{1, 3, float32(math.NaN()), 4}))
	if got := show(nan); got != "f: rows that lack a user, an item, a score or a rank: 1" {
		t.Error("a NaN:", got)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	in, m := data(t, false)
	dir := filepath.Dir(in)
	before, _ := os.ReadFile(in)
	link, hard := filepath.Join(dir, "link.parquet"), filepath.Join(dir, "hard.parquet")
	if err := os.Symlink(in, link); err != nil {
		t.Skip("no links here:", err)
	}
	if err := os.Link(in, hard); err != nil {
		t.Skip("no links here:", err)
	}
	for _, out := range []string{in, link, hard, filepath.Join(dir, ".", "x", "..", "in.parquet")} {
		if _, err := Write(context.Background(), out, good(), m, []string{in}); err == nil {
			t.Errorf("%s: written", out)
		}
	}
	if _, err := Write(context.Background(), dir, good(), m, nil); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Write(context.Background(), filepath.Join(dir, "no", "x"), good(), m, nil); err == nil || fault.HintOf(err) == "" {
		t.Errorf("no folder: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, filepath.Join(dir, "new.parquet"), good(), m, nil); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
	bad := good()
	m2 := *m
	m2.Items.Type = table.Type{Physical: table.Int32, Logical: table.Integer, Bits: 8}
	m2.Items.Values = table.IntVector([]int64{1, 2, 300, 400, 500})
	if _, err := Write(context.Background(), filepath.Join(dir, "new.parquet"), bad, &m2, nil); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "new.parquet: ")) {
		t.Errorf("ids that do not fit: %v", err)
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 3 {
		t.Errorf("left behind: %v", left)
	}
	if after, _ := os.ReadFile(in); !bytes.Equal(before, after) {
		t.Error("the input is another one")
	}
	old := filepath.Join(dir, "old.parquet")
	os.WriteFile(old, []byte("old"), 0o600)
	if _, err := Write(context.Background(), old, good(), m, []string{in}); err != nil {
		t.Errorf("an old output: %v", err)
	}
}

func TestReadIDs(t *testing.T) {
	_, byName := data(t, false)
	_, byNumber := data(t, true)
	dir := t.TempDir()
	parquet := save(t, filepath.Join(dir, "u.parquet"), []table.Column{{Name: "uid", Type: table.TypeInt64, Optional: true}, {Name: "x", Type: table.TypeInt64}},
		table.Vector{Kind: table.Ints, Ints: []int64{3, 9, 1, 3, 5}, Null: []bool{false, false, false, false, true}}, table.IntVector([]int64{1, 2, 3, 4, 5}))
	tests := []struct {
		file, content, column string // a file of text, where there is no name
		m                     *matrix.Matrix
		want                  string
	}{
		{"", "bob\nann\n", "", byName, "[0 1] of 2, 0 unknown "},
		{"", "\ufeffbob\r\n\r\nzoe\r\nbob", "", byName, "[1] of 3, 1 unknown zoe"},
		{"", "3\n1.0\n77\n", "", byNumber, "[0 2] of 3, 1 unknown 77"},
		{"", "user_id\n3\n2\n", "", byNumber, "[1 2] of 2, 0 unknown "},
		{"", "name,user_id\n\"a,b\",3\nx,\"2\"\n", "", byNumber, "[1 2] of 2, 0 unknown "},
		{"", "a;b\n1;2\n1;3\n", "b", byNumber, "[1 2] of 2, 0 unknown "},
		{"", "a,b\n1,2\n", "", byNumber, "ids.txt: no column for users: the columns are a, b"},
		{"", "a,user\n1\n", "", byNumber, "ids.txt: line 2 has 1 fields, and the user is field 2"},
		{"", "", "", byNumber, "ids.txt: no users in it"},
		{"", "8\n9", "", byNumber, "ids.txt: none of its 2 users is in the data, not even 8"},
		{"", "8\n", "", byNumber, "ids.txt: its only user, 8, is not in the data"},
		{"", " bob\t\n  \nann\n", "", byName, "[0 1] of 2, 0 unknown "},
		{"", "user,x\n bob ,1\n,2\n  ,3\n", "", byName, "[1] of 1, 0 unknown "},
		{"", strings.Repeat("9", 2<<20), "", byNumber, "ids.txt: a line of more than 1048576 bytes, which is no user"},
		{parquet, "", "", byNumber, "[0 2] of 4, 1 unknown 9"},
		{parquet, "", "x", byNumber, "[0 1 2] of 5, 2 unknown 4"},
		{filepath.Join(dir, "no"), "", "", byNumber, "no: no such file or directory"},
	}
	for i, tt := range tests {
		if tt.file == "" {
			tt.file = filepath.Join(dir, "ids.txt")
			if err := os.WriteFile(tt.file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ReadIDs(tt.file, tt.column, &tt.m.Users)
		s := fmt.Sprint(got.Users, " of ", got.Read, ", ", got.Unknown, " unknown ", got.Sample)
		if err != nil {
			s = strings.TrimPrefix(err.Error(), dir+"/")
		}
		if s != tt.want {
			t.Errorf("%d: %s, want %s", i, s, tt.want)
		}
	}
}

// TestReadIDsDigest: the digest is of the bytes that were read, whatever form
// they have, and of a pipe as well, which can be read only once.
func TestReadIDsDigest(t *testing.T) {
	_, m := data(t, true)
	dir := t.TempDir()
	parquet := save(t, filepath.Join(dir, "u.parquet"), []table.Column{{Name: "user", Type: table.TypeInt64}}, table.IntVector([]int64{3}))
	text := filepath.Join(dir, "u.txt")
	content := []byte("1\n3\n" + strings.Repeat("\n", 1<<17)) // more than a pipe holds
	if err := os.WriteFile(text, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{parquet, text} {
		got, err := ReadIDs(name, "", &m.Users)
		want, _, _ := digest.OfFile(name)
		if err != nil || got.Digest != want {
			t.Errorf("%s: digest %v, want %v: %v", name, got.Digest, want, err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(name); err != nil {
		t.Skip("no names for pipes here:", err)
	}
	go func() {
		w.Write(content)
		w.Close()
	}()
	got, err := ReadIDs(name, "", &m.Users)
	if err != nil || got.Digest != digest.Of(content) || len(got.Users) != 2 {
		t.Errorf("a pipe: %+v, %v", got, err)
	}
}

// TestReadIDsHint: --user names the data's column too, so it cannot be the way
// out of a file of users that calls it something else.
func TestReadIDsHint(t *testing.T) {
	_, m := data(t, true)
	name := filepath.Join(t.TempDir(), "ids.csv")
	for _, tt := range []struct{ content, column, hint string }{
		{"a,b\n1,2\n", "", "call the column user in this file, or make it text with one id a line"},
		{"user,user_id\n1,2\n", "", "call the column user in this file, or make it text with one id a line"},
		{"a,b\n1,2\n", "uid", "call the column uid in this file, or make it text with one id a line"},
	} {
		if err := os.WriteFile(name, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadIDs(name, tt.column, &m.Users); fault.HintOf(err) != tt.hint {
			t.Errorf("%q: %v, hint %q", tt.content, err, fault.HintOf(err))
		}
	}
}

func TestMissing(t *testing.T) {
	for n, want := range map[int]string{
		0: "",
		1: "u.txt: user 99 is not in the data and gets no list",
		2: "u.txt: 2 of its users are not in the data and get no list: 99, for one",
	} {
		if got := (&Targets{Unknown: n, Sample: "99"}).Missing("u.txt"); got != want {
			t.Errorf("%d unknown: %s", n, got)
		}
	}
}

// TestWithin: an output inside an input folder would be data of the next run,
// unless its name keeps it out.
func TestWithin(t *testing.T) {
	in, m := data(t, false)
	dir := filepath.Dir(in)
	for _, sub := range []string{"sub", "_sub", ".sub"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, tt := range []struct {
		out, folder string
		refused     bool
	}{
		{filepath.Join(dir, "out.parquet"), dir, true},
		{filepath.Join(dir, "out.PARQUET"), dir, true},
		{filepath.Join(dir, "sub", "out.parquet"), dir, true},
		{"out.parquet", dir, true},
		{"out.parquet", ".", true},
		{filepath.Join("sub", "..", "out.parquet"), ".", true},
		{filepath.Join("sub", "out.parquet"), ".", true},
		{"out.json", ".", false},
		{"_out.parquet", ".", false},
		{".out.parquet", ".", false},
		{filepath.Join("_sub", "out.parquet"), ".", false},
		{filepath.Join(".sub", "out.parquet"), ".", false},
		{"out.parquet", "sub", false},
		{"out.parquet", "nowhere", false},
		{"out.parquet", "in.parquet", false},
	} {
		err := Refuse(tt.out, []string{tt.folder})
		if (fault.CodeOf(err) == fault.Usage) != tt.refused || !tt.refused && err != nil {
			t.Errorf("%s in %s: %v", tt.out, tt.folder, err)
		}
	}
	if _, err := Write(context.Background(), filepath.Join("sub", "out.parquet"), good(), m, []string{"."}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("written into the input: %v", err)
	}
	if left, _ := os.ReadDir("sub"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
