"""Make the data of the benchmarks: police and court files of a synthetic population, and truth.

The two sides overlap, with the errors, aliases and households of `linkage synth`. A file has
exactly the rows asked for: court files have about as many rows as there are people, police files
more, and rows stand in random order, so that what is cut off is a random sample.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.model import Encodings
from linkage.schema import LinkageSchema

SIDES = ("police", "court")
COMMAND = (sys.executable, "-m", "linkage")
KEY = ProjectKey(bytes(range(32)))  # fixed, so that the figures can be made again
#: People a row of the court file, and a few to be sure.
_PEOPLE_PER_ROW, _SPARE = 0.97, 200
#: A larger file is put together from parts, each of other people, so that memory suffices.
_PART = 1_000_000


def make_files(folder: Path, rows: int) -> None:
    """Write police.csv, court.csv and truth.csv into a new folder, with `rows` rows a side."""
    folder.mkdir()
    starts = range(0, rows, _PART)
    for seed, start in enumerate(starts, 1):
        size = min(_PART, rows - start)
        _make_part(folder / "part", size, seed)
        _append_part(folder, size, prefix=f"{seed}-" if len(starts) > 1 else "")


def _make_part(part: Path, rows: int, seed: int) -> None:
    people = str(int(rows * _PEOPLE_PER_ROW) + _SPARE)
    command = [*COMMAND, "synth", "-q", "--people", people, "--seed", str(seed)]
    subprocess.run([*command, "--threads", str(os.cpu_count()), "-o", part], check=True)


def _append_part(folder: Path, rows: int, prefix: str) -> None:
    """Append a part's rows to the files, ids after `prefix`, and the truth of these rows."""
    part = folder / "part"
    kept = {side: _append_rows(part, folder, side, rows, prefix) for side in SIDES}
    with open(part / "truth.csv", newline="") as given, open(folder / "truth.csv", "a") as truth:
        if not truth.tell():
            truth.write("dataset,record_id,person_id\n")
        for side, record, person, *_ in csv.reader(given):
            if record in kept.get(side, ()):
                truth.write(f"{side},{prefix}{record},{prefix}{person}\n")
    for one in part.iterdir():
        one.unlink()
    part.rmdir()


def _append_rows(part: Path, folder: Path, side: str, rows: int, prefix: str) -> set[str]:
    """Append the first rows of a file, and give their record ids."""
    kept = set()
    with open(part / f"{side}.csv") as given, open(folder / f"{side}.csv", "a") as target:
        header = next(given)
        if not target.tell():
            target.write(header)
        for line in _first(given, rows):
            record, rest = line.split(",", 1)
            kept.add(record.strip('"'))
            target.write(f'"{prefix}{record.strip(chr(34))}",{rest}')
    return kept


def _first(lines: Iterator[str], rows: int) -> Iterator[str]:
    for _ in range(rows):
        yield next(lines)


def draft_schema(folder: Path, level: str) -> Path:
    """Draft the schema of both files with `linkage schema init`."""
    path = folder / f"{level}.toml"
    files = [folder / f"{side}.csv" for side in SIDES]
    command = [*COMMAND, "schema", "init", "-q", *files, "--level", level, "-o", path]
    subprocess.run(command, check=True)
    return path


def read_file(path: Path) -> pa.Table:
    """Read a file as columns of text, empty cells as such."""
    with open(path, newline="") as file:
        header = next(csv.reader(file))
    options = pacsv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()))
    return pacsv.read_csv(path, convert_options=options)


def encode_files(folder: Path, schema: LinkageSchema) -> list[Encodings]:
    """Encode both files in memory, the records under their own ids."""
    return [
        encode(read_file(folder / f"{side}.csv"), schema, KEY, dataset=side, keep_ids=True)
        for side in SIDES
    ]


def read_truth(folder: Path) -> list[NDArray[np.int64]]:
    """Give the number of the person of every row of both files, in order of the rows."""
    truth = pacsv.read_csv(folder / "truth.csv")
    person = truth["person_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    side = truth["dataset"].to_numpy()
    return [person[side == one].astype(np.int64) for one in SIDES]


def matching_rows(truth: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """List the pairs of rows of one person, `int64[matches, 2]`."""
    left, right = truth
    order = np.argsort(right, kind="stable")
    start, stop = (np.searchsorted(right[order], left, side=side) for side in ("left", "right"))
    one = np.repeat(np.arange(len(left)), stop - start)
    inside = np.arange(len(one)) - np.repeat(np.cumsum(stop - start) - (stop - start), stop - start)
    return np.column_stack([one, order[np.repeat(start, stop - start) + inside]])
