// Package cli is the rechost command: one file a command, and what they share.
//
//	os.Exit(cli.Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
//
// # Notes
//
// Standard output carries results and nothing else: tables, JSON, scripts.
// Everything for people who watch goes to standard error. An error is printed
// once, here, with its hint; its exit code is fault.CodeOf. Text that came from
// a file or a guest is cleaned before either of them.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"rechost/host/executor"
	"rechost/host/fault"

	"github.com/urfave/cli/v2" // flags with categories, aliases and typed values; arguments are put in order by us, see args.go
)

// env is where a command reads and writes.
type env struct {
	in       io.Reader
	out, err io.Writer
	root     *command // for help and completion
}

// Main runs the command line args, whose first element is the program's name,
// and returns the exit code. The first SIGINT, SIGTERM or SIGHUP ends what is
// running in good order, the second one ends the process.
func Main(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	if executor.IsWorker() {
		executor.WorkerMain()    // before signals and flags: the parent decides when a worker ends
		return int(fault.Failed) // not reached
	}
	ctx, stop := interruptible(ctx, errw)
	defer stop()
	e := &env{in: in, out: out, err: errw}
	e.root = commands(e)
	return complain(errw, run(ctx, e, args))
}

// run finds the command, puts its arguments in order and runs it.
func run(ctx context.Context, e *env, args []string) error {
	if len(args) < 1 {
		args = []string{"rechost"}
	}
	rest := args[1:]
	if n := len(rest); n > 0 && rest[n-1] == completionFlag {
		return complete(ctx, e, rest[:n-1])
	}
	line, err := parse(e.root, rest)
	if err != nil {
		return err
	}
	switch {
	case line.version:
		return printVersion(e, false)
	case line.help || line.command.Action == nil:
		return printHelp(e.out, line.command)
	}
	app := &cli.App{
		Name:     "rechost",
		Reader:   e.in,
		Writer:   e.out,
		Commands: e.root.Subcommands,
		HideHelp: true, HideVersion: true,
		DisableSliceFlagSeparator: true,                         // a parameter's value may hold commas
		ExitErrHandler:            func(*cli.Context, error) {}, // the exit code is Main's to return
		OnUsageError:              wrongValue,
	}
	return app.RunContext(ctx, append([]string{"rechost"}, line.args...))
}

// complain prints err, once, and returns its exit code.
func complain(w io.Writer, err error) int {
	code := fault.CodeOf(err)
	if err == nil {
		return int(code)
	}
	msg := err.Error()
	if code == fault.Interrupted && !asFault(err) {
		msg = "interrupted"
	}
	fmt.Fprintf(w, "rechost: %s\n", indentRest(fault.Clean(msg, longest)))
	if hint := fault.HintOf(err); hint != "" {
		fmt.Fprintf(w, "rechost: hint: %s\n", indentRest(fault.Clean(hint, longest)))
	}
	return int(code)
}

// asFault reports whether err already says things in our words.
func asFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}

// clean makes text from anywhere fit for a terminal.
func clean(s string) string {
	s = strings.TrimRight(s, "\n")
	return fault.Clean(s, len(s))
}

// longest is the most bytes of a message or hint that are printed.
const longest = 16 << 10

// indentRest sets the second and later lines of a message apart from the next
// message.
func indentRest(s string) string { return strings.ReplaceAll(s, "\n", "\n  ") }

// interruptible returns a context that ends at the first signal.
func interruptible(ctx context.Context, errw io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			var s os.Signal
			select {
			case <-done:
				return
			case s = <-signals:
			}
			if n > 0 && s == syscall.SIGHUP {
				continue // a terminal that closes sends it, and so does its shell
			}
			if n > 0 {
				fmt.Fprintln(errw, "rechost: stopped at once")
				os.Exit(int(fault.Interrupted))
			}
			cancel()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
