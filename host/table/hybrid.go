package table

import (
	"encoding/binary"
	"errors"
)

var errTruncated = errors.New("values end before the page's count is reached")

// hybrid decodes len(dst) numbers of the RLE and bit-packing hybrid encoding.
// A run longer than what is left of dst is cut, so nothing is allocated or
// written by a run's own claim.
//
// https://github.com/apache/parquet-format/blob/master/Encodings.md
func hybrid[T uint8 | uint32](dst []T, src []byte, width uint) error {
	if width > 32 {
		return errors.New("numbers of more than 32 bits")
	}
	valueBytes := int(width+7) / 8
	for len(dst) > 0 {
		h, n := binary.Uvarint(src)
		if n <= 0 {
			return errTruncated
		}
		src = src[n:]
		if h&1 == 0 { // a run of one value
			if len(src) < valueBytes {
				return errTruncated
			}
			var b [4]byte
			copy(b[:], src[:valueBytes])
			src = src[valueBytes:]
			run := dst[:min(h>>1, uint64(len(dst)))]
			v := T(binary.LittleEndian.Uint32(b[:]))
			for i := range run {
				run[i] = v
			}
			dst = dst[len(run):]
			continue
		}
		groups := h >> 1 // of 8 values
		count := len(dst)
		if groups < uint64(len(dst)+7)/8 {
			count = int(groups) * 8
		}
		// Some writers leave the padding of the last group out.
		need := (count*int(width) + 7) / 8
		if need > len(src) {
			return errTruncated
		}
		unpack(dst[:count], src[:need], width)
		dst = dst[count:]
		if all := groups * uint64(width); all < uint64(len(src)) {
			src = src[all:]
		} else {
			src = nil
		}
	}
	return nil
}

// unpack reads len(dst) numbers of width bits, lowest bits first.
func unpack[T uint8 | uint32](dst []T, src []byte, width uint) {
	if width == 0 {
		clear(dst)
		return
	}
	mask := uint64(1)<<width - 1
	// Whole words as long as eight bytes can be loaded, then a padded tail.
	safe := 0
	if len(src) >= 8 {
		safe = min(len(dst), int(uint(len(src)-8)*8/width)+1)
	}
	bit := uint(0)
	for i := range dst[:safe] {
		w := binary.LittleEndian.Uint64(src[bit>>3:])
		dst[i] = T(w >> (bit & 7) & mask)
		bit += width
	}
	for i := safe; i < len(dst); i++ {
		var b [8]byte
		copy(b[:], src[bit>>3:])
		dst[i] = T(binary.LittleEndian.Uint64(b[:]) >> (bit & 7) & mask)
		bit += width
	}
}

// bitPackedLevels decodes the deprecated encoding of levels, highest bits
// first.
func bitPackedLevels(dst []uint8, src []byte, width uint) error {
	if len(src) < (len(dst)*int(width)+7)/8 {
		return errTruncated
	}
	for i := range dst {
		v := uint8(0)
		for b := range width {
			p := uint(i)*width + b
			v = v<<1 | src[p>>3]>>(7-p&7)&1
		}
		dst[i] = v
	}
	return nil
}
