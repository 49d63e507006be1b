package cli

import (
	"rechost/host/executor"
	"rechost/host/fault"

	"github.com/urfave/cli/v2"
)

// workerCommand only keeps the name known: Main turns into a worker before it
// looks at the command line any further.
func workerCommand() *command {
	return &command{
		Command: &cli.Command{
			Name: executor.WorkerCommand, Usage: "run one module for the rechost that started this", Hidden: true,
			Action: func(*cli.Context) error {
				return fault.Use("rechost %s is started by rechost run, not by hand", executor.WorkerCommand)
			},
		},
	}
}
