package table

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func dataDir(t testing.TB) string {
	if d := os.Getenv("RECHOST_DATA"); d != "" {
		return d
	}
	dir, _ := os.Getwd()
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	d := filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(d); err != nil {
		t.Skipf("no data sets: %s (RECHOST_DATA names their folder)", d)
	}
	return d
}

func TestTry(t *testing.T) {
	for _, dir := range []string{"data", "bad_data", "data/geospatial"} {
		names, _ := filepath.Glob(filepath.Join(dataDir(t), "parquet-testing", dir, "*parquet*"))
		for _, n := range names {
			f, err := Open(n)
			if err != nil {
				fmt.Println("OPEN", filepath.Base(n), err)
				continue
			}
			flat := 0
			for i, fd := range f.Fields() {
				if fd.Nested {
					continue
				}
				flat++
				for g := range f.Groups() {
					if _, err := f.Read(g, []int{i}); err != nil {
						fmt.Println("READ", filepath.Base(n), err)
					}
				}
			}
			fmt.Println("ok", filepath.Base(n), f.Rows(), flat, len(f.Fields()))
		}
	}
}
