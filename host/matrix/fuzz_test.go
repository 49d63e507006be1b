package matrix

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/table"
)

// FuzzBuild takes any file the whole way of the data, from Parquet to a
// matrix: an error that names the file, or a matrix that is one.
func FuzzBuild(f *testing.F) {
	rs := []row{{1, 2, 3, 4}, {1, 2, 1, 5}, {2, 1, 0.5, 6}, {3, 3, 2, 7}}
	for i, u := range forms {
		name := filepath.Join(f.TempDir(), "x.parquet")
		file(f, name, u, forms[(i+3)%len(forms)], rs, 3)
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(i))
	}
	ways := []Duplicates{Sum, Max, Last, First, Error}
	f.Fuzz(func(t *testing.T, b []byte, way byte) {
		name := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if x, err := table.Open(name); err == nil {
			rows := x.Rows()
			x.Close()
			if rows > 1<<16 { // a page of one repeated value says any number in a few bytes; it is believed and takes its time
				return
			}
		}
		how := ways[int(way)%len(ways)]
		m, err := buildFile(name, how)
		if err != nil {
			if fault.CodeOf(err) == fault.Usage && (how == First || how == Last) {
				return // there is no time to go by
			}
			if s := err.Error(); !strings.HasPrefix(s, name) || fault.CodeOf(err) != fault.BadData || fault.Clean(s, len(s)) != s {
				t.Errorf("code %d: %v", fault.CodeOf(err), err)
			}
			return
		}
		checkCSR(t, &m.ByUser, m.Users.Len(), m.Items.Len())
		checkCSR(t, &m.ByItem, m.Items.Len(), m.Users.Len())
		if m.ByUser.Entries() != m.ByItem.Entries() {
			t.Errorf("%d entries by user, %d by item", m.ByUser.Entries(), m.ByItem.Entries())
		}
		if again, err := buildFile(name, how); err != nil || again.Digest() != m.Digest() {
			t.Errorf("another matrix the second time: %v", err)
		}
	})
}

func buildFile(name string, d Duplicates) (*Matrix, error) {
	set, err := interactions.Open([]string{name}, interactions.Options{Workers: 1})
	if err != nil {
		return nil, err
	}
	defer set.Close()
	return Build(context.Background(), set, Options{Duplicates: d, Workers: 1})
}

// checkCSR makes sure that c is a sparse matrix of the given shape.
func checkCSR(t *testing.T, c *CSR, rows, cols int) {
	t.Helper()
	if c.Rows() != rows || c.Offsets[0] != 0 || c.Offsets[rows] != uint64(c.Entries()) || len(c.Value) != c.Entries() || !slices.IsSorted(c.Offsets) {
		t.Fatalf("offsets %v of %d entries, %d values", c.Offsets, c.Entries(), len(c.Value))
	}
	for r := range rows {
		index, _ := c.Row(r)
		for i, x := range index {
			if int(x) >= cols || i > 0 && x <= index[i-1] {
				t.Fatalf("row %d of %d columns has %v", r, cols, index)
			}
		}
	}
}
