package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rechost/guest/abi"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/trust"

	"github.com/urfave/cli/v2"
)

const (
	groupAllow = "What is allowed"
	groupKey   = "Keys"
)

func trustCommand(e *env) *command {
	return &command{
		Command: &cli.Command{
			Name:  "trust",
			Usage: "say which modules may run, and what each may have",
		},
		about: strings.TrimSpace(`
A trust file lists modules by their digests, and the public keys of those who
sign modules, each with the executors, columns and limits that it allows. With
--trust FILE, run, explain, verify, inspect and replay refuse any other module
and whatever goes beyond. It is JSON, made to be reviewed: a name or an entry that is
unknown, repeated or null is refused. Modules listed under "revoked" are refused
whoever signed them.`),
		examples: []string{
			"rechost trust add --trust trust.json bin/modules/cf.wasm",
			"rechost run --trust trust.json --module bin/modules/cf.wasm ratings.parquet",
			"rechost trust keygen key.pem",
			"rechost trust sign --key key.pem bin/modules/*.wasm",
		},
		subs: []*command{trustAddCommand(e), trustShowCommand(e), trustKeygenCommand(e), trustSignCommand(e)},
	}
}

func trustAddCommand(e *env) *command {
	var file, comment string
	var executors, columns []string
	var noValue, isolation bool
	var f jobFlags // for its limits
	flags := []cli.Flag{
		trustFileFlag(&file),
		&cli.StringFlag{Name: "comment", Category: groupAllow, Destination: &comment,
			Usage: "a line of `TEXT` for who reviews the file (default: the module's file name)"},
		&cli.GenericFlag{Name: "executor", Category: groupAllow, Value: choices{&executors, trust.Executors},
			Usage: "allow guests to run `WHERE`, once for each: processes (default), goroutines"},
		&cli.GenericFlag{Name: "grant", Category: groupAllow, Value: choices{&columns, []string{abi.Time}},
			Usage: "allow this `COLUMN` beyond users, items and values: time"},
		&cli.BoolFlag{Name: "require-isolation", Category: groupAllow, Destination: &isolation,
			Usage: "allow runs with --require-isolation only"},
		&cli.BoolFlag{Name: "no-value", Category: groupAllow, Destination: &noValue, Usage: "do not allow values either"},
	}
	flags = append(flags, f.limitFlags()...)
	return &command{
		Command: &cli.Command{
			Name:      "add",
			Usage:     "add modules or keys to a trust file",
			ArgsUsage: "MODULE | ed25519:KEY…",
			Flags:     flags,
			Action: func(c *cli.Context) error {
				job, err := f.fill(c)
				if err != nil {
					return err
				}
				if file == "" || len(job.Paths) == 0 {
					return fault.Use("rechost trust add needs a trust file, and a module or a key to add").
						WithHint("rechost trust add --trust trust.json bin/modules/cf.wasm")
				}
				l := job.Limits
				a := trust.Allow{Executors: executors, Columns: []string{}, Isolation: isolation, Memory: trust.Size(l.Memory), Deadline: trust.Span(l.Deadline),
					Log: trust.Size(l.Log), Output: trust.Size(l.Output), Calls: trust.Count(l.Calls), Fuel: trust.Count(l.Fuel)}
				if len(executors) == 0 {
					a.Executors = trust.Executors[:1]
				}
				if !noValue {
					a.Columns = append(a.Columns, trust.Columns[0])
				}
				a.Columns = append(a.Columns, columns...)
				return addTrust(e, file, comment, a, job.Paths)
			},
		},
		about: strings.TrimSpace(`
A module is added by the digest that its file has now; nothing of it runs. A key
allows every module that its owner has signed. Limits that are not given are
rechost's defaults; with --fuel runs must be metered. The file is made where it
is not there.`),
		examples: []string{
			"rechost trust add --trust trust.json bin/modules/cf.wasm --comment 'reviewed by Ada'",
			"rechost trust add --trust trust.json bin/modules/sar.wasm --grant time --memory 1GiB --deadline 2m",
			"rechost trust add --trust trust.json $(cat ada.pub)",
		},
	}
}

func trustFileFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "trust", Category: groupTrust, Destination: to, Usage: "the trust `FILE`"}
}

// keyPrefix stands before a public key on the command line.
const keyPrefix = "ed25519:"

