package guest

import "rechost/guest/abi"

// Module is a recommender algorithm.
type Module struct {
	Name    string // lower case; letters, digits, - and _
	Version string
	Summary string // one line
	Source  string // paper and equation
	Params  []Param

	// Columns beyond users, items and values: [Time]. A run hands them over
	// where its user grants them. Without one of Uses the plan must do without,
	// without one of Needs no plan is asked for.
	Uses, Needs []string

	// Plan adds the stages to p. It must be a pure function of c.
	Plan func(c *Config, p *Plan)
}

// Time is the column of times: the array "time" of "by_user".
const Time = abi.Time

// registered is the module of this program.
var registered *Module

// Register makes m the module of this program. Call it once, in init.
func Register(m Module) {
	if registered != nil {
		panic("guest: Register was called twice: a program is one module")
	}
	registered = &m
}

// Param declares a parameter. Make one with [Int], [Float], [Bool], [Choice]
// or [Text].
type Param struct{ p abi.Parameter }

// Int declares a parameter that is a whole number.
func Int(name string, def int, help string) Param {
	return Param{abi.Parameter{Name: name, Type: abi.Int, Default: int64(def), Help: help}}
}

// Float declares a parameter that is a number.
func Float(name string, def float64, help string) Param {
	return Param{abi.Parameter{Name: name, Type: abi.Float, Default: def, Help: help}}
}

// Bool declares a parameter that is true or false.
func Bool(name string, def bool, help string) Param {
	return Param{abi.Parameter{Name: name, Type: abi.Bool, Default: def, Help: help}}
}

// Choice declares a parameter that is one of several words; the first is the
// default.
func Choice(name, help string, words ...string) Param {
	if len(words) == 0 {
		panic("guest: Choice " + name + " has no words")
	}
	return Param{abi.Parameter{Name: name, Type: abi.String, Default: words[0], Choices: words, Help: help}}
}

// Text declares a parameter that is any string.
func Text(name, def, help string) Param {
	return Param{abi.Parameter{Name: name, Type: abi.String, Default: def, Help: help}}
}

// Between sets the smallest and largest allowed value of a number. The host
// refuses others before anything runs.
func (p Param) Between(lo, hi float64) Param { return p.AtLeast(lo).AtMost(hi) }

// AtLeast sets the smallest allowed value of a number.
func (p Param) AtLeast(lo float64) Param { p.p.Min = &lo; return p }

// AtMost sets the largest allowed value of a number.
func (p Param) AtMost(hi float64) Param { p.p.Max = &hi; return p }

// Config is what a run asks for: the parameters, the size of the matrix, and
// how the lists are wanted.
type Config struct{ c abi.Config }

// Users is the number of rows of the matrix.
func (c *Config) Users() int { return c.c.Data.Users }

// Items is the number of columns of the matrix.
func (c *Config) Items() int { return c.c.Data.Items }

// Interactions is the number of entries of the matrix.
func (c *Config) Interactions() int { return c.c.Data.Interactions }

// Targets is the number of users to recommend for.
func (c *Config) Targets() int { return c.c.Data.Targets }

// HasValues tells whether the input had a value column; otherwise every value
// is the number of rows of its user and item.
func (c *Config) HasValues() bool { return c.c.Data.Values }

// HasTimes tells whether "by_user" has the array "time", which a module must
// ask for.
func (c *Config) HasTimes() bool { return c.c.Data.Times }

// Top is the length of the longest list wanted for a target.
func (c *Config) Top() int { return c.c.Top }

// KeepSeen tells whether a list may hold the target's own items.
func (c *Config) KeepSeen() bool { return c.c.KeepSeen }

// HasCandidates tells whether lists may hold some items only, those of the frame
// "candidates", which [Task.Mask] knows.
func (c *Config) HasCandidates() bool { return c.c.Candidates != "" }

// Seed is the run's seed.
func (c *Config) Seed() int64 { return c.c.Seed }

// Int returns a parameter declared with [Int].
func (c *Config) Int(name string) int {
	switch v := c.param(name).(type) {
	case int64:
		return int(v)
	}
	return mistake[int]("parameter " + name + " is not a whole number")
}

// Float returns a parameter declared with [Float] or [Int].
func (c *Config) Float(name string) float64 {
	switch v := c.param(name).(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return mistake[float64]("parameter " + name + " is not a number")
}

// Float32 is Float rounded to float32.
func (c *Config) Float32(name string) float32 { return float32(c.Float(name)) }

// Bool returns a parameter declared with [Bool].
func (c *Config) Bool(name string) bool {
	if v, ok := c.param(name).(bool); ok {
		return v
	}
	return mistake[bool]("parameter " + name + " is not true or false")
}

// Text returns a parameter declared with [Choice] or [Text].
func (c *Config) Text(name string) string {
	if v, ok := c.param(name).(string); ok {
		return v
	}
	return mistake[string]("parameter " + name + " is not a string")
}

func (c *Config) param(name string) any {
	v, ok := c.c.Parameters[name]
	if !ok {
		mistake[int]("no parameter " + name + " is declared")
	}
	return v
}

// Failure is the error of a task that ended by [Task.Fail] or by a mistake in
// the use of this package.
type Failure string

func (f Failure) Error() string { return string(f) }

// Refusal is the error of a plan that ended by [Plan.Refuse].
type Refusal string

func (r Refusal) Error() string { return string(r) }

// mistake ends the task. Its result type spares callers a dead return.
func mistake[T any](msg string) (none T) { panic(Failure(msg)) }
