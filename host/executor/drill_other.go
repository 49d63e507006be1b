//go:build !linux

package executor

import (
	"context"

	"rechost/host/array"
)

// Attempts is what Drill knows: nothing here, where there are no workers.
func Attempts() []Try { return nil }

// Drill fails: there are no workers here.
func Drill(context.Context, Options, Try, array.Meta) (Attempt, error) {
	_, err := NewProcesses(Options{})
	return Attempt{}, err
}
