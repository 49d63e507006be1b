// Command gfcf is a module that recommends by graph filtering without
// training.
package main

import (
	"rechost/guest"
	"rechost/guest/spectral"
)

func init() { guest.Register(module) }
func main() {}

var module = guest.Module{
	Name:    "gfcf",
	Version: "1.0.0",
	Summary: "graph filtering without training: a linear filter and an ideal low-pass filter",
	Source:  "Shen, Wu, Zhang, Shan, Zhang, Letaief, Li: How powerful is graph convolution for recommendation?, CIKM 2021, section 4.2",
	Params: append([]guest.Param{
		guest.Int("rank", 256, "singular vectors that the low-pass filter lets through").Between(0, spectral.MaxRank),
		guest.Float("weight", 0.3, "of the low-pass filter beside the linear one; 0 on dense data").AtLeast(0),
	}, spectral.Params()...),
	Plan: func(c *guest.Config, p *guest.Plan) {
		spectral.Decompose(c, p, rank(c))
		spectral.Stage(c, p, rank(c), score)
	},
}

// rank is how many singular vectors are needed.
func rank(c *guest.Config) int {
	if c.Float("weight") == 0 {
		return 0
	}
	return c.Int("rank")
}

// score lists the items of the largest
//
//	y = xRᵀR + weight · x D_i^-½ V Vᵀ D_i^½
func score(t *guest.Task) {
	spectral.Score(t, func(s *spectral.Signals) {
		s.Smooth()
		s.AddBand(t.Float32("weight"))
	})
}
