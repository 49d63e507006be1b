package main

import (
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	guesttest.Suite(t, module, guesttest.Expect{Personal: true, Params: map[string]any{"rank": 3, "oversampling": 2, "iterations": 5}})
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

func TestNegativeValue(t *testing.T) {
	x := guesttest.Rows([][]float32{{1, -2}, {3, 1}})
	if _, err := guesttest.Run(module, x, guesttest.Options{}); err == nil {
		t.Error("a value below 0 was taken")
	}
}
