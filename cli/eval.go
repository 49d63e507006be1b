package cli

import (
	"github.com/urfave/cli/v2"
)

func evalCommand(e *env) *command {
	return &command{
		Command: &cli.Command{Name: "eval", Usage: "measure recommendations against a test set", Action: func(*cli.Context) error { return nil }},
	}
}
