package sandbox

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rechost/host/sandbox/rewrite"
)

// A module whose prepared form was kept is the one that was loaded first, in
// all that is known of it and in what it does; a damaged file is as none.
func TestPrepared(t *testing.T) {
	for name, o := range map[string]Options{
		"plain": {}, "counted": {Cooperative: true}, "metered": {Limits: Limits{Fuel: 1 << 40}}, "with places": {Places: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "code")
			o.Name, o.CacheDir, o.Prepared = "go.wasm", dir, "x"
			file := PreparedFile(dir, "x")
			fuel := o.Limits.Fuel
			o.Limits = testLimits
			o.Limits.Fuel = fuel
			wasm := goGuest(t)
			encoded := func(info *rewrite.Info) []byte { // where an empty list is as none
				var b bytes.Buffer
				if err := gob.NewEncoder(&b).Encode(info); err != nil {
					t.Fatal(err)
				}
				return b.Bytes()
			}
			load := func() (*Module, string) {
				t.Helper()
				m, err := Load(context.Background(), wasm, o)
				if err != nil {
					t.Fatal(err)
				}
				r, err := m.Describe(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				m.Close()
				return m, string(r.Emitted)
			}
			first, said := load()
			kept, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if known := readPrepared(file) != nil; known == o.Places {
				t.Errorf("something was kept: %v", known)
			}
			for n, change := range []func([]byte) []byte{
				func(b []byte) []byte { return b },
				func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
				func(b []byte) []byte { b[3] ^= 1; return b },
				func(b []byte) []byte { return b[:len(b)-1] },
				func(b []byte) []byte { return b[:10] },
				func([]byte) []byte { return nil },
				func([]byte) []byte { return []byte(sumOf(file, []byte("no gob")) + "no gob") },
			} {
				if err := os.WriteFile(file, change(append([]byte(nil), kept...)), 0o600); err != nil {
					t.Fatal(err)
				}
				if known := readPrepared(file) != nil; known != (n == 0 && !o.Places) {
					t.Errorf("change %d is believed: %v", n, known)
				}
				again, says := load()
				if says != said {
					t.Errorf("change %d: it says %q, said %q", n, says, said)
				}
				if !bytes.Equal(encoded(again.info), encoded(first.info)) || again.restorable != first.restorable || again.resumes != first.resumes ||
					again.budget != first.budget || !slices.Equal(again.state, first.state) || !slices.Equal(again.bodies, first.bodies) {
					t.Errorf("change %d: another module", n)
				}
			}
			if o.Places {
				return
			}
			// It is believed only with the code that it is of.
			load()
			code, _ := beginning(dir, codePrefix)
			if len(code) != 1 || os.RemoveAll(code[0]) != nil {
				t.Fatal(code)
			}
			_, err = Load(context.Background(), wasm, o)
			if stale := (*StaleCache)(nil); !errors.As(err, &stale) {
				t.Errorf("without its code: %v", err)
			}
			if err := ClearCache(dir); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left of a cleared folder: %v", left)
			}
			load()
		})
	}
}
