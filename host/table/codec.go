package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// The codecs below are the libraries that the Parquet library uses, called
// with a limit: its own wrappers let a page grow beyond the size that its
// header claims, and try a damaged LZ4 page again and again with ever more
// memory.

// codecs lists the codecs that are read.
var codecs = map[format.CompressionCodec]func(dst, src []byte) ([]byte, error){
	format.Uncompressed: func(dst, src []byte) ([]byte, error) {
		if len(src) > cap(dst) {
			return nil, errSize
		}
		return append(dst, src...), nil
	},
	format.Snappy: func(dst, src []byte) ([]byte, error) {
		if n, err := snappy.DecodedLen(src); err != nil {
			return nil, err
		} else if n > cap(dst) {
			return nil, errSize
		}
		return snappy.Decode(dst[:cap(dst)], src)
	},
	format.Lz4Raw: func(dst, src []byte) ([]byte, error) {
		n, err := lz4.UncompressBlock(src, dst[:cap(dst)])
		if err != nil {
			return nil, err
		}
		return dst[:n], nil
	},
	format.Zstd: func(dst, src []byte) ([]byte, error) {
		d, err := zstdDecoder()
		if err != nil {
			return nil, err
		}
		return d.DecodeAll(src, dst)
	},
	format.Gzip: func(dst, src []byte) ([]byte, error) {
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, err
		}
		return readLimited(dst, r)
	},
	format.Brotli: func(dst, src []byte) ([]byte, error) {
		return readLimited(dst, brotli.NewReader(bytes.NewReader(src)))
	},
}

var errSize = errors.New("more bytes than the page's header says")

// zstdDecoder is shared: DecodeAll may be called concurrently.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxPageBytes))
})

// readLimited fills dst up to its capacity, and wants nothing behind it.
func readLimited(dst []byte, r io.Reader) ([]byte, error) {
	n, err := io.ReadFull(r, dst[:cap(dst)])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return dst[:n], nil
	}
	if err != nil {
		return nil, err
	}
	var more [1]byte
	if k, _ := io.ReadFull(r, more[:]); k > 0 {
		return nil, errSize
	}
	return dst[:n], nil
}

// uncompress gives the size bytes that src holds, in dst's memory where it is
// enough.
func uncompress(codec format.CompressionCodec, dst, src []byte, size int) ([]byte, error) {
	if cap(dst) < size {
		dst = make([]byte, 0, size)
	}
	if len(src) == 0 && size == 0 {
		return dst[:0], nil
	}
	out, err := codecs[codec](dst[:0:size], src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", codec, err)
	}
	if len(out) != size {
		return nil, fmt.Errorf("%s: a page of %d bytes instead of %d", codec, len(out), size)
	}
	return out, nil
}

// appendSnappy appends b as one snappy block. The common libraries compress
// to other bytes in their assembly than in plain Go, so that the same table
// would differ between machines; this is the format's plain greedy method,
// one hash table over blocks of 64 KiB.
//
// https://github.com/google/snappy/blob/main/format_description.txt
func appendSnappy(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	var table [1 << 14]uint16
	for len(b) > 0 {
		block := b[:min(len(b), 1<<16)]
		b = b[len(block):]
		dst = snappyBlock(dst, block, &table)
	}
	return dst
}

func snappyBlock(dst, b []byte, table *[1 << 14]uint16) []byte {
	const margin = 15 // so that eight bytes can be loaded anywhere
	if len(b) < margin+2 {
		return appendLiteral(dst, b)
	}
	clear(table[:])
	end := len(b) - margin
	load := func(i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
	hash := func(x uint32) uint32 { return x * 0x1e35a7bd >> 18 }
	emitted := 0
	for s := 1; s < end; {
		// Look for four bytes that were there before; the longer it takes,
		// the bigger the steps.
		at, found := s, 0
		for skip := 32; ; skip++ {
			if at >= end {
				return appendLiteral(dst, b[emitted:])
			}
			h := hash(load(at))
			found = int(table[h])
			table[h] = uint16(at)
			if load(found) == load(at) && found < at {
				break
			}
			at += skip >> 5
		}
		dst = appendLiteral(dst, b[emitted:at])
		n := 4
		for at+n+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[at+n:]) ^ binary.LittleEndian.Uint64(b[found+n:])
			if x != 0 {
				n += bits.TrailingZeros64(x) >> 3
				break
			}
			n += 8
		}
		if at+n+8 > len(b) {
			for at+n < len(b) && b[at+n] == b[found+n] {
				n++
			}
		}
		dst = appendCopy(dst, at-found, n)
		s = at + n
		emitted = s
		if s < end {
			table[hash(load(s-1))] = uint16(s - 1)
		}
	}
	return appendLiteral(dst, b[emitted:])
}

func appendLiteral(dst, b []byte) []byte {
	n := len(b) - 1
	switch {
	case n < 0:
		return dst
	case n < 60:
		dst = append(dst, byte(n)<<2)
	case n < 1<<8:
		dst = append(dst, 60<<2, byte(n))
	default:
		dst = append(dst, 61<<2, byte(n), byte(n>>8))
	}
	return append(dst, b...)
}

// appendCopy appends copies of n bytes from offset bytes back.
func appendCopy(dst []byte, offset, n int) []byte {
	for n > 0 {
		k := min(n, 64)
		if n > 64 && n < 68 {
			k = 60 // leaves at least four
		}
		if k >= 4 && k < 12 && offset < 1<<11 {
			dst = append(dst, byte(offset>>8)<<5|byte(k-4)<<2|1, byte(offset))
		} else {
			dst = append(dst, byte(k-1)<<2|2, byte(offset), byte(offset>>8))
		}
		n -= k
	}
	return dst
}
