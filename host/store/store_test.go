package store

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// To make room helps where there is none; a store that cannot be written to has
// to be another.
func TestHints(t *testing.T) {
	wrong := func(n syscall.Errno) error { return &fs.PathError{Op: "open", Path: "/store/tmp/put-1-1", Err: n} }
	dir := t.TempDir()
	lasting := open(t, dir)
	passing, err := Temporary()
	if err != nil {
		t.Fatal(err)
	}
	defer passing.Close()
	for _, c := range []struct {
		s    *Store
		n    syscall.Errno
		hint string
	}{
		{lasting, syscall.ENOSPC, "make room: rechost store prune --max-size 1GB --store " + dir + ", or choose another place with --store FOLDER"},
		{lasting, syscall.EDQUOT, "make room: rechost store prune --max-size 1GB --store " + dir + ", or choose another place with --store FOLDER"},
		{lasting, syscall.EROFS, "choose another place with --store FOLDER, or run without one: --no-cache"},
		{lasting, syscall.EACCES, "choose another place with --store FOLDER, or run without one: --no-cache"},
		{passing, syscall.ENOSPC, "set TMPDIR to a folder with room"},
		{passing, syscall.EACCES, "set TMPDIR to a folder that you may write to"},
	} {
		err := c.s.failed(wrong(c.n))
		if fault.HintOf(err) != c.hint || !strings.HasSuffix(err.Error(), c.s.dir+": "+c.n.Error()) {
			t.Errorf("%v: %v, hint %q", c.n, err, fault.HintOf(err))
		}
	}
}

