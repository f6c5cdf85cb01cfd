"""Time our clkhash encoder against clkhash itself: the same rows, schema and core.

clkhash lives in an environment of its own (`benchmarks/requirements-clkhash.txt`):

    python -m benchmarks.clkhash_speed --python .venv-clkhash/bin/python

Both sides start from rows in memory (an Arrow table here, lists of texts there), validate, and end
with CLKs in memory; processes run one after the other on one core, in turn. clkhash is timed on
the first 100,000 rows and its time scaled; one run over all rows checks that this is fair. Writes
`benchmarks/results/clkhash_speed.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage import __version__
from linkage.agency.clkhash import ClkhashSchema, encode_clks, read_raw_column
from linkage.io.clks import to_base64

RESULTS = Path(__file__).with_name("results") / "clkhash_speed.json"
ROWS, SAMPLE, CHUNK, RUNS = 1_000_000, 100_000, 100_000, 3
SECRET = b"a secret for measuring"

#: Runs in the interpreter that has clkhash: seconds for the first rows of a file, and their CLKs.
WORKER = """
import base64, json, sys, time
from clkhash.clk import generate_clks
from clkhash.schema import from_json_dict
content = json.load(open(sys.argv[1]))
schema = from_json_dict(content["schema"])
rows = content["rows"][:int(sys.argv[3])]
start = time.perf_counter()
clks = generate_clks(rows, schema, content["secret"], validate=True, max_workers=1)
seconds = time.perf_counter() - start
texts = [base64.b64encode(clk.tobytes()).decode() for clk in clks[:int(sys.argv[4])]]
json.dump({"seconds": seconds, "clks": texts}, open(sys.argv[2], "w"))
"""


def schema() -> dict[str, Any]:
    """Four columns under blakeHash with bits per feature, as clkhash's documentation advises."""

    def hashing(n: int, positional: bool) -> dict[str, Any]:
        return {
            "comparison": {"type": "ngram", "n": n, "positional": positional},
            "strategy": {"bitsPerFeature": 200},
            "hash": {"type": "blakeHash"},
        }

    name = {"type": "string", "encoding": "utf-8", "maxLength": 60}
    date = {"type": "date", "format": "%Y-%m-%d"}
    phone = {"type": "string", "encoding": "ascii", "pattern": r"0\d{10}"}
    return {
        "version": 3,
        "clkConfig": {"l": 1024, "kdf": {"type": "HKDF", "salt": "bGlua2FnZQ=="}},
        "features": [
            {"identifier": "forename", "format": name, "hashing": hashing(2, False)},
            {"identifier": "surname", "format": name, "hashing": hashing(2, False)},
            {"identifier": "date of birth", "format": date, "hashing": hashing(2, True)},
            {"identifier": "phone", "format": phone, "hashing": hashing(1, True)},
        ],
    }


def make_table(rows: int) -> pa.Table:
    """Make people: 3,000 forenames and 60,000 surnames, some common; dates; phone numbers."""
    rng = np.random.default_rng(5)
    days = np.datetime64("1930-01-01") + rng.integers(0, 29_000, rows)
    return pa.table(
        {
            "forename": _common(_names(3_000, rng), rows, rng),
            "surname": _common(_names(60_000, rng), rows, rng),
            "date of birth": np.datetime_as_string(days),
            "phone": [f"07{one:09}" for one in rng.integers(0, 10**9, rows).tolist()],
        }
    )


def _names(count: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Make different names of 3 to 12 letters, in turn consonant and vowel."""
    found: dict[str, None] = {}
    while len(found) < count:
        size = int(np.clip(rng.normal(6.5, 1.8), 3, 12))
        letters = [rng.choice(list(("BCDFGHJKLMNPRSTVW", "AEIOUY")[k % 2])) for k in range(size)]
        found["".join(letters)] = None
    return np.array(list(found))


def _common(names: NDArray[np.str_], rows: int, rng: np.random.Generator) -> pa.Array:
    """Draw names, the `r`-th commonest with a weight of `1 / (r + 10)`."""
    weights = 1 / (np.arange(len(names)) + 10)
    bounds = np.array(list(accumulate(weights / weights.sum())))
    drawn = np.searchsorted(bounds, rng.random(rows)).clip(max=len(names) - 1)
    return pa.array(names[drawn].tolist())


def time_ours(table: pa.Table) -> tuple[float, list[str]]:
    """Encode all rows in chunks; give the seconds, and the CLKs of the sample."""
    start = time.perf_counter()
    parsed = ClkhashSchema.parse(schema())
    parts = []
    for begin in range(0, len(table), CHUNK):
        chunk = table.slice(begin, CHUNK)
        columns = [read_raw_column(chunk, name) for name, _ in parsed.columns]
        parts.append(encode_clks(columns, parsed, SECRET, first_row=begin + 1))
    seconds = time.perf_counter() - start
    return seconds, to_base64(np.concatenate(parts)[:SAMPLE], parsed.length)


def time_clkhash(python: str, folder: Path, rows: int) -> tuple[float, list[str]]:
    """Encode the first rows with clkhash in its own process."""
    given, answer = folder / "rows.json", folder / "answer.json"
    subprocess.run([python, "-c", WORKER, given, answer, str(rows), str(SAMPLE)], check=True)
    content = json.loads(answer.read_text())
    return content["seconds"], content["clks"]


def main() -> None:
    """Time both sides in turn on one core and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter that has clkhash 0.18.3")
    python = parser.parse_args().python
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    table = make_table(ROWS)
    rows = [
        list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)
    ]
    time_ours(table.slice(0, 1000))  # compiles the kernels, or loads them
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = {"schema": schema(), "secret": SECRET.decode(), "rows": rows}
        (folder / "rows.json").write_text(json.dumps(content))
        for _ in range(RUNS):
            seconds, our_clks = time_ours(table)
            ours.append(seconds)
            seconds, clks = time_clkhash(python, folder, SAMPLE)
            theirs.append(seconds)
            if clks != our_clks:
                raise SystemExit("the CLKs differ")
            print(f"linkage {ours[-1]:.2f} s, clkhash {theirs[-1]:.2f} s for a tenth of the rows")
        whole, _ = time_clkhash(python, folder, ROWS)
    results = summary(ours, theirs, whole)
    print(json.dumps(results, indent=1))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def summary(ours: list[float], theirs: list[float], whole: float) -> dict[str, Any]:
    """Put the figures of all runs together."""
    our_rate = ROWS / statistics.median(ours)
    their_rate = SAMPLE / statistics.median(theirs)
    return {
        "python": platform.python_version(),
        "linkage": __version__,
        "clkhash": "0.18.3",
        "cores": 1,
        "rows": ROWS,
        "linkage_seconds": [round(one, 3) for one in ours],
        "clkhash_sample_rows": SAMPLE,
        "clkhash_sample_seconds": [round(one, 3) for one in theirs],
        "clkhash_seconds_all_rows_once": round(whole, 1),
        "linkage_rows_per_second": round(our_rate),
        "clkhash_rows_per_second": round(their_rate),
        "ratio": round(our_rate / their_rate, 1),
        "ratio_all_rows": round(whole / statistics.median(ours), 1),
        "identical_clks": SAMPLE,
        "note": "clkhash timed on the first rows of the sample size and scaled; kernels compiled "
        "before; both validate; rows in memory to CLKs in memory",
    }


if __name__ == "__main__":
    main()
