package guest_test

import (
	"fmt"

	"rechost/guest"
	"rechost/guest/guesttest"
)

// A module of one stage, run as plain Go on a small matrix.
func Example() {
	module := guest.Module{
		Name:    "first",
		Version: "1.0.0",
		Summary: "recommends the first item to everybody",
		Plan: func(c *guest.Config, p *guest.Plan) {
			p.Stage("score", func(t *guest.Task) {
				lists := t.Recommendations()
				for range t.Rows {
					lists.Add([]uint32{0}, []float32{1})
				}
			}).Over(guest.Targets).Aligned("targets").Recommends()
		},
	}
	result, err := guesttest.Run(module, guesttest.Rows([][]float32{{0, 1}, {0, 2}}), guesttest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.List(1))
	// Output: [0] [1]
}
