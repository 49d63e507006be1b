package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"rechost/host/fault"

	"github.com/urfave/cli/v2"
)

// exitCodes is the one table of them.
var exitCodes = []struct {
	code    fault.Code
	meaning string
}{
	{fault.OK, "done"},
	{fault.Failed, "a path is not there, or cannot be read or written; or an internal failure"},
	{fault.Usage, "the command line or a parameter is wrong"},
	{fault.BadData, "what an input file holds is wrong"},
	{fault.Module, "the module was refused or misbehaved"},
	{fault.Limit, "a limit was hit"},
	{fault.Differs, "verification found a difference"},
	{fault.Interrupted, "interrupted"},
}

func helpCommand(e *env) *command {
	return &command{
		Command: &cli.Command{
			Name:      "help",
			Usage:     "help on a command, or the exit codes",
			ArgsUsage: "[COMMAND… | exit-codes]",
			Args:      true,
			Action: func(c *cli.Context) error {
				args := c.Args().Slice()
				if len(args) == 1 && args[0] == "exit-codes" {
					printExitCodes(e.out)
					return nil
				}
				at := e.root
				for _, a := range args {
					next := at.sub(a)
					if next == nil {
						return unknownCommand(at, a)
					}
					at = next
				}
				return printHelp(e.out, at)
			},
		},
		about:    "Prints the help of a command, as --help behind it does, or the table of exit codes.",
		examples: []string{"rechost help run", "rechost help exit-codes"},
	}
}

// printHelp writes what a command does, its flags in groups, its exit codes
// and, at the end, examples.
func printHelp(w io.Writer, c *command) error {
	var b strings.Builder
	wide := cmp.Or(min(screen(w), helpWidth), helpWidth)
	fmt.Fprintf(&b, "%s: %s\n\nUsage: %s", c.path(), c.Usage, c.path())
	if len(c.Flags) > 0 {
		b.WriteString(" [flags]")
	}
	if c.ArgsUsage != "" {
		b.WriteString(" " + c.ArgsUsage)
	}
	b.WriteString("\n")
	if c.about != "" {
		fmt.Fprintf(&b, "\n%s\n", c.about)
	}
	if names := c.subNames(); len(names) > 0 {
		b.WriteString("\nCommands:\n")
		var rows [][2]string
		for _, n := range names {
			s := c.sub(n)
			rows = append(rows, [2]string{s.Name, s.Usage})
		}
		writePairs(&b, rows, wide)
	}
	var groups []string
	rows := map[string][][2]string{}
	for _, f := range c.Flags {
		g := f.(cli.CategorizableFlag).GetCategory()
		if rows[g] == nil {
			groups = append(groups, g)
		}
		rows[g] = append(rows[g], flagLine(f))
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n", g)
		writePairs(&b, rows[g], wide)
	}
	if c.Action != nil || c.parent == nil {
		b.WriteString("\nExit codes:\n")
		for _, x := range exitCodes {
			fmt.Fprintf(&b, "  %3d  %s\n", x.code, x.meaning)
		}
	}
	if len(c.examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, x := range c.examples {
			fmt.Fprintf(&b, "  %s\n", x)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printExitCodes writes the table of exit codes.
func printExitCodes(w io.Writer) {
	for _, x := range exitCodes {
		fmt.Fprintf(w, "%3d  %s\n", x.code, x.meaning)
	}
}

// flagLine is a flag's names with its value's placeholder, and its help. The
// placeholder is the word in back quotes in the help text, as in package flag.
func flagLine(f cli.Flag) [2]string {
	df := f.(cli.DocGenerationFlag)
	usage := df.GetUsage()
	placeholder := ""
	if takesValue(f) {
		placeholder = "VALUE"
		if _, rest, ok := strings.Cut(usage, "`"); ok {
			word, _, _ := strings.Cut(rest, "`")
			placeholder = word
			usage = strings.ReplaceAll(usage, "`", "")
		}
	}
	names := "    "
	long := f.Names()[0]
	for _, n := range f.Names()[1:] {
		if len(n) == 1 {
			names = "-" + n + ", "
		}
	}
	names += "--" + long
	if placeholder != "" {
		names += " " + placeholder
	}
	return [2]string{names, usage}
}

// helpWidth is the columns of help where the terminal does not have fewer.
const helpWidth = 100

// writePairs writes two columns, the second wrapped to a line of wide columns.
func writePairs(b *strings.Builder, rows [][2]string, wide int) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	width = min(width, 30, wide*3/10)
	for _, r := range rows {
		text := wrap(r[1], wide-4-width)
		if len(r[0]) > width {
			fmt.Fprintf(b, "  %s\n  %-*s  ", r[0], width, "")
		} else {
			fmt.Fprintf(b, "  %-*s  ", width, r[0])
		}
		b.WriteString(strings.Join(text, fmt.Sprintf("\n  %-*s  ", width, "")) + "\n")
	}
}

// wrap breaks text at spaces into lines of at most width bytes where it can.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
