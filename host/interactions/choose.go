package interactions

import (
	"slices"
	"strings"

	"rechost/host/fault"
	"rechost/host/table"
)

// Role is what a column is for.
type Role string

// The roles.
const (
	User  Role = "user"
	Item  Role = "item"
	Value Role = "value"
	Time  Role = "time"
)

// names lists the names that mean a role, as plain gives them. They are the
// names that public data sets and other recommender software use.
var names = map[Role][]string{
	User: {
		"user", "userid", "uid", "u", "reviewerid", "customer", "customerid", "visitor", "visitorid",
		"session", "sessionid", "account", "accountid", "member", "memberid", "msno", "queryid",
	},
	Item: {
		"item", "itemid", "iid", "movie", "movieid", "asin", "parentasin", "stockcode", "product", "productid",
		"article", "articleid", "businessid", "book", "bookid", "isbn", "artist", "artistid", "track", "trackid",
		"song", "songid", "video", "videoid", "aid", "locid", "targetitemid",
	},
	Value: {
		"rating", "ratings", "value", "weight", "score", "count", "label", "overall", "stars", "quantity",
		"playcount", "plays", "watchratio", "preference", "affinity",
	},
	Time: {
		"timestamp", "datetime", "time", "ts", "date", "eventtime", "unixreviewtime", "lastwatchdt",
		"invoicedate", "tdat",
	},
}

// plurals names a role's content in messages.
var plurals = map[Role]string{User: "users", Item: "items", Value: "values", Time: "times"}

// plain is a column's name as names compare: lower case, without _ - and
// spaces, without a RecBole suffix such as ":token".
func plain(name string) string {
	name, _, _ = strings.Cut(name, ":")
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// Choose finds the column for a role among a file's fields. explicit, where
// it is not "", names it and wins. It returns -1 where there is none for a role
// that may be absent (Value, Time). Two candidates are an error that lists
// them; none for a user or an item is an error that lists all columns.
func Choose(file string, fields []table.Field, role Role, explicit string) (int, error) {
	var flat, like, nested []int
	for i, f := range fields {
		switch {
		case f.Nested:
			outer, _, _ := strings.Cut(f.Name, ".")
			if f.Name == explicit || fits(outer, role, explicit) {
				nested = append(nested, i)
			}
			continue
		case explicit != "" && f.Name == explicit:
			return i, nil
		}
		flat = append(flat, i)
		if fits(f.Name, role, explicit) {
			like = append(like, i)
		}
	}
	name := func(i int) string { return fault.Clean(fields[i].Name, 200) } // a file's words
	list := func(places []int) string {
		var s []string
		for _, i := range places {
			s = append(s, name(i))
		}
		return strings.Join(s, ", ")
	}
	switch {
	case len(like) == 1:
		return like[0], nil
	case len(like) > 1:
		return -1, fault.Data("%s: more than one column for %s: %s", file, plurals[role], list(like)).
			WithHint("say which: --%s %s", role, quoted(name(like[0])))
	case explicit == "" && (role == Value || role == Time):
		return -1, nil
	case len(nested) > 0:
		return -1, fault.Data("%s: column %s is inside a list, map or struct, which cannot give %s", file, name(nested[0]), plurals[role]).
			WithHint("write the file again with %s as a column of its own", name(nested[0]))
	case len(flat) == 0:
		return -1, fault.Data("%s: no column for %s: there are no columns that are not nested", file, plurals[role])
	case explicit != "":
		return -1, fault.Data("%s: no column %s for %s: the columns are %s", file, explicit, plurals[role], list(flat)).
			WithHint("say which: --%s %s", role, quoted(name(guess(fields, flat, role))))
	}
	return -1, fault.Data("%s: no column for %s: the columns are %s", file, plurals[role], list(flat)).
		WithHint("name it: --%s %s", role, quoted(name(guess(fields, flat, role))))
}

// fits reports whether a column of this name can be meant for a role: by the
// name that was given for it, or else by the role's names.
func fits(name string, role Role, explicit string) bool {
	if explicit != "" {
		return plain(name) == plain(explicit)
	}
	return slices.Contains(names[role], plain(name))
}

// guess is the first column that the role's names claim, or else that no
// role's do.
func guess(fields []table.Field, flat []int, role Role) int {
	for _, i := range flat {
		if fits(fields[i].Name, role, "") {
			return i
		}
	}
	for _, i := range flat {
		taken := false
		for role := range names {
			taken = taken || fits(fields[i].Name, role, "")
		}
		if !taken {
			return i
		}
	}
	return flat[0]
}

// quoted is a name as a shell takes it.
func quoted(s string) string {
	if strings.ContainsAny(s, " '\"$&;()<>|*?[]#~\\`!") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
