package interactions

import (
	"math"
	"strconv"

	"rechost/host/fault"
	"rechost/host/table"
)

// converter turns one column of one file into what a Batch holds.
type converter struct {
	source
	role Role
	name string

	ints   []int64
	floats []float32
	memo   []int64 // times of a dictionary's texts
	known  []uint8 // 0 not read, 1 read, 2 missing
}

// at is where a row is, for messages.
func (c *converter) at(row int64) string {
	return c.file + ": row " + strconv.FormatInt(row, 10) + " (counting from 0)"
}

// ids converts a piece of an id column to class k. It marks rows without an id
// in missing. first is the file's number of the piece's first row.
func (c *converter) ids(v *table.Vector, k class, missing []bool, first int64) (table.Vector, bool, error) {
	n, any := v.Len(), false
	mark := func(i int) {
		missing[i] = true
		any = true
	}
	if v.Null != nil {
		for i, null := range v.Null {
			if null {
				mark(i)
			}
		}
	}
	if k == texts || k == ints && v.Kind == table.Ints || k == uints && v.Kind == table.Uints {
		out := *v
		out.Null = nil
		return out, any, nil
	}
	c.ints = resized(c.ints, n)
	switch v.Kind {
	case table.Uints: // of 32 bits at most
		for i, x := range v.Uints {
			c.ints[i] = int64(x)
		}
	case table.Floats, table.Floats32:
		for i := range n {
			x := 0.0
			if v.Kind == table.Floats {
				x = v.Floats[i]
			} else {
				x = float64(v.Floats32[i])
			}
			switch {
			case missing[i]:
			case x != x:
				mark(i)
			case math.Abs(x) >= 1<<53 && !math.IsInf(x, 0):
				return table.Vector{}, false, fault.Data("%s: %s %v in column %s is too large for an id that is a float: from 2^53 on several integers share one", c.at(first+int64(i)), c.role, x, c.name).
					WithHint("write the column as integers or strings")
			case x != math.Trunc(x) || math.IsInf(x, 0):
				return table.Vector{}, false, fault.Data("%s: %s %v in column %s is not a whole number: ids that are floats must be", c.at(first+int64(i)), c.role, x, c.name)
			default:
				c.ints[i] = int64(x)
			}
		}
	case table.Bytes: // decimals
		for i := range n {
			if missing[i] {
				continue
			}
			x, ok := bigEndian(v.Bytes(i))
			if !ok {
				return table.Vector{}, false, fault.Data("%s: %s in column %s is a decimal of more than 64 bits, which rechost does not read as an id", c.at(first+int64(i)), c.role, c.name)
			}
			c.ints[i] = x
		}
	}
	return table.IntVector(c.ints), any, nil
}

// bigEndian reads a two's complement number of any length.
func bigEndian(b []byte) (int64, bool) {
	x, fill := int64(0), byte(0)
	if len(b) > 0 && b[0]&0x80 != 0 {
		x, fill = -1, 0xff
	}
	for len(b) > 8 {
		if b[0] != fill {
			return 0, false
		}
		b = b[1:]
	}
	if len(b) == 8 && b[0]&0x80 != fill&0x80 {
		return 0, false
	}
	for _, c := range b {
		x = x<<8 | int64(c)
	}
	return x, true
}

