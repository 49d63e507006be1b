//go:build !linux && !darwin

package sandbox

import (
	"errors"
	"io"
	"os"
)

// Without mmap, guests have ordinary slices that are copied as they grow, and
// arrays are read rather than mapped. The bytes are the same.

var pageSize = os.Getpagesize()

func reserveSpace(int) []byte { return nil }

func releaseSpace([]byte) {}

func commit([]byte) error { return errors.ErrUnsupported }

func discard([]byte) error { return errors.ErrUnsupported }

func blank([]byte) error { return errors.ErrUnsupported }

func conceal([]byte) error { return errors.ErrUnsupported }

func mapOver([]byte, *os.File, int64) error { return errors.ErrUnsupported }

func mapFile(f *os.File, n int) ([]byte, func(), error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, int64(n)), b); err != nil {
		return nil, nil, err
	}
	return b, func() {}, nil
}
