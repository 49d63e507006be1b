package executor

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"rechost/host/fault"
	"rechost/host/task"
)

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = "module"
	}
	if o.Workers < 1 {
		o.Workers = 1
	}
	if err := o.Limits.Check(); err != nil {
		return o, err
	}
	o.Limits = o.Limits.WithDefaults()
	return o, nil
}

// failed tells of a task's failure, where somebody asked.
func (o Options) failed(t *task.Task, d task.Diagnosis, err error) {
	if o.Failed == nil {
		return
	}
	if c := fault.CodeOf(err); c == fault.Module || c == fault.Limit || errors.Is(err, errKilled) {
		o.Failed(t, d, err)
	}
}

// errKilled is in the chain of a failure that is nobody's fault here: a worker
// was killed from outside. A task is a pure function, so it can be tried again.
var errKilled = errors.New("SIGKILL")

// threads is how many threads one kernel of a task may use: those of all workers
// where the task is alone in its stage, so that the others have nothing to do.
func (o Options) threads(t *task.Task) int {
	if t.Shards == 1 {
		return min(o.Workers, runtime.GOMAXPROCS(0))
	}
	return 1
}

// finer is the error of a task, with what else would help where a limit is not
// enough for it. Loading, describing and planning are not cut.
func finer(err error) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Code == fault.Limit && strings.HasPrefix(e.Hint, "allow more with ") {
		return e.WithHint("%s, or cut the work finer with --shards", e.Hint)
	}
	return err
}

// at puts module and place before an error's message, keeping its code and
// hint.
func at(module, place string, err error) error {
	if err == nil {
		return nil
	}
	if place != "" {
		place += ": "
	}
	return &fault.Error{
		Code: fault.CodeOf(err),
		Msg:  fmt.Sprintf("%s: %s%s", module, place, err),
		Hint: fault.HintOf(err),
		Err:  err,
	}
}
