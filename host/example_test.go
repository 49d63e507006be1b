package host_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rechost/host"
)

// A program that runs a module on a folder of Parquet files.
func ExampleRun() {
	dir, data, module := exampleFiles() // a folder to write to, a Parquet file, popular.wasm
	s, err := host.Run(context.Background(), host.Job{
		Module:   module,
		Params:   map[string]string{"by": "users"},
		Paths:    []string{data},
		Top:      3,
		Executor: host.Goroutines, // Processes needs a program that can serve as a worker
		NoCache:  true,
		Out:      filepath.Join(dir, "recommendations.parquet"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Module.Name, s.Users, "users,", s.Items, "items,", s.Output.Rows, "recommendations")
	fmt.Println(filepath.Base(s.Output.Path), filepath.Base(s.Manifest))
	// Output:
	// popular 98 users, 50 items, 294 recommendations
	// recommendations.parquet recommendations.manifest.json
}

func exampleFiles() (dir, data, mod string) {
	t := &testing.T{}
	dir, err := os.MkdirTemp("", "rechost-example-")
	if err != nil {
		panic(err)
	}
	cleanUp = append(cleanUp, dir)
	return dir, write(t, filepath.Join(dir, "ratings.parquet"), ratings(100, 50, 3000), 1000), modules(t, "popular")
}
