package table

import (
	"fmt"
	"strings"
)

// Physical types, as Parquet names them, in lower case.
const (
	Boolean   = "boolean"
	Int32     = "int32"
	Int64     = "int64"
	Int96     = "int96"
	Float     = "float"
	Double    = "double"
	ByteArray = "byte_array"
	FixedLen  = "fixed_len_byte_array"
)

// Logical types. None is "".
const (
	String    = "string"
	Enum      = "enum"
	JSON      = "json"
	BSON      = "bson"
	UUID      = "uuid"
	Decimal   = "decimal"
	Date      = "date"      // days since 1970-01-01
	Time      = "time"      // since midnight, Unit
	Timestamp = "timestamp" // since the epoch, Unit
	Integer   = "int"       // Bits, Unsigned
	Float16   = "float16"
	Interval  = "interval"
	Null      = "null"
	Other     = "other" // a logical type this version does not know, on a physical one that it does
)

// Type is a column's physical and logical type. It is comparable, has a JSON
// form for manifests, and holds all that a Writer needs to make a column of
// the same type again.
type Type struct {
	Physical  string `json:"physical"`
	Length    int    `json:"length,omitempty"` // bytes of a fixed_len_byte_array
	Logical   string `json:"logical,omitempty"`
	Bits      int    `json:"bits,omitempty"` // of an integer: 8, 16, 32, 64
	Unsigned  bool   `json:"unsigned,omitempty"`
	Precision int    `json:"precision,omitempty"` // of a decimal, digits
	Scale     int    `json:"scale,omitempty"`     // of a decimal, digits behind the point
	Unit      string `json:"unit,omitempty"`      // of a time or timestamp: ms, us, ns
	UTC       bool   `json:"utc,omitempty"`       // of a time or timestamp
}

// Types that rechost writes by itself.
var (
	TypeInt64   = Type{Physical: Int64}
	TypeInt32   = Type{Physical: Int32}
	TypeFloat   = Type{Physical: Float}
	TypeDouble  = Type{Physical: Double}
	TypeString  = Type{Physical: ByteArray, Logical: String}
	TypeSeconds = Type{Physical: Int64} // plain seconds since the epoch, as most public data sets have them
)

// Kind is how the values of a type are held in a Vector.
func (t Type) Kind() Kind {
	switch t.Physical {
	case Boolean:
		return Bools
	case Int32:
		if t.Unsigned {
			return Uints
		}
		return Ints
	case Int64:
		if t.Unsigned {
			return Uints
		}
		return Ints
	case Int96:
		return Bytes
	case Float:
		return Floats32
	case Double:
		return Floats
	}
	return Bytes
}

// String is the type as people read it: int64, uint8, string, decimal(9,2),
// timestamp(us, utc), fixed_len_byte_array(12).
func (t Type) String() string {
	switch t.Logical {
	case "":
		if t.Physical == FixedLen {
			return fmt.Sprintf("%s(%d)", t.Physical, t.Length)
		}
		return t.Physical
	case Integer:
		if t.Unsigned {
			return fmt.Sprintf("uint%d", t.Bits)
		}
		return fmt.Sprintf("int%d", t.Bits)
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case Time, Timestamp:
		s := []string{t.Unit}
		if t.UTC {
			s = append(s, "utc")
		}
		return t.Logical + "(" + strings.Join(s, ", ") + ")"
	case Other:
		return "unknown logical type of " + Type{Physical: t.Physical, Length: t.Length}.String()
	}
	return t.Logical
}
