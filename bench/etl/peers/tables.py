"""The files that the jobs read, as tables: their columns and types."""

TRANSACTIONS = {
    "txn_id": "BIGINT",
    "ts": "TIMESTAMP",
    "account_id": "BIGINT",
    "merchant": "VARCHAR",
    "category": "VARCHAR",
    "amount": "DOUBLE",
    "currency": "VARCHAR",
    "status": "VARCHAR",
}
ACCOUNTS = {
    "account_id": "BIGINT",
    "name": "VARCHAR",
    "country": "VARCHAR",
    "segment": "VARCHAR",
    "opened": "DATE",
}
LINEITEM = {
    "l_orderkey": "BIGINT",
    "l_partkey": "BIGINT",
    "l_suppkey": "BIGINT",
    "l_linenumber": "BIGINT",
    "l_quantity": "DECIMAL(15,2)",
    "l_extendedprice": "DECIMAL(15,2)",
    "l_discount": "DECIMAL(15,2)",
    "l_tax": "DECIMAL(15,2)",
    "l_returnflag": "VARCHAR",
    "l_linestatus": "VARCHAR",
    "l_shipdate": "DATE",
    "l_commitdate": "DATE",
    "l_receiptdate": "DATE",
    "l_shipinstruct": "VARCHAR",
    "l_shipmode": "VARCHAR",
    "l_comment": "VARCHAR",
}
ORDERS = {
    "o_orderkey": "BIGINT",
    "o_custkey": "BIGINT",
    "o_orderstatus": "VARCHAR",
    "o_totalprice": "DECIMAL(15,2)",
    "o_orderdate": "DATE",
    "o_orderpriority": "VARCHAR",
    "o_clerk": "VARCHAR",
    "o_shippriority": "BIGINT",
    "o_comment": "VARCHAR",
}
CUSTOMER = {
    "c_custkey": "BIGINT",
    "c_name": "VARCHAR",
    "c_address": "VARCHAR",
    "c_nationkey": "BIGINT",
    "c_phone": "VARCHAR",
    "c_acctbal": "DECIMAL(15,2)",
    "c_mktsegment": "VARCHAR",
    "c_comment": "VARCHAR",
}
# By the word that a job has for the file: the table's name, its columns, its delimiter.
TABLES = {
    "d1": ("t", TRANSACTIONS, "\t"),
    "d2": ("a", ACCOUNTS, "\t"),
    "lineitem": ("lineitem", LINEITEM, ","),
    "orders": ("orders", ORDERS, ","),
    "customer": ("customer", CUSTOMER, ","),
}
# Where amounts go through a job exactly.
EXACT = {"amount": "DECIMAL(18,2)"}


def table(word, job):
    """The name, the columns and the delimiter of a file in a job."""
    name, columns, delimiter = TABLES[word]
    if job.startswith("j6"):
        columns = {name: EXACT.get(name, ty) for name, ty in columns.items()}
    return name, columns, delimiter


def inputs(words):
    """`d1=PATH` ... as a dictionary."""
    return dict(word.split("=", 1) for word in words)
