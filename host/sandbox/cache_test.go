package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rechost/host/fault"
)

// An entry that is not what was written is found before wazero sees it, and
// so is one that nobody vouches for.
func TestCacheDigests(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	load := func() error {
		m, err := Load(context.Background(), guest{}.bytes(), Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir, Cooperative: true})
		if err == nil {
			m.Close()
		}
		return err
	}
	if err := load(); err != nil {
		t.Fatal(err)
	}
	one := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		return found[0]
	}
	entry, digest := one("wazero-*/*"), one("sum-*")
	written, err := os.ReadFile(entry)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"the last byte": func() error {
			b := append([]byte(nil), written...)
			b[len(b)-1] ^= 0x80 // of a length that wazero believes
			return os.WriteFile(entry, b, 0o600)
		},
		"a byte more":       func() error { return os.WriteFile(entry, append(written, 0), 0o600) },
		"nothing":           func() error { return os.Truncate(entry, 0) },
		"its digest":        func() error { return os.WriteFile(digest, []byte("x"), 0o600) },
		"no digest":         func() error { return os.Remove(digest) },
		"an entry too many": func() error { return os.WriteFile(entry[:len(entry)-1]+"x", written, 0o600) },
		"a link": func() error {
			if err := os.Rename(entry, dir+"-elsewhere"); err != nil {
				return err
			}
			return os.Symlink(dir+"-elsewhere", entry)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := load(); err != nil {
				t.Fatal(err)
			}
			if err := change(); err != nil {
				t.Fatal(err)
			}
			err := load()
			if stale := (*StaleCache)(nil); !errors.As(err, &stale) {
				t.Errorf("loaded with %v", err)
			}
			if err := ClearCache(dir); err != nil {
				t.Fatal(err)
			}
			if err := load(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What goes wrong with files is not said to be wrong with the module.
func TestErrorsOfFiles(t *testing.T) {
	dir := t.TempDir()
	_, open := os.Open(filepath.Join(dir, "none"))
	rename := os.Rename(filepath.Join(dir, "none"), filepath.Join(dir, "other"))
	for _, err := range []error{open, rename, fmt.Errorf("compiling: %w", rename)} {
		if !ofFiles(err) {
			t.Errorf("%v (%T) is none of files", err, err)
		}
	}
	if ofFiles(errors.New("invalid magic number")) {
		t.Error("an error of the module is one of files")
	}
}

// A folder for compiled code that cannot be used says what to do: make room only
// where there is none.
func TestUnusableCache(t *testing.T) {
	for n, hint := range map[syscall.Errno]string{syscall.ENOSPC: "make room: rechost store prune", syscall.EROFS: "choose another place with --store FOLDER"} {
		err := unusable("code", fmt.Errorf("compiling: %w", &fs.PathError{Op: "write", Path: "code/x.tmp", Err: n}))
		if n == syscall.EROFS { // it may be that of another process, and is cleared first
			stale := (*StaleCache)(nil)
			if !errors.As(err, &stale) {
				t.Fatalf("%v: %v (%T)", n, err, err)
			}
			err = uncached("clear", "code", stale.Unwrap())
		}
		if fault.CodeOf(err) != fault.Failed || !strings.Contains(err.Error(), "code: "+n.Error()) || !strings.HasPrefix(fault.HintOf(err), hint) {
			t.Errorf("%v: %v, hint %q", n, err, fault.HintOf(err))
		}
	}
}

// BenchmarkCacheDigest is what the digest of a Go module's code costs a load.
func BenchmarkCacheDigest(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "code")
	m, err := Load(context.Background(), goGuest(b), Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir, Compilers: 2})
	if err != nil {
		b.Fatal(err)
	}
	m.Close()
	found, _ := filepath.Glob(filepath.Join(dir, entryFolders, "*"))
	for _, f := range found {
		if fi, err := os.Stat(f); err == nil {
			b.SetBytes(fi.Size())
		}
	}
	for b.Loop() {
		if err := checkCache(dir); err != nil {
			b.Fatal(err)
		}
	}
}
