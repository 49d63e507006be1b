package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
)

// The orders of numpy.argsort of NumPy 2.4.6 with NPY_DISABLE_CPU_FEATURES="X86_V3
// X86_V4 AVX512_ICL AVX512_SPR", as SHA-256 of little-endian uint32, of
// whole numbers as float32.
func TestArgsortIsNumPys(t *testing.T) {
	random := func(n int, below, seed uint64) []float32 {
		v := make([]float32, n)
		for i := range v {
			seed = seed*6364136223846793005 + 1442695040888963407
			v[i] = float32(seed >> 33 % below)
		}
		return v
	}
	killer := make([]float32, 4000) // of the median of three (Musser 1997): it comes to the heap
	for i := 1; i <= 2000; i++ {
		if i%2 == 1 {
			killer[i-1], killer[i] = float32(i), float32(2000+i)
		}
		killer[2000+i-1] = float32(2 * i)
	}
	for _, c := range []struct {
		name, want string
		v          []float32
	}{
		{"17 of 3", "d2146bdeb51f31fbc327fb177700651763ad4cd78a7d91f9d55614000a2d5072", random(17, 3, 5)},
		{"40 of 5", "0fe0f04f4a5908c2bb96612e6ad4c180ebfa0c8ee19372d228332d5a26537eff", random(40, 5, 1)},
		{"1,000 of 7", "463bbb4fba7a84127bf02dbc69e8aa19af4e3286359cb8401aa360a2697ca58d", random(1000, 7, 2)},
		{"1,000 of a million", "ea2d46dd0df1c8b3e7196df93920c15fe14268bc3a66f7a3e0e522cd7ec1e205", random(1000, 1000000, 3)},
		{"3,706 of 40", "024bb9f2f65bad4d3276c9690efe4e653b43631adc14b03be2e5c15b879739c3", random(3706, 40, 4)},
		{"killer", "ae47553b99e555cdf4d47e11eb348b991207a8492d674e52b837a0db89f4a772", killer},
	} {
		order := make([]uint32, len(c.v))
		argsort(c.v, order)
		h := sha256.New()
		if err := binary.Write(h, binary.LittleEndian, order); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != c.want {
			t.Errorf("%s: %s, first %v", c.name, got, order[:5])
		}
	}
}
