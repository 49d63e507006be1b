package host_test

import (
	"testing"

	"rechost/guest/guesttest"
)

// ease reaches what Ferrari Dacrema et al. (TOIS 2021, table 58 of their
// additional material) publish on the leave-one-out split of MovieLens 1M. It
// runs in the sandbox, because the inverse takes the naive loop minutes.
func TestEASEIsAsPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: an inverse of 3,706 items")
	}
	x := guesttest.MovieLens1MLeaveOneOut(t)
	r, err := guesttest.Drive(inSandbox(t, modules(t, "ease"), false), x.Matrix, guesttest.Options{
		Params: map[string]any{"regularization": 1320.0},
		Only:   func(stage string, _, _ int) bool { return stage != "score" }})
	if err != nil {
		t.Fatal(err)
	}
	b := r.Frames["weights"].Arrays["weight"].Data.([]float32)
	x.Publishes(t, "ease 1320", func(u int, scores []float64) {
		for _, i := range x.Profile(u) {
			for j, v := range b[i*x.Items:][:x.Items] {
				scores[j] += float64(v)
			}
		}
	}, 0.7192, 0.4494, 5e-4)
}
