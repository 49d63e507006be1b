package datasets

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"

	"rechost/host/fault"
)

// source is an input file that can be opened again and again. Its content is
// the same each time: gzip by its magic number, without a byte order mark.
type source struct {
	name string
	gzip bool
	bom  bool
}

// open returns the content from its beginning.
func (s *source) open() (io.ReadCloser, error) {
	f, err := os.Open(s.name)
	if err != nil {
		return nil, fault.File(s.name, err)
	}
	r := bufio.NewReaderSize(f, 1<<18)
	if magic, _ := r.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		s.gzip = true
		z, err := gzip.NewReader(r)
		if err != nil {
			f.Close()
			return nil, s.broken(err)
		}
		r = bufio.NewReaderSize(z, 1<<18)
	}
	start, err := r.Peek(3)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, s.broken(err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		s.bom = true
		r.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		f.Close()
		return nil, fault.Data("%s: is UTF-16, which is not read", s.name).
			WithHint("iconv -f UTF-16 -t UTF-8 %s > utf8.csv", s.name)
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// broken is the error for content that cannot be read or unpacked.
func (s *source) broken(err error) error {
	var pe *fs.PathError
	switch {
	case errors.As(err, &pe):
		return fault.File(s.name, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Data("%s: the compressed data ends too early: %v", s.name, err)
	}
	return fault.Data("%s: %v", s.name, err)
}

// head returns up to n bytes of the beginning, whole lines where it can, and
// whether that is everything.
func (s *source) head(n int) ([]byte, bool, error) {
	r, err := s.open()
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, int64(n)+1))
	if err != nil {
		return nil, false, s.broken(err)
	}
	if len(b) <= n {
		return b, true, nil
	}
	b = b[:n]
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	}
	return b, false, nil
}
