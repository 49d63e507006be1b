package cli

import (
	"fmt"
	"strings"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/trust"

	"github.com/urfave/cli/v2"
)

// trustReport is what rechost trust show --json prints.
type trustReport struct {
	*trust.File
	Digest   digest.Digest  `json:"file_sha256"`
	Verdicts []trustVerdict `json:"verdicts,omitempty"`
}

// trustVerdict is what a trust file says of a module.
type trustVerdict struct {
	Module  string        `json:"module"`
	SHA256  digest.Digest `json:"sha256"`
	By      string        `json:"by,omitempty"` // the entry; "" of a module that is refused
	Refused string        `json:"refused,omitempty"`
}

func trustShowCommand(e *env) *command {
	var file string
	var asJSON bool
	return &command{
		Command: &cli.Command{
			Name:      "show",
			Usage:     "check a trust file, list what it allows, and say what it says of modules",
			ArgsUsage: "[MODULE…]",
			Flags:     []cli.Flag{trustFileFlag(&file), jsonFlag(&asJSON)},
			Action: func(c *cli.Context) error {
				if file == "" {
					return fault.Use("rechost trust show needs a trust file").WithHint("rechost trust show --trust trust.json")
				}
				f, err := trust.Read(file)
				if err != nil {
					return err
				}
				r := trustReport{File: f, Digest: f.Digest()}
				var refused error
				for _, m := range c.Args().Slice() {
					sum, _, err := digest.OfFile(m)
					if err != nil {
						return fault.New(fault.Failed, "cannot read the module: %v", err)
					}
					v := trustVerdict{Module: m, SHA256: sum}
					entry, err := f.Admit(m, sum)
					if v.By = entry.By; err != nil {
						v.Refused = err.Error()
						refused = firstOf(refused, err)
					}
					r.Verdicts = append(r.Verdicts, v)
				}
				if asJSON {
					err = writeJSON(e.out, r)
				} else {
					err = printTrust(e, r)
				}
				return firstOf(err, refused)
			},
		},
		about: strings.TrimSpace(`
Ends with exit code 4 if the file refuses one of the modules. Limits that are
rechost's defaults are left out.`),
		examples: []string{
			"rechost trust show --trust trust.json",
			"rechost trust show --trust trust.json bin/modules/*.wasm",
		},
	}
}

// printTrust lists the entries, and the verdicts.
func printTrust(e *env, r trustReport) error {
	g := grid{head: []string{"entry", "comment", "executors", "columns", "limits"}, uncut: true}
	add := func(by, comment string, a trust.Allow) {
		columns := strings.Join(a.Columns, ", ")
		if columns == "" {
			columns = "pairs only"
		}
		g.add(by, comment, strings.Join(a.Executors, ", "), columns, limitsText(a))
	}
	for _, m := range r.Modules {
		add("sha256:"+m.SHA256.String(), m.Comment, m.Allow)
	}
	for _, k := range r.Keys {
		add(keyPrefix+k.Ed25519.String(), k.Comment, k.Allow)
	}
	for _, x := range r.Revoked {
		g.add("sha256:"+x.SHA256.String(), x.Comment, "revoked", "", "")
	}
	if err := g.write(e.out); err != nil {
		return err
	}
	if len(r.Verdicts) == 0 {
		return nil
	}
	fmt.Fprintln(e.out)
	v := grid{uncut: true}
	for _, x := range r.Verdicts {
		says := "refused"
		if x.Refused == "" {
			says = "by " + x.By
		}
		v.add(x.Module, says)
	}
	return v.write(e.out)
}

// limitsText lists the limits that an entry sets.
func limitsText(a trust.Allow) string {
	var list []string
	add := func(set bool, name string, value any) {
		if set {
			list = append(list, fmt.Sprintf("%s %v", name, value))
		}
	}
	add(a.Isolation, "isolation", "required")
	add(a.Memory > 0, "memory", a.Memory)
	add(a.Deadline > 0, "deadline", a.Deadline)
	add(a.Log > 0, "log", a.Log)
	add(a.Output > 0, "output", a.Output)
	add(a.Calls > 0, "calls", int64(a.Calls))
	add(a.Fuel > 0, "fuel", int64(a.Fuel))
	return strings.Join(list, ", ")
}
