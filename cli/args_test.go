package cli

import (
	"io"
	"slices"
	"strings"
	"testing"

	"rechost/host/fault"
)

// tree is the whole command tree, printing nowhere.
func tree() *command {
	return commands(&env{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
}

func TestParseOrders(t *testing.T) {
	for line, want := range map[string]string{
		"run --module m.wasm a.parquet -k 5":             "run --module=m.wasm --top=5 -- a.parquet",
		"run a -k=5 b -j 2 --quiet c":                    "run --top=5 --workers=2 --quiet=true -- a b c",
		"run a -- -k 5":                                  "run -- a -k 5",
		"run --param x=a=b,c -p y= a":                    "run --param=x=a=b,c --param=y= -- a",
		"run --seed -3 a":                                "run --seed=-3 -- a",
		"run --quiet=false a":                            "run --quiet=false -- a",
		"run -module m.wasm a":                           "run --module=m.wasm -- a",
		"store prune --max-size 1GB":                     "store prune --max-size=1GB --",
		"store --store s prune":                          "store prune --store=s --",
		"datasets import in.csv --format csv out":        "datasets import --format=csv -- in.csv out",
		"show recs --users 1,2 --users 3":                "show --users=1,2 --users=3 -- recs",
		"run -":                                          "run -- -",
		"verify m.json elsewhere.parquet --sample 2% -q": "verify --sample=2% --quiet=true -- m.json elsewhere.parquet",
	} {
		got, err := parse(tree(), strings.Fields(line))
		if err != nil || !slices.Equal(got.args, strings.Fields(want)) {
			t.Errorf("%s\n got %q, %v\nwant %q", line, got.args, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string][2]string{
		"run --worker 3 a":      {"rechost run has no flag --worker", "did you mean --workers?"},
		"run a --topp=3":        {"rechost run has no flag --topp", "did you mean --top?"},
		"run --qqqqq":           {"rechost run has no flag --qqqqq", "rechost run --help lists the flags"},
		"run a --module":        {"--module needs a value", "rechost run --help"},
		"rn a":                  {`rechost has no command "rn"`, "did you mean rechost run?"},
		"ratings.parquet":       {`rechost has no command "ratings.parquet"`, "a path needs a command before it: rechost run --module cf.wasm ratings.parquet"},
		"--quiet run":           {"rechost has no flag --quiet", "rechost --help lists the flags"},
		"datasets":              {"rechost datasets: which of synth, import", "rechost datasets --help"},
		"datasets sinth a":      {`rechost datasets has no command "sinth"`, "did you mean rechost datasets synth?"},
		"store prun":            {`rechost store has no command "prun"`, "did you mean rechost store prune?"},
		"inspect --module m a ": {"rechost inspect has no flag --module", "did you mean --module-sha256?"},
	} {
		_, err := parse(tree(), strings.Fields(line))
		if fault.CodeOf(err) != fault.Usage || err.Error() != want[0] || fault.HintOf(err) != want[1] {
			t.Errorf("%s\n got %v; %s\nwant %s; %s", line, err, fault.HintOf(err), want[0], want[1])
		}
	}
}

// Flags must mean the same wherever they stand: one letter is never two flags.
func TestFlagNamesAreUnique(t *testing.T) {
	var walk func(c *command)
	walk = func(c *command) {
		seen := map[string]bool{"help": true, "h": true}
		for _, f := range c.Flags {
			for _, n := range f.Names() {
				if seen[n] {
					t.Errorf("%s: two flags --%s", c.path(), n)
				}
				seen[n] = true
			}
		}
		if len(c.examples) == 0 && !c.Hidden {
			t.Errorf("%s: no examples", c.path())
		}
		for _, s := range c.subs {
			walk(s)
		}
	}
	walk(tree())
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"a/b-1.parquet": "a/b-1.parquet", "день.parquet": "день.parquet", "my file": "'my file'", "a*": "'a*'", "it's": `'it'\''s'`, "": "''",
	} {
		if got := shellWord(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
