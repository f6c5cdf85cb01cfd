"""Measure anchored codes: what they lose against the same schema without, and what they show.

    python -m benchmarks.anchored [--people 20000] [--seed 1] [--bounds 0.1 0.2 0.5]
        [--only WORD ...]

For each data set: F1 at probability 0.5 without labels, plain and anchored, with the passes that
the rule of `schema init --anchored` takes for each bound on visible neighbours; bytes a row. Of the
first file, one record a person: the share of records with a visible neighbour, the largest group
that is connected by them, and the share that colour refinement tells apart. That is who somebody
who holds the very same file would name by structure: the graph of the linker's view, with the
agreement levels of every visible pair and the missing values, five rounds. "All records" is the
same with every record of a person, which form a group of their own. Households have a quarter of
the people.

Writes `benchmarks/results/anchored.json`; other runs' figures stay.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.measure import RESULTS, machine, write_results
from benchmarks.quality_sets import Files, data_sets
from linkage.agency.anchors import as_passes, choose_anchors
from linkage.agency.draft import FileSample, draft_schema
from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.agency.neighbours import Rows, read_rows
from linkage.engine.local import link
from linkage.linker.anchored import field_presence
from linkage.linker.compare import side
from linkage.linker.levels import levels_of
from linkage.linker.sample import draw_equal
from linkage.model import Encodings
from linkage.schema import LinkageSchema

KEY = ProjectKey(bytes(range(32)))  # fixed, so that the figures can be made again
_SETS = ("febrl4, five fields", "households, one row a person", "synthetic, default")
_ROUNDS = 5

Figures = dict[str, Any]


def main() -> None:
    """Measure the data sets, one after the other."""
    options = _options()
    path = RESULTS / "anchored.json"
    known = json.loads(path.read_text()).get("runs", {}) if path.exists() else {}
    for one in data_sets(None):
        wanted = not options.only or any(word in one.name for word in options.only)
        if one.name not in _SETS or not wanted:
            continue
        files = one.load(options.people, options.seed)
        name = one.name
        if one.drawn:
            name += f", {options.people:,} people, seed {options.seed}"
        known[name] = measure(files, options.bounds)
        write_results("anchored", machine() | {"runs": known})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bounds", type=float, nargs="+", default=[0.1, 0.2, 0.5])
    parser.add_argument("--only", nargs="+", metavar="WORD")
    return parser.parse_args()


def measure(files: Files, bounds: Sequence[float]) -> Figures:
    """Measure a data set plain, and anchored under each bound."""
    samples = [_sample(table, place) for place, table in enumerate(files.tables)]
    plain = LinkageSchema.parse(draft_schema(samples, "field"))
    found: Figures = {
        "rows": [len(table) for table in files.tables],
        "plain": _linked(files, plain)[0],
    }
    print(found, flush=True)
    rows = [_rows(table, plain) for table in files.tables]
    records = sum(one.rows for one in rows)
    for bound in bounds:
        chosen = choose_anchors(plain, rows, records=records, neighbours=bound)
        passes = as_passes(chosen.anchors)
        schema = LinkageSchema.parse(draft_schema(samples, "field", anchors=passes))
        figures, first = _linked(files, schema)
        expected = {"completeness": chosen.completeness, "neighbours": chosen.neighbours}
        figures |= {
            "expected": {name: round(one, 4) for name, one in expected.items()},
            "passes": [" + ".join(one.on) for one in passes],
            "shows": shown(one_row_a_person(first, files.truth[0])),
            "all_records_told_apart": shown(first)["told_apart"],
        }
        found[str(bound)] = figures
        print(bound, figures, flush=True)
    return found


def _sample(table: pd.DataFrame, place: int) -> FileSample:
    columns = {name: [t for t in table[name].unique().tolist() if t] for name in table.columns}
    return FileSample(f"file{place}.csv", len(table), columns)


def _rows(table: pd.DataFrame, schema: LinkageSchema) -> Rows:
    return read_rows([(table, np.arange(1, len(table) + 1))], schema, len(table))


def _linked(files: Files, schema: LinkageSchema) -> tuple[Figures, Encodings]:
    """Encode and link; the figures against the truth, and the first file's encodings."""
    encodings = [
        encode(table, schema, KEY, dataset=f"file{place}", keep_ids=True)
        for place, table in enumerate(files.tables)
    ]
    result = link(encodings)
    right = made = 0
    for one in result.links:
        truth = files.truth[one.left_dataset], files.truth[one.right_dataset]
        right += int((truth[0][one.left] == truth[1][one.right]).sum())
        made += len(one)
    matches = _matches(files.truth)
    figures = {
        "f1": round(2 * right / (made + matches), 4),
        "precision": round(right / max(made, 1), 4),
        "recall": round(right / matches, 4),
        "bytes": 8 * encodings[0].bits.shape[1] + 8 * encodings[0].tokens.shape[1],
    }
    if result.certificate is not None:
        figures["certified_recall"] = round(result.certificate.recall[1], 4)
    return figures, encodings[0]


