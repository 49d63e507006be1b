package main

import (
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	for _, verify := range []bool{true, false} {
		guesttest.Suite(t, module, guesttest.Expect{Personal: true, MayFail: []string{"learning_rate", "iterations", "factors"},
			Params: map[string]any{"factors": 4, "iterations": 200, "learning_rate": 0.1, "blocks": 3, "verify_negative_samples": verify}})
	}
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }
