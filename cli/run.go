package cli

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"

	"rechost/host"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/manifest"

	"github.com/urfave/cli/v2"
)

func runCommand(e *env) *command {
	var f jobFlags
	var asJSON, quiet bool
	flags := append(f.moduleFlags(), trustFlags(&f.job.ModuleSHA256, &f.job.Trust)...)
	flags = append(flags, grantFlag(&f.job.Grant), quietGuestFlag(&f.job.QuietGuest))
	flags = append(flags, f.dataFlags()...)
	flags = append(flags, f.listFlags()...)
	flags = append(flags,
		&cli.GenericFlag{Name: "out", Aliases: []string{"o"}, Category: groupOutput, Value: output{&f.job.Out},
			Usage: "write the recommendations to `FILE` (default recommendations.parquet)"},
		&cli.StringSliceFlag{Name: "emit", Category: groupOutput, Destination: &f.emit,
			Usage: "write something else that the module makes, such as neighbours or factors, `NAME=FILE`: .parquet, or .npy for matrices; once for each; rechost inspect lists them"},
		&cli.GenericFlag{Name: "manifest", Category: groupOutput, Value: output{&f.job.Manifest},
			Usage: "write the record of the run to `FILE` (default: beside the recommendations, .manifest.json)"},
		jsonFlag(&asJSON), quietFlag(&quiet))
	flags = append(flags, f.howFlags()...)
	flags = append(flags,
		&cli.GenericFlag{Name: "shadow", Category: groupHow, Value: share{&f.job.Shadow, true},
			Usage: "run this `SHARE` of the tasks, such as 0.02 or 2%, on the other engine too; different bytes end the run with exit code 6 and leave a capsule for rechost replay"},
		&cli.GenericFlag{Name: "save-failures", Category: groupHow, Value: output{&f.job.SaveFailures},
			Usage: "save each task that fails, with the private data that it was given, in `FOLDER` for rechost replay"})
	flags = append(flags, f.limitFlags()...)
	return &command{
		Command: &cli.Command{
			Name:      "run",
			Usage:     "run a module over data and write recommendations",
			ArgsUsage: "PATH…",
			Flags:     flags,
			Action: func(c *cli.Context) error {
				job, err := f.fill(c)
				if err := firstOf(err, needModule(job, c), needPaths(job, c)); err != nil {
					return err
				}
				return runJob(c.Context, e, job, asJSON, quiet)
			},
		},
		about: strings.TrimSpace(`
PATH is a Parquet file, a folder (searched for *.parquet; names that start with
"_" or "." are skipped, key=value folders are columns) or a pattern. Several are
one data set. Columns are found by their names, whatever their case.

The output has the user and item columns as the input names and types them, then
score and rank, sorted by user and rank. It appears under its name when it is
complete. Finished tasks are kept in the store: after Ctrl-C or a crash the same
command goes on where it was.`),
		examples: []string{
			"rechost run --module bin/modules/cf.wasm ratings.parquet",
			"rechost run -m bin/modules/als.wasm -p factors=32 -p iterations=10 -k 10 -o als.parquet plays/",
			"rechost run -m bin/modules/als.wasm --emit item_factors=items.npy ratings.parquet",
			"rechost run -m bin/modules/cf.wasm --user uid --item sku --no-value 'orders/2026-*.parquet' --json",
		},
	}
}

// runJob runs the job, shows its progress and sums it up.
func runJob(ctx context.Context, e *env, job host.Job, asJSON, quiet bool) error {
	show, p := watch(e.err, quiet)
	job.Progress = show.event
	s, err := host.Run(ctx, job)
	show.close()
	if err != nil {
		return stopped(err, p, job)
	}
	if !quiet {
		if err := printSummary(e.err, s); err != nil {
			return err
		}
	}
	if asJSON {
		return writeJSON(e.out, s)
	}
	return nil
}

// stopped says, of a run that the user interrupted, what is kept.
func stopped(err error, p *progress, job host.Job) error {
	if fault.CodeOf(err) != fault.Interrupted {
		return err
	}
	if job.NoCache {
		return fault.New(fault.Interrupted, "interrupted: nothing is kept, because of --no-cache")
	}
	where := job.Store
	if where == "" {
		where, _ = host.DefaultStore()
	}
	if p.done == 0 {
		return fault.New(fault.Interrupted, "interrupted before the first task was done; no output was written")
	}
	return fault.New(fault.Interrupted, "interrupted: %s kept in %s; no output was written", plural(p.done, "finished task"), where).
		WithHint("the same command goes on from there")
}

