package matrix

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"rechost/host/interactions"
	"rechost/host/table"
)

// large writes ten row groups of a million rows: users are sparse 40-bit
// integers, items dense ones, both with a power-law tail.
func large(t testing.TB, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := table.NewWriter(f, []table.Column{{Name: "user", Type: table.TypeInt64}, {Name: "item", Type: table.TypeInt64}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(10, 10))
	ids := make([]int64, 200_000)
	for i := range ids {
		ids[i] = int64(r.Uint64() >> 24)
	}
	users, items := make([]int64, 1_000_000), make([]int64, 1_000_000)
	for range 10 {
		for i := range users {
			a, b := r.Float64(), r.Float64()
			users[i], items[i] = ids[int(a*a*200_000)], int64(b*b*b*50_000)
		}
		if err := w.Write([]table.Vector{table.IntVector(users), table.IntVector(items)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMemory reads ten million rows in a process of its own, as the test
// binary run again, and asks the system how much memory that process had.
func TestMemory(t *testing.T) {
	const variable = "RECHOST_TEST_LARGE"
	if name := os.Getenv(variable); name != "" {
		m := build(t, []string{name}, interactions.Options{}, Options{})
		if m.ByUser.Entries()+int(m.Combined) != 10_000_000 {
			t.Errorf("%d entries, %d rows combined", m.ByUser.Entries(), m.Combined)
		}
		return
	}
	if testing.Short() {
		t.Skip("short: reads ten million rows")
	}
	if runtime.GOOS != "linux" {
		t.Skip("asks /proc for the peak of memory")
	}
	name := filepath.Join(t.TempDir(), "large.parquet")
	large(t, name)
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemory$")
	cmd.Env = append(os.Environ(), variable+"="+name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	peak := maxRSS(cmd.ProcessState)
	t.Logf("peak of memory: %d MiB", peak>>20)
	if peak <= 0 || peak > 1<<30 {
		t.Errorf("reading took %d MiB", peak>>20)
	}
}

func BenchmarkBuild10M(b *testing.B) {
	name := os.Getenv("RECHOST_BENCH_FILE") // another file
	if name == "" {
		name = filepath.Join(b.TempDir(), "large.parquet")
		large(b, name)
	}
	for b.Loop() {
		m := build(b, []string{name}, interactions.Options{NoValue: true, NoTime: true}, Options{})
		b.ReportMetric(float64(m.ByUser.Entries()), "entries")
	}
}

// dataDir is where the public data sets are.
func dataDir(t testing.TB) string {
	t.Helper()
	d := os.Getenv("RECHOST_DATA")
	if d == "" {
		dir, err := os.Getwd()
		for err == nil && dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		d = filepath.Join(dir, "..", "shared", "data")
	}
	if _, err := os.Stat(d); err != nil {
		t.Skipf("no data sets: %s (RECHOST_DATA names their folder)", d)
	}
	return d
}

// TestMovieLens1M knows the data set's own counts: 1,000,209 ratings of 3,706
// movies by 6,040 users.
func TestMovieLens1M(t *testing.T) {
	f, err := os.Open(filepath.Join(dataDir(t), "ml-1m", "ratings.csv.gz"))
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows := csv.NewReader(z)
	rows.ReuseRecord = true
	head, err := rows.Read()
	if err != nil {
		t.Fatal(err)
	}
	cols := make([]table.Column, len(head))
	batch := make([]table.Vector, len(head))
	for i, h := range head {
		cols[i] = table.Column{Name: strings.Clone(h), Type: table.TypeInt64}
	}
	for {
		r, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range r {
			x, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			batch[i].Ints = append(batch[i].Ints, x)
		}
	}
	var b bytes.Buffer
	w, err := table.NewWriter(&b, cols, 0)
	if err == nil {
		err = w.Write(batch)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "ratings.parquet")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := interactions.Open([]string{name}, interactions.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	m, err := Build(context.Background(), set, Options{Duplicates: Error})
	if err != nil {
		t.Fatal(err)
	}
	if m.ByUser.Entries() != 1_000_209 || m.Users.Len() != 6040 || m.Items.Len() != 3706 {
		t.Errorf("%d entries, %d users, %d items", m.ByUser.Entries(), m.Users.Len(), m.Items.Len())
	}
	if r := m.Read; r.MinValue != 1 || r.MaxValue != 5 || r.Time != nil && r.TimeUnit != "s" {
		t.Errorf("%+v", r)
	}
	check(t, m)
}
