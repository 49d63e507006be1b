package table

import (
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// leaf is a field with what reading its pages takes.
type leaf struct {
	Field
	maxDef, maxRep int
}

// leaves walks the flattened schema tree.
func leaves(schema []format.SchemaElement) ([]leaf, error) {
	if len(schema) == 0 {
		return nil, fmt.Errorf("the footer has no schema")
	}
	w := schemaWalk{elements: schema}
	if err := w.group("", 0, 0, 0); err != nil {
		return nil, err
	}
	if w.next != len(schema) {
		return nil, fmt.Errorf("the schema has %d elements too many", len(schema)-w.next)
	}
	return w.leaves, nil
}

type schemaWalk struct {
	elements []format.SchemaElement
	next     int
	leaves   []leaf
}

// group reads the element at next, a group or the root, and its children.
func (w *schemaWalk) group(prefix string, depth, def, rep int) error {
	e := &w.elements[w.next]
	w.next++
	if depth > 64 {
		return fmt.Errorf("the schema is nested deeper than 64")
	}
	for range max(e.NumChildren.V, 0) {
		if w.next >= len(w.elements) {
			return fmt.Errorf("the schema ends inside %q", e.Name)
		}
		c := &w.elements[w.next]
		d, r := def, rep
		switch c.RepetitionType.V { // an absent one is 0, required
		case format.Optional:
			d++
		case format.Repeated:
			d++
			r++
		}
		name := prefix + c.Name
		if !c.Type.Valid { // a group, which may be empty
			if err := w.group(name+".", depth+1, d, r); err != nil {
				return err
			}
			continue
		}
		w.next++
		t, err := typeOf(c)
		if err != nil {
			return fmt.Errorf("column %q: %w", name, err)
		}
		w.leaves = append(w.leaves, leaf{
			Field:  Field{Name: name, Type: t, Optional: d > 0, Nested: depth > 0 || r > 0},
			maxDef: d, maxRep: r,
		})
	}
	return nil
}

var physicals = map[format.Type]string{
	format.Boolean: Boolean, format.Int32: Int32, format.Int64: Int64, format.Int96: Int96,
	format.Float: Float, format.Double: Double, format.ByteArray: ByteArray, format.FixedLenByteArray: FixedLen,
}

// maxFixed bounds the length of a fixed_len_byte_array that is believed.
const maxFixed = 1 << 20

// typeOf reads a leaf's type. A logical type that does not fit its physical
// type is dropped, as the format asks of readers.
func typeOf(e *format.SchemaElement) (Type, error) {
	p, ok := physicals[e.Type.V]
	if !ok {
		return Type{}, fmt.Errorf("no physical type %d", e.Type.V)
	}
	t := Type{Physical: p}
	if p == FixedLen {
		t.Length = int(e.TypeLength.V)
		if t.Length < 0 || t.Length > maxFixed {
			return t, fmt.Errorf("byte strings of fixed length %d", t.Length)
		}
	}
	isInt, isBytes := p == Int32 || p == Int64, p == ByteArray
	switch l := e.LogicalType.Value.(type) {
	case nil:
		return converted(t, e), nil
	case *format.StringType:
		return t.as(isBytes, String), nil
	case *format.EnumType:
		return t.as(isBytes, Enum), nil
	case *format.JsonType:
		return t.as(isBytes, JSON), nil
	case *format.BsonType:
		return t.as(isBytes, BSON), nil
	case *format.UUIDType:
		return t.as(t.Length == 16, UUID), nil
	case *format.Float16Type:
		return t.as(t.Length == 2, Float16), nil
	case *format.DateType:
		return t.as(p == Int32, Date), nil
	case *format.NullType:
		return t.as(true, Null), nil
	case *format.DecimalType:
		return t.decimal(int(l.Precision), int(l.Scale)), nil
	case *format.TimeType:
		t = t.as(isInt, Time)
		t.Unit, t.UTC = unitOf(l.Unit.Value), l.IsAdjustedToUTC
		return t, nil
	case *format.TimestampType:
		t = t.as(p == Int64, Timestamp)
		if t.Logical == Timestamp {
			t.Unit, t.UTC = unitOf(l.Unit.Value), l.IsAdjustedToUTC
		}
		return t, nil
	case *format.IntType:
		b := int(l.BitWidth)
		if p == Int32 && (b == 8 || b == 16 || b == 32) || p == Int64 && b == 64 {
			t.Logical, t.Bits, t.Unsigned = Integer, b, !l.IsSigned
		}
		return t, nil
	}
	return t.as(true, Other), nil
}

// as sets the logical type where the physical one fits.
func (t Type) as(fits bool, logical string) Type {
	if fits {
		t.Logical = logical
	}
	return t
}

func (t Type) decimal(precision, scale int) Type {
	if t.Physical == Int32 || t.Physical == Int64 || t.Kind() == Bytes && t.Physical != Int96 {
		t.Logical, t.Precision, t.Scale = Decimal, precision, scale
	}
	return t
}

func unitOf(u any) string {
	switch u.(type) {
	case *format.MilliSeconds:
		return "ms"
	case *format.MicroSeconds:
		return "us"
	}
	return "ns"
}

// converted reads the older form of logical types.
func converted(t Type, e *format.SchemaElement) Type {
	if !e.ConvertedType.Valid {
		return t
	}
	p := t.Physical
	integer := func(phys string, bits int, unsigned bool) Type {
		if p == phys {
			t.Logical, t.Bits, t.Unsigned = Integer, bits, unsigned
		}
		return t
	}
	switch e.ConvertedType.V {
	case deprecated.UTF8:
		return t.as(p == ByteArray, String)
	case deprecated.Enum:
		return t.as(p == ByteArray, Enum)
	case deprecated.Json:
		return t.as(p == ByteArray, JSON)
	case deprecated.Bson:
		return t.as(p == ByteArray, BSON)
	case deprecated.Interval:
		return t.as(t.Length == 12, Interval)
	case deprecated.Decimal:
		return t.decimal(int(e.Precision.V), int(e.Scale.V))
	case deprecated.Date:
		return t.as(p == Int32, Date)
	case deprecated.TimeMillis, deprecated.TimeMicros:
		if p == Int32 || p == Int64 {
			t.Logical, t.Unit, t.UTC = Time, "ms", true
			if e.ConvertedType.V == deprecated.TimeMicros {
				t.Unit = "us"
			}
		}
	case deprecated.TimestampMillis, deprecated.TimestampMicros:
		if p == Int64 {
			t.Logical, t.Unit, t.UTC = Timestamp, "ms", true
			if e.ConvertedType.V == deprecated.TimestampMicros {
				t.Unit = "us"
			}
		}
	case deprecated.Uint8:
		return integer(Int32, 8, true)
	case deprecated.Uint16:
		return integer(Int32, 16, true)
	case deprecated.Uint32:
		return integer(Int32, 32, true)
	case deprecated.Uint64:
		return integer(Int64, 64, true)
	case deprecated.Int8:
		return integer(Int32, 8, false)
	case deprecated.Int16:
		return integer(Int32, 16, false)
	case deprecated.Int32:
		return integer(Int32, 32, false)
	case deprecated.Int64:
		return integer(Int64, 64, false)
	}
	return t
}

// element is the schema element of a column, the reverse of typeOf. Both the
// new and, where it has one, the old logical type are set, for old readers.
func (c Column) element() (format.SchemaElement, error) {
	t := c.Type
	e := format.SchemaElement{Name: c.Name}
	for k, v := range physicals {
		if v == t.Physical {
			e.Type.Set(k)
		}
	}
	if !e.Type.Valid {
		return e, fmt.Errorf("column %q: no physical type %q", c.Name, t.Physical)
	}
	e.RepetitionType.Set(format.Required)
	if c.Optional {
		e.RepetitionType.Set(format.Optional)
	}
	if t.Physical == FixedLen {
		e.TypeLength.Set(int32(t.Length))
	}
	old := func(c deprecated.ConvertedType) { e.ConvertedType.Set(c) }
	l := &e.LogicalType.Value
	switch t.Logical {
	case "", Other, Null:
	case String:
		*l = &format.StringType{}
		old(deprecated.UTF8)
	case Enum:
		*l = &format.EnumType{}
		old(deprecated.Enum)
	case JSON:
		*l = &format.JsonType{}
		old(deprecated.Json)
	case BSON:
		*l = &format.BsonType{}
		old(deprecated.Bson)
	case UUID:
		*l = &format.UUIDType{}
	case Float16:
		*l = &format.Float16Type{}
	case Interval:
		old(deprecated.Interval)
	case Date:
		*l = &format.DateType{}
		old(deprecated.Date)
	case Decimal:
		*l = &format.DecimalType{Scale: int32(t.Scale), Precision: int32(t.Precision)}
		old(deprecated.Decimal)
		e.Scale.Set(int32(t.Scale))
		e.Precision.Set(int32(t.Precision))
	case Time:
		*l = &format.TimeType{IsAdjustedToUTC: t.UTC, Unit: unit(t.Unit)}
		if i, ok := map[string]deprecated.ConvertedType{"ms": deprecated.TimeMillis, "us": deprecated.TimeMicros}[t.Unit]; ok && t.UTC {
			old(i)
		}
	case Timestamp:
		*l = &format.TimestampType{IsAdjustedToUTC: t.UTC, Unit: unit(t.Unit)}
		if i, ok := map[string]deprecated.ConvertedType{"ms": deprecated.TimestampMillis, "us": deprecated.TimestampMicros}[t.Unit]; ok && t.UTC {
			old(i)
		}
	case Integer:
		*l = &format.IntType{BitWidth: int8(t.Bits), IsSigned: !t.Unsigned}
		old(map[string]deprecated.ConvertedType{
			"int8": deprecated.Int8, "int16": deprecated.Int16, "int32": deprecated.Int32, "int64": deprecated.Int64,
			"uint8": deprecated.Uint8, "uint16": deprecated.Uint16, "uint32": deprecated.Uint32, "uint64": deprecated.Uint64,
		}[t.String()])
	default:
		return e, fmt.Errorf("column %q: no logical type %q", c.Name, t.Logical)
	}
	if got, err := typeOf(&e); err != nil || got != t && t.Logical != Other && t.Logical != Null {
		return e, fmt.Errorf("column %q: %s cannot be a %s", c.Name, strings.TrimSpace(t.Physical), t)
	}
	return e, nil
}

func unit(u string) format.TimeUnit {
	switch u {
	case "ms":
		return format.TimeUnit{Value: &format.MilliSeconds{}}
	case "us":
		return format.TimeUnit{Value: &format.MicroSeconds{}}
	}
	return format.TimeUnit{Value: &format.NanoSeconds{}}
}
