package cli

import (
	"slices"
	"strings"

	"rechost/host/fault"

	"github.com/urfave/cli/v2"
)

// A commandLine is what the arguments mean, with flags before paths.
type commandLine struct {
	command       *command
	args          []string // for the flag library: command names, --flag=value…, --, paths
	help, version bool
}

// parse finds the command and puts its arguments in order. The flag library
// ignores every flag after the first path and takes a misspelt one for a path
// there; so this looks at each argument itself, and the library is left with
// converting values. Flags may stand anywhere behind the command's name, as
// --flag value, --flag=value, -f value or -f=value; "--" ends them.
func parse(root *command, args []string) (commandLine, error) {
	line := commandLine{command: root}
	var names, flags, paths []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			paths = append(paths, args[i+1:]...)
			i = len(args)
		case len(arg) > 1 && arg[0] == '-':
			name, value, has := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			switch {
			case name == "help" || name == "h":
				line.help = true
				continue
			case line.command == root && (name == "version" || name == "v"):
				line.version = true
				continue
			}
			f := line.command.flag(name)
			if f == nil {
				return line, unknownFlag(line.command, arg, name)
			}
			if takesValue(f) && !has {
				if i++; i == len(args) {
					return line, fault.Use("%s needs a value", flagName(f)).WithHint("%s --help", line.command.path())
				}
				value, has = args[i], true
			}
			switch {
			case takesValue(f) && value == "": // most likely a variable that is not set
				return line, fault.Use("%s needs a value, and its value here is empty", flagName(f)).WithHint("%s --help", line.command.path())
			case !has:
				value = "true"
			case !takesValue(f) && value != "true" && value != "false":
				return line, fault.Use("%s is on or off, and takes no value such as %s", flagName(f), clean(value)).WithHint("%s alone is on", flagName(f))
			}
			flags = append(flags, "--"+f.Names()[0]+"="+value)
		case len(line.command.subs) > 0 && len(paths) == 0:
			sub := line.command.sub(arg)
			switch {
			case sub != nil:
				line.command = sub
				names = append(names, sub.Name)
			case line.command.Action != nil && line.command.Args:
				paths = append(paths, arg)
			default:
				return line, unknownCommand(line.command, arg)
			}
		default:
			paths = append(paths, arg)
		}
	}
	if !line.help && !line.version && line.command.Action == nil && line.command != root {
		return line, fault.Use("%s: which of %s", line.command.path(), strings.Join(line.command.subNames(), ", ")).
			WithHint("%s --help", line.command.path())
	}
	line.args = slices.Concat(names, flags, []string{"--"}, paths)
	return line, nil
}

// unknownCommand names the nearest command.
func unknownCommand(c *command, arg string) error {
	e := fault.Use("%s has no command %q", c.path(), clean(arg))
	if near := fault.Nearest(arg, c.subNames()); near != "" {
		return e.WithHint("did you mean %s %s?", c.path(), near)
	}
	if strings.ContainsAny(arg, "./") {
		return e.WithHint("a path needs a command before it: rechost run --module cf.wasm %s", shellWord(arg))
	}
	return e.WithHint("%s --help lists the commands", c.path())
}

// unknownFlag names the nearest flag.
func unknownFlag(c *command, arg, name string) error {
	shown, _, _ := strings.Cut(arg, "=")
	e := fault.Use("%s has no flag %s", c.path(), clean(shown))
	if apart := lettersApart(c, arg); apart != "" {
		return e.WithHint("flags of one letter stand apart from each other and from their values: %s", apart)
	}
	var names []string
	for _, f := range c.Flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, n)
			}
		}
	}
	if near := fault.Nearest(name, names); near != "" {
		return e.WithHint("did you mean --%s?", near)
	}
	return e.WithHint("%s --help lists the flags", c.path())
}

// lettersApart writes -k5 as "-k 5" and -qm as "-q -m", or returns "" where
// arg is no such thing.
func lettersApart(c *command, arg string) string {
	letters, one := strings.CutPrefix(arg, "-")
	if !one || strings.HasPrefix(letters, "-") {
		return ""
	}
	var out []string
	for i, r := range letters {
		f := c.flag(string(r))
		if f == nil {
			return ""
		}
		out = append(out, "-"+string(r))
		if rest := letters[i+len(string(r)):]; takesValue(f) {
			if rest != "" {
				out = append(out, shellWord(strings.TrimPrefix(rest, "=")))
			}
			break
		}
	}
	return strings.Join(out, " ")
}

// wrongValue turns the library's complaint about a value into one of ours. Its
// text is that of package flag, where the value may hold anything:
// invalid value "x" for flag -workers: reason.
func wrongValue(_ *cli.Context, err error, _ bool) error {
	const mark = `" for flag -`
	msg := err.Error()
	i := strings.LastIndex(msg, mark)
	if i < 0 {
		return fault.Use("%s", msg)
	}
	name, reason, _ := strings.Cut(msg[i+len(mark):], ": ")
	_, value, _ := strings.Cut(msg[:i], `"`)
	if reason == "parse error" {
		reason = "not a whole number"
	}
	return fault.Use("--%s %s: %s", name, value, reason)
}

// takesValue reports whether f is followed by a value.
func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

// flagName is the flag as people type it.
func flagName(f cli.Flag) string { return "--" + f.Names()[0] }

// shellWord is a path as it can be typed into a shell.
func shellWord(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 0x9f || strings.ContainsRune("_-./=,:@%+", r))
	}) < 0
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
