package cli

import (
	"strings"

	"rechost/guest/abi"
	"rechost/host"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/task"

	"github.com/urfave/cli/v2"
)

// Groups of flags in a command's help.
const (
	groupModule = "Module"
	groupTrust  = "What the module may have"
	groupData   = "Data"
	groupLists  = "Lists"
	groupOutput = "Output"
	groupHow    = "How to run (changes no result)"
	groupLimits = "Limits of each task"
)

// jobFlags are the flags of the commands that know of a host.Job, and what they
// were set to.
type jobFlags struct {
	job         host.Job
	params      cli.StringSlice
	emit        cli.StringSlice
	duplicates  string
	engine      string
	memory      bound
	logLimit    bound
	outputLimit bound
	deadline    span
}

// fill moves what the flags were set to into the job.
func (f *jobFlags) fill(c *cli.Context) (host.Job, error) {
	job := f.job
	p, err := paramValues(f.params.Value())
	if err != nil {
		return job, err
	}
	job.Params = p
	if job.Emit, err = emissions(f.emit.Value()); err != nil {
		return job, err
	}
	job.Duplicates = matrix.Duplicates(f.duplicates)
	job.Interpreter = f.engine == "interpreter"
	job.Limits.Memory = int64(f.memory)
	job.Limits.Log = int64(f.logLimit)
	job.Limits.Output = int64(f.outputLimit)
	job.Limits.Deadline = asDuration(f.deadline)
	job.Paths = c.Args().Slice()
	if job.NoCache && job.Store != "" {
		return job, fault.Use("--no-cache and --store exclude each other")
	}
	if job.Data.NoValue && job.Data.Value != "" && job.Data.MinValue == nil {
		return job, fault.Use("--value names a column that --no-value leaves unread").
			WithHint("with --min-value the column chooses rows; else leave out one of the two")
	}
	if job.Data.NoTime && job.Data.Time != "" {
		return job, fault.Use("--time and --no-time exclude each other")
	}
	return job, nil
}

// emissions reads the values of --emit.
func emissions(values []string) (list []host.Emission, err error) {
	for _, v := range values {
		name, file, ok := strings.Cut(v, "=")
		if !ok || name == "" || file == "" {
			return nil, fault.Use("--emit %s is not of the form NAME=FILE", v).
				WithHint("--emit neighbours=neighbours.parquet; rechost inspect lists what a module emits")
		}
		list = append(list, host.Emission{Name: name, File: file})
	}
	return list, nil
}

// needModule and needPaths report what is missing, with a line to type.
func needModule(job host.Job, c *cli.Context) error {
	if job.Module != "" {
		return nil
	}
	path := "ratings.parquet"
	if len(job.Paths) > 0 {
		path = job.Paths[0]
	}
	return fault.Use("%s needs a module", commandPath(c)).
		WithHint("%s --module bin/modules/cf.wasm %s", commandPath(c), shellWord(path))
}

func needPaths(job host.Job, c *cli.Context) error {
	if len(job.Paths) == 0 {
		return fault.Use("%s needs a Parquet file, a folder of them, or a pattern", commandPath(c)).
			WithHint("%s --module %s ratings.parquet", commandPath(c), shellWord(job.Module))
	}
	return nil
}

func noArgs(c *cli.Context) error {
	if c.Args().Present() {
		return fault.Use("%s takes no paths, but there is %s", commandPath(c), c.Args().First())
	}
	return nil
}

func commandPath(c *cli.Context) string { return c.Command.HelpName }

// moduleFlags say what runs.
func (f *jobFlags) moduleFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "module", Aliases: []string{"m"}, Category: groupModule, Destination: &f.job.Module,
			Usage: "the module, a .wasm `FILE`"},
		&cli.StringSliceFlag{Name: "param", Aliases: []string{"p"}, Category: groupModule, Destination: &f.params,
			Usage: "set a parameter, `NAME=VALUE`; once for each; rechost inspect lists them"},
		&cli.Int64Flag{Name: "seed", Category: groupModule, Destination: &f.job.Seed,
			Usage: "seed of the module's random numbers, a whole `NUMBER` (default 0)"},
	}
}

