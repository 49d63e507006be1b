package interactions

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Units of an integer time column.
const (
	unitSeconds = "s"
	unitMillis  = "ms"
	unitMicros  = "us"
	unitNanos   = "ns"
)

// unitByMagnitude decides the unit of integer times by the largest of them:
// seconds reach 1e11 in the year 5138, milliseconds of 1973 are 1e11.
func unitByMagnitude(largest int64) string {
	switch {
	case largest < 1e11:
		return unitSeconds
	case largest < 1e14:
		return unitMillis
	case largest < 1e17:
		return unitMicros
	}
	return unitNanos
}

// micros converts a time of the given unit, also "days", to microseconds,
// rounding down; ok is false where it does not fit.
func micros(t int64, unit string) (us int64, ok bool) {
	switch unit {
	case unitNanos:
		us = t / 1000
		if t%1000 < 0 {
			us--
		}
		return us, true
	case unitMillis:
		return times(t, 1e3)
	case unitSeconds:
		return times(t, 1e6)
	case "days":
		return times(t, 86400e6)
	}
	return t, true
}

func times(t, k int64) (int64, bool) {
	a := uint64(t)
	if t < 0 {
		a = -a
	}
	hi, lo := bits.Mul64(a, uint64(k))
	return t * k, hi == 0 && lo <= math.MaxInt64
}

// int96 reads Impala's and Spark's old timestamp: nanoseconds of the day, then
// the Julian day, of which 2440588 is 1970-01-01.
func int96(b []byte) (us int64, ok bool) {
	if len(b) != 12 {
		return 0, false
	}
	nanos, day := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint32(b[8:]))
	d, ok := times(day-2440588, 86400e6)
	u, _ := micros(nanos, unitNanos)
	if sum := d + u; ok && (sum < d) == (u < 0) {
		return sum, true
	}
	return 0, false
}

// iso reads ISO 8601 text: a date, or date and time with a space or T between,
// seconds and their fraction optional, then Z, an offset or nothing, which is
// UTC. It allocates nothing.
func iso(b []byte) (us int64, ok bool) {
	digits := func(n int) int64 {
		if !ok || len(b) < n {
			ok = false
			return 0
		}
		v := int64(0)
		for _, c := range b[:n] {
			if c < '0' || c > '9' {
				ok = false
				return 0
			}
			v = 10*v + int64(c-'0')
		}
		b = b[n:]
		return v
	}
	skip := func(any string) bool {
		if len(b) == 0 {
			return false
		}
		for i := range len(any) {
			if b[0] == any[i] {
				b = b[1:]
				return true
			}
		}
		return false
	}
	ok = true
	y := digits(4)
	ok = ok && skip("-")
	m := digits(2)
	ok = ok && skip("-")
	d := digits(2)
	if !ok || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	us = daysFromCivil(y, m, d) * 86400e6
	if len(b) == 0 {
		return us, true
	}
	if !skip("T t") {
		return 0, false
	}
	h := digits(2)
	ok = ok && skip(":")
	mi := digits(2)
	s := int64(0)
	if ok && skip(":") {
		s = digits(2)
		if ok && skip(".,") {
			unit := int64(100_000)
			n := 0
			for ; len(b) > 0 && b[0] >= '0' && b[0] <= '9'; n++ {
				us += int64(b[0]-'0') * unit
				unit /= 10
				b = b[1:]
			}
			ok = ok && n > 0
		}
	}
	if !ok || h > 23 || mi > 59 || s > 60 {
		return 0, false
	}
	us += ((h*60+mi)*60 + s) * 1e6
	skip(" ")
	switch {
	case len(b) == 0 || skip("Zz") && len(b) == 0:
		return us, true
	case string(b) == "UTC":
		return us, true
	}
	sign := int64(1)
	if !skip("+") {
		if !skip("-") {
			return 0, false
		}
		sign = -1
	}
	oh, om := digits(2), int64(0)
	if ok && len(b) > 0 {
		skip(":")
		om = digits(2)
	}
	if !ok || len(b) > 0 || oh > 23 || om > 59 {
		return 0, false
	}
	return us - sign*(oh*60+om)*60e6, true
}

func daysIn(y, m int64) int64 {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil is the days from 1970-01-01 to a date of the proleptic
// Gregorian calendar (Howard Hinnant, chrono-compatible low-level date
// algorithms).
func daysFromCivil(y, m, d int64) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}
