package cli

import (
	"fmt"
	"io"
	"strings"

	"rechost/guest/abi"
	"rechost/host"

	"github.com/urfave/cli/v2"
)

func explainCommand(e *env) *command {
	var f jobFlags
	var asJSON bool
	flags := append(f.moduleFlags(), trustFlags(&f.job.ModuleSHA256, &f.job.Trust)...)
	flags = append(flags, grantFlag(&f.job.Grant))
	flags = append(flags, f.dataFlags()...)
	flags = append(flags, f.listFlags()...)
	flags = append(flags, jsonFlag(&asJSON))
	flags = append(flags, f.howFlags()...)
	flags = append(flags, f.limitFlags()...)
	return &command{
		Command: &cli.Command{
			Name:      "explain",
			Usage:     "show the plan that a run would follow",
			ArgsUsage: "PATH…",
			Flags:     flags,
			Action: func(c *cli.Context) error {
				job, err := f.fill(c)
				if err := firstOf(err, needModule(job, c), needPaths(job, c)); err != nil {
					return err
				}
				x, err := host.Explain(c.Context, job)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(e.out, x)
				}
				return printExplanation(e.out, x)
			},
		},
		about: strings.TrimSpace(`
Takes the flags of rechost run that bear on the plan. Prints the stages in order,
what each reads and how it is bound (whole: every task gets all of it; aligned:
the task's own rows; rotated: the rows of another shard, next turn the next),
shards, tasks, bytes fed, and what the journal has already. Only the module's
planning runs.`),
		examples: []string{
			"rechost explain --module bin/modules/cf.wasm ratings.parquet",
			"rechost explain -m bin/modules/als.wasm -p iterations=5 ratings.parquet --json",
		},
	}
}

// lineWriter collects lines whose words may come from a guest.
type lineWriter struct{ strings.Builder }

// line adds one line, cleaned.
func (b *lineWriter) line(format string, a ...any) {
	b.WriteString(oneLine(fmt.Sprintf(format, a...)) + "\n")
}

// printExplanation writes the plan as a person reads it.
func printExplanation(w io.Writer, x *host.Explanation) error {
	var b lineWriter
	b.line("%s %s (%s)%s", x.Module.Name, x.Module.Version, x.Module.Digest.Short(), paramText(x.Parameters))
	b.line("%s, %s, %s; lists for %s; up to %s", plural(x.Users, "user"), plural(x.Items, "item"),
		plural(x.Entries, "interaction"), plural(x.Targets, "user"), plural(x.Shards, "shard"))
	b.line("columns: %s", columnText(x.Input))
	b.line("handed over: %s", strings.Join(append([]string{"user", "item"}, x.Columns...), ", "))
	b.line("")
	next := 0
	explainSteps(&b, x, x.Plan.Steps, "", &next)
	for i, d := range x.Plan.Emits {
		if i == 0 {
			b.line("")
		}
		b.line("emits %s: %s (%s)", d.Name, d.Help, host.EmitText(d))
	}
	b.line("")
	b.line("%s, %s of them in the journal", plural(x.Tasks, "task"), count(x.Known))
	for _, s := range x.Stages {
		if s.Unknown {
			b.line("what the journal has of the later stages can be told once the earlier ones have run")
			break
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// explainSteps writes steps, repeats indented. next is the place of the next
// stage, depth first.
func explainSteps(b *lineWriter, x *host.Explanation, steps []abi.Step, indent string, next *int) {
	for _, step := range steps {
		if r := step.Repeat; r != nil {
			until := ""
			if r.Until != "" {
				until = ", or until " + r.Until
			}
			b.line("%srepeat %s%s", indent, plural(r.Times, "time"), until)
			explainSteps(b, x, r.Steps, indent+"  ", next)
			continue
		}
		if step.Stage == nil || *next >= len(x.Stages) {
			continue
		}
		explainStage(b, x.Stages[*next], indent, *next+1)
		*next++
	}
}

// explainStage writes one stage.
func explainStage(b *lineWriter, s host.ExplainedStage, indent string, number int) {
	text := fmt.Sprintf("%s%d. %s over %s", indent, number, s.Name, s.Over)
	if s.Over != abi.OverOnce {
		text += fmt.Sprintf(" (%s)", plural(s.Rows, "row"))
	}
	text += ": " + plural(s.Shards, "task")
	if s.Turns > 1 {
		text += fmt.Sprintf(" a turn, %s turns", count(s.Turns))
	}
	text += fmt.Sprintf(", %s fed", bytesText(s.Bytes))
	if s.Journal > 0 {
		text += fmt.Sprintf(", %s in the journal", count(s.Journal))
	}
	b.line("%s", text)
	for _, in := range s.Inputs {
		arrays := ""
		if len(in.Arrays) > 0 {
			arrays = " (" + strings.Join(in.Arrays, ", ") + ")"
		}
		b.line("%s     reads %s%s, %s", indent, in.Frame, arrays, in.Bind)
	}
	for _, out := range s.Outputs {
		var arrays []string
		for _, a := range out.Arrays {
			text := a.Name + " " + a.DType
			if a.Width > 0 {
				text += fmt.Sprintf("[%d]", a.Width)
			}
			if a.Per == abi.PerEntry {
				text += " an entry"
			}
			arrays = append(arrays, text)
		}
		how := ""
		if out.Combine == abi.Sum {
			how = ", summed over shards"
		}
		b.line("%s     makes %s (%s)%s", indent, out.Frame, strings.Join(arrays, ", "), how)
	}
}
