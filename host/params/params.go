// Package params checks what a module declares of itself and turns the
// parameters that a user typed into values of the declared types.
package params

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"rechost/guest/abi"
	"rechost/host/fault"
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// Parse decodes and checks the JSON that a module describes itself by, which
// may be anything, and cleans its texts for a terminal.
func Parse(text []byte) (abi.Description, error) {
	var d abi.Description
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fault.Mod("the module's description is not the JSON that it should be: %s", fault.Clean(err.Error(), 200))
	}
	return d, check(&d)
}

func check(d *abi.Description) error {
	if !nameForm.MatchString(d.Name) {
		return fault.Mod("the module calls itself %q: names are lower-case letters, digits, - and _, at most 63", fault.Clean(d.Name, 80))
	}
	d.Version = line(d.Version, 64)
	d.Summary = line(d.Summary, 400)
	d.Source = line(d.Source, 400)
	for _, c := range append(slices.Clip(d.Uses), d.Needs...) {
		if !nameForm.MatchString(c) || len(d.Uses)+len(d.Needs) > 64 {
			return fault.Mod("the module asks for a column named %q: names are lower-case letters, digits, - and _, at most 64 of them", fault.Clean(c, 80))
		}
	}
	if len(d.Parameters) > 256 {
		return fault.Mod("the module declares %d parameters; at most 256 are read", len(d.Parameters))
	}
	seen := map[string]bool{}
	for i := range d.Parameters {
		p := &d.Parameters[i]
		if !nameForm.MatchString(p.Name) || seen[p.Name] {
			return fault.Mod("the module declares a parameter named %q: names are lower-case letters, digits, - and _, each once", fault.Clean(p.Name, 80))
		}
		seen[p.Name] = true
		p.Help = line(p.Help, 400)
		if err := checkDefault(p); err != nil {
			return err
		}
	}
	return nil
}

// line cleans a text and makes it one line.
func line(s string, n int) string {
	return strings.Join(strings.Fields(fault.Clean(s, n)), " ")
}

// checkDefault gives a declared default its Go type, int64, float64, bool or
// string, and makes sure that it is allowed by the declaration's own bounds.
func checkDefault(p *abi.Parameter) error {
	if len(p.Choices) > 64 {
		return fault.Mod("the module's parameter %s has %d choices; at most 64 are read", p.Name, len(p.Choices))
	}
	for i, c := range p.Choices {
		if p.Choices[i] = line(c, 64); p.Choices[i] != c || p.Type != abi.String {
			return fault.Mod("the module's parameter %s has choices that are not plain strings", p.Name)
		}
	}
	ok := false
	switch p.Type {
	case abi.Int:
		var f float64
		if f, ok = p.Default.(float64); ok {
			ok = f == math.Trunc(f) && math.Abs(f) < 1<<53
			p.Default = int64(f)
		}
	case abi.Float:
		_, ok = p.Default.(float64)
	case abi.Bool:
		_, ok = p.Default.(bool)
	case abi.String:
		var s string
		if s, ok = p.Default.(string); ok {
			ok = line(s, 256) == s
		}
	default:
		return fault.Mod("the module's parameter %s is of type %q: the types are int, float, bool, string", p.Name, fault.Clean(p.Type, 40))
	}
	if !ok {
		return fault.Mod("the module's parameter %s has a default that is not of its type, %s", p.Name, p.Type)
	}
	if err := within(*p, p.Default); err != "" {
		return fault.Mod("the module's parameter %s has a default that it does not allow: %s", p.Name, err)
	}
	return nil
}

// Resolve gives every declared parameter its value: the one typed, or the
// default. Errors are of code fault.Usage and name the parameter.
func Resolve(d abi.Description, typed map[string]string) (map[string]any, error) {
	values := map[string]any{}
	var names []string
	for _, p := range d.Parameters {
		values[p.Name] = p.Default
		names = append(names, p.Name)
	}
	given := make([]string, 0, len(typed))
	for n := range typed {
		given = append(given, n)
	}
	sort.Strings(given)
	for _, n := range given {
		p, ok := find(d, n)
		if !ok {
			err := fault.Use("%s has no parameter %q: its parameters are %s", d.Name, n, strings.Join(names, ", "))
			if len(names) == 0 {
				err = fault.Use("%s has no parameter %q: it has none", d.Name, n)
			}
			if near := fault.Nearest(n, names); near != "" {
				return nil, err.WithHint("did you mean --param %s=%s?", near, typed[n])
			}
			return nil, err
		}
		v, why := parse(p, typed[n])
		if why == "" {
			why = within(p, v)
		}
		if why != "" {
			return nil, fault.Use("parameter %s=%s: %s", n, fault.Clean(typed[n], 80), why).
				WithHint("%s; the default is %v", p.Help, p.Default)
		}
		values[n] = v
	}
	return values, nil
}

func find(d abi.Description, name string) (abi.Parameter, bool) {
	for _, p := range d.Parameters {
		if p.Name == name {
			return p, true
		}
	}
	return abi.Parameter{}, false
}

func parse(p abi.Parameter, s string) (v any, why string) {
	switch p.Type {
	case abi.Int:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n <= -1<<53 || n >= 1<<53 {
			return nil, "not a whole number such as 20"
		}
		return n, ""
	case abi.Float:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, "not a finite number such as 0.5"
		}
		return f, ""
	case abi.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, "not true or false"
		}
		return b, ""
	}
	if len(s) > 256 || line(s, 256) != s {
		return nil, "not plain text of at most 256 bytes"
	}
	return s, ""
}

// within says why v is outside what p allows, or "".
func within(p abi.Parameter, v any) string {
	var x float64
	switch v := v.(type) {
	case int64:
		x = float64(v)
	case float64:
		x = v
	case string:
		if len(p.Choices) == 0 {
			return ""
		}
		for _, c := range p.Choices {
			if c == v {
				return ""
			}
		}
		if near := fault.Nearest(v, p.Choices); near != "" {
			return "the choices are " + strings.Join(p.Choices, ", ") + "; did you mean " + near + "?"
		}
		return "the choices are " + strings.Join(p.Choices, ", ")
	default:
		return ""
	}
	if p.Min != nil && x < *p.Min {
		return "the smallest allowed is " + number(*p.Min)
	}
	if p.Max != nil && x > *p.Max {
		return "the largest allowed is " + number(*p.Max)
	}
	return ""
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// Texts is the inverse of Resolve, for a run that is to be repeated: values as
// JSON decodes them, back as text.
func Texts(values map[string]any) map[string]string {
	t := map[string]string{}
	for n, v := range values {
		switch v := v.(type) {
		case string:
			t[n] = v
		case json.Number:
			t[n] = v.String()
		case float64:
			t[n] = strconv.FormatFloat(v, 'f', -1, 64)
		case int64:
			t[n] = strconv.FormatInt(v, 10)
		case bool:
			t[n] = strconv.FormatBool(v)
		}
	}
	return t
}
