#!/usr/bin/env bash
# Builds, shows, tests and measures rechost. Needs Go 1.26 or newer and git;
# everything else is fetched through Go's module proxy or built here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export CGO_ENABLED=0

usage() {
    cat <<'END'
usage: ./build.sh COMMAND

  build      bin/rechost and bin/modules/*.wasm
  demo       build, make a data set, run the main job on it, show recommendations
  test       build, every test, cross-builds for six systems, arm64 under qemu
  check      gofmt, go vet, staticcheck, go mod tidy, the commands in README.md
  bench      the machine's and the kernels' speed, and whole jobs; bench peers: all of
             them beside other libraries, where PEERS names a Python that has them;
             bench native: every module beside the same one outside the sandbox;
             bench pace: how long host functions go without a look at the deadline
  fuzz TIME  every fuzz target for TIME (default 30s), a table of executions
  clean      remove bin/

Start with ./build.sh demo
END
}

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

need_go() {
    command -v go >/dev/null || fail "Go is not installed: https://go.dev/dl"
    go version >/dev/null || fail "go does not run here"
}

modules() {
    for d in guest/modules/*/; do basename "$d"; done
}

build() {
    need_go
    mkdir -p bin/modules
    go build -trimpath -o "bin/rechost$(go env GOEXE)" ./cli/rechost
    for m in $(modules); do
        # Without version control stamps and symbols, the same source gives the
        # same bytes in every checkout, and so the same digest in a manifest.
        GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false \
            -ldflags='-s -w' -o "bin/modules/$m.wasm" "./guest/modules/$m"
    done
}

# Every module as a program of this machine's: rechost with the module linked in.
natives() {
    mkdir -p bin/native
    for m in $(modules); do
        go build -overlay host/testdata/native/overlay.json -trimpath -o "bin/native/$m" "./guest/modules/$m"
    done
}

demo() {
    build
    mkdir -p bin/demo
    local r="bin/rechost" data="bin/demo/ratings.parquet" out="bin/demo/recommendations.parquet"
    say "A data set of 2,000 users and 500 items"
    "$r" datasets synth "$data" --users 2000 --items 500 --rows 50000 --seed 1 --force
    say "Item neighbours, in the sandbox"
    "$r" run --module bin/modules/cf.wasm --out "$out" "$data"
    say "What three users may like"
    "$r" show "$out" --limit 3 --top 5
    cat <<END

output    $out
manifest  bin/demo/recommendations.manifest.json
digest    $("$r" run --module bin/modules/cf.wasm --out "$out" "$data" --quiet --json | sed -n '/"output"/,/}/s/.*"sha256": "\(.*\)".*/sha256:\1/p')

Worth typing next:
  $r verify bin/demo/recommendations.manifest.json
  $r explain --module bin/modules/als.wasm $data
  $r inspect $data
END
}

test_all() {
    build
    find_qemu
    say "Tests"
    go test -v -timeout 30m ./... 2>&1 | results
    cross
}

