// Package datasets makes interaction tables: a generator of synthetic ones and
// importers of the text formats in which public data sets are handed out. Both
// write Parquet through package table.
//
//	rep, err := datasets.Synth(ctx, "synth.parquet", datasets.SynthOptions{
//		Users: 200_000, Items: 50_000, Rows: 10_000_000, Seed: 10,
//	})
//	…
//	rep, err = datasets.Import(ctx, "movielens", "u.data", "ml-100k.parquet", datasets.ImportOptions{})
//	fmt.Println(rep.Detected) // [tab between fields  no header  …]
//
// # Notes
//
// Nothing is dropped in silence: a line that does not fit is an error that
// names file, line and content, and what is left out by the meaning of a
// format (users without items, blank lines) is counted in the report.
//
// Memory does not grow with the rows: importers of text whose types must be
// inferred read the file twice instead.
//
// Package host and what lies under it never import this package.
package datasets
