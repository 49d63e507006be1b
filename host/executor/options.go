package executor

import (
	"fmt"

	"rechost/host/fault"
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
