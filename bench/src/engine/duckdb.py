"""DuckDB on one thread, asked through a pipe: `duckdb.py FLIGHTS.tsv`.

A line "TIMES SQL" is answered with the CPU seconds that so many runs took, this process's own,
and the cells of the last run's only row.
"""

import sys
import time

import duckdb

connection = duckdb.connect(":memory:")
connection.execute("set threads = 1")
connection.execute(
    "create table flights as select * from read_csv(?, delim = '\t', header = true, columns = {"
    "'flight_id': 'varchar', 'lat': 'double', 'lon': 'double', 'altitude': 'integer',"
    "'gs': 'integer', 'origin': 'varchar', 'dest': 'varchar', 'updated_at': 'timestamp'})",
    [sys.argv[1]],
)
print("ready", flush=True)
for line in sys.stdin:
    times, sql = line.split(" ", 1)
    before = time.process_time()
    for _ in range(int(times)):
        row = connection.execute(sql).fetchone()
    spent = time.process_time() - before
    print(spent, *row, flush=True)
