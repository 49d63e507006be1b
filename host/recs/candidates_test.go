package recs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/table"
)

// The same candidates in every form of file, in any order.
func TestReadCandidates(t *testing.T) {
	_, m := data(t, false) // ann, bob, c%d; items 10 to 50, in the data as "userId" and "Item ID"
	dir := t.TempDir()
	pairs := [][2]any{{"bob", 50}, {"ann", 20}, {"zoe", 20}, {"ann", 10}, {"ann", 20}, {"ann", 99}, {"c%d", 30}}
	var csv strings.Builder
	var users []string
	var items []int64
	for _, p := range pairs {
		fmt.Fprintf(&csv, "x,%v,\"%v\"\r\n", p[1], p[0])
		users, items = append(users, p[0].(string)), append(items, int64(p[1].(int)))
	}
	write := func(name, content string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	same := []table.Column{{Name: "extra", Type: table.TypeDouble}, {Name: "item_id", Type: table.TypeInt64}, {Name: "userId", Type: table.TypeString}}
	texts := []table.Column{{Name: "uid", Type: table.TypeString}, {Name: "item", Type: table.TypeString}}
	asText := make([]string, len(items))
	for i, x := range items {
		asText[i] = fmt.Sprint(x)
	}
	each := "[20 10]|[50]|[30]"
	for _, c := range []struct {
		name, file, want string
		unknown, leftOut int64
	}{
		{"csv", write("a.csv", "extra,Item ID,userid\n"+csv.String()), each, 2, 0},
		{"tabs", write("b.tsv", "\ufeffmovieId\tuid\textra\n20\tann\n10\tann\n\n50\tbob\tx\n30\tc%d\n\tbob\n"), each, 0, 1},
		{"parquet", save(t, filepath.Join(dir, "c.parquet"), same, table.FloatVector(make([]float64, len(items))), table.IntVector(items), table.BytesVector(users...)), each, 2, 0},
		{"other types", save(t, filepath.Join(dir, "d.parquet"), texts, table.BytesVector(users...), table.BytesVector(asText...)), each, 2, 0},
		{"all, lines", write("e.txt", "30\n 10\n99\n30\n"), "all [10 30]", 1, 0},
		{"all, csv", write("f.csv", "item\n30\n10\n"), "all [10 30]", 0, 0},
		{"all, parquet", save(t, filepath.Join(dir, "g.parquet"), []table.Column{{Name: "iid", Type: table.TypeInt64}}, table.IntVector([]int64{30, 10, 98})), "all [10 30]", 1, 0},
	} {
		got, err := ReadCandidates(context.Background(), c.name, m)
		if err == nil {
			t.Errorf("%s: a file that is not there was read", c.name)
		}
		if got, err = ReadCandidates(context.Background(), c.file, m); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text := func(u uint32) string {
			var l []string
			for _, i := range got.Row(u) {
				l = append(l, m.Items.Text(int(i)))
			}
			return fmt.Sprint(l)
		}
		have, want := text(0)+"|"+text(1)+"|"+text(2), strings.Replace(c.want, "[20 10]", "[10 20]", 1)
		if got.ForAll {
			have = "all " + text(0)
			if text(2) != text(0) {
				t.Errorf("%s: not the same for all", c.name)
			}
		}
		if have != want || got.Unknown != c.unknown || got.LeftOut != c.leftOut {
			t.Errorf("%s: %s, %d unknown, %d left out, want %s, %d, %d", c.name, have, got.Unknown, got.LeftOut, want, c.unknown, c.leftOut)
		}
		sum, _, err := digest.OfFile(c.file)
		if err != nil || got.Digest != sum {
			t.Errorf("%s: digest %s, want %s (%v)", c.name, got.Digest.Short(), sum.Short(), err)
		}
		if notes := got.Notes("f", []uint32{0, 1, 2}); (c.unknown > 0) != (len(notes) > 0 && strings.Contains(notes[0], "not of the data")) {
			t.Errorf("%s: notes %q", c.name, notes)
		}
	}
	few, err := ReadCandidates(context.Background(), write("few.csv", "user,item\nann,10\n"), m)
	if err != nil || few.Without([]uint32{0, 1, 2}) != 2 || len(few.Notes("few.csv", []uint32{1, 2})) != 1 || few.Notes("few.csv", []uint32{0}) != nil {
		t.Errorf("%+v, %v", few, err)
	}
	if offsets, items := few.Of([]uint32{1, 0}); fmt.Sprint(offsets, items) != "[0 0 1] [0]" {
		t.Errorf("rows of some users: %v %v", offsets, items)
	}

	for content, want := range map[string]string{
		"":                             "no candidates in it",
		"user,item\n":                  "no candidates in it",
		"user,item\nzoe,10\nann,99\n":  "none of its 2 rows is of the data, not even user zoe",
		"buyer,item\nann,10\n":         "no column for users: the columns are buyer, item",
		"user,thing\nann,10\n":         "no column for items",
		"user,item,extra\nann,10\nb\n": "line 3 has 1 field, and field 2 is wanted",
	} {
		_, err := ReadCandidates(context.Background(), write("bad.csv", content), m)
		if err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.BadData {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

func TestCheckCandidates(t *testing.T) {
	_, m := data(t, false)
	l := good() // items 2, 3 for ann and 1, 4 for c%d
	only := &Candidates{Offsets: []uint64{0, 3, 3, 5}, Items: []uint32{0, 2, 3, 1, 4}}
	if err := Check(l, m, Rules{Top: 2, Only: only}); err != nil {
		t.Error(err)
	}
	only.Items[4] = 3
	if err := Check(l, m, Rules{Top: 2, Only: only}); err == nil || !strings.Contains(err.Error(), "c%d: item 50 at rank 2 is none of the user's candidates") || fault.CodeOf(err) != fault.Module {
		t.Error(err)
	}
	all := &Candidates{ForAll: true, Offsets: []uint64{0, 4}, Items: []uint32{1, 2, 3, 4}}
	if err := Check(l, m, Rules{Top: 2, Only: all}); err != nil {
		t.Error(err)
	}
	all.Offsets[1] = 3
	if err := Check(l, m, Rules{Top: 2, Only: all}); err == nil {
		t.Error("an item that is no candidate passed")
	}
}
