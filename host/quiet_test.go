package host_test

import (
	"context"
	"math"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rechost/host"
	"rechost/host/fault"
	"rechost/host/manifest"
	"rechost/host/task"
)

// Whatever a module says or does, with QuietGuest the user reads one of a few
// fixed sentences, the same for every shard, value and wording.
func TestQuietGuest(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	for _, ex := range executors() {
		said := map[string]string{}
		// Compiled first, so that the deadline is the tasks' alone.
		limits := task.Limits{Memory: 256 << 20, Log: 64 << 10}
		run(t, host.Job{Module: hostile(t), Paths: []string{data}, Executor: ex, Limits: limits, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "first.parquet")})
		limits.Deadline = 8 * time.Second
		for how, code := range map[string]fault.Code{
			"trap": fault.Module, "panic": fault.Module, "fail": fault.Module, "range": fault.Module, "nan": fault.Module, "twice": fault.Module,
			"rows": fault.Module, "plan": fault.Module, "refuse": fault.Usage, "flood": fault.Limit, "memory": fault.Limit, "loop": fault.Limit,
		} {
			for _, shard := range []string{"0", "2"} {
				if shard != "0" && (how == "loop" || how == "plan" || how == "refuse" || how == "memory") {
					continue // each takes its time, and the wording is that of others
				}
				j := host.Job{
					Module: hostile(t), Params: map[string]string{"how": how, "shard": shard}, Paths: []string{data}, Shards: 3, Top: 5,
					Executor: ex, Workers: 2, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "out.parquet"), QuietGuest: true,
					Limits: limits,
				}
				var events []string
				j.Progress = func(e host.Event) { events = append(events, e.Stage, e.Note) }
				_, err := host.Run(context.Background(), j)
				if err == nil || fault.CodeOf(err) != code {
					t.Errorf("%s, %s: %v", ex, how, err)
					continue
				}
				said[err.Error()+fault.HintOf(err)] = how
				for _, e := range append(events, err.Error()) {
					for _, word := range []string{"lists", "first", "sizes", "nowhere", "principle", "want"} {
						if strings.Contains(e, word) {
							t.Errorf("%s, %s: %q has the module's word %q", ex, how, e, word)
						}
					}
				}
			}
		}
		if len(said) != 4 { // plan, that it refuses; misbehaved, limit in stage 2
			t.Errorf("%s: %d sentences tell how a module fails: %v", ex, len(said), said)
		}
	}
}

// With QuietGuest a chatty module has no word in summary and events, the output
// is the same, and the meter says so.
func TestQuietSummary(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	for _, ex := range executors() {
		j := host.Job{Module: hostile(t), Params: map[string]string{"how": "chat"}, Paths: []string{data}, Shards: 3, Top: 5,
			Executor: ex, NoCache: true, Out: filepath.Join(dir, "loud.parquet")}
		loud := run(t, j)
		j.QuietGuest, j.Out = true, filepath.Join(dir, "quiet.parquet")
		quiet := run(t, j)
		if len(loud.Log) == 0 || loud.Leak.Log == 0 {
			t.Errorf("%s: the module said nothing: %+v", ex, loud.Leak)
		}
		var bytes int
		for _, l := range loud.Log {
			_, text, _ := strings.Cut(l, ": ")
			bytes += len(text) + 1
		}
		if loud.Leak.Log != int64(8*bytes) {
			t.Errorf("%s: %d bits of log, and the summary has %d bytes", ex, loud.Leak.Log, bytes)
		}
		if len(quiet.Log) != 0 || quiet.Leak.Log != 0 || quiet.Leak.Errors != 0 {
			t.Errorf("%s: quiet: %q, %+v", ex, quiet.Log, quiet.Leak)
		}
		if quiet.Output.Digest != loud.Output.Digest || quiet.Root != loud.Root {
			t.Errorf("%s: quiet changes results", ex)
		}
		if quiet.Leak.Total != loud.Leak.Total-loud.Leak.Log {
			t.Errorf("%s: %+v and %+v", ex, quiet.Leak, loud.Leak)
		}
		for i, s := range quiet.Stages {
			if s.Stage != string(rune('1'+i)) {
				t.Errorf("%s: stage %q", ex, s.Stage)
			}
		}
		st, err := manifest.Read(quiet.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		if st.Predicate.BuildDefinition.InternalParameters.Leak != quiet.Leak {
			t.Errorf("%s: the manifest has %+v, the summary %+v", ex, st.Predicate.BuildDefinition.InternalParameters.Leak, quiet.Leak)
		}
		v, err := host.Verify(context.Background(), host.Check{Manifest: quiet.Manifest, Executor: ex, QuietGuest: true})
		if err != nil || v.Difference != nil {
			t.Errorf("%s: verify: %v, %+v", ex, err, v)
		}
	}
}

// The meter is no less than the logarithm of the number of outputs there could
// be, counted one way that is exact, and follows the formula, by hand.
func TestLeak(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	s := run(t, host.Job{Module: modules(t, "popular"), Paths: []string{data}, Shards: 3, Top: 5, KeepSeen: true, NoCache: true, Out: filepath.Join(dir, "out.parquet")})
	st, err := manifest.Read(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	bitsFor := func(n int) int64 { return int64(math.Ceil(math.Log2(float64(n)))) }
	arrays, free := 0, 0
	for _, task := range st.Tasks() {
		for _, o := range task.Outputs {
			arrays++
			if o.Name == "recommendations.item" || o.Name == "recommendations.score" {
				free++
			}
		}
	}
	want := manifest.Leak{
		Items: int64(s.Targets)*bitsFor(6) + s.Output.Rows*bitsFor(s.Items), Scores: 32 * s.Output.Rows,
		Record: int64(256*arrays + 64*free), Figures: int64(64 * (8*len(s.Stages) + 11)),
	}
	want.Total = want.Items + want.Scores + want.Record + want.Figures
	if s.Leak != want {
		t.Errorf("%+v, want %+v", s.Leak, want)
	}
	shadowed := run(t, host.Job{Module: modules(t, "popular"), Paths: []string{data}, Shards: 3, Top: 5, KeepSeen: true, NoCache: true, Shadow: 1, Out: filepath.Join(dir, "out.parquet")})
	turns := 0
	for _, st := range shadowed.Stages {
		turns += st.Turns
	}
	if turns == 0 || shadowed.Leak.Figures != want.Figures+int64(64*turns) {
		t.Errorf("with shadows of %d turns %+v, without %+v", turns, shadowed.Leak, want)
	}
	// Everybody has one of all lists of up to 5 different items.
	lists, ways := big.NewInt(1), big.NewInt(1)
	for r := range 5 {
		ways.Mul(ways, big.NewInt(int64(s.Items-r)))
		lists.Add(lists, ways)
	}
	if all := new(big.Int).Exp(lists, big.NewInt(int64(s.Targets)), nil); int64(all.BitLen()) > s.Leak.Items {
		t.Errorf("%d bits are counted for items, and there are 2^%d outputs", s.Leak.Items, all.BitLen())
	}
}
