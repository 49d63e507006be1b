#!/usr/bin/env bash
# bench.sh          what the machine can do and what the kernels get of it, and
#                   three whole jobs
# bench.sh peers    every job beside the library that one would use otherwise
# bench.sh native   every module, or those named, beside the same module compiled
#                   for this machine, with the same kernels and no sandbox
#                   (bin/native, which build.sh makes from host/testdata/native)
# bench.sh pace     for each host function with its largest arguments, the longest
#                   processor time between two looks at the deadline: Linux only
#
# Called by ./build.sh bench. Whole jobs are timed from outside, Parquet to
# Parquet: the median of RUNS runs (default 3), rechost and its peer by turns so
# that both see the same machine. A job of a minute or more runs once.
#
# PEERS names a Python that has the peers; without it only rechost is timed.
# RECHOST_DATA names a folder with gowalla/light_gcn_gowalla/train.txt and
# ml-1m/ratings.csv.gz; data sets of the same size are made where it has none.
set -euo pipefail
r=$PWD/bin/rechost m=$PWD/bin/modules runs=${RUNS:-3} dir=$PWD/bin/bench here=$(dirname "$0")
data=${RECHOST_DATA:-../shared/data} python=${PEERS:-} all=${1:-}
mkdir -p "$dir"
case $all in
    "" | peers | native) ;;
    pace)
        printf '\nmilliseconds of processor time between two looks at the deadline, at most: the least of three calls\n'
        go test -run - -bench '^BenchmarkPace$' -benchtime 3x ./host/sandbox |
            awk '{ for (i = 1; i <= NF; i++) if ($i == "ms-longest") { sub(/^BenchmarkPace\//, "", $1); sub(/-[0-9]+$/, "", $1); gsub(/_/, " ", $1); printf "%7.2f  %s\n", $(i - 1), $1 } }' | sort -rn
        exit
        ;;
    *)
        echo "bench.sh: no set of jobs is called $all: leave it out, or say peers, native or pace" >&2
        exit 2
        ;;
esac

# make NAME FILE FORMAT SYNTH… imports FILE of the data to NAME.parquet, or makes
# data of that size.
make() {
    local to="$dir/$1.parquet" from="$data/$2" format=$3
    shift 3
    [ -f "$to" ] && return
    if [ -f "$from" ]; then
        "$r" datasets import --format "$format" "$from" "$to" >/dev/null
    else
        echo "no $from: made data of its size instead"
        "$r" datasets synth "$to" "$@" >/dev/null
    fi
}

# ms CMD… prints the milliseconds that it takes, whole process, wall clock.
ms() {
    local t0=$EPOCHREALTIME
    "$@" >"$dir/stdout" 2>"$dir/stderr" || { cat "$dir/stderr" >&2; exit 1; }
    local t1=$EPOCHREALTIME
    echo $(( (${t1/./} - ${t0/./}) / 1000 ))
}
median() { printf '%s\n' "$@" | sort -n | sed -n "$(( ($# + 1) / 2 ))p"; }

# Each run has a salt of its own, so the journal knows nothing; the module's
# compiled code is there, as it is after a user's first run.
run() { "$r" run --quiet --no-time --no-value --store "$dir/store" --salt "$RANDOM$RANDOM" --out "$dir/out.parquet" "$@"; }

# Without settings that hold NumPy's BLAS to an older processor.
peer() { env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE "$python" "$here/peer.py" "$@"; }

row() { # label, our milliseconds, theirs or "", another unit
    local text="-" ratio="-" unit=${4:-ms}
    if [ -n "$3" ]; then
        text="$3 $unit"
        ratio=$(awk -v a="$2" -v b="$3" 'BEGIN { printf "%.2f", a / b }')
    fi
    printf '%-46s %10s %-3s  %12s   %5s\n' "$1" "$2" "$unit" "$text" "$ratio"
}

# aside puts what a run stored out of the way, as the next run would look at it
# and not write it. It is deleted at the end: where thousands of files were
# deleted just now, ext4 takes longer to make new ones.
asides=0
aside() { # folder
    [ -d "$1" ] || return 0
    local to="$dir/aside/$((asides += 1))"
    mkdir -p "$dir/aside"
    mv "$1" "$to"
    chmod -R u+w "$to"
    find "$to" -type f -exec truncate -s 0 {} +
    # A store that is in use has its folders.
    (umask 077 && mkdir "$1" && find "$to" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sed "s|^|$1/|" | xargs -r mkdir)
}

tree() { # process: it and those that it started
    local p
    echo "$1"
    for p in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree "$p"; done
}