// addTrust adds an entry for each word, or none.
func addTrust(e *env, file, comment string, a trust.Allow, words []string) error {
	f := &trust.File{Format: trust.Format}
	if _, err := os.Lstat(file); err == nil {
		if f, err = trust.Read(file); err != nil {
			return err
		}
	}
	var added []string
	var modules []trust.Module
	var keys []trust.Key
	for _, w := range words {
		text := comment
		if hex, ok := strings.CutPrefix(w, keyPrefix); ok {
			k := trust.Key{Comment: text, Allow: a}
			if err := k.Ed25519.UnmarshalText([]byte(hex)); err != nil {
				return fault.Use("%s: %v", w, err)
			}
			keys, added = append(keys, k), append(added, w)
		} else {
			sum, _, err := digest.OfFile(w)
			if err != nil {
				return fault.File(w, err)
			}
			if text == "" {
				text = filepath.Base(w)
			}
			modules = append(modules, trust.Module{SHA256: sum, Comment: text, Allow: a})
			added = append(added, fmt.Sprintf("%s (sha256 %s)", w, sum))
		}
	}
	if err := f.Add(modules, keys); err != nil {
		return fault.New(fault.CodeOf(err), "%s: nothing was added: %v", file, err)
	}
	if err := trust.Write(file, f); err != nil {
		return err
	}
	for _, x := range added {
		fmt.Fprintf(e.err, "rechost: %s now trusts %s\n", oneLine(file), oneLine(x))
	}
	return nil
}

func trustKeygenCommand(e *env) *command {
	return &command{
		Command: &cli.Command{
			Name:      "keygen",
			Usage:     "make a key pair to sign modules with",
			ArgsUsage: "FILE",
			Action: func(c *cli.Context) error {
				if c.NArg() != 1 {
					return fault.Use("rechost trust keygen needs one file for the private key").WithHint("rechost trust keygen key.pem")
				}
				name := c.Args().First()
				if name == "" || name == "-" {
					return fault.Use("%q: %v", name, errNoFile)
				}
				pub, err := trust.NewKey(name)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.err, "rechost: the private key is in %s: whoever has it signs as you; the public key follows\n", oneLine(name))
				_, err = fmt.Fprintf(e.out, "%s%s\n", keyPrefix, pub)
				return err
			},
		},
		about: strings.TrimSpace(`
FILE gets the private key, ed25519 as PKCS #8 in PEM, of mode 0600; a file that
is there is never overwritten. Standard output gets the public key, which rechost
trust add takes.`),
		examples: []string{"rechost trust keygen key.pem"},
	}
}

func trustSignCommand(e *env) *command {
	var keyFile string
	var force bool
	return &command{
		Command: &cli.Command{
			Name:      "sign",
			Usage:     "sign modules",
			ArgsUsage: "MODULE…",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "key", Category: groupKey, Destination: &keyFile, Usage: "the private key's `FILE`"},
				forceFlag(&force),
			},
			Action: func(c *cli.Context) error {
				if keyFile == "" || !c.Args().Present() {
					return fault.Use("rechost trust sign needs a key and a module").
						WithHint("rechost trust sign --key key.pem bin/modules/cf.wasm")
				}
				return signModules(e, keyFile, force, c.Args().Slice())
			},
		},
		about: strings.TrimSpace(`
The signature of M.wasm is written to M.wasm.sig, beside it. What is signed is
the text "rechost-module-signature-v1", a line feed, the SHA-256 of the file in
lower-case hexadecimal digits, and a line feed; host/SECURITY.md shows how to do
it with openssl.`),
		examples: []string{"rechost trust sign --key key.pem bin/modules/cf.wasm"},
	}
}

func signModules(e *env, keyFile string, force bool, modules []string) error {
	key, err := trust.ReadKey(keyFile)
	if err != nil {
		return err
	}
	for _, m := range modules {
		out := m + trust.SignatureEnding
		if _, err := os.Lstat(out); err == nil && !force {
			return fault.New(fault.Failed, "%s is there already", out).WithHint("replace it: --force")
		}
		sum, _, err := digest.OfFile(m)
		if err != nil {
			return fault.File(m, err)
		}
		if err := trust.WriteSignature(out, trust.Sign(key, sum)); err != nil {
			return err
		}
		fmt.Fprintf(e.err, "rechost: %s: signed %s (sha256 %s) as %s%s\n", oneLine(out), oneLine(m), sum, keyPrefix, trust.PublicOf(key))
	}
	return nil
}
