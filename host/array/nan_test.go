package array

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every NaN becomes one, wherever it stands, and nothing else changes.
func TestOneNaN(t *testing.T) {
	odd32 := []uint32{0x7f800001, 0x7fffffff, 0xff800001, 0xffc00000, 0xffffffff, 0x7fc00001}
	fine32 := []uint32{0, 1, 1 << 31, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x7fc00000, 0x3f800000}
	check(t, F32, odd32, fine32, 0x7fc00000)
	odd64 := []uint64{0x7ff0000000000001, 0x7fffffffffffffff, 0xfff8000000000000, 0xffffffffffffffff, 0x7ff8000000000001, 0x7ff0000000000000 | 1<<31}
	fine64 := []uint64{0, 1, 1 << 63, 0x7ff0000000000000, 0xfff0000000000000, 0x7fefffffffffffff, 0x7ff8000000000000, 0x7fc000007fc00001, 0x3ff0000000000000}
	check(t, F64, odd64, fine64, 0x7ff8000000000000)
	b := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if OneNaN(U32, b); b[0] != 0xff || OddNaN(I64, b) >= 0 {
		t.Error("bytes that are no floats were changed")
	}
}

func check[T uint32 | uint64](t *testing.T, d DType, odd, fine []T, one T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		v, want := make([]T, n), make([]T, n)
		first := -1
		for i := range v {
			v[i] = fine[r.IntN(len(fine))]
			want[i] = v[i]
			if r.IntN(20) == 0 {
				v[i], want[i] = odd[r.IntN(len(odd))], one
				if first < 0 {
					first = i * d.Size()
				}
			}
		}
		for tail := range d.Size() { // half an element stays as it is
			b := append(bytes.Clone(BytesOf(v)), bytes.Repeat([]byte{0xff}, tail)...)
			if at := OddNaN(d, b); at != first {
				t.Fatalf("%s: the first of %d elements is at %d, found at %d", d, n, first, at)
			}
			OneNaN(d, b)
			if !slices.Equal(View[T](b), want) || !bytes.Equal(b[n*d.Size():], bytes.Repeat([]byte{0xff}, tail)) {
				t.Fatalf("%s: %d elements: %x, want %x", d, n, b, want)
			}
		}
	}
}

func BenchmarkOddNaN(b *testing.B) {
	for _, d := range []DType{F32, F64} {
		v := make([]float32, 1<<20)
		for i := range v {
			v[i] = float32(math.Sqrt(float64(i)))
		}
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			b.SetBytes(int64(4 * len(v)))
			for b.Loop() {
				if OddNaN(d, BytesOf(v)) >= 0 {
					b.Fatal("a NaN")
				}
			}
		})
	}
}
