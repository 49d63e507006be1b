package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rechost/host/fault"
)

// renote has a note name another file.
func renote(note, name, sum string) error {
	b, err := os.ReadFile(note)
	if err != nil {
		return err
	}
	module, _, _ := strings.Cut(string(b), " ")
	return os.WriteFile(note, []byte(module+" "+name+" "+sum), 0o600)
}

// A folder's name may have any character, and what killed processes left in it
// goes when it is old.
func TestCacheFolder(t *testing.T) {
	name := "a[1]"
	if runtime.GOOS != "windows" {
		name += `*?\`
	}
	dir := filepath.Join(t.TempDir(), name, "code")
	load := func() {
		t.Helper()
		m, err := Load(context.Background(), guest{}.bytes(), Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir, Prepared: "x"})
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
	}
	list := func(prefix string) []string {
		t.Helper()
		found, err := beginning(dir, prefix)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	load()
	first := list(codePrefix)
	load()
	if again := list(codePrefix); len(first) != 1 || !slices.Equal(again, first) || len(list(notePrefix)) != 1 || len(list(preparedPrefix)) != 1 {
		t.Errorf("%v, then %v", first, list(""))
	}
	old, young := filepath.Join(dir, codePrefix+"old"), filepath.Join(dir, codePrefix+"young")
	for _, d := range []string{old, young} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	for _, d := range []string{old, first[0]} {
		if err := os.Chtimes(d, past, past); err != nil {
			t.Fatal(err)
		}
	}
	removeOld(dir)
	if left := list(codePrefix); len(left) != 2 || slices.Contains(left, old) {
		t.Errorf("left: %v", left)
	}
	if err := ClearCache(dir); err != nil {
		t.Fatal(err)
	}
	if left := list(""); len(left) != 0 {
		t.Errorf("left of a cleared folder: %v", left)
	}
	load()
}

// A pipe in the place of a file is not waited for.
func TestCachePipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	o := Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir, Prepared: "x"}
	for _, prefix := range []string{preparedPrefix, notePrefix} {
		if err := ClearCache(dir); err != nil {
			t.Fatal(err)
		}
		m, err := Load(context.Background(), guest{}.bytes(), o)
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
		found, err := beginning(dir, prefix)
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		o.Prepared = "x"
		if prefix == notePrefix {
			o.Prepared = ""
		}
		if err := os.Remove(found[0]); err != nil {
			t.Fatal(err)
		}
		pipe(t, found[0])
		m, err = Load(context.Background(), guest{}.bytes(), o)
		if stale := (*StaleCache)(nil); err == nil {
			m.Close()
		} else if !errors.As(err, &stale) {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

// Code that is not what was written is found before wazero sees it.
func TestCacheChecksums(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	load := func() error {
		m, err := Load(context.Background(), guest{}.bytes(), Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir, Cooperative: true})
		if err == nil {
			m.Close()
		}
		return err
	}
	one := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		return found[0]
	}
	var file, note string
	var written []byte
	for name, change := range map[string]func() error{
		"the last byte": func() error {
			b := append([]byte(nil), written...)
			b[len(b)-1] ^= 0x80 // of a length that wazero believes
			return os.WriteFile(file, b, 0o600)
		},
		"a byte more":   func() error { return os.WriteFile(file, append(written, 0), 0o600) },
		"nothing":       func() error { return os.Truncate(file, 0) },
		"no file":       func() error { return os.Remove(file) },
		"an empty note": func() error { return os.Truncate(note, 0) },
		"another checksum": func() error {
			b, err := os.ReadFile(note)
			if err != nil {
				return err
			}
			b[len(b)-1] ^= 1
			return os.WriteFile(note, b, 0o600)
		},
		"a file too many": func() error { return os.WriteFile(filepath.Join(filepath.Dir(file), "x"), written, 0o600) },
		"another wazero's": func() error {
			other := filepath.Join(filepath.Dir(filepath.Dir(file)), "wazero-v0")
			if err := os.Rename(filepath.Dir(file), other); err != nil {
				return err
			}
			b, err := os.ReadFile(note)
			if err != nil {
				return err
			}
			return os.WriteFile(note, bytes.Replace(b, []byte(filepath.Base(filepath.Dir(file))), []byte("wazero-v0"), 1), 0o600)
		},
		"a folder too few": func() error {
			sum, err := (&code{file: file}).checksum()
			if err != nil {
				return err
			}
			up := filepath.Join(dir, filepath.Base(file))
			if err := os.Rename(file, up); err != nil {
				return err
			}
			return renote(note, filepath.Base(up), sum)
		},
		"a file elsewhere": func() error {
			outside := filepath.Join(filepath.Dir(dir), "elsewhere")
			if err := os.WriteFile(outside, written, 0o600); err != nil {
				return err
			}
			sum, err := (&code{file: outside}).checksum()
			if err != nil {
				return err
			}
			return renote(note, "../elsewhere", sum)
		},
		"a link": func() error {
			if err := os.Rename(file, dir+"-elsewhere"); err != nil {
				return err
			}
			return os.Symlink(dir+"-elsewhere", file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := load(); err != nil {
				t.Fatal(err)
			}
			file, note = one(codePrefix+"*/*/*"), one(notePrefix+"*")
			var err error
			if written, err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			if err := change(); err != nil {
				t.Fatal(err)
			}
			err = load()
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

// Code without a note is not used, whatever it is: it may not be whole.
func TestCacheNotes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	o := Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir, Cooperative: true}
	wasm := guest{}.bytes()
	for i := range 2 {
		m, err := Load(context.Background(), wasm, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Describe(context.Background()); err == nil || strings.Contains(err.Error(), "unreachable") {
			t.Errorf("the hollow ran: %v", err)
		}
		m.Close()
		code, err := filepath.Glob(filepath.Join(dir, codePrefix+"*", "*", "*"))
		if err != nil || len(code) != 1+i {
			t.Fatalf("%v, %v", code, err)
		}
		notes, err := filepath.Glob(filepath.Join(dir, notePrefix+"*"))
		if err != nil || len(notes) != 1 {
			t.Fatalf("%v, %v", notes, err)
		}
		if i > 0 {
			continue
		}
		if err := os.Remove(notes[0]); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(code[0], []byte("code of nothing"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What is loaded from the cache is the module whose code was compiled, not the
// hollow that wazero is given, and wazero has nothing to compile.
func TestCachedCode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	for name, o := range map[string]Options{
		"plain": {}, "counted": {Cooperative: true}, "metered": {Limits: Limits{Fuel: 1 << 40}}, "with places": {Places: true},
	} {
		t.Run(name, func(t *testing.T) {
			o.Name, o.CacheDir = "go.wasm", dir
			o.Limits.Memory, o.Limits.Log, o.Limits.Output, o.Limits.Calls = testLimits.Memory, testLimits.Log, testLimits.Output, testLimits.Calls
			var said [2]string
			var stamps [2]time.Time
			for i := range said {
				m, err := Load(context.Background(), goGuest(t), o)
				if err != nil {
					t.Fatal(err)
				}
				r, err := m.Describe(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				said[i] = string(r.Emitted)
				m.Close()
				files, _ := filepath.Glob(filepath.Join(dir, codePrefix+"*", "*", "*"))
				for _, f := range files {
					if fi, err := os.Stat(f); err == nil && fi.ModTime().After(stamps[i]) {
						stamps[i] = fi.ModTime()
					}
				}
			}
			if said[0] != said[1] || said[0] == "" {
				t.Errorf("compiled, it says %q; loaded, %q", said[0], said[1])
			}
			if stamps[0] != stamps[1] {
				t.Error("code was written when there was some")
			}
		})
	}
}

// Where the code is gone when wazero looks, as somebody cleared the folder or
// wazero finds it to be of another version of its own, wazero compiles the
// hollow. That is found out.
func TestHollowCompiled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "code")
	load := func() error {
		m, err := Load(context.Background(), guest{}.bytes(), Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir})
		if err == nil {
			m.Close()
		}
		return err
	}
	if err := load(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, codePrefix+"*", "*", "*"))
	notes, _ := filepath.Glob(filepath.Join(dir, notePrefix+"*"))
	if len(files) != 1 || len(notes) != 1 {
		t.Fatal(files, notes)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len("WAZEVO")+1]++ // of the version
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	sum, err := (&code{file: files[0]}).checksum()
	if err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(dir, files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := renote(notes[0], name, sum); err != nil {
		t.Fatal(err)
	}
	err = load()
	if stale := (*StaleCache)(nil); !errors.As(err, &stale) || !strings.Contains(err.Error(), "removed while it was loaded") {
		t.Errorf("loaded with %v", err)
	}
	if err := ClearCache(dir); err != nil {
		t.Fatal(err)
	}
	if err := load(); err != nil {
		t.Error(err)
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

// BenchmarkCacheChecksum is what the checksum of a Go module's code costs a load.
func BenchmarkCacheChecksum(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "code")
	m, err := Load(context.Background(), goGuest(b), Options{Name: "g.wasm", Limits: testLimits, CacheDir: dir, Compilers: 2})
	if err != nil {
		b.Fatal(err)
	}
	m.Close()
	found, _ := filepath.Glob(filepath.Join(dir, codePrefix+"*", "*", "*"))
	for _, f := range found {
		if fi, err := os.Stat(f); err == nil {
			b.SetBytes(fi.Size())
		}
	}
	for b.Loop() {
		if _, err := (&code{file: found[0]}).checksum(); err != nil {
			b.Fatal(err)
		}
	}
}
