// Package recs checks, writes and reads recommendations: the one kind of file
// that rechost makes for others.
//
// A file has the user and the item column under the names and with the types
// that the input has, then score (float32) and rank (int32, from 1), sorted by
// user and rank.
//
//	if err := recs.Check(lists, m, recs.Rules{Top: 20}); err != nil { … }
//	w, err := recs.Write(ctx, "recommendations.parquet", lists, m, inputs)
package recs