# A line a test, and what failed and skipped ones say; go test without -v would
# not say why a test was skipped, with -v it says everything.
results() {
    awk '
        /^=== / || /^PASS$/ || /^ +--- PASS/ { next }
        /^--- PASS/ { said = ""; print; fflush(); next }
        /^ *--- / || /^(ok|FAIL|panic:|#|\?)/ { printf "%s", said; said = ""; print; fflush(); next }
        { said = said $0 "\n" }
        END { printf "%s", said }'
}

# Every system that rechost is for: vet compiles all packages and their tests,
# build links the command.
cross() {
    local os arch
    for os in linux darwin windows; do
        for arch in amd64 arm64; do
            say "$os/$arch"
            GOOS=$os GOARCH=$arch go vet ./...
            GOOS=$os GOARCH=$arch go build -o "bin/cross/$os-$arch/" ./cli/rechost
        done
    done
    rm -rf bin/cross
}

# The arm64 test runs under qemu-user. Debian's package is unpacked under bin/,
# which needs no rights and installs nothing; where that fails, the test says
# that it was skipped.
find_qemu() {
    if command -v qemu-aarch64-static >/dev/null; then
        RECHOST_QEMU=$(command -v qemu-aarch64-static)
    elif [ -x bin/qemu/usr/bin/qemu-aarch64-static ]; then
        RECHOST_QEMU=$PWD/bin/qemu/usr/bin/qemu-aarch64-static
    elif [ "$(uname -sm)" = "Linux x86_64" ] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
        mkdir -p bin/qemu
        if (cd bin/qemu && fetch_qemu) >/dev/null 2>&1; then
            RECHOST_QEMU=$PWD/bin/qemu/usr/bin/qemu-aarch64-static
        else
            rm -rf bin/qemu
            echo "build.sh: qemu-user-static could not be fetched with apt-get: the arm64 run will be skipped"
        fi
    fi
    [ -z "${RECHOST_QEMU:-}" ] || export RECHOST_QEMU
}

fetch_qemu() {
    timeout 120 apt-get download qemu-user-static ||
        { [ "$(id -u)" = 0 ] && timeout 120 apt-get update && timeout 120 apt-get download qemu-user-static; }
    dpkg-deb -x qemu-user-static_*.deb .
    rm -f qemu-user-static_*.deb
    [ -x usr/bin/qemu-aarch64-static ]
}

check() {
    need_go
    say "gofmt"
    local unformatted
    unformatted=$(gofmt -l cli datasets guest host)
    [ -z "$unformatted" ] || fail "not formatted, run gofmt -w on: $unformatted"
    say "go vet"
    go vet ./...
    GOOS=wasip1 GOARCH=wasm go vet ./guest/...
    go build -overlay host/testdata/native/overlay.json ./guest/modules/... # as bench native does
    say "staticcheck"
    go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
    say "go mod tidy"
    go mod tidy -diff
    say "README.md"
    build
    go test -count=1 -run 'TestReadme|TestArrows' -v ./cli
}

bench() {
    build
    [ "${1:-}" != native ] || natives
    bash cli/bench/bench.sh "$@"
}

# Every fuzz target for a while, one a core at a time. Each package is built
# once; a target runs in its package's folder, where its corpus is, and shares
# Go's cache of inputs with go test -fuzz.
fuzz() {
    need_go
    local time=${1:-30s} dir binary name list=bin/fuzz/targets bad
    rm -rf bin/fuzz
    mkdir -p bin/fuzz
    say "Building"
    grep -rl '^func Fuzz' --include='*_test.go' . | xargs -n 1 dirname | sort -u | while read -r dir; do
        binary=bin/fuzz/$(tr / - <<<"${dir#./}").test
        go test -c -fuzz . -o "$binary" "$dir"
        for name in $( (cd "$dir" && "$OLDPWD/$binary" -test.list '^Fuzz') ); do
            echo "$dir $binary $name"
        done
    done >"$list"
    [ -s "$list" ] || fail "no fuzz targets"
    say "$(wc -l <"$list" | tr -d ' ') targets for $time each"
    # xargs goes on after a failure and says so at its end.
    if xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 3 ./build.sh fuzz-one "$time" <"$list"; then bad=0; else bad=1; fi
    say "Executions"
    cat bin/fuzz/*.row | sort
    [ "$bad" = 0 ] || fail "fuzzing failed: see above"
}

# One target: what it printed, if it failed, and a row of the table.
fuzz_one() {
    local time=$1 dir=$2 binary=$PWD/$3 name=$4 log cache verdict=ok
    log=$PWD/bin/fuzz/$(basename "$binary" .test)-$name.log
    cache=$(go env GOCACHE)/fuzz/rechost/${dir#./}
    # What an input costs to minimise is bounded: Go's default is a minute each.
    (cd "$dir" && exec nice "$binary" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "$time" -test.fuzzminimizetime 200x \
        -test.fuzzcachedir "$cache" -test.parallel 1) >"$log" 2>&1 || verdict=$(judge "$log")
    if [ "$verdict" != ok ] || stuck "$log"; then
        [ "$verdict" != ok ] || verdict=stuck
        printf '\n== %s %s: %s\n' "$dir" "$name" "$verdict"
        cat "$log"
        sed -n "s|.*Failing input written to testdata/fuzz/$name/|again with: go test $dir -run $name/|p" "$log"
    fi
    awk -v target="$dir $name" -v verdict="$verdict" '
        match($0, /execs: [0-9]+/) { execs = substr($0, RSTART + 7, RLENGTH - 7) }
        match($0, /coverage: [0-9]+\/[0-9]+/) { seeds = substr($0, RSTART + 10, RLENGTH - 10) }
        END {
            if (execs == "") verdict = verdict ", but had time for its seeds only: " seeds
            printf "%-50s %12d  %s\n", substr(target, 3), execs, verdict
        }' "$log" >"${log%.log}.row"
    [ "$verdict" = ok ]
}

# Go's fuzzer sometimes fails when its time is up: that is no finding
# (https://go.dev/issue/75804). A finding names its input, and no other failure
# has this one line between the name and FAIL.
judge() {
    if ! grep -qE 'Failing input written|failure while testing seed|failing input file' "$1" &&
        awk '/^--- FAIL: / { on = 1; next } on && /^FAIL$|^exit status/ { on = 0 } on && NF' "$1" |
        cmp -s - <(echo '    context deadline exceeded'); then
        echo ok
    else
        echo failed
    fi
}

# Whether the target did nothing in its last 12 seconds: an input that hangs
# ends in the fuzzer's time like any other.
stuck() {
    awk '/execs: / { n = /\(0\/sec\)/ ? n + 1 : 0 } END { exit n < 5 }' "$1"
}

case "${1:-}" in
    build) build ;;
    demo) demo ;;
    test) test_all ;;
    check) check ;;
    bench) shift; bench "$@" ;;
    fuzz) fuzz "${2:-}" ;;
    fuzz-one) shift && fuzz_one "$@" ;; # for fuzz itself
    clean) rm -rf bin ;;
    "" | help | -h | --help) usage ;;
    *) usage >&2; fail "no command $1" ;;
esac
