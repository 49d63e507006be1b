package sandbox

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"rechost/host/array"
)

// sevens is an array of so many bytes, all of them 7.
func sevens(t *testing.T, rows int) *Array {
	t.Helper()
	return numInput(t, "", bytes.Repeat([]byte{7}, rows)).Array
}

// A memory that was grown, written and mapped over is full of zeros for the
// next instance, whether its pages were kept or thrown away.
func TestMemoryIsBlankAfterReset(t *testing.T) {
	rows := 1 << 20
	a := sevens(t, rows)
	m := newMemory()
	defer m.close()
	for _, size := range []uint64{4 << 20, uint64(keep), uint64(keep + wasmPage), 3 << 20, uint64(keep)} {
		if err := m.reset(64<<20, func() {}); err != nil {
			t.Fatal(err)
		}
		b := m.Reallocate(size)
		if uint64(len(b)) != size {
			t.Fatalf("%d bytes of %d", len(b), size)
		}
		if i := bytes.IndexFunc(b, func(r rune) bool { return r != 0 }); i >= 0 {
			t.Fatalf("with %d bytes: byte %d is %d", size, i, b[i])
		}
		for i := range b {
			b[i] = 5
		}
		// Two files over the same pages, and one beside them.
		for _, ptr := range []uint32{1 << 20, 1<<20 + 512<<10, 0} {
			if err := a.read(m, ptr, 0, rows); err != nil {
				t.Fatal(err)
			}
			if b[ptr] != 7 || b[int(ptr)+rows-1] != 7 {
				t.Fatal("the array is not there")
			}
		}
		b[1<<20+5] = 9 // a page of the file, copied on this write
	}
	got := make([]byte, 1)
	if _, err := a.file.ReadAt(got, array.HeaderSize+5); err != nil || got[0] != 7 {
		t.Error("a guest's write reached the file")
	}
}

// However many ranges a guest reads that could be mapped, few of them are, and
// all of them hold what they should. Neighbours are one range.
func TestMappedRangesAreBounded(t *testing.T) {
	const rows, ranges = 2 * leastMapped, mostMapped + 100
	a := sevens(t, rows)
	m := newMemory()
	defer m.close()
	if err := m.reset(1<<32, func() {}); err != nil {
		t.Fatal(err)
	}
	b := m.Reallocate(1 << 30)
	if b == nil {
		t.Skip("no memory of 1 GiB")
	}
	page := uint32(pageSize)
	for i := range uint32(ranges) { // a page apart, over and over
		at := i % 1000 * (rows + page)
		if err := a.read(m, at, 0, rows); err != nil || b[at] != 7 || b[at+rows-1] != 7 {
			t.Fatalf("range %d: %v, %d to %d", i, err, b[at], b[at+rows-1])
		}
	}
	if n := len(m.mapped); n > mostMapped {
		t.Errorf("%d ranges are mapped", n)
	}
	if err := m.reset(1<<32, func() {}); err != nil || len(m.mapped) != 0 {
		t.Fatalf("%v, %d ranges are mapped", err, len(m.mapped))
	}
	m.Reallocate(1 << 30)
	for at := range uint32(8) {
		if err := a.read(m, at*rows, 0, rows); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.mapped); m.space != nil && n != 1 {
		t.Errorf("ranges side by side are %d", n)
	}
}

// BenchmarkFeed is 512 MB of an array into a guest's memory, and a look at the
// last byte of it.
func BenchmarkFeed(b *testing.B) {
	const rows = 512_000_000
	name := filepath.Join(b.TempDir(), "a.npy")
	meta := array.Meta{DType: array.U8, Rows: rows}
	if err := os.WriteFile(name, meta.Header(), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(name, array.HeaderSize+rows); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	a, err := OpenArray(f, meta)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	m := newMemory()
	defer m.close()
	for b.Loop() {
		b.StopTimer()
		if err := m.reset(1<<30, func() {}); err != nil {
			b.Fatal(err)
		}
		memory := m.Reallocate(rows + wasmPage - rows%wasmPage)
		b.StartTimer()
		if err := a.read(m, 0, 0, rows); err != nil || memory[rows-1] != 0 {
			b.Fatal(err)
		}
	}
}
