#!/usr/bin/env bash
# Whole jobs, from Parquet to Parquet, timed from outside: the median of RUNS
# runs (default 3), rechost and its peer by turns so that both see the same
# machine. Called by ./build.sh bench.
#
# PEERS names a Python that has implicit and pyarrow; without it only rechost is
# timed. RECHOST_DATA names a folder with gowalla/light_gcn_gowalla/train.txt,
# LightGCN's split of Gowalla; without it a data set of the same size is made.
set -euo pipefail
r=$PWD/bin/rechost m=$PWD/bin/modules runs=${RUNS:-3} dir=$PWD/bin/bench here=$(dirname "$0")
data=${RECHOST_DATA:-../shared/data}
mkdir -p "$dir"

if [ -f "$data/gowalla/light_gcn_gowalla/train.txt" ]; then
    name="Gowalla"
    [ -f "$dir/train.parquet" ] || "$r" datasets import --format lightgcn "$data/gowalla/light_gcn_gowalla/train.txt" "$dir/train.parquet"
else
    name="a synthetic data set of Gowalla's size"
    [ -f "$dir/train.parquet" ] || "$r" datasets synth "$dir/train.parquet" --users 29858 --items 40981 --rows 810128 --seed 1
fi
[ -f "$dir/small.parquet" ] || "$r" datasets synth "$dir/small.parquet" --users 20 --items 10 --rows 100 --seed 1

# seconds CMD… prints what it takes, whole process, wall clock.
seconds() {
    local t0=$EPOCHREALTIME
    "$@" >/dev/null 2>"$dir/stderr" || { cat "$dir/stderr" >&2; exit 1; }
    local t1=$EPOCHREALTIME
    echo $(( (${t1/./} - ${t0/./}) / 1000 ))
}
median() { printf '%s\n' "$@" | sort -n | sed -n "$(( ($# + 1) / 2 ))p"; }

# Each run has a salt of its own, so the journal knows nothing; the module's
# compiled code is there, as it is after a user's first run.
run() { "$r" run --quiet --no-time --no-value --salt "$RANDOM$RANDOM" --out "$dir/out.parquet" "$@"; }

compare() { # label, peer's job or "", arguments of rechost run
    local label=$1 peer=$2 ours=() theirs=()
    shift 2
    run "$@" >/dev/null 2>&1 || run "$@" # compiles, reads the file into the page cache
    for _ in $(seq "$runs"); do
        ours+=("$(seconds run "$@")")
        if [ -n "$peer" ] && [ -n "${PEERS:-}" ]; then
            # Without settings that hold NumPy's BLAS to an older processor.
            theirs+=("$(seconds env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE "$PEERS" "$here/peer.py" "$peer" "$dir/train.parquet" "$dir/peer.parquet")")
        fi
    done
    local text="-" ratio="-" us them
    us=$(median "${ours[@]}")
    if [ ${#theirs[@]} -gt 0 ]; then
        them=$(median "${theirs[@]}")
        text="$them ms"
        ratio=$(printf '%d.%02d' $((us / them)) $((us * 100 / them % 100)))
    fi
    printf '%-44s %8s ms   %10s   %5s\n' "$label" "$us" "$text" "$ratio"
}

echo "$name, $(nproc 2>/dev/null || echo ?) cores, median of $runs"
printf '%-44s %11s   %10s   %5s\n' "job" "rechost" "implicit" "ratio"
compare "cf, cosine, K=100, top 20" cf --module "$m/cf.wasm" "$dir/train.parquet"
compare "als, 64 factors, 15 iterations, CG" als --module "$m/als.wasm" "$dir/train.parquet"
compare "popular, 100 rows" "" --module "$m/popular.wasm" "$dir/small.parquet"
# The same once more from the journal: what a run costs that computes nothing.
warm() { "$r" run --quiet --out "$dir/out.parquet" "$@"; }
warm --module "$m/popular.wasm" "$dir/small.parquet"
printf '%-44s %8s ms   %10s   %5s\n' "popular, 100 rows, journal warm" "$(median $(for _ in $(seq "$runs"); do seconds warm --module "$m/popular.wasm" "$dir/small.parquet"; done))" "-" "-"
if [ -z "${PEERS:-}" ]; then
    cat <<'END'

To time the library implicit beside it:
  python3 -m venv bin/peers && bin/peers/bin/pip install implicit pyarrow
  PEERS=bin/peers/bin/python ./build.sh bench
END
fi
