package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"rechost/host"
	"rechost/host/fault"
	"rechost/host/store"

	"github.com/urfave/cli/v2"
)

func storeCommand(e *env) *command {
	var dir string
	var asJSON bool
	return &command{
		Command: &cli.Command{
			Name:  "store",
			Usage: "show what the store holds, or shrink it",
			Flags: []cli.Flag{storeFlag(&dir, groupData), jsonFlag(&asJSON)},
			Action: func(c *cli.Context) error {
				if err := noArgs(c); err != nil {
					return err
				}
				s, dir, err := openStore(dir)
				if err != nil {
					return err
				}
				return printUsage(e, s, dir, asJSON)
			},
		},
		about: strings.TrimSpace(`
The store keeps arrays, the journal of finished tasks, and compiled modules, all
by the digest of their content. Runs reuse what it holds; what is not in it is
made again.`),
		examples: []string{
			"rechost store",
			"rechost store --json",
			"rechost store prune --max-size 1GB",
		},
		subs: []*command{pruneCommand(e)},
	}
}

func pruneCommand(e *env) *command {
	var dir string
	var asJSON bool
	var most size
	var age span
	return &command{
		Command: &cli.Command{
			Name:  "prune",
			Usage: "remove what was not used for longest",
			Flags: []cli.Flag{
				&cli.GenericFlag{Name: "max-size", Category: groupData, Value: &most,
					Usage: "keep at most this `SIZE`, such as 500MB or 2GiB; 0 empties the store"},
				&cli.GenericFlag{Name: "older-than", Category: groupData, Value: &age,
					Usage: "remove what was not used for this `TIME`, such as 12h or 30d"},
				storeFlag(&dir, groupData), jsonFlag(&asJSON),
			},
			Action: func(c *cli.Context) error {
				if err := noArgs(c); err != nil {
					return err
				}
				if !c.IsSet("max-size") && !c.IsSet("older-than") {
					return fault.Use("rechost store prune needs --max-size or --older-than").
						WithHint("rechost store prune --max-size 1GB --older-than 30d")
				}
				bound := int64(-1)
				if c.IsSet("max-size") {
					bound = int64(most)
				}
				s, dir, err := openStore(dir)
				if err != nil {
					return err
				}
				var removed store.Kind
				if s != nil {
					if removed, err = s.Prune(bound, asDuration(age)); err != nil {
						return err
					}
				}
				if asJSON {
					return writeJSON(e.out, map[string]store.Kind{"removed": removed})
				}
				fmt.Fprintf(e.err, "rechost: removed %s, %s\n", plural(removed.Files, "file"), bytesText(removed.Bytes))
				return printUsage(e, s, dir, false)
			},
		},
		about: strings.TrimSpace(`
Either flag is enough; with both, what either of them condemns goes. A run that
goes on at the same time makes again what it misses.`),
		examples: []string{
			"rechost store prune --max-size 1GB",
			"rechost store prune --older-than 30d",
			"rechost store prune --max-size 0",
		},
	}
}

// openStore opens the store in dir, which must be one, or the default store. It
// returns its folder too, and no store where no run has made the default one.
func openStore(dir string) (*store.Store, string, error) {
	named := dir != ""
	if !named {
		var err error
		if dir, err = host.DefaultStore(); err != nil {
			return nil, "", err
		}
	}
	s, err := store.Existing(dir)
	if !named && errors.Is(err, fs.ErrNotExist) {
		return nil, dir, nil
	}
	return s, dir, err
}

// printUsage shows what the store s in dir holds, nothing where s is nil.
func printUsage(e *env, s *store.Store, dir string, asJSON bool) error {
	u := store.Usage{Dir: dir}
	if s != nil {
		var err error
		if u, err = s.Usage(); err != nil {
			return err
		}
	}
	if asJSON {
		return writeJSON(e.out, u)
	}
	fmt.Fprintln(e.out, oneLine(u.Dir))
	g := grid{head: []string{"", "files", "size"}, right: []bool{false, true, true}}
	files := 0
	for _, k := range []struct {
		name string
		kind store.Kind
	}{{"arrays", u.Arrays}, {"records", u.Records}, {"compiled modules", u.Modules}} {
		g.add(k.name, count(k.kind.Files), bytesText(k.kind.Bytes))
		files += k.kind.Files
	}
	g.add("total", count(files), bytesText(u.Total))
	return g.write(e.out)
}
