package recs

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rechost/host/fault"
	"rechost/host/table"
)

// FuzzCheck: lists that a module made are refused in the module's name, or are
// what they must be by the plainest reading of the rules.
func FuzzCheck(f *testing.F) {
	pack := func(l Lists) (offsets, entries []byte) {
		for _, x := range l.Offsets {
			offsets = append(offsets, byte(x))
		}
		for i, x := range l.Items {
			entries = append(entries, byte(x))
			entries = binary.LittleEndian.AppendUint32(entries, math.Float32bits(l.Scores[i]))
		}
		return offsets, entries
	}
	offsets, entries := pack(good())
	f.Add(offsets, entries, uint8(2), false)
	f.Add([]byte{0, 0, 1, 1}, []byte{0, 0, 0, 0x80, 0xff}, uint8(1), true)
	f.Add([]byte{0, 255, 2, 2}, entries, uint8(9), true)
	_, m := data(f, false)
	seen := map[[2]uint32]bool{}
	for u := range m.ByUser.Rows() {
		row, _ := m.ByUser.Row(u)
		for _, i := range row {
			seen[[2]uint32{uint32(u), i}] = true
		}
	}
	f.Fuzz(func(t *testing.T, offsets, entries []byte, top uint8, keep bool) {
		l := Lists{Users: []uint32{0, 1, 2}}
		for _, x := range offsets {
			if x > 250 {
				l.Offsets = append(l.Offsets, math.MaxUint64-uint64(255-x))
				continue
			}
			l.Offsets = append(l.Offsets, uint64(x))
		}
		for ; len(entries) >= 5; entries = entries[5:] {
			item := uint32(entries[0])
			if item > 250 {
				item += math.MaxUint32 - 255
			}
			l.Items = append(l.Items, item)
			l.Scores = append(l.Scores, math.Float32frombits(binary.LittleEndian.Uint32(entries[1:])))
		}
		if err := Check(l, m, Rules{Top: int(top), KeepSeen: keep}); err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.Module || fault.Clean(s, len(s)) != s {
				t.Errorf("code %d: %v", fault.CodeOf(err), err)
			}
			return
		}
		if l.Offsets[0] != 0 || l.Offsets[3] != uint64(len(l.Items)) {
			t.Fatalf("offsets %v of %d entries", l.Offsets, len(l.Items))
		}
		for u := range uint32(3) {
			a, b := l.Offsets[u], l.Offsets[u+1]
			if b < a || b-a > uint64(top) {
				t.Fatalf("offsets %v, at most %d each", l.Offsets, top)
			}
			for e := a; e < b; e++ {
				i, s := l.Items[e], l.Scores[e]
				if i >= 5 || !(math.Abs(float64(s)) <= math.MaxFloat32) || !keep && seen[[2]uint32{u, i}] || slices.Contains(l.Items[a:e], i) {
					t.Errorf("user %d is recommended item %d for %v: %v", u, i, s, l)
				}
				if e > a && (s > l.Scores[e-1] || s == l.Scores[e-1] && i < l.Items[e-1]) {
					t.Errorf("not in order: %v", l)
				}
			}
		}
	})
}

// hostile writes a file. It is not ok if it claims so many rows that reading it,
// which believes them, takes its time.
func hostile(t *testing.T, as string, b []byte) (name string, ok bool) {
	t.Helper()
	name = filepath.Join(t.TempDir(), as)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := table.Open(name)
	if err != nil {
		return name, true
	}
	defer x.Close()
	return name, x.Rows() <= 1<<16
}

// FuzzRead: any file is refused by its name, or is lists whose parts fit
// together.
func FuzzRead(f *testing.F) {
	in, m := data(f, false)
	out := filepath.Join(f.TempDir(), "recs.parquet")
	if _, err := Write(context.Background(), out, good(), m, []string{in}); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{in, out} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name, ok := hostile(t, "recs.parquet", b)
		if !ok {
			return
		}
		r, err := Read(context.Background(), name, ReadOptions{})
		if err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.BadData || !strings.HasPrefix(s, name) || fault.Clean(s, len(s)) != s {
				t.Errorf("code %d: %q", fault.CodeOf(err), s)
			}
			return
		}
		l := r.Lists
		n := len(l.Users)
		if n != r.Users.Len() || len(l.Offsets) != n+1 || l.Offsets[0] != 0 || l.Offsets[n] != uint64(len(l.Items)) || len(l.Scores) != len(l.Items) {
			t.Fatalf("%d lists of %d users, offsets %v, %d items, %d scores", n, r.Users.Len(), l.Offsets, len(l.Items), len(l.Scores))
		}
		for k := range n {
			a, b := l.Offsets[k], l.Offsets[k+1]
			if b < a {
				t.Fatalf("offsets %v", l.Offsets)
			}
			for e := a; e < b; e++ {
				if int(l.Items[e]) >= r.Items.Len() || slices.Contains(l.Items[a:e], l.Items[e]) {
					t.Errorf("list %d is %v of %d items", k, l.Items[a:b], r.Items.Len())
				}
			}
		}
	})
}

// FuzzCandidates: any file is refused by its name, or is rows of items of the
// data, in order, each once, and its notes are fit for a terminal.
func FuzzCandidates(f *testing.F) {
	in, m := data(f, false)
	parquet, err := os.ReadFile(in)
	if err != nil {
		f.Fatal(err)
	}
	one := save(f, filepath.Join(f.TempDir(), "one.parquet"), []table.Column{{Name: "item", Type: table.TypeString}}, table.BytesVector("10", "40", "x", "10"))
	items, err := os.ReadFile(one)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(parquet)
	f.Add(items)
	for _, s := range []string{"10\n40\n", "item\n10\n\n 20 \n", "userId,Item ID\nann,10\nbob,50\n,10\nx,y\n", "\xef\xbb\xbfuser\titem\r\nann\t20\r\n",
		"user;item;score\n\"ann\";\"30\";1\n", "item,item_id\n1,2\n", "user,item\nann\n", "\x1b[2J\n10\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		name, ok := hostile(t, "candidates", b)
		if !ok {
			return
		}
		c, err := ReadCandidates(context.Background(), name, m)
		if err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.BadData || !strings.HasPrefix(s, name) || fault.Clean(s, len(s)) != s {
				t.Errorf("code %d: %q", fault.CodeOf(err), s)
			}
			return
		}
		rows := 3
		if c.ForAll {
			rows = 1
		}
		if len(c.Offsets) != rows+1 || c.Offsets[0] != 0 || c.Offsets[rows] != uint64(len(c.Items)) || len(c.Items) == 0 || c.Read < c.Unknown || c.LeftOut < 0 {
			t.Fatalf("%+v", c)
		}
		for u := range rows {
			if c.Offsets[u+1] < c.Offsets[u] {
				t.Fatalf("offsets %v", c.Offsets)
			}
			row := c.Row(uint32(u))
			for k, i := range row {
				if i >= 5 || k > 0 && i <= row[k-1] {
					t.Errorf("row %d is %v", u, row)
				}
			}
		}
		if c.Digest.IsZero() {
			t.Error("no digest")
		}
		for _, n := range c.Notes(name, []uint32{0, 1, 2}) {
			if fault.Clean(n, len(n)) != n {
				t.Errorf("%q", n)
			}
		}
	})
}
