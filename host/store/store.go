// Package store keeps arrays and small records by the SHA-256 of their
// content, in a folder:
//
//	arrays/ab/ab12….npy   arrays, mode 0400
//	blobs/ab/ab12…        records, named by any digest their writer chooses (journal, plans)
//	modules/ab12…/        compiled code, one folder a module
//	tmp/                  what is being written
//
// Everything is written to a temporary name and then linked; nothing is ever
// overwritten. The folder has mode 0700: what is mapped into a guest must not
// be truncated by others.
package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
)

// Store is a folder of content. Its methods may be called concurrently, also
// by several processes on one folder.
type Store struct {
	dir       string
	temporary bool

	mu      sync.Mutex
	checked map[digest.Digest]array.Meta // arrays whose bytes this process wrote or hashed
}

// Open opens or makes the store in dir.
func Open(dir string) (*Store, error) {
	folders := []string{dir, filepath.Join(dir, "arrays"), filepath.Join(dir, "blobs"), filepath.Join(dir, "modules"), filepath.Join(dir, "tmp")}
	for _, d := range folders {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fault.New(fault.Failed, "cannot make the store: %v", err).
				WithHint("choose another place with --store FOLDER, or run without one: --no-cache")
		}
	}
	for _, d := range folders {
		// In a folder such as /tmp others may make files and not take ours away.
		// Within the store they may not even do that: a record is believed.
		if err := ownedByMe(d, d == dir); err != nil {
			return nil, err
		}
	}
	return &Store{dir: dir, checked: map[digest.Digest]array.Meta{}}, nil
}

// Existing opens the store in dir, which must be one already. Its error is
// fs.ErrNotExist where dir is not there or is something else.
func Existing(dir string) (*Store, error) {
	for _, d := range []string{"arrays", "blobs"} {
		if fi, err := os.Stat(filepath.Join(dir, d)); errors.Is(err, fs.ErrNotExist) || err == nil && !fi.IsDir() {
			return nil, &fault.Error{Code: fault.Failed, Msg: dir + ": no store of rechost is there", Err: fs.ErrNotExist}
		} else if err != nil {
			return nil, fault.File(dir, err)
		}
	}
	return Open(dir)
}

// Temporary makes a store that Close removes.
func Temporary() (*Store, error) {
	dir, err := os.MkdirTemp("", "rechost-store-")
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot make a temporary store: %v", err).
			WithHint("%s", otherTemporary(err))
	}
	s, err := Open(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	s.temporary = true
	return s, nil
}

// ErrGone is in the chain of errors about arrays that are not there, or not
// whole, any more: another process pruned the store, or damaged it.
var ErrGone = errors.New("no longer in the store")

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// Close removes a temporary store.
func (s *Store) Close() error {
	if s.temporary {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// Path is where the array named d lies, if it is there.
func (s *Store) Path(d digest.Digest) string {
	x := d.String()
	return filepath.Join(s.dir, "arrays", x[:2], x+".npy")
}

// ModuleCache is the folder for compiled code of the module named d.
func (s *Store) ModuleCache(d digest.Digest) string {
	return filepath.Join(s.dir, "modules", d.String())
}

// Put stores an array whose data is parts, one after the other. The digest in
// m is ignored; the returned Meta has the right one.
func (s *Store) Put(m array.Meta, parts ...[]byte) (array.Meta, error) {
	var n int64
	for _, p := range parts {
		n += int64(len(p))
	}
	if n != m.Bytes() {
		return m, fmt.Errorf("store: %d bytes for an array of %d", n, m.Bytes())
	}
	head := m.Header()
	hash := func() digest.Digest {
		h := sha256.New()
		h.Write(head)
		for _, p := range parts {
			h.Write(p)
		}
		return digest.Digest(h.Sum(nil))
	}
	fill := func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, p := range parts {
			if _, err := w.Write(p); err != nil {
				return err
			}
		}
		return nil
	}
	var tmp string
	var err error
	if n >= atOnce {
		hashed := make(chan digest.Digest, 1)
		go func() { hashed <- hash() }()
		tmp, err = s.temp(fill)
		m.Digest = <-hashed
		if err != nil {
			return m, s.failed(err)
		}
		defer os.Remove(tmp)
	} else {
		m.Digest = hash()
	}
	if s.has(m) {
		s.touch(s.Path(m.Digest))
		return m, nil
	}
	if tmp == "" {
		err = s.write(s.Path(m.Digest), fill)
	} else {
		err = s.name(tmp, s.Path(m.Digest))
	}
	if err == nil {
		s.remember(m)
	}
	return m, err
}

// growing is an array that is written part by part.
type growing struct {
	s    *Store
	m    array.Meta
	file *os.File
	hash hash.Hash
	left int64
}

// Begin starts an array whose data is written in parts.
func (s *Store) Begin(m array.Meta) (array.Writer, error) {
	f, err := s.create()
	if err != nil {
		return nil, s.failed(err)
	}
	w := &growing{s: s, m: m, file: f, hash: sha256.New(), left: array.HeaderSize + m.Bytes()}
	if _, err := w.Write(m.Header()); err != nil {
		w.Drop()
		return nil, err
	}
	return w, nil
}

func (w *growing) Write(p []byte) (int, error) {
	if w.left -= int64(len(p)); w.left < 0 {
		return 0, fmt.Errorf("store: more than %d bytes for an array", w.m.Bytes())
	}
	w.hash.Write(p)
	n, err := w.file.Write(p)
	if err != nil {
		return n, w.s.failed(err)
	}
	return n, nil
}

func (w *growing) Finish() (array.Meta, error) {
	if w.left != 0 {
		return w.m, fmt.Errorf("store: %d bytes too few for an array of %d", w.left, w.m.Bytes())
	}
	if err := w.file.Close(); err != nil {
		return w.m, w.s.failed(err)
	}
	w.m.Digest = digest.Digest(w.hash.Sum(nil))
	if w.s.has(w.m) {
		w.s.touch(w.s.Path(w.m.Digest))
		return w.m, nil
	}
	if err := w.s.name(w.file.Name(), w.s.Path(w.m.Digest)); err != nil {
		return w.m, err
	}
	w.s.remember(w.m)
	return w.m, nil
}

func (w *growing) Drop() {
	w.file.Close()
	os.Remove(w.file.Name())
}

// Copy is Put of the data that r gives, m.Bytes() of it, which is never all in
// memory.
func (s *Store) Copy(m array.Meta, r io.Reader) (array.Meta, error) {
	h := sha256.New()
	tmp, err := s.temp(func(w io.Writer) error {
		w = io.MultiWriter(w, h)
		if _, err := w.Write(m.Header()); err != nil {
			return err
		}
		n, err := io.CopyN(w, r, m.Bytes())
		if err == io.EOF {
			err = fmt.Errorf("%d bytes for an array of %d", n, m.Bytes())
		}
		return err
	})
	if err != nil {
		return m, s.failed(err)
	}
	defer os.Remove(tmp)
	m.Digest = digest.Digest(h.Sum(nil))
	if err := s.name(tmp, s.Path(m.Digest)); err != nil {
		return m, err
	}
	s.remember(m)
	return m, nil
}

// atOnce is the size from which an array is written while it is hashed: hashing
// takes about as long as writing, and such an array is seldom there already.
const atOnce = 1 << 20

func (s *Store) remember(m array.Meta) {
	s.mu.Lock()
	s.checked[m.Digest] = m
	s.mu.Unlock()
}

// has reports whether m's file is there with the right size and content.
func (s *Store) has(m array.Meta) bool {
	s.mu.Lock()
	_, ok := s.checked[m.Digest]
	s.mu.Unlock()
	if ok {
		_, err := os.Stat(s.Path(m.Digest))
		return err == nil
	}
	return s.Check(m) == nil
}

// Check makes sure that the array m is in the store: right size, header and
// digest. An array is hashed once a process. A file that is not what its name
// says is removed, so that it is made again.
func (s *Store) Check(m array.Meta) error {
	s.mu.Lock()
	known, ok := s.checked[m.Digest]
	s.mu.Unlock()
	path := s.Path(m.Digest)
	if ok {
		if known.DType != m.DType || known.Rows != m.Rows || known.Width != m.Width {
			return fmt.Errorf("array %s is %v %dx%d, not %v %dx%d", m.Digest.Short(), known.DType, known.Rows, known.Width, m.DType, m.Rows, m.Width)
		}
		if fi, err := os.Stat(path); err != nil || fi.Size() != array.HeaderSize+m.Bytes() {
			return fmt.Errorf("array %s: %w", m.Digest.Short(), ErrGone)
		}
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("array %s: %w", m.Digest.Short(), ErrGone)
	} else if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		os.Remove(path)
		return fmt.Errorf("array %s is no file: %w", m.Digest.Short(), ErrGone)
	}
	h := sha256.New()
	got, err := array.ReadHeader(io.TeeReader(f, h), fi.Size())
	if err == nil {
		_, err = io.Copy(h, f)
	}
	got.Digest = digest.Digest(h.Sum(nil))
	if err == nil && got.Digest == m.Digest && got != m {
		return fmt.Errorf("array %s is %v %dx%d, not %v %dx%d", m.Digest.Short(), got.DType, got.Rows, got.Width, m.DType, m.Rows, m.Width)
	}
	if err != nil || got != m {
		os.Remove(path)
		return fmt.Errorf("array %s was damaged and removed: %w", m.Digest.Short(), ErrGone)
	}
	s.remember(m)
	s.touch(path)
	return nil
}