// printSummary tells a person what a run did.
func printSummary(w io.Writer, s *host.Summary) error {
	g := grid{uncut: true} // paths and digests are for copying
	row := func(name, format string, a ...any) { g.add("  "+name, fmt.Sprintf(format, a...)) }
	row("module", "%s %s (%s)%s", s.Module.Name, s.Module.Version, s.Module.Digest.Short(), paramText(s.Parameters))
	row("data", "%s of %s: %s, %s, %s", plural(s.Input.Rows, "row"), plural(len(s.Input.Files), "file"),
		plural(s.Users, "user"), plural(s.Items, "item"), plural(s.Entries, "interaction"))
	row("columns", "%s", columnText(s.Input))
	row("handed over", "%s", strings.Join(append([]string{"user", "item"}, s.Columns...), ", "))
	if s.Trusted != nil {
		row("trusted", "by %s%s", s.Trusted.Entry, inBrackets(s.Trusted.Comment))
	}
	if n := s.Input.LeftOut.Sum(); n > 0 {
		row("left out", "%s: %s", plural(n, "row"), leftOutText(s.Input.LeftOut))
	}
	if s.Combined > 0 {
		row("combined", "%s of pairs that were there before", plural(s.Combined, "row"))
	}
	if c := s.Candidates; c != nil {
		text := plural(c.Pairs, "item") + " for everybody"
		if !c.ForAll {
			text = plural(c.Pairs, "pair") + " of user and item"
		}
		if c.Unknown > 0 {
			text += ", " + count(c.Unknown) + " more that the data does not have"
		}
		if c.Without > 0 {
			text += ", none for " + plural(c.Without, "user")
		}
		row("candidates", "%s", text)
	}
	t := s.Times
	row("time", "%s: read %s, index %s, plan %s, stages %s, reduce %s, write %s", secondsText(t.Total),
		secondsText(t.Read), secondsText(t.Index), secondsText(t.Plan), secondsText(t.Stages), secondsText(t.Reduce), secondsText(t.Write))
	for _, x := range s.Stages {
		of := plural(x.Tasks, "task")
		if x.Turns > 1 {
			of += fmt.Sprintf(" in %d turns", x.Turns)
		}
		if x.Reused > 0 {
			of += fmt.Sprintf(", %s from the journal", count(x.Reused))
		}
		row("  "+x.Stage, "%s: %s", secondsText(x.Wall), of)
	}
	row("tasks", "guest %s, kernels %s, host %s, summed over tasks", secondsText(t.Guest), secondsText(t.Kernel), secondsText(t.Host))
	row("memory", "%s at most", bytesText(s.PeakMemory))
	row("ran in", "%s, %s, %s", s.Executor, plural(s.Workers, "worker"), s.Engine)
	if s.Shadowed > 0 {
		row("shadowed", "%s gave the same bytes on the other engine", plural(s.Shadowed, "task"))
	}
	switch {
	case len(s.Walls) > 0:
		row("walls", "%s", strings.Join(s.Walls, ", "))
	case s.Reused == s.Tasks:
		row("walls", "none needed: the journal had every answer, and the module did not run")
	}
	row("output", "%s: %s for %s, %s", s.Output.Path, plural(s.Output.Rows, "row"), plural(s.Output.Users, "user"), bytesText(s.Output.Bytes))
	row("digest", "sha256:%s", s.Output.Digest)
	for _, x := range s.Emitted {
		row("emitted", "%s to %s: %s, %s", x.Name, x.Path, plural(x.Rows, "row"), bytesText(x.Bytes))
	}
	row("manifest", "%s", s.Manifest)
	row("leak", "%s", leakText(s.Leak))
	fmt.Fprintln(w, "rechost: done")
	if err := g.write(w); err != nil {
		return err
	}
	for _, l := range s.Log {
		fmt.Fprintf(w, "rechost: %s says: %s\n", oneLine(s.Module.Name), oneLine(l))
	}
	return nil
}

// leakText says how much left the sandbox, and by which ways.
func leakText(l manifest.Leak) string {
	emitted := ""
	if l.Emitted > 0 {
		emitted = ", emitted " + count(l.Emitted)
	}
	return fmt.Sprintf("at most %s: items %s, scores %s%s, log %s, errors %s, record %s, figures %s", plural(l.Total, "bit"),
		count(l.Items), count(l.Scores), emitted, count(l.Log), count(l.Errors), count(l.Record), count(l.Figures))
}

// paramText lists parameters by name.
func paramText(m map[string]any) string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, " %s=%v", n, m[n])
	}
	return b.String()
}

// columnText says which columns were chosen.
func columnText(r interactions.Report) string {
	one := func(role string, c interactions.Column) string {
		text := fmt.Sprintf("%s %s (%s)", role, c.Name, c.Type)
		if c.Hive {
			text += " from folder names"
		}
		return text
	}
	list := []string{one("user", r.User), one("item", r.Item)}
	if r.Value != nil {
		list = append(list, one("value", *r.Value))
	} else {
		list = append(list, "no value")
	}
	if r.Time != nil {
		list = append(list, one("time", *r.Time))
	} else {
		list = append(list, "no time")
	}
	return strings.Join(list, ", ")
}

// inBrackets is text set apart, or nothing.
func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// leftOutText counts rows by reason.
func leftOutText(l interactions.LeftOut) string {
	var list []string
	for _, x := range []struct {
		n   int64
		why string
	}{
		{l.User, "without a user"}, {l.Item, "without an item"}, {l.Value, "without a value"},
		{l.MinValue, "below --min-value"}, {l.Time, "without a time"},
	} {
		if x.n > 0 {
			list = append(list, count(x.n)+" "+x.why)
		}
	}
	return strings.Join(list, ", ")
}

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
