package cli

import (
	"context"
	"fmt"
	"time"

	"rechost/host"
)

// inspectData shows what a run would read.
func inspectData(ctx context.Context, e *env, job host.Job, asJSON bool) error {
	m, err := host.Profile(ctx, job)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(e.out, m.Read)
	}
	r := m.Read
	g := grid{uncut: true}
	g.add("files", fmt.Sprint(len(r.Files)))
	g.add("columns", columnText(r))
	g.add("rows", count(r.Rows))
	g.add("users", count(m.Users.Len()))
	g.add("items", count(m.Items.Len()))
	return g.write(e.out)
}

// timeText is a time of an interaction.
func timeText(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05")
}
