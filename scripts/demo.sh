#!/bin/sh
# demo.sh STAGE: one durable table of real flights, asked from the command line, Tcl and C.
# FLIGHTS=file.tsv.gz takes another file than the shipped month.
set -eu
stage=$(cd "$1" && pwd)
sample=${FLIGHTS:-examples/data/flights-2013-01.tsv.gz}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
store=$stage/bin/store
db=$place/flights.db

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$(echo "$*" | sed "s#$place/##g; s#$stage/bin/##g; s#$stage/##g")"; "$@"; }

say "Command line: load the flights, every departure from New York City"
run "$store" ingest "$db" flights "$sample" --header --null NA \
    --key year,month,day,carrier,flight,origin,sched_dep_time --index dep_delay --index origin
say "Command line: ask it"
run "$store" query "$db" flights --count
run "$store" query "$db" flights --count --where "origin = 'JFK' and dep_delay >= 60"
run "$store" query "$db" flights --where "origin = 'JFK' and dep_delay >= 60" --explain
run "$store" query "$db" flights --select carrier,flight,dest,dep_delay \
    --where "dest = 'SFO'" --sort=-dep_delay --limit 3 --format table

say "Tcl: the same table"
TCLLIBPATH="$stage/lib/tcl" run tclsh examples/tcl/flights.tcl "$db"

say "C: the same table"
run cc -std=c11 -Wall -Wextra -Werror -pedantic -I"$stage/include" examples/c/flights.c \
    -o "$place/flights" -L"$stage/lib" -Wl,-rpath,"$stage/lib" -lstore
run "$place/flights" "$db" "$sample"

say "Command line: what it holds, and whether all of it is sound"
run "$store" stats "$db"
run "$store" check "$db"
