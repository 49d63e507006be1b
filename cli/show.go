package cli

import (
	"fmt"
	"strconv"
	"strings"

	"rechost/host/fault"
	"rechost/host/recs"

	"github.com/urfave/cli/v2"
)

// shown is one line of rechost show --json.
type shown struct {
	User  string   `json:"user"`
	Rank  int      `json:"rank"`
	Item  string   `json:"item"`
	Title *string  `json:"title,omitempty"`
	Score *float32 `json:"score,omitempty"` // nil where the file has ranks only
}

func showCommand(e *env) *command {
	var users cli.StringSlice
	var columns recs.ReadOptions
	var titles string
	var limit, top int
	var asJSON bool
	return &command{
		Command: &cli.Command{
			Name:      "show",
			Usage:     "show recommendations as a table",
			ArgsUsage: "RECOMMENDATIONS",
			Flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "users", Category: groupLists, Destination: &users,
					Usage: "show these users, `A,B,C` (default: the first ones)"},
				&cli.GenericFlag{Name: "limit", Aliases: []string{"n"}, Category: groupLists, Value: whole{&limit, 1},
					Usage: "without --users, show the first `N` users (default 5)"},
				&cli.GenericFlag{Name: "top", Aliases: []string{"k"}, Category: groupLists, Value: whole{&top, 1},
					Usage: "show the first `N` items of a list (default: all)"},
				&cli.StringFlag{Name: "titles", Category: groupOutput, Destination: &titles,
					Usage: "`FILE` with an item and a title column, Parquet or CSV, or MovieLens's u.item or movies.dat, to show titles"},
				jsonFlag(&asJSON),
				&cli.StringFlag{Name: "user", Category: groupData, Destination: &columns.User, Usage: "`COLUMN` of users (default: found by its name)"},
				&cli.StringFlag{Name: "item", Category: groupData, Destination: &columns.Item, Usage: "`COLUMN` of items"},
			},
			Action: func(c *cli.Context) error {
				name, err := oneArg(c, "a file of recommendations", "recommendations.parquet")
				if err != nil {
					return err
				}
				if c.IsSet("users") && c.IsSet("limit") {
					return fault.Use("--users and --limit exclude each other")
				}
				t, err := recs.Read(c.Context, name, columns)
				if err != nil {
					return err
				}
				wanted := split(users.Value())
				if c.IsSet("users") && len(wanted) == 0 {
					return fault.Use("--users %s: names no user", strings.Join(users.Value(), " ")).WithHint("--users A,B,C")
				}
				rows, err := pick(t, name, wanted, limit)
				if err != nil {
					return err
				}
				var names []string
				if titles != "" {
					if names, err = readTitles(titles, &t.Items); err != nil {
						return err
					}
				}
				return showRows(e, t, rows, names, top, asJSON)
			},
		},
		about: strings.TrimSpace(`
Reads recommendations as rechost writes them, or of any other tool that names its
columns user, item, and rank or score. A user whose id holds a comma is named by
a --users of its own with the comma doubled.`),
		examples: []string{
			"rechost show recommendations.parquet",
			"rechost show recommendations.parquet --users 1,5 --top 3",
			"rechost show recommendations.parquet --titles movies.csv --json",
		},
	}
}

// oneArg returns the only path of a command.
func oneArg(c *cli.Context, what, example string) (string, error) {
	switch c.NArg() {
	case 1:
		return c.Args().First(), nil
	case 0:
		return "", fault.Use("%s needs %s", commandPath(c), what).WithHint("%s %s", commandPath(c), example)
	}
	return "", fault.Use("%s takes one path, but there are %s", commandPath(c), strings.Join(c.Args().Slice(), ", "))
}

// split takes lists apart at commas; two commas are one that stays.
func split(lists []string) []string {
	var out []string
	for _, l := range lists {
		for _, x := range strings.Split(strings.ReplaceAll(l, ",,", "\x00"), ",") {
			if x != "" {
				out = append(out, strings.ReplaceAll(x, "\x00", ","))
			}
		}
	}
	return out
}

// pick returns the targets to show.
func pick(t *recs.Table, name string, users []string, limit int) ([]int, error) {
	var rows []int
	if len(users) == 0 {
		if limit == 0 {
			limit = 5
		}
		for i := range min(limit, len(t.Lists.Users)) {
			rows = append(rows, i)
		}
		return rows, nil
	}
	at := make(map[uint32]int, len(t.Lists.Users))
	for i, u := range t.Lists.Users {
		at[u] = i
	}
	for _, u := range users {
		dense, ok := t.Users.Find(u)
		row, listed := at[uint32(dense)]
		if !ok || !listed {
			e := fault.Data("%s: no list for user %s", name, u)
			if t.Users.Len() > 0 {
				return nil, e.WithHint("users there are called %s", someIDs(t))
			}
			return nil, e
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// someIDs is a few users for a hint.
func someIDs(t *recs.Table) string {
	var ids []string
	for i := range min(3, t.Users.Len()) {
		ids = append(ids, oneLine(t.Users.Text(i)))
	}
	return strings.Join(ids, ", ")
}

// showRows prints the lists of the targets.
func showRows(e *env, t *recs.Table, rows []int, titles []string, top int, asJSON bool) error {
	list := []shown{}
	for _, r := range rows {
		first, end := int(t.Lists.Offsets[r]), int(t.Lists.Offsets[r+1])
		if top > 0 {
			end = min(end, first+top)
		}
		user := t.Users.Text(int(t.Lists.Users[r]))
		for i := first; i < end; i++ {
			item := int(t.Lists.Items[i])
			s := shown{User: user, Rank: i - first + 1, Item: t.Items.Text(item)}
			if t.Scored {
				s.Score = &t.Lists.Scores[i]
			}
			if titles != nil {
				s.Title = &titles[item]
			}
			list = append(list, s)
		}
	}
	if asJSON {
		return writeJSON(e.out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(e.out, "no recommendations")
		return err
	}
	g := grid{head: []string{t.Users.Name, "rank", t.Items.Name}, right: []bool{false, true, false}}
	if titles != nil {
		g.head, g.right = append(g.head, "title"), append(g.right, false)
	}
	if t.Scored {
		g.head, g.right = append(g.head, "score"), append(g.right, true)
	}
	last := ""
	for _, s := range list {
		user := s.User
		if s.Rank > 1 && user == last {
			user = ""
		}
		last = s.User
		cells := []string{user, strconv.Itoa(s.Rank), s.Item}
		if s.Title != nil {
			cells = append(cells, *s.Title)
		}
		if s.Score != nil {
			cells = append(cells, strconv.FormatFloat(float64(*s.Score), 'g', 6, 32))
		}
		g.add(cells...)
	}
	return g.write(e.out)
}
