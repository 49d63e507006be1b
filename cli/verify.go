package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"rechost/host"
	"rechost/host/fault"

	"github.com/urfave/cli/v2"
)

const groupVerify = "What to verify"

func verifyCommand(e *env) *command {
	var check host.Check
	var engine string
	var f jobFlags // for its limits
	var asJSON, quiet bool
	flags := []cli.Flag{
		&cli.GenericFlag{Name: "sample", Category: groupVerify, Value: share{value: &check.Sample},
			Usage: "run only this `SHARE` of the tasks again, chosen at random, such as 0.02 or 2%"},
		&cli.StringFlag{Name: "module", Aliases: []string{"m"}, Category: groupVerify, Destination: &check.Module,
			Usage: "the module's `FILE` (default: where the manifest says)"},
		&cli.StringFlag{Name: "candidates", Category: groupVerify, Destination: &check.Candidates,
			Usage: "the `FILE` of the candidates that the run ranked (default: where the manifest says)"},
		&cli.StringFlag{Name: "for-users", Category: groupVerify, Destination: &check.ForUsers,
			Usage: "the `FILE` of the users that the run was for (default: where the manifest says)"},
		jsonFlag(&asJSON), quietFlag(&quiet),
		executorFlag(&check.Executor), workersFlag(&check.Workers), engineFlag(&engine), storeFlag(&check.Store, groupHow),
		isolationFlag(&check.RequireIsolation),
	}
	flags = append(flags, trustFlags(&check.ModuleSHA256, &check.Trust)...)
	flags = append(flags, quietGuestFlag(&check.QuietGuest))
	flags = append(flags, f.limitFlags()...)
	return &command{
		Command: &cli.Command{
			Name:      "verify",
			Usage:     "run what a manifest records again and compare",
			ArgsUsage: "MANIFEST [PATH…]",
			Flags:     flags,
			Action: func(c *cli.Context) error {
				args := c.Args().Slice()
				if len(args) == 0 {
					return fault.Use("rechost verify needs a manifest").
						WithHint("rechost verify recommendations.manifest.json")
				}
				check.Manifest, check.Paths = args[0], args[1:]
				check.Interpreter = engine == "interpreter"
				job, err := f.fill(c)
				if err != nil {
					return err
				}
				check.Limits = job.Limits
				show, _ := watch(e.err, quiet)
				check.Progress = show.event
				v, err := host.Verify(c.Context, check)
				show.close()
				if err != nil {
					return notTheManifest(err, args[0])
				}
				if asJSON {
					err = writeJSON(e.out, v)
				} else {
					err = printVerification(e.out, v, check)
				}
				if err == nil && v.Difference != nil {
					err = differs(v)
				}
				return err
			},
		},
		about: strings.TrimSpace(`
Checks the digests of the module and of every input, runs the job again from
nothing and compares the outputs. With --sample it runs a random share of the
tasks again, from what the store has, and says with which probability one forged
task in a hundred would have been seen. What has moved is named: data by PATH.`),
		examples: []string{
			"rechost verify recommendations.manifest.json",
			"rechost verify recommendations.manifest.json --sample 2%",
			"rechost verify recommendations.manifest.json --engine interpreter elsewhere/ratings.parquet",
		},
	}
}

// notTheManifest points from the output, where that was named, to the manifest
// beside it.
func notTheManifest(err error, name string) error {
	beside := host.DefaultManifest(name)
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != fault.BadData || beside == name || strings.HasSuffix(name, ".json") {
		return err
	}
	if _, err := os.Stat(beside); err != nil {
		return e
	}
	return e.WithHint("the manifest is beside it: rechost verify %s", shellWord(beside))
}

// printVerification writes what was compared.
func printVerification(w io.Writer, v *host.Verification, check host.Check) error {
	var b strings.Builder
	for _, x := range v.Checked {
		fmt.Fprintf(&b, "equal: %s\n", oneLine(x))
	}
	if check.Sample > 0 {
		fmt.Fprintf(&b, "%s of %s run again; if one task in a hundred had been forged, this would have seen it with probability %.1f %%\n",
			count(v.Rerun), plural(v.Tasks, "task"), 100*v.Caught)
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "note: %s\n", oneLine(n))
	}
	if d := v.Difference; d != nil {
		fmt.Fprintf(&b, "different: %s\n", oneLine(d.Place()))
		fmt.Fprintf(&b, "  recorded  %s\n  now       %s\n", oneLine(d.Was), oneLine(d.Is))
	} else {
		fmt.Fprintf(&b, "verified: %s\n", oneLine(v.Output))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// differs is the failure that a difference is.
func differs(v *host.Verification) error {
	return fault.New(fault.Differs, "%s: differs: %s: recorded %s, now %s",
		v.Manifest, v.Difference.Place(), v.Difference.Was, v.Difference.Is)
}
