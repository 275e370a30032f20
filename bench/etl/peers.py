"""The jobs of `jobs/` in the words of other programs: peers.py WHO JOB TRANSACTIONS ACCOUNTS OUT.

Two threads each, no limit on memory, rows in any order where the job says none.
"""
import os
import sys

who, job, d1, d2, out = sys.argv[1:]


def with_duckdb():
    import duckdb

    c = duckdb.connect()
    c.execute("SET threads = 2; SET preserve_insertion_order = false")
    read = "read_csv('{}', delim = '\t', header = true)"
    c.execute(f"CREATE VIEW t AS FROM {read.format(d1)}; CREATE VIEW a AS FROM {read.format(d2)}")
    asked = {
        "j2": "SELECT account_id, count(*) n, sum(amount), avg(amount), min(amount), max(amount), max(ts)"
        " FROM t GROUP BY account_id",
        "j4": "SELECT txn_id, ts, account_id, amount, currency, name, country, segment"
        " FROM t JOIN a USING (account_id)",
        "j5": "SELECT country, segment, week, count(*) n, sum(gross) s, avg(gross), stddev(gross)"
        " FROM (SELECT account_id, date_trunc('week', ts) week, amount * 1.2 gross FROM t"
        "       WHERE status = 'completed' AND amount > 10) LEFT JOIN a USING (account_id)"
        " GROUP BY ALL ORDER BY country, segment, s DESC LIMIT 1000",
    }
    c.execute(f"COPY ({asked[job]}) TO '{out}' (DELIMITER '\t', HEADER)")


def with_polars():
    os.environ["POLARS_MAX_THREADS"] = "2"
    import polars as pl

    def scan(path):
        return pl.scan_csv(path, separator="\t", try_parse_dates=True)

    t, a, c = scan(d1), scan(d2), pl.col
    amount, gross = c("amount"), c("gross")
    if job == "j2":
        asked = t.group_by("account_id").agg(
            pl.len().alias("n"),
            amount.sum().alias("sum"),
            amount.mean().alias("avg"),
            amount.min().alias("min"),
            amount.max().alias("max"),
            c("ts").max().alias("last"),
        )
    elif job == "j4":
        names = ["txn_id", "ts", "account_id", "amount", "currency", "name", "country", "segment"]
        asked = t.join(a, on="account_id").select(names)
    else:
        week = c("ts").dt.truncate("1w").alias("week")
        asked = (
            t.filter((c("status") == "completed") & (amount > 10))
            .select("account_id", week, (amount * 1.2).alias("gross"))
            .join(a, on="account_id", how="left")
            .group_by("country", "segment", "week")
            .agg(
                pl.len().alias("n"),
                gross.sum().alias("sum"),
                gross.mean().alias("avg"),
                gross.std().alias("std"),
            )
            .sort(["country", "segment", "sum"], descending=[False, False, True])
            .head(1000)
        )
    asked.sink_csv(out, separator="\t")


{"duckdb": with_duckdb, "polars": with_polars}[who]()
