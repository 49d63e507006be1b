package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"rechost/guest/abi"
	"rechost/host"
)

// inspectChanges shows what changed between two versions of a module.
func inspectChanges(ctx context.Context, e *env, job host.Job, old, new string, asJSON bool) error {
	c, err := host.CompareModules(ctx, job, old, new)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(e.out, c)
	}
	return printChanges(e.out, c)
}

func printChanges(w io.Writer, c *host.ModuleChanges) error {
	for _, x := range []struct {
		name string
		m    *host.ModuleInfo
	}{{"old", c.Old}, {"new", c.New}} {
		fmt.Fprintf(w, "%s  %s %s  sha256:%s  %s\n", x.name, oneLine(x.m.Name), oneLine(x.m.Version), x.m.Digest, oneLine(x.m.Path))
	}
	switch {
	case c.Old.Digest == c.New.Digest:
		_, err := fmt.Fprintln(w, "\nthe same file")
		return err
	case len(c.Changes) == 0:
		_, err := fmt.Fprintln(w, "\nnothing differs but the content of code and data")
		return err
	}
	fmt.Fprintln(w)
	g := grid{uncut: true}
	for _, x := range c.Changes {
		what := strings.TrimSpace(x.What + " " + x.Name)
		switch {
		case x.Was == "":
			g.add("+ "+what, x.Is)
		case x.Is == "":
			g.add("- "+what, x.Was)
		default:
			g.add("- "+what, x.Was)
			g.add("+ "+what, x.Is)
		}
	}
	return g.write(w)
}

// getsText says what a module is handed.
func getsText(d abi.Description) string {
	text := "users, items, values"
	for _, c := range d.Needs {
		text += "; " + c + ", which it needs: --grant " + c
	}
	for _, c := range d.Uses {
		if !slices.Contains(d.Needs, c) {
			text += "; " + c + " with --grant " + c
		}
	}
	return text
}
