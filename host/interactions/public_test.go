package interactions

import (
	"os"
	"path/filepath"
	"testing"

	"rechost/host/table"
)

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

// TestSparkInt96 reads what Spark wrote for 2024-01-01 20:34:56.123456,
// 2024-01-01 01:00, 9999-12-31 03:00, 2024-12-30 23:00, null and a time of
// the year 290000, which Spark itself wrapped around: its day is four
// thousand million. The first four are as pyarrow 26 reads them.
func TestSparkInt96(t *testing.T) {
	f, err := table.Open(filepath.Join(dataDir(t), "parquet-testing", "data", "int96_from_spark.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := f.Read(0, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{1704141296123456, 1704070800000000, 253402225200000000, 1735599600000000} {
		if got, ok := int96(v[0].Bytes(i)); !ok || got != want {
			t.Errorf("row %d: %d, want %d", i, got, want)
		}
	}
	c := converter{source: source{file: "spark.parquet", typ: f.Fields()[0].Type}, role: Time, name: "a"}
	missing := make([]bool, v[0].Len())
	_, _, err = c.times(&v[0], timeClassOf(c.typ), missing, 0)
	if err == nil || err.Error() != "spark.parquet: row 5 (counting from 0): the time in column a is out of range" {
		t.Error(err)
	}
	if !missing[4] || missing[3] {
		t.Errorf("missing: %v", missing)
	}
}

// TestPublicFiles asks of every public file for interactions, with whatever
// columns it has as user and item: rows or an error, never a panic.
func TestPublicFiles(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(dataDir(t), "parquet-testing", "*data", "*.parquet"))
	if err != nil || len(names) < 60 {
		t.Fatal(len(names), err)
	}
	read1 := 0
	for _, n := range names {
		f, err := table.Open(n)
		if err != nil {
			continue
		}
		var flat []string
		for _, fd := range f.Fields() {
			if !fd.Nested {
				flat = append(flat, fd.Name)
			}
		}
		f.Close()
		for i := 0; i+1 < len(flat) && i < 6; i++ {
			if _, _, err := read([]string{n}, Options{User: flat[i], Item: flat[i+1], NoTime: true, NoValue: true}); err == nil {
				read1++
			}
		}
	}
	if read1 < 50 {
		t.Errorf("only %d pairs of columns read", read1)
	}
}
