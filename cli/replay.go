package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rechost/host"
	"rechost/host/capsule"
	"rechost/host/fault"
	"rechost/host/task"

	"github.com/urfave/cli/v2"
)

func replayCommand(e *env) *command {
	var r host.Replay
	var f jobFlags // for its limits
	var asJSON bool
	flags := []cli.Flag{
		jsonFlag(&asJSON),
		executorFlag(&r.Executor),
		&cli.GenericFlag{Name: "engine", Category: groupHow, Value: choice{&r.Engine, []string{"compiler", "interpreter"}},
			Usage: "`ENGINE` that runs WebAssembly: compiler or interpreter (default: the one that ran the task, or both where they differed)"},
		storeFlag(&r.Store, groupHow),
		isolationFlag(&r.RequireIsolation),
		quietGuestFlag(&r.QuietGuest),
	}
	flags = append(flags, trustFlags(&r.ModuleSHA256, &r.Trust)...)
	flags = append(flags, f.limitFlags()...)
	return &command{
		Command: &cli.Command{
			Name:      "replay",
			Usage:     "run a saved task again, alone, and say all that can be known of it",
			ArgsUsage: "CAPSULE",
			Flags:     flags,
			Action: func(c *cli.Context) error {
				if c.NArg() != 1 {
					return fault.Use("rechost replay needs one capsule").
						WithHint("rechost run --save-failures failures … saves tasks that fail; then: rechost replay failures/…")
				}
				job, err := f.fill(c)
				if err != nil {
					return err
				}
				r.Capsule, r.Limits = c.Args().First(), job.Limits
				v, err := r.Run(c.Context)
				if err != nil {
					return err
				}
				if asJSON {
					err = writeJSON(e.out, v)
				} else {
					err = printReplay(e.out, v)
				}
				return firstOf(err, v.Err())
			},
		},
		about: strings.TrimSpace(`
A capsule is a folder that run --save-failures or --shadow made: a module, one
task, the rows that it was given, and what was seen; or what a module was asked
before there were tasks, its description or its plan. It holds private data. The
task runs on the engine that ran it then, or on both where those differed, in the
sandbox, whoever the capsule is from. The exit code is that of the failure; 0 says
that it did not fail again. Limits are the capsule's, but no higher than the
defaults.`),
		examples: []string{
			"rechost run --module bin/modules/cf.wasm --save-failures failures ratings.parquet",
			"rechost replay failures/lists-2-of-3-0f3a9c41d2b7",
			"rechost replay failures/lists-2-of-3-0f3a9c41d2b7 --engine interpreter --deadline 1h --json",
		},
	}
}

// logEnds is how many lines of a task's log are printed from its beginning, and
// from its end.
const logEnds = 50

// printReplay writes what is known of the task and of each run.
func printReplay(w io.Writer, v *host.Replayed) error {
	g := grid{uncut: true}
	row := func(name, format string, a ...any) { g.add(name, fmt.Sprintf(format, a...)) }
	t := v.Saved.Task
	if t.Phase == task.Running {
		row("task", "stage %s, shard %d of %d, iteration %d, number %s", t.Stage, t.Shard+1, t.Shards, t.Iteration+1, t.ID.Short())
	} else {
		row("task", "%s, number %s", t.Phase, t.ID.Short())
	}
	row("module", "%s (%s), %s", v.Saved.Module.Name, v.Saved.Module.Digest.Short(), bytesText(v.Saved.Module.Bytes))
	var bytes int64
	for _, in := range t.Inputs {
		row("input", "%s: %s, %s from row %d on", in.Name, in.DType, plural(in.Rows, "row"), in.First)
		bytes += in.Bytes()
	}
	if t.Phase == task.Running {
		row("inputs", "%s", bytesText(bytes))
	}
	row("limits", "memory %s, deadline %s, log %s, output %s, %s%s", bytesText(v.Limits.Memory), shortTime(v.Limits.Deadline),
		bytesText(v.Limits.Log), bytesText(v.Limits.Output), plural(v.Limits.Calls, "call"), fuelText(v.Limits.Fuel))
	row(map[capsule.Why]string{capsule.Failed: "failed", capsule.Refused: "refused", capsule.Differs: "differed"}[v.Saved.Seen.Why],
		"%s", v.Saved.Seen.Error)
	row("then", "%s, %s", v.Saved.Executor, v.Saved.Engine)
	for i := range v.Runs {
		r := &v.Runs[i]
		row("now", "%s, %s (%s)", r.Executor, r.Engine, strings.Join(r.Walls, ", "))
		if r.Error != "" {
			for i, line := range strings.Split(r.Error, "\n") {
				row([]string{"error", ""}[min(i, 1)], "%s", line)
			}
		}
		if r.Hint != "" {
			row("hint", "%s", r.Hint)
		}
		for i, line := range r.Trace {
			row([]string{"trace", ""}[min(i, 1)], "%s", line)
		}
		for _, o := range r.Outputs {
			row("output", "%s: %s, %s, sha256 %s", o.Name, o.DType, plural(o.Rows, "row"), o.Digest)
		}
		s := r.Stats
		row("time", "%s: guest %s, kernels %s, host %s", secondsText(r.Seconds), durationText(s.Guest), durationText(s.Kernel), durationText(s.Host))
		row("memory", "%s%s; %s of host functions; %s of log", bytesText(s.Memory), spentText(s.Fuel, v.Limits.Fuel), plural(s.Calls, "call"), bytesText(s.LogBytes))
		for i, l := range r.Log {
			between := len(r.Log) - 2*logEnds
			switch {
			case between <= 0 || i < logEnds || i >= logEnds+between:
				row("says", "%s", l)
			case i == logEnds:
				row("", "(%s between; --json prints them all)", plural(between, "line"))
			}
		}
	}
	row("verdict", "%s", v.Verdict)
	if err := g.write(w); err != nil {
		return err
	}
	for _, n := range v.Notes {
		if _, err := fmt.Fprintf(w, "note: %s\n", oneLine(n)); err != nil {
			return err
		}
	}
	return nil
}

func durationText(d time.Duration) string { return secondsText(d.Seconds()) }

func fuelText(n int64) string {
	if n == 0 {
		return ""
	}
	return ", fuel " + count(n)
}

func spentText(spent, limit int64) string {
	if limit == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of %s fuel", count(spent), count(limit))
}