def _matches(truth: Sequence[NDArray[np.int64]]) -> int:
    counts = [np.bincount(one, minlength=max(map(np.max, truth)) + 1) for one in truth]
    return int((sum(counts) ** 2 - sum(one**2 for one in counts)).sum()) // 2


def one_row_a_person(one: Encodings, truth: NDArray[np.int64]) -> Encodings:
    """Keep the first record of each person."""
    kept = np.zeros(len(one.records), bool)
    kept[np.unique(truth, return_index=True)[1]] = True
    rows, number = kept[one.owner], np.cumsum(kept) - 1
    return replace(
        one,
        records=one.records[kept],
        owner=number[one.owner[rows]],
        bits=one.bits[rows],
        tokens=one.tokens[rows],
    )


def shown(one: Encodings) -> Figures:
    """Tell what the linker sees of a file: pairs of blocks, and whom they tell apart."""
    size, rows = len(one.records), len(one.owner)
    pairs = [np.empty(0, np.int64)]
    for place in range(one.tokens.shape[1]):
        keys = one.tokens[:, place]
        i, j, _ = draw_equal(keys, keys, 1 << 62, np.random.default_rng(0), within=True)
        pairs.append((i * rows + j)[one.owner[i] != one.owner[j]])
    known = np.unique(np.concatenate(pairs))
    i, j = known // rows, known % rows
    sides = side(one)
    levels = levels_of(one).of(sides, sides, i, j)
    _, label = np.unique(levels, axis=0, return_inverse=True)
    ends = one.owner[i], one.owner[j]
    neighbour = np.zeros(size, bool)
    neighbour[np.concatenate(ends)] = True
    graph = coo_array((np.ones(len(i)), ends), shape=(size, size))
    groups = connected_components(graph, directed=False)[1]
    first = np.unique(one.owner, return_index=True)[1]
    missing = np.unique(field_presence(one)[first], axis=0, return_inverse=True)[1].ravel()
    colour = _refined(missing, *ends, label.ravel())
    return {
        "with_neighbour": round(float(neighbour.mean()), 4),
        "neighbours": round(2 * len(i) / size, 4),
        "largest_group": int(np.bincount(groups).max()),
        "told_by_missing": _unique(missing),
        "told_apart": _unique(colour),
    }


def _refined(
    colour: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    label: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Refine colours by the multiset of neighbours' colours and labels (Weisfeiler & Leman)."""
    random = np.random.default_rng(0)
    for _ in range(_ROUNDS):
        mixed = np.zeros(len(colour), np.uint64)
        codes = random.integers(0, 2**64, (2, max(len(colour), len(label)) + 1), np.uint64)
        for one, other in ((left, right), (right, left)):
            seen = (codes[0, colour[other]] ^ codes[1, label]) * np.uint64(0x9E3779B97F4A7C15)
            np.add.at(mixed, one, seen ^ (seen >> np.uint64(29)))
        whole = np.column_stack([colour.astype(np.uint64), mixed])
        colour = np.unique(whole, axis=0, return_inverse=True)[1].ravel()
    return colour


def _unique(colour: NDArray[np.int64]) -> float:
    return round(float((np.bincount(colour)[colour] == 1).mean()), 4)


if __name__ == "__main__":
    main()
