package host_test

import (
	"testing"

	"rechost/guest/guesttest"
)

// slim reaches what Ferrari Dacrema et al. (TOIS 2021, table 58 of their
// additional material) publish on the leave-one-out split of MovieLens 1M with
// their parameters. It runs in the sandbox, for its kernels.
func TestSLIMIsAsPublished(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: 3,706 regressions")
	}
	x := guesttest.MovieLens1MLeaveOneOut(t)
	r, err := guesttest.Drive(inSandbox(t, modules(t, "slim"), false), x.Matrix, guesttest.Options{
		Shards: 32,
		Params: map[string]any{"alpha": 0.0788, "l1_ratio": 1.19e-5, "neighbours": 544},
		Only:   func(stage string, _, _ int) bool { return stage != "score" }})
	if err != nil {
		t.Fatal(err)
	}
	x.Publishes(t, "slim", x.ByProfile(r.Frames["neighbours"]), 0.7162, 0.4468, 5e-4)
}
