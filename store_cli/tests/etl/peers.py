"""Reads x.parquet and x.arrow with DuckDB, pyarrow and Polars and compares every cell with in.tsv."""
import datetime, decimal, math, sys
import duckdb, polars, pyarrow.ipc, pyarrow.parquet

place = sys.argv[1]
lines = open(f"{place}/in.tsv", encoding="utf-8").read().split("\n")
names = lines[0].split("\t")
rows = [line.split("\t") for line in lines[1:] if line]


def cell(text, name):
    if text == "\\N":
        return None
    if name in ("id", "i16", "i32"):
        return int(text)
    if name in ("f32", "f64"):
        return float(text)
    if name.startswith("d") and name != "day":
        return decimal.Decimal(text)
    if name == "b":
        return text == "true"
    if name == "day":
        return datetime.date.fromisoformat(text)
    if name == "ts":
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return text


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isnan(a) and math.isnan(b) or a == b and math.copysign(1, a) == math.copysign(1, b)
    return a == b


wanted = {name: [cell(row[at], name) for row in rows] for at, name in enumerate(names)}


def check(who, columns):
    assert list(columns) == names, (who, list(columns))
    for name in names:
        for nth, (a, b) in enumerate(zip(columns[name], wanted[name], strict=True)):
            assert same(a, b), (who, name, nth, a, b)


readers = 0
parquet = pyarrow.parquet.read_table(f"{place}/x.parquet", page_checksum_verification=True)
tables = {
    "pyarrow parquet": parquet,
    "pyarrow arrow": pyarrow.ipc.open_file(f"{place}/x.arrow").read_all(),
    "polars parquet": polars.read_parquet(f"{place}/x.parquet").to_arrow(),
    "polars arrow": polars.read_ipc(f"{place}/x.arrow").to_arrow(),
    "duckdb parquet": duckdb.sql(f"set timezone='UTC'; select * from '{place}/x.parquet'").to_arrow_table(),
}
for who, table in tables.items():
    check(who, {name: table.column(name).to_pylist() for name in table.column_names})
    readers += 1
# Least and greatest values lead DuckDB to the rows and not past them.
found = duckdb.sql(f"select count(*), min(id), max(d38) from '{place}/x.parquet' where id >= 20000 and d38 is not null")
ids = [nth for nth, value in enumerate(wanted["d38"]) if nth >= 20000 and value is not None]
assert found.fetchall()[0] == (len(ids), ids[0], max(wanted["d38"][nth] for nth in ids))
readers += 1
print(readers, "readers agree")
