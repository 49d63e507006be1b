package executor

// Try is one thing that Drill lets a worker try.
type Try struct {
	Name      string
	Compiling bool // before the module is loaded, when a worker is locked in less
	Second    bool // on a thread that did not exist when the locks were put on
}

func (t Try) String() string {
	s := t.Name
	if t.Compiling {
		s += ", while compiling"
	}
	if t.Second {
		s += ", on another thread"
	}
	return s
}

// Attempt is how the kernel answered a guest that has broken out, as Drill
// plays one.
type Attempt struct {
	Answer  string // the error, or how the worker ended
	Wall    string // that stood in the way; "" where none did
	Refused bool
}
