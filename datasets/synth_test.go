package datasets

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"rechost/host/digest"
	"rechost/host/fault"
)

func TestSynthFile(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	o := SynthOptions{Users: 300, Items: 200, Rows: 5000, Seed: 42}
	path := filepath.Join(dir, "synth.parquet")
	rep, err := Synth(ctx, path, o)
	if err != nil {
		t.Fatal(err)
	}
	first, size, err := digest.OfFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("sha256 %s", first)
	if rep.Rows != 5000 || rep.Users != 300 || rep.Items != 200 || rep.Bytes != size {
		t.Errorf("%+v, but the file has %d bytes", rep, size)
	}
	lines := read(t, path)
	if len(lines) != 5001 || lines[0] != "user_id int64, item_id int64, rating float, timestamp int64" {
		t.Errorf("%d lines, %s", len(lines), lines[0])
	}

	// Same bytes again, whatever the number of cores; never over a file unasked.
	if _, err := Synth(ctx, path, o); fault.CodeOf(err) != fault.Usage {
		t.Errorf("overwrote a file: %v", err)
	}
	o.Force = true
	old := runtime.GOMAXPROCS(1)
	_, err = Synth(ctx, path, o)
	runtime.GOMAXPROCS(old)
	if err != nil {
		t.Fatal(err)
	}
	if again, _, _ := digest.OfFile(path); again != first {
		t.Errorf("the same options gave %s and %s", first, again)
	}
	o.Seed++
	if _, err := Synth(ctx, path, o); err != nil {
		t.Fatal(err)
	}
	if other, _, _ := digest.OfFile(path); other == first {
		t.Error("another seed gave the same file")
	}

	o.Seed, o.StringIDs = 42, true
	if _, err := Synth(ctx, path, o); err != nil {
		t.Fatal(err)
	}
	text := read(t, path)
	row := regexp.MustCompile(`^u_[0-9a-f]{10} / item-000[0-9]{3} / `)
	for i, line := range text[1:] {
		if !row.MatchString(line) {
			t.Fatalf("row %d: %s", i, line)
		}
		if strings.SplitN(line, " / ", 3)[2] != strings.SplitN(lines[i+1], " / ", 3)[2] {
			t.Fatalf("row %d differs in more than the form of its ids", i)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestSynthRefuses(t *testing.T) {
	for _, o := range []SynthOptions{
		{}, {Users: 1, Items: 1}, {Users: 2, Items: 2, Rows: 5}, {Users: -1, Items: 3, Rows: 1}, {Users: 1, Items: 1 << 28, Rows: 1}, {Users: 1 << 20, Items: 1 << 27, Rows: 1 << 41},
	} {
		if _, err := Synth(context.Background(), filepath.Join(t.TempDir(), "x"), o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	if _, err := Synth(ctx, filepath.Join(dir, "x"), SynthOptions{Users: 1000, Items: 1000, Rows: 500_000}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("cancelled: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

// Three times the rows must not take more memory: what is live at each row
// group stays the same.
func TestSynthMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes four million rows")
	}
	live := func(rows int64) uint64 {
		w := &watcher{}
		if _, err := synth(context.Background(), w, SynthOptions{Users: 20_000, Items: 5_000, Rows: rows, Seed: 1}); err != nil {
			t.Fatal(err)
		}
		return w.most
	}
	few, many := live(1_100_000), live(3_300_000)
	t.Logf("most live heap: %d MiB for 1.1 million rows, %d MiB for 3.3 million", few>>20, many>>20)
	if many > few+few/2+16<<20 {
		t.Errorf("live heap grew from %d to %d MiB with the rows", few>>20, many>>20)
	}
}

// watcher is a file that throws its content away and looks at the heap now and
// then.
type watcher struct {
	since int
	most  uint64
}

func (w *watcher) Write(b []byte) (int, error) {
	if w.since += len(b); w.since >= 4<<20 {
		w.since = 0
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(b), nil
}

func BenchmarkSynth(b *testing.B) {
	for b.Loop() {
		if _, err := Synth(context.Background(), filepath.Join(b.TempDir(), "x"), SynthOptions{Users: 200_000, Items: 50_000, Rows: 10_000_000, Seed: 10}); err != nil {
			b.Fatal(err)
		}
	}
}
