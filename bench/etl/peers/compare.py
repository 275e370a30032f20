"""Holds results of a job against DuckDB's: compare.py JOB OUTPUT… WORD=INPUT…

Every row of an output must be one that DuckDB has, and the other way round: numbers of floats to 1e-9 of them, all
else exactly; and the rows must be in the job's order. Prints what differs, and fails.
"""
import sys

import duckdb

from queries import JOBS
from tables import inputs, table

RELATIVE = 1e-9
# An average of a decimal of two digits has eight.
ROUNDED = 1e-8


def literal(of):
    return ", ".join(f"'{name}': '{ty}'" for name, ty in of.items())


def read(path, columns, delimiter):
    if path.endswith(".parquet"):
        return f"read_parquet('{path}')"
    quote = "'\"'" if delimiter == "," else "''"
    return (
        f"read_csv('{path}', delim = '{delimiter}', header = true, auto_detect = false, quote = {quote}, escape = {quote},"
        f" nullstr = '\\N', columns = {{{literal(columns)}}})"
    )


def differs(name, ty, job):
    if name in job.rounded or ty in ("DOUBLE", "FLOAT"):
        more = ROUNDED if name in job.rounded else 0
        far = f"abs(w.{name} - g.{name}) > {RELATIVE} * greatest(abs(w.{name}), abs(g.{name})) + {more}"
        return f"((w.{name} IS NULL) != (g.{name} IS NULL) OR coalesce({far}, false))"
    return f"w.{name} IS DISTINCT FROM g.{name}"


def compare(c, name, job, output):
    """What is wrong with an output, or nothing."""
    wanted = dict(c.execute("SELECT column_name, column_type FROM (DESCRIBE want)").fetchall())
    # Rows get their numbers in the order of the file, so one thread reads it.
    c.execute("SET threads = 1")
    source = read(output, wanted, "\t")
    c.execute(f"CREATE OR REPLACE TABLE got AS SELECT *, row_number() OVER () AS place FROM {source}")
    c.execute("SET threads = 2")
    found = [row[0] for row in c.execute("SELECT column_name FROM (DESCRIBE got)").fetchall()][:-1]
    if found != list(wanted):
        return f"columns {found}, not {list(wanted)}"
    counts = [c.execute(f"SELECT count(*) FROM {of}").fetchone()[0] for of in ("want", "got")]
    if counts[0] != counts[1]:
        return f"{counts[1]} rows, not {counts[0]}"
    on = " AND ".join(f"w.{key} IS NOT DISTINCT FROM g.{key}" for key in job.keys)
    apart = " OR ".join(differs(column, ty, job) for column, ty in wanted.items())
    rows = c.execute(f"SELECT * FROM want w FULL JOIN got g ON {on} WHERE {apart} LIMIT 3").fetchall()
    if rows:
        return f"DuckDB's row beside ours: {rows}"
    if job.order:
        def terms(of):
            return ", ".join(of.format(key) if key[0] != "-" else "-" + of.format(key[1:]) for key in job.order)
        back = f"row({terms('{}')}) < row({terms('lag({}) OVER (ORDER BY place)')})"
        place = c.execute(f"SELECT min(place) FROM (SELECT place, {back} AS back FROM got) WHERE back AND place > 1")
        place = place.fetchone()[0]
        if place is not None:
            return f"row {place} comes too late"
    return None


def main():
    name, *words = sys.argv[1:]
    job = JOBS[name]
    outputs = [word for word in words if "=" not in word]
    c = duckdb.connect()
    c.execute("SET threads = 2; SET timezone = 'UTC'")
    for word, path in inputs(word for word in words if "=" in word).items():
        of, columns, delimiter = table(word, name)
        c.execute(f"CREATE VIEW {of} AS FROM {read(path, columns, delimiter)}")
    c.execute(f"CREATE TABLE want AS {job.sql}")
    for output in outputs:
        wrong = compare(c, name, job, output)
        if wrong:
            sys.exit(f"{name}: {output}: {wrong}")
    print(f"rows={c.execute('SELECT count(*) FROM want').fetchone()[0]}")


main()
