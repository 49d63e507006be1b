// Command rechost runs recommender modules that it does not trust; see
// README.md or rechost --help.
package main

import (
	"context"
	"os"

	"rechost/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}
