"""Time our blocking against blocklib's P-Sig, by the same keys of the same rows, on one core.

    python -m benchmarks.blocking_speed [--small] [--environments FOLDER]

Both make blocks of the same seven keys: names by sound, dates of birth and their parts, postcodes.
P-Sig makes signatures of both sides and then the common blocks; we make keyed tokens at the agency
and then the linker's tasks. blocklib is given rows that are normalised already; ours start from the
raw files' cells, and `encode_seconds` is all that the agency does: normalising, filters and tokens.
Pairs completeness and the reduction ratio are counted in the same way for both. Writes
`benchmarks/results/blocking_speed.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.measure import (
    ROOT,
    ask,
    in_turn,
    machine,
    on_one_core,
    peer_python,
    ratio,
    rounded,
    write_results,
)
from benchmarks.people import (
    KEY,
    SIDES,
    draft_schema,
    make_files,
    matching_rows,
    read_file,
    read_truth,
)
from linkage.agency.encode import Encoder
from linkage.agency.normalise import normaliser
from linkage.linker.block import Blocking, BlockKeys, split_tasks
from linkage.model import Encodings, Task
from linkage.schema import LinkageSchema

SCRIPT = Path(__file__).with_name("peers") / "block_blocklib.py"
RUNS = 3
PASSES = {
    "names": ("forename:metaphone", "surname:metaphone"),
    "dob": ("dob",),
    "surname_and_year": ("surname:metaphone", "dob:year"),
    "forename_and_month": ("forename:metaphone", "dob:year_month"),
    "postcode_and_forename": ("postcode", "forename:first1"),
    "postcode_and_surname": ("postcode", "surname:metaphone"),
    "postcode_and_year": ("postcode", "dob:year"),
}
FIELDS = ("forename", "surname", "dob", "postcode")
#: What P-Sig calls our transforms; dates are yyyymmdd.
SIGNATURES: dict[str, dict[str, Any]] = {
    "": {"type": "feature-value"},
    "metaphone": {"type": "metaphone"},
    "first1": {"type": "characters-at", "config": {"pos": [":1"]}},
    "year": {"type": "characters-at", "config": {"pos": [":4"]}},
    "year_month": {"type": "characters-at", "config": {"pos": [":6"]}},
}
#: As in blocklib's documentation, but no block is left out.
P_SIG: dict[str, Any] = {
    "blocking-features": list(FIELDS),
    "filter": {"type": "ratio", "max": 1.0, "min": 0.0},
    "blocking-filter": {"type": "bloom filter", "number-hash-functions": 4, "bf-len": 2048},
}


class Stopwatch:
    """Adds up the seconds of calls."""

    seconds = 0.0

    def timed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Give a function that does the same and is timed."""

        def call(*given: Any) -> Any:
            start = time.perf_counter()
            done = work(*given)
            self.seconds += time.perf_counter() - start
            return done

        return call


def main() -> None:
    """Measure all sizes and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="few rows, nothing written")
    parser.add_argument("--environments", type=Path, default=ROOT)
    options = parser.parse_args()
    python = peer_python(options.environments, "blocklib")
    on_one_core()
    results: dict[str, Any] = machine() | {"passes": list(PASSES), "sizes": []}
    with tempfile.TemporaryDirectory() as name:
        for rows in (2_000,) if options.small else (10_000, 100_000):
            figures = measure(Path(name) / str(rows), rows, python, 1 if options.small else RUNS)
            print(json.dumps(figures, indent=1))
            results["sizes"].append(figures)
    if not options.small:
        write_results("blocking_speed", results)


def measure(folder: Path, rows: int, python: Path, runs: int) -> dict[str, Any]:
    """Block the same rows on both sides, in turn."""
    make_files(folder, rows)
    schema = with_passes(LinkageSchema.load(draft_schema(folder, "record")))
    tables = [read_file(folder / f"{side}.csv") for side in SIDES]
    given = {
        "schema": {"type": "p-sig", "version": 1, "config": P_SIG | {"signatureSpecs": specs()}},
        "header": list(FIELDS),
        "sides": [clean_rows(table, schema) for table in tables],
    }
    (folder / "given.json").write_text(json.dumps(given))
    our_runs: list[dict[str, Any]] = []
    their_runs: list[dict[str, Any]] = []

    def ours() -> float:
        our_runs.append(block(tables, schema))
        return float(our_runs[-1]["keys"] + our_runs[-1]["blocks"])

    def theirs() -> float:
        their_runs.append(ask([python, SCRIPT, folder]))
        return float(their_runs[-1]["keys"] + their_runs[-1]["blocks"])

    ours()  # compiles
    our_runs.clear()
    our_seconds, their_seconds = in_turn(runs, ours, theirs)
    matches = matching_rows(read_truth(folder))
    members = np.load(folder / "blocks.npz")
    keys = [keys_of_rows(members[side], rows) for side in ("left", "right")]
    whole = [one["encode"] + one["blocks"] for one in our_runs]
    return {
        "rows": rows,
        "matches": len(matches),
        "linkage": steps(our_runs, ("encode", "keys", "blocks"))
        | completeness(matches, our_runs[-1]["tokens"], our_runs[-1]["comparisons"], rows),
        "blocklib": {"version": their_runs[-1]["version"]}
        | steps(their_runs, ("keys", "blocks"))
        | completeness(matches, keys, compared(members), rows),
        "seconds": rounded(our_seconds),
        "peer_seconds": rounded(their_seconds),
        "ratio": round(ratio(their_seconds, our_seconds), 1),
        "ratio_with_encoding": round(ratio(their_seconds, whole), 1),
    }


def with_passes(schema: LinkageSchema) -> LinkageSchema:
    """Give the schema with our passes instead of its own."""
    passes = [{"name": name, "on": list(parts)} for name, parts in PASSES.items()]
    return LinkageSchema.from_content(schema.content() | {"blocking": passes})


def specs() -> list[list[dict[str, Any]]]:
    """Say the passes in blocklib's words."""
    return [
        [{"feature": field} | SIGNATURES[how] for field, _, how in (p.partition(":") for p in one)]
        for one in PASSES.values()
    ]


