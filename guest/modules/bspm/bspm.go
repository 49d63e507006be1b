// Command bspm is a module that recommends by blurring profiles on the graph of
// items and sharpening them again.
package main

import (
	"rechost/guest"
	"rechost/guest/spectral"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "bspm",
	Version: "1.0.0",
	Summary: "graph filtering without training: profiles are blurred, then sharpened",
	Source:  "Choi, Hong, Park, Cho: Blurring-sharpening process models for collaborative filtering, SIGIR 2023",
	Params: append([]guest.Param{
		guest.Int("factors", 448, "singular vectors that the ideal low-pass filter lets through").Between(0, spectral.MaxRank),
		guest.Float("beta", 0.2, "β, the weight of the ideal low-pass filter in blurring").AtLeast(0),
		guest.Float("sharpening", 2.5, "h, the time for which sharpening goes on, in one step").Between(0, 10),
	}, spectral.Params()...),
	Plan: func(c *guest.Config, p *guest.Plan) {
		spectral.Decompose(c, p, rank(c))
		spectral.Stage(c, p, rank(c), score)
	},
}

// rank is how many singular vectors are needed.
func rank(c *guest.Config) int {
	if c.Float("beta") == 0 {
		return 0
	}
	return c.Int("factors")
}

// score lists the items of the largest y: x is blurred, with P = RᵀR, for one
// Euler step of the heat equation and by the ideal low-pass filter,
//
//	y = xP + β · x D_i^-½ V Vᵀ D_i^½
//
// and sharpened by dy/dt = -yP, in one step h of Runge and Kutta's method.
func score(t *guest.Task) {
	spectral.Score(t, func(s *spectral.Signals) {
		s.Smooth()
		s.AddBand(t.Float32("beta"))
		s.Sharpen(t.Float32("sharpening"))
	})
}
