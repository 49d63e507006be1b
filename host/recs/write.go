package recs

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/matrix"
	"rechost/host/table"
)

// Written says what Write wrote.
type Written struct {
	Path   string        `json:"path"`
	Digest digest.Digest `json:"sha256"`
	Bytes  int64         `json:"bytes"`
	Rows   int64         `json:"rows"`
	Users  int           `json:"users,omitempty"` // with a list that is not empty
}

// batchRows is the rows handed to the table writer at a time.
const batchRows = table.GroupRows

// Write writes checked lists to the named file, as WriteFile does.
func Write(ctx context.Context, name string, l Lists, m *matrix.Matrix, inputs []string) (w Written, err error) {
	s, err := Save(ctx, name, inputs, func(f io.Writer) error { return writeRows(ctx, f, l, m, &w) })
	if err != nil {
		return Written{}, err
	}
	w.Path, w.Bytes, w.Digest = s.Path, s.Bytes, s.Digest
	return w, nil
}

// Save is WriteFile that tells what was written: all but Rows and Users.
func Save(ctx context.Context, name string, inputs []string, fill func(io.Writer) error) (Written, error) {
	h := &hashing{h: sha256.New()}
	err := WriteFile(ctx, name, inputs, func(f io.Writer) error {
		h.w = f
		return fill(h)
	})
	if err != nil {
		return Written{}, err
	}
	return Written{Path: name, Bytes: h.n, Digest: digest.Digest(h.h.Sum(nil))}, nil
}