# peak prints the most MiB that a command and its children have at a time, pages
# that several have mapped counted once, as sampled every 20 ms.
peak() {
    local most=0 now pid p kb
    "$@" >"$dir/stdout" 2>"$dir/stderr" &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        now=0
        for p in $(tree $pid); do
            kb=$(awk '/^Pss:/ { print $2 }' "/proc/$p/smaps_rollup" 2>/dev/null) || true
            now=$((now + ${kb:-0}))
        done
        [ $now -le $most ] || most=$now
        sleep 0.02
    done
    wait $pid || { cat "$dir/stderr" >&2; exit 1; }
    echo $((most / 1024))
}

compare() { # label, runs, peer's job or "", data set, arguments of rechost run
    local label=$1 times=$2 theirs="" job=$3 set=$dir/$4.parquet ours=() other=()
    shift 4
    run "$@" "$set" >/dev/null 2>&1 || run "$@" "$set" # compiles, reads the file into the page cache
    for _ in $(seq "$times"); do
        aside "$dir/store/arrays"
        ours+=("$(ms run "$@" "$set")")
        [ -z "$job" ] || [ -z "$python" ] || other+=("$(ms peer "$job" "$set" "$dir/peer.parquet")")
    done
    aside "$dir/store/arrays"
    [ ${#other[@]} -eq 0 ] || theirs=$(median "${other[@]}")
    row "$label" "$(median "${ours[@]}")" "$theirs"
    if [ -n "$theirs" ] && [ -r /proc/self/smaps_rollup ]; then
        ours=("$(peak run "$@" "$set")") other=("$(peak peer "$job" "$set" "$dir/peer.parquet")")
        aside "$dir/store/arrays"
        row "  its memory" "${ours[0]}" "${other[0]}" MiB
    fi
}

# measure FILE CMD… adds a line to FILE: seconds of the whole process, of processor
# time, and of the run's stages.
measure() {
    local to=$1 TIMEFORMAT='%R %U %S'
    shift
    { time "$@" >"$dir/stdout" 2>"$dir/stderr"; } 2>"$dir/time" || { cat "$dir/stderr" >&2; exit 1; }
    awk -v stages="$(sed -n 's/^ *"stages": \([0-9.]*\),$/\1/p' "$dir/stdout")" '{ print $1, $2 + $3, stages }' "$dir/time" >>"$to"
}
digest() { sed -n '/"output"/,/}/s/.*"sha256": "\(.*\)".*/\1/p' "$dir/stdout"; }
column() { cut -d ' ' -f "$1" "$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Each form has a store of its own. All must give the same bytes.
sandboxed() { # module, label of the data, data set, runs
    local module=$1 set=$dir/$3.parquet form sum="" k
    rm -f "$dir/processes" "$dir/goroutines" "$dir/native"
    for form in processes goroutines; do # compiles, reads the file into the page cache
        "$r" explain --no-time --no-value --store "$dir/store-$form" --executor "$form" --module "$m/$module.wasm" "$set" >/dev/null
    done
    for _ in $(seq "$4"); do
        for form in processes goroutines native; do
            local executor=$form program=$r
            [ "$form" != native ] || { executor=goroutines program=$PWD/bin/native/$module; }
            measure "$dir/$form" "$program" run --quiet --json --no-time --no-value --store "$dir/store-$form" --salt "$RANDOM$RANDOM" \
                --out "$dir/out.parquet" --executor "$executor" --module "$m/$module.wasm" "$set"
            [ "${sum:=$(digest)}" = "$(digest)" ] || { echo "bench.sh: $module gives other bytes as $form" >&2; exit 1; }
            aside "$dir/store-$form/arrays"
            aside "$dir/store-$form/blobs"
        done
    done
    printf '%-22s' "$module: $2"
    for k in 1 2 3; do
        awk -v p="$(column $k "$dir/processes")" -v g="$(column $k "$dir/goroutines")" -v n="$(column $k "$dir/native")" \
            'BEGIN { printf "   %7.2f %7.2f  %4.2f %4.2f", p, n, p / n, g / n }'
    done
    echo
}

# benchmark NAME prints a Go benchmark's milliseconds: the fastest of three.
benchmark() { # package, benchmark
    go test -run - -bench "$2" -count 3 "$1" | awk '$4 == "ns/op" && (!t || $3 < t) { t = $3 } END { printf "%.2f", t / 1e6 }'
}
dense() { # label, job, threads
    local theirs=""
    [ -z "$python" ] || theirs=$(peer "$2" "$3" | awk '{ printf "%.2f", 1000 * $1 }')
    row "$1" "$(benchmark ./host/kernel "^BenchmarkDense\$/^$2\$/^$3\$")" "$theirs"
}

header() { printf '\n%s cores, median of %s\n%-46s %13s   %12s   %5s\n' "$(nproc 2>/dev/null || echo ?)" "$runs" job rechost "$1" ratio; }

# The neighbours that implicit keeps: those of the items in a profile.
cf=(--module "$m/cf.wasm" --param cut=row)

make gowalla gowalla/light_gcn_gowalla/train.txt lightgcn --users 29858 --items 40981 --rows 810128 --seed 1
[ -f "$dir/small.parquet" ] || "$r" datasets synth "$dir/small.parquet" --users 20 --items 10 --rows 100 --seed 1 >/dev/null

[ -z "$all" ] || make ml1m ml-1m/ratings.csv.gz csv --users 6040 --items 3706 --rows 1000209 --seed 1

if [ "$all" = native ]; then
    cat <<END

$(nproc 2>/dev/null || echo ?) cores, median of $runs: seconds in the sandbox (in worker processes) and of the same module
compiled for this machine, and the ratios of worker processes and of goroutines.
Stages are the tasks and keeping what they gave.

                         whole process                 processor time                stages
module: data             sandbox  native  ratios       sandbox  native  ratios       sandbox  native  ratios
END
    shift
    [ $# -gt 0 ] || set -- popular cf userknn rp3beta als sar ease bpr slim gfcf bspm
    for x; do
        case $x in
            ease | bpr | slim) sandboxed "$x" "MovieLens 1M" ml1m "$runs" ;;
            gfcf | bspm) sandboxed "$x" Gowalla gowalla 1 ;;
            *) sandboxed "$x" Gowalla gowalla "$runs" ;;
        esac
    done
elif [ "$all" = peers ]; then
    [ -f "$dir/synth10m.parquet" ] || "$r" datasets synth "$dir/synth10m.parquet" --users 200000 --items 50000 --rows 10000000 --seed 10 >/dev/null
    header peer
    compare "cf, cosine, K=100: Gowalla" "$runs" cf gowalla "${cf[@]}"
    compare "cf, cosine, K=100: MovieLens 1M" "$runs" cf ml1m "${cf[@]}"
    compare "cf, cosine, K=100: 10 million rows" 1 cf synth10m "${cf[@]}"
    compare "als, 64 factors, 15 turns, CG: MovieLens 1M" "$runs" als ml1m --module "$m/als.wasm"
    compare "als, 64 factors, 15 turns, CG: Gowalla" "$runs" als gowalla --module "$m/als.wasm"
    compare "als, 64 factors, 15 turns, CG: 10 million rows" 1 als synth10m --module "$m/als.wasm"
    compare "ease: MovieLens 1M" "$runs" ease ml1m --module "$m/ease.wasm"
    compare "bpr, 64 factors, 100 epochs: MovieLens 1M" 1 bpr ml1m --module "$m/bpr.wasm"
    ours=$(RECHOST_BENCH_FILE="$dir/synth10m.parquet" benchmark ./host/matrix '^BenchmarkBuild10M$') theirs=""
    [ -z "$python" ] || theirs=$(for _ in 1 2 3; do peer read "$dir/synth10m.parquet"; done | sort -n | awk 'NR == 2 { printf "%.2f", 1000 * $1 }')
    row "read, index, rows and columns: 10 million rows" "$ours" "$theirs"
    row "feed 512 MB to a guest" "$(benchmark ./host/sandbox '^BenchmarkFeed$')" ""
    for t in 1 2; do
        dense "product, 1024 x 1024 x 1024, threads: $t" gemm $t
        dense "2,000 x 40,000 scores; ours best 20, threads: $t" score $t
        dense "inverse, 3706 x 3706, threads: $t" inverse $t
    done
else
    go test -run - -bench Roofline ./host/kernel | sed -n '/one core/,/^goos/p' | sed '/^goos/d'
    header implicit
    compare "cf, cosine, K=100: Gowalla" "$runs" cf gowalla "${cf[@]}"
    compare "als, 64 factors, 15 turns, CG: Gowalla" "$runs" als gowalla --module "$m/als.wasm"
    compare "popular, 100 rows" "$runs" "" small --module "$m/popular.wasm"
    # The same once more from the journal: what a run costs that computes nothing.
    warm() { "$r" run --quiet --store "$dir/store" --out "$dir/out.parquet" --module "$m/popular.wasm" "$dir/small.parquet"; }
    warm
    row "popular, 100 rows, journal warm" "$(median $(for _ in $(seq "$runs"); do ms warm; done))" ""
fi
rm -rf "$dir"/store*/arrays "$dir"/store*/blobs "$dir/aside"
if [ "$all" != native ] && [ -z "$python" ]; then
    cat <<'END'

To time the peers beside it (implicit, NumPy, SciPy, DuckDB):
  python3 -m venv bin/peers && bin/peers/bin/pip install implicit scipy pyarrow duckdb
  PEERS=bin/peers/bin/python ./build.sh bench peers
END
fi
