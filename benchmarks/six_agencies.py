"""Link six agencies of a million records each, and say what it took and how good the links are.

    python -m benchmarks.six_agencies [--rows 1000000] [--folder FOLDER]

Police and court files of a synthetic population, three times as long, are dealt out to three
police forces and three courts, so that a person has records with any of the six. Each file is
encoded, all are linked in one run on all cores, each command in a fresh process. Recall and
precision are counted here, over all fifteen pairs of data sets: of the links, and of the persons.
The results file is `benchmarks/results/six_agencies.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.measure import machine, write_results
from benchmarks.people import SIDES, make_files
from benchmarks.scaling import ALL_TEXT, check_room, codes, command

SHARES = 3
AGENCIES = [f"{side}{share}" for side in SIDES for share in range(1, SHARES + 1)]

Figures = dict[str, Any]


def main() -> None:
    """Make the files, link them, and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each agency")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    check_room(options.folder, options.rows * SHARES)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        run(Path(name) / "warm", 2_000)
        figures = run(Path(name) / "files", options.rows)
    write_results("six_agencies", machine() | {"threads": os.cpu_count()} | figures)
    print(json.dumps(figures, indent=1))


def run(folder: Path, rows: int) -> Figures:
    """Go through all commands with so many records an agency."""
    make_files(folder, rows * SHARES)
    for side in SIDES:
        deal(folder, side)
    raw = [folder / f"{name}.csv" for name in AGENCIES]
    encoded = [folder / f"{name}.enc.parquet" for name in AGENCIES]
    schema, key, results = folder / "schema.toml", folder / "project.key", folder / "results"
    command("schema", "init", "-q", *raw, "-o", schema)
    command("keygen", "-q", "-o", key)
    agreed = ("--schema", schema, "--key", key, "--keep-ids")
    encodings = [
        command("encode", "-q", one, *agreed, "-o", target)
        for one, target in zip(raw, encoded, strict=True)
    ]
    linked = command("link", "-q", *encoded, "--threads", os.cpu_count(), "-o", results)
    manifest = json.loads((results / "manifest.json").read_text())
    records = rows * len(AGENCIES)
    return {
        "agencies": len(AGENCIES),
        "rows_each": rows,
        "encode": dict(zip(AGENCIES, encodings, strict=True)),
        "link": linked,
        "stages": manifest["seconds"],
        "counts": manifest["counts"],
        "quality": quality(folder, results),
        "microseconds_a_record": round(1e6 * linked["seconds"] / records, 2),
    }


def deal(folder: Path, side: str) -> None:
    """Deal the rows of a file out to its agencies in turn, and drop it."""
    whole = folder / f"{side}.csv"
    paths = [folder / f"{side}{share}.csv" for share in range(1, SHARES + 1)]
    files = [path.open("w") for path in paths]
    with whole.open() as lines:
        header = next(lines)
        for file in files:
            file.write(header)
        for number, line in enumerate(lines):
            files[number % SHARES].write(line)
    for file in files:
        file.close()
    whole.unlink()


def quality(folder: Path, results: Path) -> Figures:
    """Judge links and persons by the truth: pairs of records of two agencies."""
    truth = pacsv.read_csv(folder / "truth.csv", convert_options=ALL_TEXT)
    true = pa.table(
        {
            "record": pc.binary_join_element_wise(truth["dataset"], truth["record_id"], ":"),
            "person": pa.chunked_array([codes(truth["person_id"].dictionary_encode())]),
        }
    )
    found = pq.read_table(results / "persons.parquet")
    side = pc.utf8_slice_codeunits(found["dataset"], 0, -1)
    place = pc.index_in(pc.binary_join_element_wise(side, found["record"], ":"), true["record"])
    person = true["person"].to_numpy()[place.to_numpy()]
    agency = codes(found["dataset"].dictionary_encode())
    group = codes(found["person_id"].dictionary_encode())
    matches = pairs_within(person, agency)
    both = pairs_within(person * (group.max() + 1) + group, agency)
    joined = pairs_within(group, agency)
    links = pq.read_table(results / "links.parquet")
    right = linked_rightly(links, found, person)
    return {
        "matches": matches,
        "links": figures(right, links.num_rows, matches),
        "persons": figures(both, joined, matches),
    }


def linked_rightly(links: pa.Table, found: pa.Table, person: NDArray[np.int64]) -> int:
    """Count the links between records of one person."""
    names = pc.binary_join_element_wise(found["dataset"], found["record"], ":")
    sides = []
    for end in ("left", "right"):
        own = pc.binary_join_element_wise(links[f"{end}_dataset"], links[f"{end}_record"], ":")
        sides.append(person[pc.index_in(own, names).to_numpy()])
    return int((sides[0] == sides[1]).sum())


def pairs_within(group: NDArray[np.int64], agency: NDArray[np.int64]) -> int:
    """Count the pairs of records of one group that two agencies hold."""
    many = agency.max() + 1
    groups = np.unique(group, return_counts=True)[1]
    parts = np.unique(group * many + agency, return_counts=True)[1]
    return int((groups * (groups - 1) // 2).sum() - (parts * (parts - 1) // 2).sum())


def figures(right: int, given: int, matches: int) -> Figures:
    """Give precision, recall and F1."""
    precision, recall = right / given, right / matches
    f1 = 2 * precision * recall / (precision + recall)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


if __name__ == "__main__":
    main()
