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

// The learning rate falls from round to round, passes epochs each: a run of one
// round does not know of it, and in one of two the second has half the rate.
func TestDecay(t *testing.T) {
	vectors := func(params map[string]any) map[string]guesttest.Frame {
		params["factors"], params["passes"], params["blocks"] = 4, 4, 1
		r, err := guesttest.Run(module, guesttest.Noisy(30, 40), guesttest.Options{Seed: 1, Params: params})
		if err != nil {
			t.Fatal(err)
		}
		return r.Frames
	}
	for _, c := range []struct {
		iterations int
		same       bool
	}{{4, true}, {5, false}, {8, false}} {
		kept := vectors(map[string]any{"iterations": c.iterations, "learning_rate_decay": 0.0})
		gone := vectors(map[string]any{"iterations": c.iterations, "learning_rate_decay": 1.0})
		if err := guesttest.Same(kept, gone); (err == nil) != c.same {
			t.Errorf("%d epochs: with and without decay: %v", c.iterations, err)
		}
	}
	// A rate so small that the vectors hardly move moves them in proportion.
	at := func(iterations int, decay float64) float64 {
		r := vectors(map[string]any{"iterations": iterations, "learning_rate": 1e-3, "learning_rate_decay": decay, "regularization": 0.0})
		x, sum := r["item_factors"].Arrays["vector"].Data.([]float32), 0.0
		for i := 4; i < len(x); i += 5 { // the biases, which start at 0
			sum += float64(x[i]) * float64(x[i])
		}
		return sum
	}
	if one, two := at(4, 1), at(8, 1); two/one < 1.9 || two/one > 2.6 {
		t.Errorf("biases of length² %v after one round and %v after two", one, two)
	}
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }
