// The files of this folder make rechost with one module linked in, compiled for
// this machine: overlay.json puts this one beside the module's source, num.go in
// place of the loops of guest/num, which it hands to the host's kernels, and
// executor.go in place of the executor in goroutines, which then calls the
// module where it would run a guest. All the rest is the same rechost.
//
//	go build -overlay host/testdata/native/overlay.json -o bin/native/als ./guest/modules/als
//	bin/native/als run --executor goroutines --module bin/modules/als.wasm ratings.parquet
package main

import (
	"context"
	"os"

	"rechost/cli"
	"rechost/host/executor"
)

// init runs the program: the module's own main is empty.
func init() {
	executor.Linked = &module
	os.Exit(cli.Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}