// trustFlags say which modules may run.
func trustFlags(sum *digest.Digest, file *string) []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "module-sha256", Category: groupTrust, Value: sha256Of{sum},
			Usage: "refuse the module unless its file has this `DIGEST`"},
		trustFlag(file),
	}
}

func trustFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "trust", Category: groupTrust, Destination: to,
		Usage: "refuse the module unless the trust `FILE` lists it or who signed it, and allows what is asked for; see rechost trust"}
}

func grantFlag(to *[]string) cli.Flag {
	return &cli.GenericFlag{Name: "grant", Category: groupTrust, Value: choices{to, []string{abi.Time}},
		Usage: "hand the module this `COLUMN` beyond users, items and values, if it asks for it: time; part of a run's identity"}
}

func quietGuestFlag(to *bool) cli.Flag {
	return &cli.BoolFlag{Name: "quiet-guest", Category: groupTrust, Destination: to,
		Usage: "drop the module's own words: its messages, the text of its errors, its names of stages"}
}

// dataFlags say how the input is read.
func (f *jobFlags) dataFlags() []cli.Flag {
	return append(columnFlags(&f.job.Data, groupData),
		&cli.GenericFlag{Name: "duplicates", Category: groupData,
			Value: choice{&f.duplicates, []string{"sum", "max", "last", "first", "error"}},
			Usage: "how repeated pairs of user and item become one, `HOW`: sum (default), max, error, or by time last or first, of equal times the larger value"})
}

// columnFlags choose columns and rows.
func columnFlags(o *interactions.Options, group string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "user", Category: group, Destination: &o.User, Usage: "`COLUMN` of users (default: found by its name)"},
		&cli.StringFlag{Name: "item", Category: group, Destination: &o.Item, Usage: "`COLUMN` of items"},
		&cli.StringFlag{Name: "value", Category: group, Destination: &o.Value, Usage: "`COLUMN` of ratings, counts or weights"},
		&cli.StringFlag{Name: "time", Category: group, Destination: &o.Time, Usage: "`COLUMN` of times"},
		&cli.GenericFlag{Name: "time-unit", Category: group, Value: choice{&o.TimeUnit, []string{"s", "ms", "us", "ns"}},
			Usage: "`UNIT` of whole-number times: s, ms, us, ns (default: by type, else by magnitude)"},
		&cli.BoolFlag{Name: "no-value", Category: group, Destination: &o.NoValue, Usage: "do not read values: every pair is worth 1, and a row whose value is null or NaN counts too"},
		&cli.BoolFlag{Name: "no-time", Category: group, Destination: &o.NoTime, Usage: "do not read times: a row whose time is null counts too"},
		&cli.GenericFlag{Name: "min-value", Category: group, Value: number{&o.MinValue},
			Usage: "keep rows whose value is at least `X`"},
	}
}

// listFlags say what lists are wanted.
func (f *jobFlags) listFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "top", Aliases: []string{"k"}, Category: groupLists, Value: whole{&f.job.Top, 1},
			Usage: "longest list, `N` items (default 20)"},
		&cli.BoolFlag{Name: "keep-seen", Category: groupLists, Destination: &f.job.KeepSeen,
			Usage: "lists may hold items that the user has already"},
		&cli.StringFlag{Name: "for-users", Category: groupLists, Destination: &f.job.ForUsers,
			Usage: "recommend for the users in `FILE` only: text with one id a line, or CSV or Parquet with a user column; blanks around an id do not count"},
		&cli.StringFlag{Name: "candidates", Category: groupLists, Destination: &f.job.Candidates,
			Usage: "rank only the items in `FILE`, Parquet or CSV: with columns of users and items each user's own, with a column of items the same for all"},
		&cli.GenericFlag{Name: "shards", Category: groupLists, Value: whole{&f.job.Shards, 1},
			Usage: "cut the data into `N` shards (default: from the data alone); part of a run's identity"},
	}
}

