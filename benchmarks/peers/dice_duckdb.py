"""DuckDB, a join by `bit_count` of 64-bit words; see worker.py."""

import duckdb
import pyarrow as pa
import worker

connection = duckdb.connect(config={"threads": 1})


def prepare(left, right):
    """Make a table of each side: row, words, popcount."""
    words = range(left.shape[1])
    ones = " + ".join(f"bit_count(w{k})::int" for k in words)
    for name, side in (("l", left), ("r", right)):
        given = {"row": range(len(side))} | {f"w{k}": side[:, k].copy() for k in words}
        connection.register("given", pa.table(given))
        connection.execute(f"create or replace table {name} as select *, {ones} as ones from given")
    return (words,)


def find(words, threshold):
    """Join the tables on the threshold and fetch the pairs."""
    common = " + ".join(f"bit_count(l.w{k} & r.w{k})::int" for k in words)
    query = f"""
        select one, other, 2 * common / total as dice
        from (select l.row as one, r.row as other, {common} as common, l.ones + r.ones as total
              from l, r)
        where 2 * common >= {threshold} * total"""
    found = connection.sql(query).fetchnumpy()
    return found["one"], found["other"], found["dice"]


worker.run(duckdb.__version__, prepare, find)
