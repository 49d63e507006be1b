package executor

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"rechost/guest/abi"
	"rechost/host/fault"
	"rechost/host/sandbox"
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

// parseDescription checks what a module says of itself. Nothing in it reaches
// a terminal before it went through fault.Clean; the names of parameters are
// flags, so they are plain.
func parseDescription(b []byte) (abi.Description, error) {
	var d abi.Description
	if len(b) > sandbox.MaxDescription {
		return d, fault.Mod("its description has %d bytes, more than %d", len(b), sandbox.MaxDescription)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fault.Mod("its description is not the JSON it should be: %s", fault.Clean(err.Error(), 200))
	}
	d.Name, d.Version = oneLine(d.Name, 100), oneLine(d.Version, 100)
	d.Summary, d.Source = fault.Clean(d.Summary, 2000), fault.Clean(d.Source, 2000)
	if d.Name == "" {
		return d, fault.Mod("its description has no name")
	}
	if len(d.Parameters) > 1000 {
		return d, fault.Mod("its description has %d parameters, more than 1000", len(d.Parameters))
	}
	seen := map[string]bool{}
	for i := range d.Parameters {
		p := &d.Parameters[i]
		if !plainName(p.Name) || seen[p.Name] {
			return d, fault.Mod("its description: parameter %d: name %q is empty, taken, or has other characters than letters, digits, - and _", i+1, oneLine(p.Name, 100))
		}
		seen[p.Name] = true
		switch p.Type {
		case abi.Int, abi.Float, abi.Bool, abi.String:
		default:
			return d, fault.Mod("its description: parameter %s: no type %q: the types are int, float, bool and string", p.Name, oneLine(p.Type, 100))
		}
		p.Help = fault.Clean(p.Help, 2000)
		for k, c := range p.Choices {
			if c != oneLine(c, 200) {
				return d, fault.Mod("its description: parameter %s: choice %d is longer than 200 bytes or not plain text", p.Name, k+1)
			}
		}
		if s, ok := p.Default.(string); ok && !utf8.ValidString(s) {
			return d, fault.Mod("its description: parameter %s: the default is not plain text", p.Name)
		}
	}
	return d, nil
}

func plainName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			return false
		}
	}
	return true
}

func oneLine(s string, most int) string {
	return strings.Join(strings.Fields(fault.Clean(s, most)), " ")
}
