//go:build !linux

package executor

import (
	"context"

	"rechost/host/array"
)

// Attempts are the names that Drill knows: none here, where there are no
// workers.
func Attempts() []string { return nil }

// Drill fails: there are no workers here.
func Drill(context.Context, Options, string, bool, array.Meta) (Attempt, error) {
	_, err := NewProcesses(Options{})
	return Attempt{}, err
}
