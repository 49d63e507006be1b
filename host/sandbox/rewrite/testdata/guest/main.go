// Guest is a Go module for tests: strings, maps and reflection in work, a
// tight loop in matmul.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// rec has a bit of everything that encoding/json walks through.
type rec struct {
	Name string
	Vals []float64
	M    map[string]int
}

// work writes and reads n entries as JSON and returns the length and number.
//
//go:wasmexport work
func work(n int32) int32 {
	r := rec{Name: "x", M: map[string]int{}}
	for i := int32(0); i < n; i++ {
		r.Vals = append(r.Vals, float64(i)*1.5)
		r.M[fmt.Sprint(i)] = int(i)
	}
	b, err := json.Marshal(r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return -1
	}
	var q rec
	if err := json.Unmarshal(b, &q); err != nil {
		return -2
	}
	return int32(len(b) + len(q.M))
}

var x, y, z [512 * 512]float32

// matmul multiplies two matrices of n rows and columns, n at most 512.
//
//go:wasmexport matmul
func matmul(n int32) int32 {
	for i := range x {
		x[i] = float32(i%7) - 3
		y[i] = float32(i%5) - 2
	}
	m := int(n)
	for i := 0; i < m; i++ {
		for j := 0; j < m; j++ {
			var s float32
			for k := 0; k < m; k++ {
				s += float32(x[i*m+k] * y[k*m+j])
			}
			z[i*m+j] = s
		}
	}
	return int32(z[m+1])
}

func main() {}
