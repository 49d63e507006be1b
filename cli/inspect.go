package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"rechost/host"
	"rechost/host/fault"
	"rechost/host/params"

	"github.com/urfave/cli/v2"
)

func inspectCommand(e *env) *command {
	var f jobFlags
	var asJSON bool
	flags := append(trustFlags(&f.job.ModuleSHA256, &f.job.Trust), f.dataFlags()...)
	flags = append(flags, jsonFlag(&asJSON))
	flags = append(flags, f.howFlags()...)
	flags = append(flags, f.limitFlags()...)
	return &command{
		Command: &cli.Command{
			Name:      "inspect",
			Usage:     "look at data, at a module, or at what changed between two versions of one",
			ArgsUsage: "PATH… | MODULE | OLD NEW",
			Flags:     flags,
			Action: func(c *cli.Context) error {
				job, err := f.fill(c)
				if err != nil {
					return err
				}
				if len(job.Paths) == 0 {
					return fault.Use("rechost inspect needs data or a module").
						WithHint("rechost inspect ratings.parquet")
				}
				modules := 0
				for _, p := range job.Paths {
					if isModule(p) {
						modules++
					}
				}
				switch {
				case modules == 0 && (!job.ModuleSHA256.IsZero() || job.Trust != ""):
					return fault.Use("--module-sha256 and --trust are about a module, and there is only data")
				case modules == 0:
					return inspectData(c.Context, e, job, asJSON)
				case modules == 2 && len(job.Paths) == 2:
					old, new := job.Paths[0], job.Paths[1]
					job.Paths = nil
					return inspectChanges(c.Context, e, job, old, new, asJSON)
				case len(job.Paths) > 1:
					return fault.Use("rechost inspect looks at one module, at two versions of one, or at data")
				}
				job.Module, job.Paths = job.Paths[0], nil
				info, err := host.InspectModule(c.Context, job)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(e.out, info)
				}
				return printModule(e.out, info)
			},
		},
		about: strings.TrimSpace(`
Of data: columns and which were chosen, rows, users, items, density, ranges of
values and times, repeated pairs, rows left out and why, and how many
interactions users and items have.
Of a module: name, version, digest, size, ABI, imports, and its parameters with
defaults and help, and what else it makes that rechost run --emit writes. Only its
description of itself and its planning run, in the sandbox.
Of two modules: what the second one has that the first has not, and the reverse.
What lets a module do more comes first: columns, imports, memory.`),
		examples: []string{
			"rechost inspect ratings.parquet",
			"rechost inspect bin/modules/cf.wasm",
			"rechost inspect trusted/cf.wasm new/cf.wasm",
			"rechost inspect 'plays/*.parquet' --user uid --json",
		},
	}
}

// isModule tells a module by its ending or its first bytes.
func isModule(name string) bool {
	if strings.HasSuffix(strings.ToLower(name), ".wasm") {
		return true
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "\x00asm"
}

// printModule tells a person what a module is.
func printModule(w io.Writer, m *host.ModuleInfo) error {
	g := grid{uncut: true}
	g.add(m.Name+" "+m.Version, m.Description.Summary)
	if s := m.Description.Source; s != "" {
		g.add("source", s)
	}
	g.add("file", m.Path)
	g.add("sha256", m.Digest.String())
	g.add("size", fmt.Sprintf("%s, %s, %s of code, starts with %s of memory", bytesText(m.Size),
		plural(m.Functions, "function"), bytesText(m.Code), bytesText(m.MinMemory)))
	g.add("ABI", strconv.Itoa(m.ABI))
	for i, b := range m.Build {
		g.add(first(i, "built with"), b)
	}
	g.add("gets", getsText(m.Description))
	for i, x := range m.Imports {
		g.add(first(i, "imports"), x)
	}
	g.add("exports", strings.Join(m.Exports, ", "))
	if err := g.write(w); err != nil {
		return err
	}
	if err := printParameters(w, m); err != nil {
		return err
	}
	switch {
	case m.EmitsUnknown != "":
		_, err := fmt.Fprintf(w, "\nwhat it emits cannot be told: %s\n", oneLine(m.EmitsUnknown))
		return err
	case len(m.Emits) == 0:
		return nil
	}
	fmt.Fprintln(w, "\nemits, as rechost run --emit NAME=FILE")
	e := grid{uncut: true}
	for _, x := range m.Emits {
		e.add("  "+x.Name, host.EmitText(x), oneLine(x.Help))
	}
	return e.write(w)
}

func printParameters(w io.Writer, m *host.ModuleInfo) error {
	if len(m.Description.Parameters) == 0 {
		_, err := fmt.Fprintln(w, "\nno parameters")
		return err
	}
	fmt.Fprintln(w, "\nparameters, as --param NAME=VALUE")
	p := grid{uncut: true}
	for _, x := range m.Description.Parameters {
		text := "default " + params.DefaultText(x.Default)
		if r := params.RangeText(x); r != "" {
			text += ", " + r
		}
		p.add("  "+x.Name, x.Type, text)
		for _, line := range wrap(oneLine(x.Help), 80) {
			p.add("", "", line)
		}
	}
	return p.write(w)
}

func first(i int, name string) string {
	if i == 0 {
		return name
	}
	return ""
}
