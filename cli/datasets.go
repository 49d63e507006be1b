package cli

import (
	"fmt"
	"io"
	"strings"

	"rechost/datasets"
	"rechost/host/fault"

	"github.com/urfave/cli/v2"
)

const groupTable = "Data set"

func datasetsCommand(e *env) *command {
	return &command{
		Command: &cli.Command{Name: "datasets", Usage: "make a data set, or import one from text"},
		about:   "Both write Parquet that rechost run reads as it is.",
		examples: []string{
			"rechost datasets synth ratings.parquet --users 2000 --items 500 --rows 50000",
			"rechost datasets import --format movielens u.data ratings.parquet",
		},
		subs: []*command{synthCommand(e), importCommand(e)},
	}
}

func synthCommand(e *env) *command {
	o := datasets.SynthOptions{Users: 2000, Items: 500}
	rows := 50000
	var asJSON, quiet bool
	return &command{
		Command: &cli.Command{
			Name:      "synth",
			Usage:     "generate interactions with realistic tails and tastes",
			ArgsUsage: "OUT.parquet",
			Flags: []cli.Flag{
				&cli.GenericFlag{Name: "users", Category: groupTable, Value: whole{&o.Users, 1}, Usage: "`N` users (default 2000)"},
				&cli.GenericFlag{Name: "items", Category: groupTable, Value: whole{&o.Items, 1}, Usage: "`N` items (default 500)"},
				&cli.GenericFlag{Name: "rows", Category: groupTable, Value: whole{&rows, 1}, Usage: "`N` interactions, no pair twice (default 50000)"},
				&cli.Uint64Flag{Name: "seed", Category: groupTable, Destination: &o.Seed, Usage: "whole `NUMBER`; the same one gives the same bytes (default 0)"},
				&cli.BoolFlag{Name: "string-ids", Category: groupTable, Destination: &o.StringIDs, Usage: "ids of letters and digits instead of whole numbers"},
				forceFlag(&o.Force), jsonFlag(&asJSON), quietFlag(&quiet),
			},
			Action: func(c *cli.Context) error {
				name, err := oneArg(c, "a file to write", "ratings.parquet")
				if err != nil {
					return err
				}
				o.Rows = int64(rows)
				rep, err := datasets.Synth(c.Context, name, o)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(e.out, rep)
				}
				if quiet {
					return nil
				}
				_, err = fmt.Fprintf(e.err, "rechost: %s: %s of %s and %s, %s\n", oneLine(rep.Path), plural(rep.Rows, "row"),
					plural(rep.Users, "user"), plural(rep.Items, "item"), bytesText(rep.Bytes))
				return err
			},
		},
		about: strings.TrimSpace(`
Writes user_id, item_id, rating and timestamp. A few users and items have most of
the interactions, and tastes follow a hidden structure that a recommender can
find. It is written as it is made, so millions of rows need little memory.`),
		examples: []string{
			"rechost datasets synth ratings.parquet",
			"rechost datasets synth big.parquet --users 200000 --items 50000 --rows 10000000 --seed 10",
			"rechost datasets synth named.parquet --string-ids",
		},
	}
}

func importCommand(e *env) *command {
	var o datasets.ImportOptions
	var format, columns string
	var asJSON, quiet bool
	return &command{
		Command: &cli.Command{
			Name:      "import",
			Usage:     "turn interactions in text form into Parquet",
			ArgsUsage: "IN OUT.parquet",
			Flags: []cli.Flag{
				&cli.GenericFlag{Name: "format", Aliases: []string{"f"}, Category: groupTable, Value: choice{&format, datasets.Formats()},
					Usage: "`FORMAT` of the text: " + strings.Join(datasets.Formats(), ", ")},
				&cli.StringFlag{Name: "delimiter", Category: groupTable, Destination: &o.Delimiter, Usage: "`TEXT` between fields (default: found out)"},
				&cli.GenericFlag{Name: "header", Category: groupTable, Value: choice{&o.Header, []string{"yes", "no"}},
					Usage: "whether the first line names the columns, `yes|no` (default: found out)"},
				&cli.GenericFlag{Name: "quotes", Category: groupTable, Value: choice{&o.Quotes, []string{"yes", "no"}},
					Usage: "whether double quotes group fields, `yes|no` (default: yes)"},
				&cli.StringFlag{Name: "columns", Category: groupTable, Destination: &columns,
					Usage: "`A,B,C`: names of the columns instead of the file's own, or where it has none"},
				&cli.GenericFlag{Name: "encoding", Category: groupTable, Value: choice{&o.Encoding, []string{"utf-8", "latin-1"}},
					Usage: "`ENCODING` of the text: utf-8 or latin-1 (default: found out)"},
				forceFlag(&o.Force), jsonFlag(&asJSON), quietFlag(&quiet),
			},
			Action: func(c *cli.Context) error {
				if format == "" {
					return fault.Use("rechost datasets import needs --format").
						WithHint("rechost datasets import --format csv IN.csv OUT.parquet; the formats are %s", strings.Join(datasets.Formats(), ", "))
				}
				if c.NArg() != 2 {
					return fault.Use("rechost datasets import needs a file to read and one to write, and has %s", plural(c.NArg(), "path")).
						WithHint("rechost datasets import --format %s ratings.txt ratings.parquet", format)
				}
				if columns != "" {
					o.Columns = strings.Split(columns, ",")
				}
				rep, err := datasets.Import(c.Context, format, c.Args().Get(0), c.Args().Get(1), o)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(e.out, rep)
				}
				if quiet {
					return nil
				}
				return printImport(e.err, rep)
			},
		},
		about: strings.TrimSpace(`
Formats:
  csv        fields with a header or none; delimiter, quotes and encoding are found
             out; plain or gzip
  movielens  u.data, ratings.dat, ratings.csv; also u.item, movies.dat, movies.csv
  lightgcn   "user item item …" a line
  ncf        .rating and .negative files

A line that does not fit is an error that names file and line; nothing is dropped
in silence.`),
		examples: []string{
			"rechost datasets import --format csv orders.csv.gz orders.parquet",
			"rechost datasets import --format movielens ml-100k/u.data ratings.parquet",
			"rechost datasets import --format csv --header no --columns user,item,rating r.tsv r.parquet",
		},
	}
}

func forceFlag(to *bool) cli.Flag {
	return &cli.BoolFlag{Name: "force", Category: groupOutput, Destination: to, Usage: "replace the file to write where it exists"}
}

// printImport tells a person what was understood.
func printImport(w io.Writer, rep datasets.ImportReport) error {
	var columns []string
	for _, c := range rep.Columns {
		text := fmt.Sprintf("%s (%s", c.Name, c.Type)
		if c.Nulls > 0 {
			text += ", " + count(c.Nulls) + " empty"
		}
		columns = append(columns, text+")")
	}
	fmt.Fprintf(w, "rechost: %s: %s, %s\n", oneLine(rep.Out), plural(rep.Rows, "row"), bytesText(rep.Bytes))
	g := grid{uncut: true}
	g.add("  columns", strings.Join(columns, ", "))
	for _, d := range rep.Detected {
		g.add("  found", d)
	}
	if rep.BlankLines > 0 {
		g.add("  left out", plural(rep.BlankLines, "blank line"))
	}
	if rep.UsersWithoutItems > 0 {
		g.add("  left out", plural(rep.UsersWithoutItems, "user")+" without items")
	}
	return g.write(w)
}
