package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/metric"
	"rechost/host/recs"

	"github.com/urfave/cli/v2"
)

// evaluation is what rechost eval --json prints.
type evaluation struct {
	Recommendations string `json:"recommendations"`
	Test            string `json:"test"`
	*metric.Result
	Definitions []metric.Definition `json:"definitions"`
}

func evalCommand(e *env) *command {
	var o interactions.Options
	var columns recs.ReadOptions
	var at cuts
	var perUser string
	var asJSON bool
	flags := []cli.Flag{
		&cli.GenericFlag{Name: "at", Category: groupLists, Value: &at, Usage: "cut-offs, `K,K…` (default 10,20)"},
		&cli.GenericFlag{Name: "per-user", Category: groupOutput, Value: output{&perUser},
			Usage: "write each user's values to `FILE`, Parquet"},
		jsonFlag(&asJSON),
	}
	return &command{
		Command: &cli.Command{
			Name:      "eval",
			Usage:     "measure recommendations against held-out interactions",
			ArgsUsage: "RECOMMENDATIONS TEST…",
			Flags: append(append(flags,
				&cli.StringFlag{Name: "recs-user", Category: groupLists, Destination: &columns.User,
					Usage: "`COLUMN` of users in the recommendations (default: as --user)"},
				&cli.StringFlag{Name: "recs-item", Category: groupLists, Destination: &columns.Item,
					Usage: "`COLUMN` of items in the recommendations (default: as --item)"}),
				testFlags(&o)...),
			Action: func(c *cli.Context) error {
				args := c.Args().Slice()
				if len(args) < 2 {
					return fault.Use("rechost eval needs recommendations and test data, and has %s", plural(len(args), "path")).
						WithHint("rechost eval recommendations.parquet test.parquet")
				}
				columns.User, columns.Item = cmp.Or(columns.User, o.User), cmp.Or(columns.Item, o.Item)
				r, err := recs.Read(c.Context, args[0], columns)
				if err != nil {
					return err
				}
				return evaluate(c.Context, e, r, args[0], args[1:], o, at, perUser, asJSON)
			},
		},
		about:    evalAbout(),
		examples: []string{"rechost eval recommendations.parquet test.parquet", "rechost eval recs.parquet test.parquet --at 5,10,100 --json", "rechost eval recs.parquet test.parquet --min-value 4 --per-user users.parquet"},
	}
}

// testFlags are those of columnFlags that bear on test data, whose times and
// values do not count.
func testFlags(o *interactions.Options) []cli.Flag {
	var out []cli.Flag
	for _, f := range columnFlags(o, "Test data") {
		switch f.Names()[0] {
		case "user", "item", "value", "min-value":
			out = append(out, f)
		}
	}
	return out
}

// evalAbout explains the table with the metrics' own definitions.
func evalAbout() string {
	var b strings.Builder
	b.WriteString(`Every test interaction is an item that its user went on to take, whatever its
value; --min-value keeps the good ones. A user with a test item and no list
counts 0; a user with a list and no test item is left out; both are counted.
Lists are measured as they are: leave out seen items when you make them.

Metrics, T being a user's test items, a hit an item of T within the first k:
`)
	for _, d := range metric.Definitions {
		fmt.Fprintf(&b, "  %-10s %s\n", d.Name, d.Text)
	}
	return strings.TrimRight(b.String(), "\n")
}

// evaluate measures and prints.
func evaluate(ctx context.Context, e *env, r *recs.Table, name string, tests []string, o interactions.Options, at cuts, perUser string, asJSON bool) error {
	if perUser != "" {
		if err := recs.Refuse(perUser, append([]string{name}, tests...)); err != nil {
			return err
		}
	}
	o.NoTime, o.NoValue = true, true // the least value is asked for all the same
	set, err := interactions.Open(tests, o)
	if err != nil {
		return err
	}
	defer set.Close()
	test, err := matrix.Build(ctx, set, matrix.Options{Duplicates: matrix.Max})
	if err != nil {
		return err
	}
	what := strings.Join(tests, ", ")
	res, err := metric.Evaluate(r, test, metric.Options{At: at, Recs: name, Test: what})
	if err != nil {
		return err
	}
	if perUser != "" {
		if err := recs.WriteFile(ctx, perUser, append([]string{name}, tests...), res.WritePerUser); err != nil {
			return err
		}
	}
	if asJSON {
		return writeJSON(e.out, evaluation{name, what, res, metric.Definitions})
	}
	return printEvaluation(e.out, res)
}

// printEvaluation writes a row a metric, a column a cut-off.
func printEvaluation(w io.Writer, res *metric.Result) error {
	g := grid{head: []string{"metric"}, right: []bool{false}}
	for _, k := range res.At {
		g.head = append(g.head, "@"+strconv.Itoa(k))
		g.right = append(g.right, true)
	}
	for _, d := range metric.Definitions {
		row := []string{d.Name}
		for _, k := range res.At {
			for _, v := range res.Values {
				if v.Metric == d.Name && v.K == k {
					row = append(row, strconv.FormatFloat(v.Mean, 'f', 4, 64))
				}
			}
		}
		g.add(row...)
	}
	if err := g.write(w); err != nil {
		return err
	}
	text := plural(res.Users, "user") + " evaluated"
	if res.WithoutList > 0 {
		text += fmt.Sprintf(", %s of them without a list, counted as 0", count(res.WithoutList))
	}
	if res.LeftOut > 0 {
		text += fmt.Sprintf("; %s with a list but no test item left out", plural(res.LeftOut, "user"))
	}
	if most := slices.Max(res.At); res.Lists > 0 && res.Shortest < most {
		text += fmt.Sprintf("; the shortest list has %s, fewer than %d", plural(res.Shortest, "item"), most)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// cuts is a list of cut-offs.
type cuts []int

func (c *cuts) Set(text string) error {
	*c = nil
	for _, x := range strings.Split(text, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(x))
		if err != nil || k < 1 || k > metric.MaxCut {
			return fmt.Errorf("not whole numbers from 1 to %d, such as 10,20", metric.MaxCut)
		}
		if !slices.Contains(*c, k) {
			*c = append(*c, k)
		}
	}
	slices.Sort(*c)
	return nil
}

func (c *cuts) String() string {
	if c == nil {
		return ""
	}
	var list []string
	for _, k := range *c {
		list = append(list, strconv.Itoa(k))
	}
	return strings.Join(list, ",")
}