func put(t *testing.T, s *Store, parts ...[]byte) array.Meta {
	t.Helper()
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	m, err := s.Put(array.Meta{DType: array.U8, Rows: n}, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPutAndRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a := put(t, s, []byte("hello "), []byte("world"))
	if b := put(t, s, []byte("hello world")); a != b {
		t.Error("the same content has two names")
	}
	if d, _, err := digest.OfFile(s.Path(a.Digest)); err != nil || d != a.Digest {
		t.Errorf("the file's SHA-256 is %v (%v), its name %v", d, err, a.Digest)
	}
	// Another process, which has not written it itself.
	data, release, err := open(t, dir).Read(a)
	if err != nil || string(data) != "hello world" {
		t.Fatalf("%q, %v", data, err)
	}
	release()
	if _, err := s.Put(array.Meta{DType: array.U8, Rows: 4}, []byte("abc")); err == nil {
		t.Error("three bytes were stored as an array of four")
	}
	other := a
	other.DType, other.Rows = array.U32, 2
	if _, _, err := s.Read(other); err == nil {
		t.Error("an array was read as one of another type")
	}
}

// An array that comes in parts is the one that comes at once, and one that does
// not come whole leaves nothing.
func TestBegin(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	want := put(t, s, []byte("hello world"))
	fresh := t.TempDir()
	for _, d := range []string{dir, fresh} { // where it is there already, and where not
		w, err := open(t, d).Begin(array.Meta{DType: array.U8, Rows: 11})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"hello", " ", "world"} {
			if _, err := w.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := w.Finish()
		w.Drop()
		if err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
		data, release, err := open(t, d).Read(got)
		if err != nil || string(data) != "hello world" {
			t.Fatalf("%q, %v", data, err)
		}
		release()
	}
	for _, text := range []string{"hello", "hello world!"} {
		w, err := s.Begin(array.Meta{DType: array.U8, Rows: 11})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write([]byte(text))
		if err == nil {
			_, err = w.Finish()
		}
		w.Drop()
		if err == nil {
			t.Errorf("%q was stored as an array of eleven bytes", text)
		}
	}
	for _, d := range []string{dir, fresh} {
		if left, err := os.ReadDir(filepath.Join(d, "tmp")); err != nil || len(left) != 0 {
			t.Errorf("%d files are left in tmp, %v", len(left), err)
		}
	}
}

func TestDamageIsFound(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"truncated": func(p string) error { return os.Truncate(p, array.HeaderSize+3) },
		"flipped": func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b[len(b)-1] ^= 1
			return os.WriteFile(p, b, 0o600)
		},
		"emptied": func(p string) error { return os.Truncate(p, 0) },
	} {
		dir := t.TempDir()
		m := put(t, open(t, dir), bytes.Repeat([]byte("x"), 5000))
		s := open(t, dir)
		if err := os.Chmod(s.Path(m.Digest), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := harm(s.Path(m.Digest)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Read(m); err == nil {
			t.Errorf("%s: read as if nothing were wrong", name)
		}
		if again := put(t, s, bytes.Repeat([]byte("x"), 5000)); again != m {
			t.Errorf("%s: not made again", name)
		}
		if _, release, err := s.Read(m); err != nil {
			t.Errorf("%s: after making it again: %v", name, err)
		} else {
			release()
		}
	}
}

func TestBlobs(t *testing.T) {
	s := open(t, t.TempDir())
	name := digest.Of([]byte("name"))
	if s.Blob(name) != nil {
		t.Error("a record that was never put")
	}
	if err := s.PutBlob(name, []byte("record")); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBlob(name, []byte("another")); err != nil {
		t.Fatal(err)
	}
	if got := s.Blob(name); string(got) != "record" {
		t.Errorf("%q: a record was overwritten", got)
	}
	path := s.blobPath(name)
	b, _ := os.ReadFile(path)
	other := digest.Of([]byte("other"))
	if err := os.MkdirAll(filepath.Dir(s.blobPath(other)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.blobPath(other), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.Blob(other); got != nil {
		t.Errorf("%q: a record was read under another's name", got)
	}
	if _, err := os.Stat(s.blobPath(other)); err == nil {
		t.Error("what is no record stays")
	}
	os.Chmod(path, 0o600)
	os.WriteFile(path, b[:len(b)-1], 0o600)
	if s.Blob(name) != nil {
		t.Error("a truncated record was read")
	}
}

func TestConcurrentPutsOfOneArray(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		s := open(t, dir)
		wg.Go(func() {
			for i := range 20 {
				if _, err := s.Put(array.Meta{DType: array.U8, Rows: 10000}, bytes.Repeat([]byte{byte(i)}, 10000)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	u, err := open(t, dir).Usage()
	if err != nil || u.Arrays.Files != 20 || u.Records.Files != 0 {
		t.Errorf("%+v, %v: want 20 arrays and nothing left behind", u, err)
	}
}

func TestPrune(t *testing.T) {
	s := open(t, t.TempDir())
	var all []array.Meta
	for i := range 4 {
		m := put(t, s, bytes.Repeat([]byte{byte(i)}, 1000))
		old := time.Now().Add(-time.Duration(4-i) * 24 * time.Hour)
		if err := os.Chtimes(s.Path(m.Digest), old, old); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	there := func() (n int) {
		for _, m := range all {
			if _, err := os.Stat(s.Path(m.Digest)); err == nil {
				n++
			}
		}
		return n
	}
	if k, err := s.Prune(-1, 84*time.Hour); err != nil || k.Files != 1 || there() != 3 {
		t.Errorf("by age: %+v, %v, %d left", k, err, there())
	}
	one := int64(array.HeaderSize + 1000)
	if k, err := s.Prune(2*one, 0); err != nil || k.Files != 1 || there() != 2 {
		t.Errorf("by size: %+v, %v, %d left", k, err, there())
	}
	if _, err := os.Stat(s.Path(all[3].Digest)); err != nil {
		t.Error("the newest went first")
	}
	if k, err := s.Prune(0, 0); err != nil || k.Files != 2 || there() != 0 {
		t.Errorf("all: %+v, %v", k, err)
	}
}

func TestTemporaryLeavesNothing(t *testing.T) {
	s, err := Temporary()
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, []byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
		t.Error("the folder is still there")
	}
}

func TestOpenToOthersIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	open(t, dir)
	for _, name := range []string{"arrays", "blobs", "modules", "tmp", ""} {
		d := filepath.Join(dir, name)
		for _, mode := range []os.FileMode{0o777, 0o720, 0o702, 0o777 | os.ModeSticky} {
			if err := os.Chmod(d, mode); err != nil {
				t.Fatal(err)
			}
			if fi, _ := os.Stat(d); fi.Mode().Perm()&0o022 == 0 {
				t.Skip("this system does not tell modes")
			}
			_, err := Open(dir)
			if name == "" && mode&os.ModeSticky != 0 {
				if err != nil {
					t.Errorf("a store in a folder such as /tmp: %v", err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), d) {
				t.Errorf("%s with mode %v: %v", d, mode, err)
			}
		}
		if err := os.Chmod(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