// howFlags change no result.
func (f *jobFlags) howFlags() []cli.Flag {
	return []cli.Flag{
		executorFlag(&f.job.Executor),
		workersFlag(&f.job.Workers),
		engineFlag(&f.engine),
		storeFlag(&f.job.Store, groupHow),
		isolationFlag(&f.job.RequireIsolation),
		&cli.BoolFlag{Name: "no-cache", Category: groupHow, Destination: &f.job.NoCache,
			Usage: "use a temporary store: reuse nothing, keep nothing"},
		&cli.StringFlag{Name: "salt", Category: groupHow, Destination: &f.job.Salt,
			Usage: "`TEXT` that makes this run's journal entries its own, to disown earlier ones"},
	}
}

func isolationFlag(to *bool) cli.Flag {
	return &cli.BoolFlag{Name: "require-isolation", Category: groupHow, Destination: to,
		Usage: "refuse to run where a wall of the worker processes is missing"}
}

func executorFlag(to *string) cli.Flag {
	return &cli.GenericFlag{Name: "executor", Category: groupHow, Value: choice{to, []string{host.Processes, host.Goroutines}},
		Usage: "`WHERE` guests run: processes (locked down, the default where the system has them) or goroutines (only for modules you trust)"}
}

func workersFlag(to *int) cli.Flag {
	return &cli.GenericFlag{Name: "workers", Aliases: []string{"j"}, Category: groupHow, Value: whole{to, 1},
		Usage: "run `N` tasks at a time (default: one a core)"}
}

func engineFlag(to *string) cli.Flag {
	return &cli.GenericFlag{Name: "engine", Category: groupHow, Value: choice{to, []string{"compiler", "interpreter"}},
		Usage: "`ENGINE` that runs WebAssembly: compiler (default) or interpreter (slow, independent)"}
}

func storeFlag(to *string, group string) cli.Flag {
	return &cli.StringFlag{Name: "store", Category: group, Destination: to,
		Usage: "`FOLDER` of the journal and its arrays (default: $RECHOST_STORE, else in the user's cache folder)"}
}

// limitFlags bound what a guest may take.
func (f *jobFlags) limitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "memory", Category: groupLimits, Value: &f.memory,
			Usage: "memory, tables and stack of a guest together, a `SIZE` such as 512MB (default " + bytesText(task.DefaultMemory) + ")"},
		&cli.GenericFlag{Name: "deadline", Category: groupLimits, Value: &f.deadline,
			Usage: "wall-clock `TIME` of compiling, of planning and of each task, such as 30s (default " + shortTime(task.DefaultDeadline) + ")"},
		&cli.GenericFlag{Name: "log-limit", Category: groupLimits, Value: &f.logLimit,
			Usage: "`SIZE` of a task's messages (default " + bytesText(task.DefaultLog) + ")"},
		&cli.GenericFlag{Name: "output-limit", Category: groupLimits, Value: &f.outputLimit,
			Usage: "`SIZE` of what a task gives back (default " + bytesText(task.DefaultOutput) + ")"},
		&cli.GenericFlag{Name: "call-limit", Category: groupLimits, Value: amount{&f.job.Limits.Calls, "calls"},
			Usage: "`CALLS` of host functions by a task (default " + count(task.DefaultCalls) + ")"},
		&cli.GenericFlag{Name: "fuel", Category: groupLimits, Value: amount{&f.job.Limits.Fuel, "instructions"},
			Usage: "`INSTRUCTIONS` that a task may run, metered; the same run always ends at the same place (default: not metered)"},
	}
}

func jsonFlag(to *bool) cli.Flag {
	return &cli.BoolFlag{Name: "json", Category: groupOutput, Destination: to, Usage: "print the result as JSON on standard output"}
}

func quietFlag(to *bool) cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: groupOutput, Destination: to,
		Usage: "no progress and no summary; errors are still told"}
}
