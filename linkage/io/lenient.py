"""Read a CSV file row by row, and report rows that can't be read instead of giving up.

Slower than Arrow, so that it serves only where bad rows may be left out.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.errors import shown

OnBadRow = Callable[[int, str], None]

# As long as Arrow takes, so that a file is good or bad whichever of the two reads it.
csv.field_size_limit(1 << 24)


def is_undecodable(text: str) -> bool:
    """Tell whether a text was read from bytes that are not UTF-8."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def row_problem(cells: list[str], width: int) -> str | None:
    """Say what is wrong with a row of a CSV file, if anything is."""
    text = "".join(cells)
    if is_undecodable(text):
        return "is not UTF-8 text; save the file as 'CSV UTF-8'"
    if "\x00" in text:
        return "holds a NUL byte; export the file again"
    if len(cells) != width:
        return (
            f"has {len(cells)} cells and the header {width}; look for a missing or an extra "
            "delimiter or quote"
        )
    return None


def read_rows(
    path: Path, names: list[str], delimiter: str, batch_rows: int, on_bad_row: OnBadRow
) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
    """Yield batches of the rows that can be read, and their numbers in the file.

    Rows count from 1, without the header and blank lines. `on_bad_row` is told the number and
    the problem of each other row.
    """
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        batch: list[list[str]] = []
        numbers: list[int] = []
        row = -1
        while True:
            first_line = reader.line_num + 1
            try:
                cells = next(reader, None)
                if cells is None:
                    break
                row += bool(cells)
                problem = row_problem(cells, len(names)) if cells else None
            except csv.Error as error:
                row, cells, problem = row + 1, ["?"], f"can't be read as CSV: {shown(error, 80)}"
            if problem is not None:
                lines = f" (lines {first_line} to {reader.line_num})"
                on_bad_row(row, problem + (lines if reader.line_num > first_line else ""))
            elif cells and row > 0:
                batch.append(cells)
                numbers.append(row)
            if len(batch) == batch_rows:
                yield _batch(batch, names), np.array(numbers, np.int64)
                batch, numbers = [], []
        if batch:
            yield _batch(batch, names), np.array(numbers, np.int64)


def _batch(rows: list[list[str]], names: list[str]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.record_batch(columns, names=names)
