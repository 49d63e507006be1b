package table

// Kind is how a Vector holds its values.
type Kind uint8

// The kinds.
const (
	Ints     Kind = iota // Vector.Ints
	Uints                // Vector.Uints
	Floats               // Vector.Floats
	Floats32             // Vector.Floats32
	Bools                // Vector.Bools
	Bytes                // Vector.Offsets and Vector.Arena
)

func (k Kind) String() string {
	return [...]string{"signed integers", "unsigned integers", "floats", "floats", "booleans", "byte strings"}[k]
}

// Vector is one column of some rows: typed values side by side, never boxed,
// never Go strings. The field of its Kind holds the values.
//
// Codes, where not nil, has a place for each row, and row i is value Codes[i]:
// a dictionary. Where it is nil, row i is value i. Reading gives codes for
// byte strings only; a Writer takes them for every kind.
type Vector struct {
	Kind     Kind
	Ints     []int64
	Uints    []uint64
	Floats   []float64
	Floats32 []float32
	Bools    []bool
	Offsets  []uint64 // value i is Arena[Offsets[i]:Offsets[i+1]]; one more than values
	Arena    []byte
	Codes    []uint32
	Null     []bool // for each row, or nil where no row is null; a null row's value is unspecified, its code in range
}

// Values is the number of values, which with Codes differs from the rows.
func (v *Vector) Values() int {
	switch v.Kind {
	case Ints:
		return len(v.Ints)
	case Uints:
		return len(v.Uints)
	case Floats:
		return len(v.Floats)
	case Floats32:
		return len(v.Floats32)
	case Bools:
		return len(v.Bools)
	}
	return max(len(v.Offsets)-1, 0)
}

// Len is the number of rows.
func (v *Vector) Len() int {
	if v.Codes != nil {
		return len(v.Codes)
	}
	return v.Values()
}

// IsNull reports whether row i is null.
func (v *Vector) IsNull(i int) bool { return v.Null != nil && v.Null[i] }

// At is the place of row i's value.
func (v *Vector) At(i int) int {
	if v.Codes != nil {
		return int(v.Codes[i])
	}
	return i
}

// Bytes is the byte string of row i, within Arena.
func (v *Vector) Bytes(i int) []byte {
	i = v.At(i)
	return v.Arena[v.Offsets[i]:v.Offsets[i+1]]
}

// IntVector, UintVector, FloatVector and Float32Vector wrap a slice.
func IntVector(x []int64) Vector { return Vector{Kind: Ints, Ints: x} }

// UintVector wraps a slice.
func UintVector(x []uint64) Vector { return Vector{Kind: Uints, Uints: x} }

// FloatVector wraps a slice.
func FloatVector(x []float64) Vector { return Vector{Kind: Floats, Floats: x} }

// Float32Vector wraps a slice.
func Float32Vector(x []float32) Vector { return Vector{Kind: Floats32, Floats32: x} }

// BytesVector copies strings into one arena. It is for few values, such as
// tests and headers; a writer of many rows appends with AppendBytes.
func BytesVector(x ...string) Vector {
	v := Vector{Kind: Bytes, Offsets: []uint64{0}}
	for _, s := range x {
		v.AppendBytes([]byte(s))
	}
	return v
}

// AppendBytes adds a value to a vector of byte strings without codes.
func (v *Vector) AppendBytes(b []byte) {
	if len(v.Offsets) == 0 {
		v.Offsets = append(v.Offsets, 0)
	}
	v.Arena = append(v.Arena, b...)
	v.Offsets = append(v.Offsets, uint64(len(v.Arena)))
}