// WriteFile writes a file through fill: to a temporary file in the same
// folder, which then takes the name. A file that is one of inputs, under this
// name or another, is never overwritten. After a failure, or when ctx ends,
// nothing is left behind.
func WriteFile(ctx context.Context, name string, inputs []string, fill func(io.Writer) error) error {
	if err := Refuse(name, inputs); err != nil {
		return err
	}
	f, err := temporary(name)
	if err != nil {
		return fault.File(name, err)
	}
	done := false
	defer func() {
		if !done {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	for _, step := range []func() error{
		func() error { return fill(w) },
		w.Flush,
		f.Sync,
		f.Close,
		ctx.Err,
	} {
		if err := step(); err != nil {
			return named(name, err)
		}
	}
	if err := Refuse(name, inputs); err != nil { // somebody may have put a link there meanwhile
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return named(name, err)
	}
	done = true
	syncFolder(filepath.Dir(name))
	return nil
}

// temporary makes a new file beside name, with the permissions that the user's
// mask gives to new files.
func temporary(name string) (f *os.File, err error) {
	for range 100 {
		f, err = os.OpenFile(filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text()[:8]+".tmp"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, err
}

// named puts the file's name before an error that has not got it.
func named(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.File(name, err)
}

// syncFolder makes the new name durable, where the system can.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync() // some systems cannot sync a folder; the file itself is safe
		d.Close()
	}
}

// hashing counts and hashes what goes through it.
type hashing struct {
	w io.Writer
	h interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}
	n int64
}

func (h *hashing) Write(b []byte) (int, error) {
	h.h.Write(b)
	h.n += int64(len(b))
	return h.w.Write(b)
}

// Columns of a file of recommendations beside user and item.
var (
	Score = table.Column{Name: "score", Type: table.TypeFloat}
	Rank  = table.Column{Name: "rank", Type: table.TypeInt32}
)

// CheckName refuses a name for the column of ids of a side, users or items, that
// is also one of a file's own: few programs read a file with two columns of one
// name, whatever its case. what has the columns, such as "recommendations".
func CheckName(name, side, what string, own ...string) error {
	for _, n := range own {
		if strings.EqualFold(name, n) {
			return fault.Use("column %s cannot give %s: %s have a column %s of their own", fault.Clean(name, 100), side, what, n).
				WithHint("give it another name in the input, such as %s_id", strings.TrimSuffix(side, "s"))
		}
	}
	return nil
}

func writeRows(ctx context.Context, h io.Writer, l Lists, m *matrix.Matrix, w *Written) error {
	u := table.Column{Name: m.Users.Name, Type: m.Users.Type}
	i := table.Column{Name: m.Items.Name, Type: m.Items.Type}
	tw, err := table.NewWriter(h, []table.Column{u, i, Score, Rank}, 0)
	if err != nil {
		return err
	}
	most := min(len(l.Items), batchRows)
	users, ranks := make([]uint32, 0, most), make([]int64, 0, most)
	start := uint64(0) // first entry that is not written yet
	flush := func(end uint64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := tw.Write([]table.Vector{
			m.Users.Vector(users), m.Items.Vector(l.Items[start:end]),
			table.Float32Vector(l.Scores[start:end]), table.IntVector(ranks),
		})
		users, ranks, start = users[:0], ranks[:0], end
		return err
	}
	for t, u := range l.Users {
		a, b := l.Offsets[t], l.Offsets[t+1]
		if b > a {
			w.Users++
		}
		for r := range b - a {
			users = append(users, u)
			ranks = append(ranks, int64(r)+1)
		}
		if len(users) >= batchRows-1<<16 { // a row group, whole lists
			if err := flush(b); err != nil {
				return err
			}
		}
	}
	if len(users) > 0 {
		if err := flush(l.Offsets[len(l.Users)]); err != nil {
			return err
		}
	}
	w.Rows = tw.Rows()
	return tw.Close()
}

// within reports whether folder is a folder that holds the Parquet file name
// where a data set would take it in.
func within(name, folder string) bool {
	if st, err := os.Stat(folder); err != nil || !st.IsDir() || !strings.EqualFold(filepath.Ext(name), ".parquet") {
		return false
	}
	a, err1 := filepath.Abs(folder)
	b, err2 := filepath.Abs(name)
	rel, err3 := filepath.Rel(a, b)
	if err1 != nil || err2 != nil || err3 != nil || !filepath.IsLocal(rel) {
		return false
	}
	for _, part := range strings.Split(filepath.ToSlash(rel), "/") {
		if strings.HasPrefix(part, "_") || strings.HasPrefix(part, ".") {
			return false
		}
	}
	return true
}

// device reports whether path leads to what a process has open. Such a name is
// a link, and it may lead to a regular file, but what a rename would replace is
// the link, for everybody.
func device(path string) bool {
	for _, p := range []string{"/dev/std", "/dev/fd/", "/proc/"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// Refuse returns an error where writing to name would overwrite one of
// inputs, or cannot work: because name is a folder, its folder does not exist,
// or no file can be made there, which it tries. WriteFile calls it; a command
// calls it before it starts the work.
func Refuse(name string, inputs []string) error {
	dir, err := os.Stat(filepath.Dir(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Failed, "%s: the folder does not exist", name).WithHint("mkdir -p %s", filepath.Dir(name))
	case err != nil:
		return fault.File(name, err)
	case !dir.IsDir():
		return fault.New(fault.Failed, "%s: %s is not a folder", name, filepath.Dir(name))
	}
	f, err := temporary(name)
	if err != nil {
		return fault.File(name, err)
	}
	f.Close()
	os.Remove(f.Name())
	for _, in := range inputs {
		if within(name, in) {
			return fault.Use("%s lies in the input folder %s: the next run would read it as data", name, in).
				WithHint("write it elsewhere, or under a name that begins with _")
		}
	}
	if abs, err := filepath.Abs(name); err == nil && device(abs) {
		return fault.Use("%s is not a regular file", name).WithHint("name a file to write to")
	}
	st, err := os.Stat(name)
	if err != nil {
		return nil // nothing to overwrite; a link to nothing is replaced
	}
	if st.IsDir() {
		return fault.Use("%s is a folder", name).WithHint("name a file, in it or elsewhere")
	}
	if !st.Mode().IsRegular() {
		return fault.Use("%s is not a regular file", name)
	}
	for _, in := range inputs {
		if x, err := os.Stat(in); err == nil && os.SameFile(st, x) {
			return fault.Use("%s is an input (%s), which is never overwritten", name, in).WithHint("name another file to write to")
		}
	}
	return nil
}
