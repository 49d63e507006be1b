package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// command is a command of the flag library with what its --help says beyond
// its flags.
type command struct {
	*cli.Command
	about    string   // paragraphs
	examples []string // each a line to type, or a "# comment"
	subs     []*command
	parent   *command
}

// wire hands the tree to the flag library.
func (c *command) wire(parent *command) *command {
	c.parent = parent
	c.OnUsageError = wrongValue
	c.HideHelp = true
	for _, s := range c.subs {
		c.Subcommands = append(c.Subcommands, s.wire(c).Command)
	}
	return c
}

// path is the command as people type it: "rechost store prune".
func (c *command) path() string {
	if c.parent == nil {
		return c.Name
	}
	return c.parent.path() + " " + c.Name
}

// sub returns the sub-command with this name.
func (c *command) sub(name string) *command {
	for _, s := range c.subs {
		if s.HasName(name) {
			return s
		}
	}
	return nil
}

// subNames lists the sub-commands that are not hidden.
func (c *command) subNames() []string {
	var names []string
	for _, s := range c.subs {
		if !s.Hidden {
			names = append(names, s.Name)
		}
	}
	return names
}

// flag returns the flag with this name or alias.
func (c *command) flag(name string) cli.Flag {
	for _, f := range c.Flags {
		for _, n := range f.Names() {
			if n == name {
				return f
			}
		}
	}
	return nil
}

// commands builds the tree.
func commands(e *env) *command {
	root := &command{
		Command: &cli.Command{
			Name:      "rechost",
			Usage:     "run recommender modules that it does not trust",
			ArgsUsage: "COMMAND [flags] [PATH…]",
		},
		about: strings.TrimSpace(`
A module is a recommender algorithm as WebAssembly. rechost reads interactions
from Parquet, hands the module its shards of them and nothing else, checks what
it gives back, and writes recommendations with a record that anybody can check.`),
		examples: []string{
			"rechost datasets synth ratings.parquet --users 2000 --items 500 --rows 50000",
			"rechost run --module bin/modules/cf.wasm ratings.parquet",
			"rechost show recommendations.parquet",
			"rechost verify recommendations.manifest.json",
		},
		subs: []*command{
			runCommand(e),
			explainCommand(e),
			verifyCommand(e),
			replayCommand(e),
			inspectCommand(e),
			trustCommand(e),
			doctorCommand(e),
			showCommand(e),
			evalCommand(e),
			datasetsCommand(e),
			storeCommand(e),
			completionCommand(e),
			versionCommand(e),
			helpCommand(e),
			workerCommand(),
		},
	}
	return root.wire(nil)
}
