package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"rechost/host"
	"rechost/host/interactions"
	"rechost/host/profile"
)

// dataProfile is what rechost inspect --json prints of data.
type dataProfile struct {
	Input   interactions.Report `json:"input"`
	Profile profile.Profile     `json:"profile"`
}

// inspectData shows what a run would read.
func inspectData(ctx context.Context, e *env, job host.Job, asJSON bool) error {
	m, err := host.Profile(ctx, job)
	if err != nil {
		return err
	}
	p := profile.Of(m)
	if asJSON {
		return writeJSON(e.out, dataProfile{m.Read, p})
	}
	if err := printSchema(e.out, m.Read); err != nil {
		return err
	}
	return p.WriteText(e.out, profile.Text{Width: cmp.Or(min(screen(e.out), 100), 100)})
}

// printSchema lists the files, and the columns with what they were chosen for.
func printSchema(w io.Writer, r interactions.Report) error {
	var size int64
	for _, f := range r.Files {
		size += f.Size
	}
	name := r.Files[0].Path
	if n := len(r.Files); n > 1 {
		name = fmt.Sprintf("%s and %s", name, plural(n-1, "more file"))
	}
	fmt.Fprintf(w, "%s, %s\n\n", oneLine(name), bytesText(size))
	roles := map[string]string{r.User.Name: "user", r.Item.Name: "item"}
	if r.Value != nil {
		roles[r.Value.Name] = "value"
	}
	if r.Time != nil {
		roles[r.Time.Name] = "time"
		if r.TimeUnit != "" {
			roles[r.Time.Name] += fmt.Sprintf(" (%s, by %s)", r.TimeUnit, r.TimeFrom)
		}
	}
	g := grid{head: []string{"column", "type", "nulls", "used as"}}
	for _, f := range r.Fields {
		nulls := ""
		if f.Optional {
			nulls = "possible"
		}
		role := roles[f.Name]
		if f.Nested {
			role = strings.TrimSpace("nested " + role)
		}
		g.add(f.Name, f.Type.String(), nulls, role)
	}
	if err := g.write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
