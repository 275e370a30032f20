"""A job in the words of another program: run.py WHO JOB THREADS OUT WORD=INPUT…

No limit on memory. What the program itself takes is printed, `cpu=` and `wall=` seconds: starting Python and loading the
program, up to a CPU second, are no part of the job.
"""
import resource
import sys
import time

from queries import JOBS
from tables import inputs, table


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def duckdb_loaded():
    import duckdb

    return duckdb


def with_duckdb(duckdb, job, threads, out, files):
    c = duckdb.connect()
    ordered = "true" if job.startswith("j6") else "false"
    c.execute(f"SET threads = {threads}; SET preserve_insertion_order = {ordered}; SET timezone = 'UTC'")
    for word, path in files.items():
        name, columns, delimiter = table(word, job)
        if path.endswith(".parquet"):
            source = f"read_parquet('{path}')"
        else:
            types = ", ".join(f"'{name}': '{ty}'" for name, ty in columns.items())
            quote = "'\"'" if delimiter == "," else "''"
            source = (
                f"read_csv('{path}', delim = '{delimiter}', header = true, auto_detect = false, quote = {quote},"
                f" escape = {quote}, columns = {{{types}}})"
            )
        c.execute(f"CREATE VIEW {name} AS FROM {source}")
    to = "(FORMAT parquet, COMPRESSION zstd)" if out.endswith(".parquet") else "(FORMAT csv, DELIMITER '\t', HEADER)"
    c.execute(f"COPY ({JOBS[job].sql}) TO '{out}' {to}")


def datafusion_loaded():
    import datafusion

    return datafusion


def with_datafusion(datafusion, job, threads, out, files):
    config = datafusion.SessionConfig().with_target_partitions(int(threads))
    c = datafusion.SessionContext(config)
    for word, path in files.items():
        name, columns, delimiter = table(word, job)
        if path.endswith(".parquet"):
            c.sql(f"CREATE EXTERNAL TABLE {name} STORED AS PARQUET LOCATION '{path}'").collect()
            continue
        types = ", ".join(f"{name} {ty}" for name, ty in columns.items())
        options = f"'format.has_header' 'true', 'format.delimiter' '{delimiter}'"
        c.sql(f"CREATE EXTERNAL TABLE {name} ({types}) STORED AS CSV LOCATION '{path}' OPTIONS ({options})").collect()
    if out.endswith(".parquet"):
        to = "STORED AS PARQUET OPTIONS ('format.compression' 'zstd(1)')"
    else:
        to = "STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.delimiter' '\t')"
    c.sql(f"COPY ({JOBS[job].sql}) TO '{out}' {to}").collect()


def polars_loaded():
    import polars

    return polars


def with_polars(polars, job, threads, out, files):
    from in_polars import QUERIES, scan

    frames = {word: scan(word, path, job) for word, path in files.items()}
    asked = QUERIES[job](**frames)
    if out.endswith(".parquet"):
        asked.sink_parquet(out, compression="zstd", compression_level=1)
    else:
        asked.sink_csv(out, separator="\t")


def main():
    who, job, threads, out, *words = sys.argv[1:]
    program = globals()[f"{who}_loaded"]()
    began = cpu_seconds(), time.perf_counter()
    globals()[f"with_{who}"](program, job, threads, out, inputs(words))
    print(f"cpu={cpu_seconds() - began[0]} wall={time.perf_counter() - began[1]}")


main()
