package cli

import (
	"context"
	_ "embed" // the shells' scripts
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rechost/host"
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
func complete(ctx context.Context, e *env, words []string) error {
	at := e.root
	var waiting cli.Flag // whose value comes next
	var given []string   // parameters
	var job host.Job     // that asks the module for its parameters: no other than run would take
	take := func(f cli.Flag, value string) {
		switch f.Names()[0] {
		case "module":
			job.Module = value
		case "trust":
			job.Trust = value
		case "module-sha256":
			if (sha256Of{&job.ModuleSHA256}).Set(value) != nil {
				job.Module = ""
			}
		case "param":
			given = append(given, value)
		}
	}
	for i, w := range words {
		last := i == len(words)-1
		switch {
		case waiting != nil:
			take(waiting, w)
			waiting = nil
		case w == "--":
			return nil
		case strings.HasPrefix(w, "-"):
			name, value, has := strings.Cut(strings.TrimLeft(w, "-"), "=")
			f := at.flag(name)
			switch {
			case f != nil && has:
				take(f, value)
			case f != nil && takesValue(f):
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
		if waiting.Names()[0] == "param" && job.Module != "" {
			return completeParams(ctx, e.out, job, given)
		}
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

// completeParams prints the parameters of a module that are not given yet, each
// as "name=". The module is asked in the sandbox, as inspect asks it, and not
// for long: nothing is printed where it does not answer.
func completeParams(ctx context.Context, w io.Writer, job host.Job, given []string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	info, err := host.InspectModule(ctx, job)
	if err != nil {
		return nil
	}
	var words []string
	for _, p := range info.Description.Parameters {
		name := p.Name + "="
		if !slices.ContainsFunc(given, func(g string) bool { return strings.HasPrefix(g, name) }) {
			words = append(words, name)
		}
	}
	return printWords(w, words)
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
