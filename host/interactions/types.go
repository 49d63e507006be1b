package interactions

import (
	"rechost/host/fault"
	"rechost/host/table"
)

// class is how the ids of a column are compared.
type class uint8

const (
	unusable class = iota
	ints           // as int64: integers but uint64, whole floats, decimals
	uints          // as uint64
	texts          // bytewise
)

func classOf(t table.Type) class {
	switch {
	case t.Logical == table.Float16, t.Logical == table.Interval, t.Logical == table.Null,
		t.Physical == table.Boolean, t.Physical == table.Int96:
		return unusable
	case t.Logical == table.Decimal:
		return ints
	case t.Kind() == table.Bytes:
		return texts
	case t.Physical == table.Int64 && t.Unsigned:
		return uints
	}
	return ints
}

// source is the column of one file for a role.
type source struct {
	file  string
	typ   table.Type
	place int   // in the file's fields, or -1
	hive  *hive // where place is -1
}

// idType checks that the sources of all files can be ids together and returns
// the type that holds all of them.
func idType(role Role, name string, s []source) (table.Type, class, error) {
	t, c := s[0].typ, classOf(s[0].typ)
	for i, x := range s {
		if classOf(x.typ) == unusable {
			return t, c, fault.Data("%s: column %s is %s, which cannot be an id: integers, whole floats, decimals, strings, binary and UUID can", x.file, name, x.typ)
		}
		if i == 0 {
			continue
		}
		w, ok := widen(t, x.typ)
		if !ok {
			return t, c, fault.Data("%s: column %s is %s, and %s in %s: ids of both kinds cannot be told apart", x.file, name, x.typ, t, s[0].file).
				WithHint("write one of the files again with the other's type")
		}
		t = w
	}
	return t, classOf(t), nil
}

// widen is the type that holds the ids of both, where ids of both compare.
func widen(a, b table.Type) (table.Type, bool) {
	if a == b {
		return a, true
	}
	ca, cb := classOf(a), classOf(b)
	if ca != cb {
		return a, false
	}
	switch ca {
	case uints:
		return table.Type{Physical: table.Int64, Logical: table.Integer, Bits: 64, Unsigned: true}, true
	case texts:
		switch {
		case a.Logical == table.UUID || b.Logical == table.UUID:
			return a, false // sixteen bytes never equal their text
		case a.Logical == table.String || b.Logical == table.String:
			return table.TypeString, true
		}
		return table.Type{Physical: table.ByteArray}, true
	}
	if a.Logical == table.Decimal && b.Logical == table.Decimal {
		if b.Precision > a.Precision {
			a, b = b, a
		}
		return a, a.Scale == b.Scale
	}
	if a.Logical == table.Decimal || b.Logical == table.Decimal {
		return table.TypeInt64, a.Scale == 0 && b.Scale == 0 && whole(a) && whole(b)
	}
	if !whole(a) || !whole(b) {
		return a, false // dates and timestamps only go with themselves
	}
	floats := func(t table.Type) bool { return t.Kind() == table.Floats || t.Kind() == table.Floats32 }
	switch {
	case floats(a) && floats(b):
		return table.TypeDouble, true
	case floats(a) || floats(b):
		return table.TypeInt64, true
	case !a.Unsigned && !b.Unsigned && a.Physical == b.Physical && a.Physical == table.Int32:
		return table.TypeInt32, true
	case a.Unsigned && b.Unsigned:
		return table.Type{Physical: table.Int32, Logical: table.Integer, Bits: max(a.Bits, b.Bits), Unsigned: true}, true
	}
	return table.TypeInt64, true
}

// whole reports whether a type of class ints is a plain number.
func whole(t table.Type) bool {
	return t.Logical == "" || t.Logical == table.Integer || t.Logical == table.Decimal || t.Logical == table.Other
}

// valueType checks a value column.
func valueType(name string, s []source) error {
	for _, x := range s {
		t := x.typ
		number := t.Kind() != table.Bytes || t.Logical == table.Decimal
		calendar := t.Logical == table.Date || t.Logical == table.Time || t.Logical == table.Timestamp
		if x.hive == nil && (!number || calendar) {
			return fault.Data("%s: column %s is %s, which cannot be a value: numbers, decimals and booleans can", x.file, name, t).
				WithHint("--value names another column, --no-value takes pairs as they are")
		}
	}
	return nil
}

// timeClass is how a time column is read.
type timeClass uint8

const (
	timeNone    timeClass = iota
	timePlain             // numbers without a unit
	timeTyped             // timestamp or date: the type has the unit
	timeText              // ISO 8601
	timeNanos96           // INT96: nanoseconds of a Julian day
)

func timeClassOf(t table.Type) timeClass {
	switch {
	case t.Logical == table.Timestamp, t.Logical == table.Date:
		return timeTyped
	case t.Physical == table.Int96:
		return timeNanos96
	case t.Logical == table.String, t.Physical == table.ByteArray && t.Logical == "":
		return timeText
	case t.Kind() == table.Bytes, t.Kind() == table.Bools, t.Logical == table.Decimal, t.Logical == table.Time:
		return timeNone
	}
	return timePlain
}

// otherTime is the way out of a column of times that cannot be read.
const otherTime = "--time names another column, --no-time reads none"

func timeType(name string, s []source) (timeClass, error) {
	c := timeClassOf(s[0].typ)
	for _, x := range s {
		k := timeClassOf(x.typ)
		if k == timeNone {
			return c, fault.Data("%s: column %s is %s, which cannot be a time: integers, timestamps, dates and ISO 8601 text can", x.file, name, x.typ).
				WithHint(otherTime)
		}
		if (k == timePlain) != (c == timePlain) {
			return c, fault.Data("%s: column %s is %s, and %s in %s: one has a unit and the other has not", x.file, name, x.typ, s[0].typ, s[0].file).
				WithHint(otherTime)
		}
	}
	return c, nil
}
