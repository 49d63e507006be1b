package metric

import (
	"fmt"
	"io"

	"rechost/host/table"
)

// WritePerUser writes a Parquet file with one row for each user evaluated, in
// ascending order of raw ids: the user under the name and type that the test
// data has, test_items and list_items (int32), and one double a metric and
// cut-off, named as recall@20.
func (r *Result) WritePerUser(w io.Writer) error {
	columns := []table.Column{
		{Name: r.users.Name, Type: r.users.Type},
		{Name: "test_items", Type: table.TypeInt32},
		{Name: "list_items", Type: table.TypeInt32},
	}
	batch := []table.Vector{r.users.Vector(r.who), table.IntVector(r.tests), table.IntVector(r.listed)}
	for i, v := range r.Values {
		columns = append(columns, table.Column{Name: fmt.Sprintf("%s@%d", v.Metric, v.K), Type: table.TypeDouble})
		batch = append(batch, table.FloatVector(r.per[i]))
	}
	out, err := table.NewWriter(w, columns, 0)
	if err != nil {
		return err
	}
	err = out.Write(batch)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

// PerUser returns the values of a metric at a cut-off, one for each user
// evaluated in ascending order of raw ids, or nil where it was not measured.
// The caller must not change them.
func (r *Result) PerUser(metric string, k int) []float64 {
	for i, v := range r.Values {
		if v.Metric == metric && v.K == k {
			return r.per[i]
		}
	}
	return nil
}
