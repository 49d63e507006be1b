package cli

import (
	_ "embed" // the shells' scripts
	"fmt"
	"io"
	"strings"

	"rechost/host/fault"

	"github.com/urfave/cli/v2"
)

// completionFlag, as the last argument, asks for what may come next. The name
// is the flag library's, so its own scripts work too.
const completionFlag = "--generate-bash-completion"

var (
	//go:embed completion/rechost.bash
	bashScript string
	//go:embed completion/rechost.zsh
	zshScript string
	//go:embed completion/rechost.fish
	fishScript string
)

func completionCommand(e *env) *command {
	scripts := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	return &command{
		Command: &cli.Command{
			Name:      "completion",
			Usage:     "print a script that completes rechost's command lines",
			ArgsUsage: "bash | zsh | fish",
			Args:      true,
			Action: func(c *cli.Context) error {
				script, ok := scripts[c.Args().First()]
				if !ok || c.NArg() != 1 {
					return fault.Use("rechost completion needs one shell: bash, zsh or fish").
						WithHint(`source <(rechost completion bash)`)
				}
				_, err := io.WriteString(e.out, script)
				return err
			},
		},
		about: "The script asks rechost itself, so it stays true when rechost changes.",
		examples: []string{
			"source <(rechost completion bash)    # in ~/.bashrc",
			"source <(rechost completion zsh)     # in ~/.zshrc, after compinit",
			"rechost completion fish > ~/.config/fish/completions/rechost.fish",
		},
	}
}

// complete prints what may come next, one a line: words is the command line
// before the cursor without the program's name, the last of them the word under
// the cursor where that starts with "-", as the library's scripts send it. No
// output lets the shell complete file names.
func complete(e *env, words []string) error {
	at := e.root
	var waiting cli.Flag // whose value comes next
	for i, w := range words {
		last := i == len(words)-1
		switch {
		case waiting != nil:
			waiting = nil
		case w == "--":
			return nil
		case strings.HasPrefix(w, "-"):
			name, _, has := strings.Cut(strings.TrimLeft(w, "-"), "=")
			f := at.flag(name)
			if f != nil && takesValue(f) && !has {
				waiting = f
			}
			if last && f == nil && !has {
				return completeFlags(e.out, at)
			}
		default:
			if s := at.sub(w); s != nil && !s.Hidden {
				at = s
			}
		}
	}
	if waiting != nil {
		if v, ok := waiting.(*cli.GenericFlag); ok {
			if c, ok := v.Value.(interface{ options() []string }); ok {
				return printWords(e.out, c.options())
			}
		}
		return nil
	}
	switch at.Name {
	case "completion":
		return printWords(e.out, []string{"bash", "zsh", "fish"})
	case "help":
		return printWords(e.out, append(e.root.subNames(), "exit-codes"))
	}
	return printWords(e.out, at.subNames())
}

func completeFlags(w io.Writer, c *command) error {
	var words []string
	for _, f := range c.Flags {
		words = append(words, flagName(f))
	}
	return printWords(w, append(words, "--help"))
}

func printWords(w io.Writer, words []string) error {
	for _, x := range words {
		if _, err := fmt.Fprintln(w, x); err != nil {
			return err
		}
	}
	return nil
}