def clean_rows(table: pa.Table, schema: LinkageSchema) -> list[list[str]]:
    """Normalise the cells of the fields, so that blocklib need not."""
    columns = []
    for field in schema.field:
        if field.name in FIELDS:
            header = next(one for one in table.column_names if one in field.headers)
            clean = normaliser(field)
            columns.append((field.name, [clean(text) or "" for text in table[header].to_pylist()]))
    ordered = [dict(columns)[name] for name in FIELDS]
    return [list(row) for row in zip(*ordered, strict=True)]


def block(tables: Sequence[pa.Table], schema: LinkageSchema) -> dict[str, Any]:
    """Encode both sides and plan the linker's tasks; give seconds, tokens and comparisons."""
    tokens = Stopwatch()
    start = time.perf_counter()
    sides = []
    for name, table in zip(SIDES, tables, strict=True):
        encoder = Encoder(schema, KEY, name)
        encoder.blocking.tokens = tokens.timed(encoder.blocking.tokens)
        sides.append(encoder.encode(table).encodings)
    middle = time.perf_counter()
    tasks = plan_tasks(*sides)
    stop = time.perf_counter()
    return {
        "encode": middle - start,
        "keys": tokens.seconds,
        "blocks": stop - middle,
        "tokens": [one.tokens for one in sides],
        "comparisons": sum(task.comparisons for task in tasks),
    }


def plan_tasks(left: Encodings, right: Encodings) -> list[Task]:
    """Plan all passes as the engine does."""
    blocking = Blocking()
    keys = BlockKeys(blocking.names(left), blocking.keys(left), blocking.keys(right))
    plans = [blocking.plan(keys, number, within=False) for number in range(len(keys.names))]
    return [task for plan in plans for task in split_tasks(plan)]


def steps(runs: list[dict[str, Any]], names: Sequence[str]) -> dict[str, float]:
    """Give the median seconds of each step."""
    return {f"{name}_seconds": round(statistics.median(r[name] for r in runs), 4) for name in names}


def keys_of_rows(members: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Turn pairs of block and row into the blocks of each row, `int64[rows, most]`, 0 for none."""
    blocks, owner = members[np.argsort(members[:, 1], kind="stable")].T
    place = np.arange(len(owner)) - np.searchsorted(owner, owner, side="left")
    keys = np.zeros((rows, int(place.max()) + 1), np.int64)
    keys[owner, place] = blocks
    return keys


def compared(members: Any) -> int:
    """Count the comparisons of all blocks."""
    left, right = (np.bincount(members[side][:, 0]) for side in ("left", "right"))
    shared = min(len(left), len(right))
    return int(left[:shared] @ right[:shared])


def completeness(
    matches: NDArray[np.int64], keys: Sequence[NDArray[Any]], comparisons: int, rows: int
) -> dict[str, Any]:
    """Count the matches that share a block, and the comparisons left."""
    left, right = (one[rows_of] for one, rows_of in zip(keys, matches.T, strict=True))
    met = np.zeros(len(matches), bool)
    for one, other in product(range(left.shape[1]), range(right.shape[1])):
        met |= (left[:, one] == right[:, other]) & (left[:, one] != 0)
    return {
        "comparisons": comparisons,
        "pairs_completeness": round(float(met.mean()), 4),
        "reduction_ratio": round(1 - comparisons / rows**2, 6),
    }


if __name__ == "__main__":
    main()
