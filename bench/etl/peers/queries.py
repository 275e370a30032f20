"""The jobs of `jobs/` as SQL, and how their results are compared: by which columns, in which order."""

EVERY = "SELECT * FROM t"
Q1 = """
SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
       sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
       sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
       avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
FROM lineitem WHERE l_shipdate <= DATE '1998-09-02'
GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus
"""
Q3 = """
SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
FROM customer, orders, lineitem
WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
  AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10
"""
Q6 = """
SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
  AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24
"""


class Job:
    """`sql` asks for the rows, which `keys` tell apart; `order` is what each is not below the one before in."""

    def __init__(self, sql, keys, order=(), rounded=()):
        self.sql, self.keys, self.order = sql, keys, order
        # Averages of decimals, which have six digits more than what they are of.
        self.rounded = rounded


JOBS = {
    "j1": Job(
        "SELECT * FROM t ORDER BY account_id, ts", ["txn_id"],
        # Equal keys as they came, which is by number.
        order=["account_id", "ts", "txn_id"],
    ),
    "j2": Job(
        "SELECT account_id, count(*) AS n, sum(amount) AS sum_amount, avg(amount) AS avg_amount,"
        " min(amount) AS min_amount, max(amount) AS max_amount, stddev(amount) AS stddev_amount"
        " FROM t GROUP BY account_id",
        ["account_id"],
    ),
    "j3": Job(
        "SELECT date_trunc('week', ts) AS week, category, count(*) AS n, sum(amount) AS sum_amount,"
        " avg(amount) AS avg_amount FROM t WHERE status = 'completed' GROUP BY 1, 2",
        ["week", "category"],
    ),
    "j4": Job(
        "SELECT country, segment, count(*) AS n, sum(amount) AS sum_amount, avg(amount) AS avg_amount"
        " FROM t JOIN a ON t.account_id = a.account_id GROUP BY country, segment ORDER BY country, segment",
        ["country", "segment"], order=["country", "segment"],
    ),
    "j5": Job(
        "SELECT t.*, a.name, a.country, a.segment, a.opened FROM t JOIN a ON t.account_id = a.account_id"
        " ORDER BY amount DESC",
        ["txn_id"], order=["-amount"],
    ),
    "j6_write": Job(EVERY, ["txn_id"], order=["txn_id"]),
    "j6_read": Job(EVERY, ["txn_id"], order=["txn_id"]),
    "q1": Job(
        Q1, ["l_returnflag", "l_linestatus"], order=["l_returnflag", "l_linestatus"],
        rounded=["avg_qty", "avg_price", "avg_disc"],
    ),
    "q3": Job(Q3, ["l_orderkey"], order=["-revenue", "o_orderdate"]),
    "q6": Job(Q6, ["revenue"]),
}
