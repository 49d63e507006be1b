package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"rechost/host/fault"
)

// maxDepth is more levels than any of this package's files has.
const maxDepth = 8

// strict decodes the one JSON value in text into v. Beyond what encoding/json
// refuses it refuses what that passes over in silence: names that are repeated
// or in another case, unknown names, null, text that is not UTF-8, and anything
// after the value. What a person reads there is what is meant.
func strict(text []byte, v any) error {
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8 text")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := walk(d, 0); err != nil {
		line := 1 + bytes.Count(text[:min(int64(len(text)), d.InputOffset())], []byte("\n"))
		return fmt.Errorf("line %d: %s", line, fault.Clean(err.Error(), 200))
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is text after its end")
	}
	d = json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New(fault.Clean(err.Error(), 200))
	}
	return nil
}

// walk goes through one value.
func walk(d *json.Decoder, depth int) error {
	t, err := d.Token()
	switch {
	case err == io.EOF:
		return errors.New("it ends too early")
	case err != nil:
		return err
	case t == nil:
		return errors.New("null stands for nothing here: leave the name out")
	case depth > maxDepth:
		return errors.New("it is nested too deep")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	names := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			switch {
			case !plainName(name):
				return fmt.Errorf("there is no name %q: names are in lower case", fault.Clean(name, 40))
			case names[name]:
				return fmt.Errorf("%q is there twice", name)
			}
			names[name] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err == io.EOF {
		return errors.New("it ends too early")
	}
	return err
}

// plainName keeps out what encoding/json would take for another name: capitals,
// and letters beyond ASCII that fold to one of it.
func plainName(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return s != ""
}