// values converts a piece of a value column to float32; rows without a value
// are NaN.
func (c *converter) values(v *table.Vector, first int64) ([]float32, error) {
	n := v.Len()
	c.floats = resized(c.floats, n)
	out := c.floats
	scale := 1.0
	if c.typ.Logical == table.Decimal {
		scale = math.Pow10(c.typ.Scale)
	}
	switch v.Kind {
	case table.Ints:
		for i, x := range v.Ints {
			out[i] = float32(float64(x) / scale)
		}
	case table.Uints:
		for i, x := range v.Uints {
			out[i] = float32(x)
		}
	case table.Floats:
		for i, x := range v.Floats {
			out[i] = float32(x)
		}
	case table.Floats32:
		copy(out, v.Floats32)
	case table.Bools:
		for i, x := range v.Bools {
			out[i] = 0
			if x {
				out[i] = 1
			}
		}
	case table.Bytes:
		for i := range n {
			if v.IsNull(i) {
				continue
			}
			if c.hive != nil {
				x, err := strconv.ParseFloat(string(v.Bytes(i)), 32)
				if err != nil {
					return nil, fault.Data("%s: %s=%s in its folder's name is not a number", c.file, c.name, v.Bytes(i))
				}
				out[i] = float32(x)
				continue
			}
			x, ok := bigEndian(v.Bytes(i))
			if !ok {
				return nil, fault.Data("%s: the decimal in column %s has more than 64 bits", c.at(first+int64(i)), c.name)
			}
			out[i] = float32(float64(x) / scale)
		}
	}
	for i, x := range out {
		switch {
		case v.IsNull(i):
			out[i] = float32(math.NaN())
		case x == 0:
			out[i] = 0 // zeros have two signs, which would compare equal and differ in bits
		case math.IsInf(float64(x), 0):
			return nil, fault.Data("%s: the value in column %s is infinite, or too large for 32-bit floating point", c.at(first+int64(i)), c.name)
		}
	}
	return out, nil
}

// times converts a piece of a time column: to microseconds where the column
// has a unit of its own, to the numbers stored where it has not. It marks rows
// without a time.
func (c *converter) times(v *table.Vector, k timeClass, missing []bool, first int64) ([]int64, bool, error) {
	n, any := v.Len(), false
	c.ints = resized(c.ints, n)
	out := c.ints
	bad := func(i int, what string) error {
		return fault.Data("%s: the time in column %s %s", c.at(first+int64(i)), c.name, what).WithHint(otherTime)
	}
	if v.Kind == table.Bytes {
		c.memo, c.known = resized(c.memo, v.Values()), resized(c.known, v.Values())
		clear(c.known)
	}
	unit := c.typ.Unit
	if c.typ.Logical == table.Date {
		unit = "days"
	}
	for i := range n {
		if v.IsNull(i) {
			missing[i], any = true, true
			continue
		}
		switch v.Kind {
		case table.Ints:
			out[i] = v.Ints[i]
		case table.Uints:
			if v.Uints[i] > math.MaxInt64 {
				return nil, false, bad(i, "does not fit 63 bits")
			}
			out[i] = int64(v.Uints[i])
		case table.Floats, table.Floats32:
			x := 0.0
			if v.Kind == table.Floats {
				x = v.Floats[i]
			} else {
				x = float64(v.Floats32[i])
			}
			if x != x {
				missing[i], any = true, true
				continue
			}
			if math.Abs(x) >= 1<<63 {
				return nil, false, bad(i, "does not fit 63 bits")
			}
			out[i] = int64(math.Floor(x))
		case table.Bytes:
			p := v.At(i)
			if c.known[p] == 0 {
				b := v.Bytes(i)
				var ok bool
				c.known[p] = 1
				switch {
				case c.typ.Physical == table.Int96:
					if c.memo[p], ok = int96(b); !ok {
						return nil, false, bad(i, "is out of range")
					}
				case len(b) == 0:
					c.known[p] = 2
				default:
					if c.memo[p], ok = iso(b); !ok {
						return nil, false, bad(i, "is "+strconv.Quote(fault.Clean(string(b), 60))+", which is not ISO 8601 (2010-12-01 08:26:00)")
					}
				}
			}
			if c.known[p] == 2 {
				missing[i], any = true, true
				continue
			}
			out[i] = c.memo[p]
			continue
		default:
			return nil, false, bad(i, "is of a type that cannot be a time")
		}
		if k == timeTyped {
			us, ok := micros(out[i], unit)
			if !ok {
				return nil, false, bad(i, "is out of range")
			}
			out[i] = us
		}
	}
	return out, any, nil
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
