package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"rechost/host"
	"rechost/host/doctor"
	"rechost/host/fault"

	"github.com/urfave/cli/v2"
)

func doctorCommand(e *env) *command {
	var only, which, engine, store string
	var deadline span
	var asJSON, quiet bool
	return &command{
		Command: &cli.Command{
			Name:  "doctor",
			Usage: "attack the sandbox on this machine and say which walls stood",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "only", Category: groupHow, Destination: &only,
					Usage: "attacks whose kind or name matches `PATTERN`, a regular expression"},
				&cli.GenericFlag{Name: "executor", Category: groupHow, Value: choice{&which, []string{"both", doctor.Processes, doctor.Goroutines}},
					Usage: "examine `NAME`: processes, goroutines or both (default)"},
				&cli.StringFlag{Name: "store", Category: groupHow, Destination: &store,
					Usage: "look at the modes of the store in `FOLDER`"},
				engineFlag(&engine),
				&cli.GenericFlag{Name: "deadline", Category: groupLimits, Value: &deadline,
					Usage: "let guests that never end run for `TIME` (default " + shortTime(doctor.DefaultDeadline) + ")"},
				jsonFlag(&asJSON), quietFlag(&quiet),
			},
			Action: func(c *cli.Context) error {
				if c.Args().Present() {
					return fault.Use("rechost doctor takes no arguments").WithHint("rechost doctor --only loops")
				}
				o := doctor.Options{Deadline: cmp.Or(asDuration(deadline), doctor.DefaultDeadline), Store: store, Interpreter: engine == "interpreter"}
				if which != "" && which != "both" {
					o.Executors = []string{which}
				}
				if only != "" {
					var err error
					if o.Only, err = regexp.Compile("(?i)" + only); err != nil {
						return fault.Use("--only %s: not a regular expression", only).WithHint("--only loops, or --only 'escape drill'")
					}
				}
				if store == "" {
					o.Store, _ = host.DefaultStore()
				}
				if !quiet {
					o.Progress = func(x doctor.Row) {
						if !x.Held {
							fmt.Fprintf(e.err, "rechost: %s: %s: %s: %s\n", x.Executor, x.Kind, oneLine(x.Attack), oneLine(x.Happened))
						}
					}
				}
				r, err := doctor.Run(c.Context, o)
				if err != nil {
					return err
				}
				if asJSON {
					err = writeJSON(e.out, r)
				} else {
					err = printDiagnosis(e, r)
				}
				if err != nil {
					return err
				}
				return fell(r)
			},
		},
		about: strings.TrimSpace(`
Runs hostile modules, with small limits, and after each one an honest module that
must still give what it should; and reads hostile files of the kinds that others
send. Then host code in a worker, locked in as to compile and as for a guest, plays
a module that has broken out, and asks the kernel for what it must not get. Exit
status 0 says that every wall that should stand stood, 1 that one did not, and which.
host/SECURITY.md says what is promised.`),
		examples: []string{
			"rechost doctor",
			"rechost doctor --only 'escape drill' --executor processes",
			"rechost doctor --engine interpreter --only 'deep stacks'",
			"rechost doctor --deadline 300ms --json",
		},
	}
}

// fell is the error where a wall did not stand.
func fell(r *doctor.Report) error {
	var names []string
	for _, w := range r.Fell {
		if s := w.Name + " (" + w.Executor + ")"; !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fault.New(fault.Failed, "what should stand does not: %s", strings.Join(names, ", ")).
		WithHint("%s", r.Fell[0].Means)
}

// printDiagnosis prints the machine, the walls, every attack, and a sum.
func printDiagnosis(e *env, r *doctor.Report) error {
	g := grid{uncut: true}
	for _, f := range r.System {
		g.add(f.Name, f.Value, f.Means)
	}
	for _, w := range r.Walls {
		state := "stands"
		if !w.Stands {
			state = "DOES NOT STAND"
		}
		g.add("wall of "+w.Executor, w.Name+": "+state, w.Means)
	}
	if err := g.write(e.out); err != nil {
		return err
	}
	fmt.Fprintln(e.out)
	t := grid{head: []string{"", "executor", "kind", "attack", "tries", "must be", "what happened", "stopped by"}}
	for _, x := range r.Rows {
		mark := "ok"
		if !x.Held {
			mark = "HOLE"
		}
		t.add(mark, x.Executor, x.Kind, x.Attack, count(x.Tries), x.Want, x.Happened, x.Wall)
	}
	if err := t.write(e.out); err != nil {
		return err
	}
	if len(r.Left) > 0 {
		if _, err := fmt.Fprintf(e.out, "\nleft out, as the %s has no compiled code:\n  %s\n", r.Engine, strings.Join(r.Left, "\n  ")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(e.out, "\n%s, %s held; %s tried on the %s, in %s\n", plural(len(r.Rows), "attack"), count(r.Held()), plural(r.Modules, "hostile module"), r.Engine, secondsText(r.Seconds))
	return err
}
