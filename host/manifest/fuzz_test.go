package manifest

import (
	"bytes"
	"encoding/json"
	"testing"

	"rechost/host/fault"
)

// FuzzParse: anything is refused in clean words, or is a manifest that says
// the same when it is written and read again.
func FuzzParse(f *testing.F) {
	b, err := json.Marshal(statement())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"rows":3`), []byte(`"rows":-3`), 1))
	emitted := bytes.Replace(b, []byte(`"subject":[{`), []byte(`"subject":[{"name":"n.parquet","uri":"n.parquet","digest":{"sha256":"`+statement().Subject[0].Digest.SHA256.String()+`"}},{`), 1)
	f.Add(bytes.Replace(emitted, []byte(`"for_users":`), []byte(`"emit":[{"name":"n","form":"parquet"}],"for_users":`), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.BadData || fault.Clean(s, len(s)) != s {
				t.Errorf("refused with %q", s)
			}
			return
		}
		if len(s.Subject) != subjects(s.Predicate.BuildDefinition.ExternalParameters.Emit) || len(s.Dependencies(ModuleName)) != 1 || len(s.Dependencies(InputName)) == 0 || Root(s.Tasks()) != s.Predicate.RunDetails.Byproducts[0].Digest.SHA256 {
			t.Error("what readers rely on is not there")
		}
		once, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		if twice, _ := json.Marshal(again); !bytes.Equal(once, twice) {
			t.Errorf("%s becomes %s", once, twice)
		}
	})
}
