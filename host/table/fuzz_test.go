package table

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRead reads anything: rows or an error that names the file.
func FuzzRead(f *testing.F) {
	name := write(f, []Column{{Name: "i", Type: TypeInt64}, {Name: "s", Type: TypeString, Optional: true}, {Name: "f", Type: TypeFloat}},
		[]Vector{example(TypeInt64, 50, 5, false), example(TypeString, 50, 6, true), example(TypeFloat, 50, 1<<20, false)})
	b, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("PAR1\x15\x02\x19\xfc\xff\xff\xff\xff\x0f\x09\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if x, err := Open(name); err == nil {
			rows := 0
			for g := range x.Groups() {
				if n := x.GroupRows(g); n <= 1<<20 { // of larger ones readAll reads the first
					rows += n
				}
			}
			x.Close()
			if rows > 4<<20 { // believed, and takes its time
				return
			}
		}
		if _, err := readAll(name); err != nil && !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("an error without the file's name: %v", err)
		}
	})
}
