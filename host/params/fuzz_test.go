package params

import (
	"bytes"
	"encoding/json"
	"testing"

	"rechost/host/fault"
)

// FuzzParse: what a module says of itself is refused in clean words, or is
// clean, and then its defaults are values that it allows: what a manifest
// records of them resolves to the same again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(declared))
	f.Add([]byte(`{"name":"x","parameters":[{"name":"n","type":"int","default":-9007199254740991}]}`))
	f.Add([]byte(`{"name":"x","parameters":[{"name":"f","type":"float","default":1e-320,"max":0.1},{"name":"f","type":"float"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.Module || fault.Clean(s, len(s)) != s {
				t.Errorf("refused with %q", s)
			}
			return
		}
		for _, s := range []string{d.Name, d.Version, d.Summary, d.Source} {
			if fault.Clean(s, len(s)) != s {
				t.Errorf("not clean: %q", s)
			}
		}
		values, err := Resolve(d, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		var recorded map[string]any
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&recorded); err != nil {
			t.Fatal(err)
		}
		again, err := Resolve(d, Texts(recorded))
		if err != nil {
			t.Fatalf("the defaults %s are refused: %v", text, err)
		}
		if b, _ := json.Marshal(again); !bytes.Equal(b, text) {
			t.Errorf("%s resolves to %s", text, b)
		}
	})
}
