package table

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The thrift decoder of the Parquet library allocates what a list's length
// claims before it has seen the list. skim walks the same bytes first, without
// allocating, and refuses lengths that the bytes cannot hold.

// errShort means that the bytes end before the structure does.
var errShort = errors.New("ends in the middle of a structure")

// maxThriftDepth is far above what Parquet's structures nest (about 8).
const maxThriftDepth = 32

// Types of the thrift compact protocol.
const (
	tStop, tTrue, tFalse, tByte, tI16, tI32, tI64, tDouble = 0, 1, 2, 3, 4, 5, 6, 7
	tBinary, tList, tSet, tMap, tStruct                    = 8, 9, 10, 11, 12
)

// skimStruct returns the length of the compact-protocol struct at the start of
// b.
func skimStruct(b []byte) (int, error) {
	s := skimmer{b: b}
	err := s.structure(0)
	return s.i, err
}

type skimmer struct {
	b []byte
	i int
}

func (s *skimmer) structure(depth int) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("structures nested deeper than %d", maxThriftDepth)
	}
	for {
		h, err := s.byte()
		if err != nil {
			return err
		}
		t := h & 15
		if h == tStop {
			return nil
		}
		if h>>4 == 0 { // a field number of its own
			if _, err := s.varint(); err != nil {
				return err
			}
		}
		if t == tTrue || t == tFalse { // the value is in the header
			continue
		}
		if err := s.value(t, depth); err != nil {
			return err
		}
	}
}

func (s *skimmer) value(t byte, depth int) error {
	switch t {
	case tTrue, tFalse, tByte: // in a list, a bool takes a byte
		return s.skip(1)
	case tI16, tI32, tI64:
		_, err := s.varint()
		return err
	case tDouble:
		return s.skip(8)
	case tBinary:
		n, err := s.varint()
		if err != nil {
			return err
		}
		return s.skip(n)
	case tList, tSet:
		h, err := s.byte()
		if err != nil {
			return err
		}
		n := uint64(h >> 4)
		if n == 15 {
			if n, err = s.varint(); err != nil {
				return err
			}
		}
		return s.elements(n, depth, h&15)
	case tMap:
		n, err := s.varint()
		if err != nil || n == 0 {
			return err
		}
		h, err := s.byte()
		if err != nil {
			return err
		}
		return s.elements(n, depth, h>>4, h&15)
	case tStruct:
		return s.structure(depth + 1)
	}
	return fmt.Errorf("no thrift type %d", t)
}

func (s *skimmer) elements(n uint64, depth int, types ...byte) error {
	if n > uint64(len(s.b)-s.i) { // every element takes a byte at least
		return errShort
	}
	if depth > maxThriftDepth {
		return fmt.Errorf("structures nested deeper than %d", maxThriftDepth)
	}
	for range n {
		for _, t := range types {
			if err := s.value(t, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *skimmer) byte() (byte, error) {
	if s.i >= len(s.b) {
		return 0, errShort
	}
	s.i++
	return s.b[s.i-1], nil
}

func (s *skimmer) varint() (uint64, error) {
	v, n := binary.Uvarint(s.b[s.i:])
	switch {
	case n == 0:
		return 0, errShort
	case n < 0:
		return 0, errors.New("a number of more than 64 bits")
	}
	s.i += n
	return v, nil
}

func (s *skimmer) skip(n uint64) error {
	if n > uint64(len(s.b)-s.i) {
		return errShort
	}
	s.i += int(n)
	return nil
}