// Read returns the data of the array m: mapped where that can be had, read
// otherwise. It is valid until release is called, and must not be written.
func (s *Store) Read(m array.Meta) (data []byte, release func(), err error) {
	if err := s.Check(m); err != nil {
		return nil, nil, err
	}
	return mapFile(s.Path(m.Digest), m.Bytes())
}

// PutBlob stores a small record under a name its writer derives. Where one is
// there already it stays.
func (s *Store) PutBlob(name digest.Digest, b []byte) error {
	if len(b) > maxBlob {
		return fault.New(fault.Failed, "store: a record of %d bytes, more than %d", len(b), maxBlob)
	}
	return s.write(s.blobPath(name), func(w io.Writer) error {
		_, err := w.Write(append([]byte(blobSum(name, b)), b...))
		return err
	})
}

// maxBlob is the most bytes of a record: a plan has a MiB, and an entry of the
// journal less than 300 bytes for each of its arrays.
const maxBlob = 16 << 20

// blobSum is the line that stands before a record: a digest of its name and
// content, so that one is seen that is damaged, or another's.
func blobSum(name digest.Digest, b []byte) string {
	return digest.OfParts(name[:], b).String() + "\n"
}

// Blob returns the record under name, or nil where there is none. What is there
// and none is removed.
func (s *Store) Blob(name digest.Digest) []byte {
	path := s.blobPath(name)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
	if err != nil {
		return nil
	}
	defer f.Close()
	var b []byte
	if fi, err := f.Stat(); err == nil && fi.Mode().IsRegular() {
		if b, err = io.ReadAll(io.LimitReader(f, int64(maxBlob+blobSumLen+1))); err != nil {
			return nil
		}
	}
	if len(b) < blobSumLen || len(b) > maxBlob+blobSumLen || string(b[:blobSumLen]) != blobSum(name, b[blobSumLen:]) {
		s.DropBlob(name)
		return nil
	}
	s.touch(path)
	return b[blobSumLen:]
}

const blobSumLen = 2*len(digest.Digest{}) + 1

// DropBlob removes the record under name.
func (s *Store) DropBlob(name digest.Digest) { os.Remove(s.blobPath(name)) }

func (s *Store) blobPath(d digest.Digest) string {
	x := d.String()
	return filepath.Join(s.dir, "blobs", x[:2], x)
}

// write makes path with the content that fill writes, whole or not at all.
func (s *Store) write(path string, fill func(io.Writer) error) error {
	tmp, err := s.temp(fill)
	if err != nil {
		return s.failed(err)
	}
	defer os.Remove(tmp)
	return s.name(tmp, path)
}

// temp makes a file of no name yet with the content that fill writes.
func (s *Store) temp(fill func(io.Writer) error) (name string, err error) {
	f, err := s.create()
	if err != nil {
		return "", err
	}
	err = fill(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// create makes a file of no name yet, which nobody can open to write to it.
func (s *Store) create() (*os.File, error) {
	for {
		name := filepath.Join(s.dir, "tmp", fmt.Sprintf("put-%d-%d", os.Getpid(), created.Add(1)))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
		if !errors.Is(err, fs.ErrExist) { // of a process that had this one's number
			return f, err
		}
	}
}

var created atomic.Int64

// name gives the file tmp its path.
func (s *Store) name(tmp, path string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.Link(tmp, path)
		if errors.Is(err, fs.ErrExist) {
			err = nil // somebody else wrote the same content
		} else if err != nil {
			err = os.Rename(tmp, path) // a file system without hard links
		}
	}
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// otherTemporary is what to do where a temporary store cannot be made or used.
func otherTemporary(err error) string {
	if fault.NoRoom(err) {
		return "set TMPDIR to a folder with room"
	}
	return "set TMPDIR to a folder that you may write to"
}

func (s *Store) failed(err error) error {
	e := fault.New(fault.Failed, "cannot use the store %s: %v", s.dir, fault.Cause(err))
	switch {
	case s.temporary:
		return e.WithHint("%s", otherTemporary(err))
	case fault.NoRoom(err):
		return e.WithHint("make room: rechost store prune --max-size 1GB --store %s, or choose another place with --store FOLDER", s.dir)
	}
	return e.WithHint("choose another place with --store FOLDER, or run without one: --no-cache")
}

// touch marks a file as used now, for Prune.
func (s *Store) touch(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now) // a read-only store still works
}
