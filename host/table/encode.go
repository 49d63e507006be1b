package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// appendPlain appends the PLAIN encoding of the values of v at places, or of
// all values of v where places is nil, as type t. Integers are converted to
// the width, sign, float or decimal that t wants, if they fit.
func appendPlain(dst []byte, t Type, v *Vector, places []uint32) ([]byte, error) {
	n := v.Values()
	if places != nil {
		n = len(places)
	}
	at := func(i int) int {
		if places != nil {
			return int(places[i])
		}
		return i
	}
	switch v.Kind {
	case Ints, Uints:
		dst = slices.Grow(dst, n*max(width(t), 8))
		if t.Physical == Int64 && (v.Kind == Ints) != t.Unsigned { // nothing to check
			if places == nil && v.Kind == Ints {
				for _, x := range v.Ints {
					dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
				}
				return dst, nil
			}
			for i := range n {
				dst = binary.LittleEndian.AppendUint64(dst, v.bits(at(i)))
			}
			return dst, nil
		}
		for i := range n {
			var err error
			if dst, err = appendInt(dst, t, v.Kind, v.bits(at(i))); err != nil {
				return nil, err
			}
		}
	case Floats32:
		dst = slices.Grow(dst, 4*n)
		for i := range n {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.Floats32[at(i)]))
		}
	case Floats:
		dst = slices.Grow(dst, 8*n)
		for i := range n {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Floats[at(i)]))
		}
	case Bools:
		start := len(dst)
		dst = append(dst, make([]byte, (n+7)/8)...)
		for i := range n {
			if v.Bools[at(i)] {
				dst[start+i>>3] |= 1 << (i & 7)
			}
		}
	case Bytes:
		fixed := width(t)
		for i := range n {
			b := v.Arena[v.Offsets[at(i)]:v.Offsets[at(i)+1]]
			switch {
			case t.Physical == ByteArray:
				dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
			case len(b) != fixed:
				return nil, fmt.Errorf("%d bytes for a %s", len(b), t)
			}
			dst = append(dst, b...)
		}
	}
	return dst, nil
}

// bits is integer i as 64 bits.
func (v *Vector) bits(i int) uint64 {
	if v.Kind == Ints {
		return uint64(v.Ints[i])
	}
	return v.Uints[i]
}

// appendInt appends one integer, of kind Ints or Uints, as type t.
func appendInt(dst []byte, t Type, k Kind, x uint64) ([]byte, error) {
	negative := k == Ints && int64(x) < 0
	misfit := func() ([]byte, error) {
		if k == Ints {
			return nil, fmt.Errorf("%d does not fit %s", int64(x), t)
		}
		return nil, fmt.Errorf("%d does not fit %s", x, t)
	}
	switch t.Physical {
	case Int32, Int64:
		w := map[string]int{Int32: 32, Int64: 64}[t.Physical]
		if t.Logical == Integer {
			w = t.Bits
		}
		switch {
		case t.Unsigned && (negative || bits.Len64(x) > w),
			!t.Unsigned && !negative && bits.Len64(x) > w-1,
			!t.Unsigned && negative && bits.Len64(^x) > w-1:
			return misfit()
		}
		if t.Physical == Int32 {
			return binary.LittleEndian.AppendUint32(dst, uint32(x)), nil
		}
		return binary.LittleEndian.AppendUint64(dst, x), nil
	case Float, Double:
		f := float64(x)
		if k == Ints {
			f = float64(int64(x))
		}
		if t.Physical == Float {
			if float64(float32(f)) != f {
				return misfit()
			}
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), nil
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
	case FixedLen, ByteArray: // a decimal: big endian, two's complement
		n := t.Length
		if t.Physical == ByteArray {
			n = 9
		}
		fill := byte(0)
		if negative {
			fill = 0xff
		}
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], x)
		full := append(bytes.Repeat([]byte{fill}, max(n-8, 0)), b[max(8-n, 0):]...)
		if n < 8 {
			for _, c := range b[:8-n] {
				if c != fill {
					return misfit()
				}
			}
			if n == 0 || full[0]>>7 != fill>>7 {
				return misfit()
			}
		}
		if t.Physical == ByteArray { // the shortest form
			for len(full) > 1 && full[0] == fill && full[1]>>7 == fill>>7 {
				full = full[1:]
			}
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(full)))
		}
		return append(dst, full...), nil
	}
	return nil, fmt.Errorf("an integer for a %s", t)
}

// distinct finds the values that rows of v take: places has one place of each
// and codes, for each row, an index into places. It gives up, with ok false,
// where there are too many of them for a dictionary to pay.
func distinct(v *Vector) (codes, places []uint32, ok bool) {
	n := v.Len()
	most := max(n/2, 1)
	switch {
	case n == 0 || v.Kind == Bools:
		return nil, nil, false
	case v.Codes != nil:
		return renumber(v.Codes, v.Values(), most)
	case v.Kind == Ints || v.Kind == Uints:
		return distinctInts(v, most)
	case v.Kind == Bytes:
		seen := map[string]uint32{}
		return distinctBy(n, most, func(i int) (uint32, bool) {
			b := v.Arena[v.Offsets[i]:v.Offsets[i+1]]
			k, ok := seen[string(b)]
			if !ok {
				k = uint32(len(seen))
				seen[string(b)] = k
			}
			return k, ok
		})
	}
	// Floats: ratings repeat, scores do not.
	seen := map[uint64]uint32{}
	return distinctBy(n, min(most, 1<<12), func(i int) (uint32, bool) {
		var b uint64
		if v.Kind == Floats {
			b = math.Float64bits(v.Floats[i])
		} else {
			b = uint64(math.Float32bits(v.Floats32[i]))
		}
		k, ok := seen[b]
		if !ok {
			k = uint32(len(seen))
			seen[b] = k
		}
		return k, ok
	})
}

