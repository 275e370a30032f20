"""The jobs in the words of Polars."""
from datetime import date

import polars as pl

from tables import table

c = pl.col
TYPES = {"BIGINT": pl.Int64, "VARCHAR": pl.String, "DOUBLE": pl.Float64, "DATE": pl.Date, "DECIMAL(18,2)": pl.Decimal(18, 2)}


def scan(word, path, job):
    if path.endswith(".parquet"):
        return pl.scan_parquet(path)
    _, columns, delimiter = table(word, job)
    # It reads moments as text first; money of other files as floats.
    types = {name: TYPES.get(ty, pl.Float64) for name, ty in columns.items() if ty != "TIMESTAMP"}
    quote = '"' if delimiter == "," else None
    return pl.scan_csv(path, separator=delimiter, quote_char=quote, schema_overrides=types, try_parse_dates=True)


def j2(d1):
    a = c("amount")
    return d1.group_by("account_id").agg(
        pl.len().alias("n"), a.sum().alias("sum_amount"), a.mean().alias("avg_amount"), a.min().alias("min_amount"),
        a.max().alias("max_amount"), a.std().alias("stddev_amount"),
    )


def sums():
    a = c("amount")
    return pl.len().alias("n"), a.sum().alias("sum_amount"), a.mean().alias("avg_amount")


def j3(d1):
    week = c("ts").dt.truncate("1w").alias("week")
    return d1.filter(c("status") == "completed").group_by(week, "category").agg(*sums())


def j4(d1, d2):
    joined = d1.join(d2, on="account_id")
    return joined.group_by("country", "segment").agg(*sums()).sort("country", "segment")


def j5(d1, d2):
    return d1.join(d2, on="account_id").sort("amount", descending=True)


def q1(lineitem):
    price, discount = c("l_extendedprice"), c("l_discount")
    keys = ["l_returnflag", "l_linestatus"]
    return (
        lineitem.filter(c("l_shipdate") <= date(1998, 9, 2))
        .group_by(keys)
        .agg(
            c("l_quantity").sum().alias("sum_qty"),
            price.sum().alias("sum_base_price"),
            (price * (1 - discount)).sum().alias("sum_disc_price"),
            (price * (1 - discount) * (1 + c("l_tax"))).sum().alias("sum_charge"),
            c("l_quantity").mean().alias("avg_qty"),
            price.mean().alias("avg_price"),
            discount.mean().alias("avg_disc"),
            pl.len().alias("count_order"),
        )
        .sort(keys)
    )


def q3(lineitem, orders, customer):
    day = date(1995, 3, 15)
    return (
        customer.filter(c("c_mktsegment") == "BUILDING")
        .join(orders.filter(c("o_orderdate") < day), left_on="c_custkey", right_on="o_custkey")
        .join(lineitem.filter(c("l_shipdate") > day), left_on="o_orderkey", right_on="l_orderkey")
        .with_columns((c("l_extendedprice") * (1 - c("l_discount"))).alias("revenue"))
        .group_by("o_orderkey", "o_orderdate", "o_shippriority")
        .agg(c("revenue").sum())
        .select(c("o_orderkey").alias("l_orderkey"), "revenue", "o_orderdate", "o_shippriority")
        .sort(["revenue", "o_orderdate"], descending=[True, False])
        .head(10)
    )


def q6(lineitem):
    # Floats: 0.07 as it is written may lie below the one that is read.
    kept = c("l_shipdate").is_between(date(1994, 1, 1), date(1995, 1, 1), closed="left")
    kept &= c("l_discount").is_between(0.0499, 0.0701) & (c("l_quantity") < 24)
    return lineitem.filter(kept).select((c("l_extendedprice") * c("l_discount")).sum().alias("revenue"))


QUERIES = {
    "j1": lambda d1: d1.sort("account_id", "ts"),
    "j2": j2,
    "j3": j3,
    "j4": j4,
    "j5": j5,
    "j6_write": lambda d1: d1,
    "j6_read": lambda d1: d1,
    "q1": q1,
    "q3": q3,
    "q6": q6,
}