// distinctBy numbers n rows by code, which says whether it has seen the value.
func distinctBy(n, most int, code func(i int) (uint32, bool)) (codes, places []uint32, ok bool) {
	const trial = 1 << 14 // rows after which hardly any repetition is given up on
	codes = make([]uint32, n)
	for i := range codes {
		k, seen := code(i)
		codes[i] = k
		if seen {
			continue
		}
		places = append(places, uint32(i))
		if len(places) > most || i >= trial && len(places) > i*3/4 {
			return nil, nil, false
		}
	}
	return codes, places, true
}

// renumber gives the codes that are used numbers in order of appearance.
func renumber(in []uint32, values, most int) (codes, places []uint32, ok bool) {
	number := make([]uint32, values) // plus one; 0 is unused
	codes = make([]uint32, len(in))
	for i, c := range in {
		k := number[c]
		if k == 0 {
			if len(places) == most {
				return nil, nil, false
			}
			places = append(places, c)
			k = uint32(len(places))
			number[c] = k
		}
		codes[i] = k - 1
	}
	return codes, places, true
}

// distinctInts numbers integers of a small range through a table of it, in
// ascending order.
func distinctInts(v *Vector, most int) (codes, places []uint32, ok bool) {
	n := v.Len()
	lo, hi := v.bits(0), v.bits(0)
	flip := uint64(0) // signed integers in the order of unsigned ones
	if v.Kind == Ints {
		flip = 1 << 63
	}
	lo, hi = lo^flip, hi^flip
	for i := range n {
		x := v.bits(i) ^ flip
		lo, hi = min(lo, x), max(hi, x)
	}
	if hi-lo >= uint64(max(most, 1<<16)) {
		return nil, nil, false
	}
	place := make([]uint32, hi-lo+1) // plus one
	for i := range n {
		place[v.bits(i)^flip-lo] = uint32(i) + 1
	}
	number := make([]uint32, len(place))
	for x, p := range place {
		if p > 0 {
			number[x] = uint32(len(places))
			places = append(places, p-1)
		}
	}
	if len(places) > most {
		return nil, nil, false
	}
	codes = make([]uint32, n)
	for i := range codes {
		codes[i] = number[v.bits(i)^flip-lo]
	}
	return codes, places, true
}

// appendHybrid appends codes in the RLE and bit-packing hybrid encoding: runs
// of eight or more of one value as such, everything else in groups of eight.
func appendHybrid(dst []byte, codes []uint32, width uint) []byte {
	run := func(i int) int {
		j := i + 1
		for j < len(codes) && codes[j] == codes[i] {
			j++
		}
		return j - i
	}
	for i := 0; i < len(codes); {
		if r := run(i); r >= 8 || i+r == len(codes) && r > 1 {
			dst = binary.AppendUvarint(dst, uint64(r)<<1)
			for b := uint(0); b < width; b += 8 {
				dst = append(dst, byte(codes[i]>>b))
			}
			i += r
			continue
		}
		j := i + 8
		for j < len(codes) && !(codes[j] == codes[min(j+1, len(codes)-1)] && run(j) >= 8) {
			j += 8
		}
		groups := (min(j, len(codes)) - i + 7) / 8
		dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
		dst = appendPacked(dst, codes[i:min(j, len(codes))], width)
		i = j
	}
	return dst
}

// appendPacked packs numbers of width bits, lowest bits first, and pads the
// last group of eight with zeros.
func appendPacked(dst []byte, codes []uint32, width uint) []byte {
	end := len(dst) + (len(codes)+7)/8*int(width)
	var acc uint64
	var have uint
	for _, c := range codes {
		acc |= uint64(c) << have
		have += width
		if have >= 32 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(acc))
			acc >>= 32
			have -= 32
		}
	}
	for ; len(dst) < end; acc >>= 8 {
		dst = append(dst, byte(acc))
	}
	return dst
}

// bounds gives the statistics of a chunk: smallest and largest value of
// numbers, as PLAIN bytes, none where a NaN is among them.
func bounds(t Type, v *Vector, s *format.Statistics) {
	n := v.Values()
	if n == 0 || t.Kind() == Bytes || v.Kind == Bools || v.Kind == Bytes {
		return
	}
	lo, hi := uint32(0), uint32(0)
	less := func(a, b uint32) bool { return false }
	switch v.Kind {
	case Ints:
		less = func(a, b uint32) bool { return v.Ints[a] < v.Ints[b] }
	case Uints:
		less = func(a, b uint32) bool { return v.Uints[a] < v.Uints[b] }
	case Floats:
		less = func(a, b uint32) bool { return v.Floats[a] < v.Floats[b] }
	case Floats32:
		less = func(a, b uint32) bool { return v.Floats32[a] < v.Floats32[b] }
	}
	for i := range n {
		k := uint32(i)
		if v.Kind == Floats && v.Floats[i] != v.Floats[i] || v.Kind == Floats32 && v.Floats32[i] != v.Floats32[i] {
			return
		}
		if less(k, lo) {
			lo = k
		}
		if less(hi, k) {
			hi = k
		}
	}
	if v.Kind == Floats && (v.Floats[lo] == 0 || v.Floats[hi] == 0) || v.Kind == Floats32 && (v.Floats32[lo] == 0 || v.Floats32[hi] == 0) {
		return // zeros have two signs, which readers compare differently
	}
	a, errA := appendPlain(nil, t, v, []uint32{lo})
	b, errB := appendPlain(nil, t, v, []uint32{hi})
	if errA == nil && errB == nil {
		s.MinValue, s.MaxValue = a, b
	}
}
