"""Read people's tables: CSV in UTF-8 with a header, or Parquet; write plain tables.

CSV is read by Arrow, every cell as text. Where Arrow refuses, the file is read again slowly to
say which row is wrong and why. Rows are counted from 1, the header not included.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from linkage.errors import InputError, shown
from linkage.io.lenient import OnBadRow, is_undecodable, read_rows, row_problem
from linkage.kernels.quotes import CLOSED, PLAIN, QUOTED, START, WRONG, follow_quotes

_BLOCK_BYTES = 16 << 20
_BATCH_ROWS = 1 << 17
_SAMPLE_ROWS = 10_000
_DELIMITERS = ",;\t|"
_MAX_HEADER_BYTES = 1 << 20
#: A number, a date or a telephone number: nobody calls a column so.
_VALUE_LIKE = re.compile(r"\s*[+(]?\d[\d\s/.,:()+-]*")


def column_names(path: Path) -> list[str]:
    """Read the names of a table's columns. Raises `InputError` for a file that is no table."""
    if _is_parquet(path):
        with _readable(path):
            return list(pq.read_schema(path).names)
    return _header(path).names


def estimate_rows(path: Path) -> int:
    """Estimate how many rows a table has, to show progress: exact for Parquet."""
    if _is_parquet(path):
        with _readable(path):
            return int(pq.read_metadata(path).num_rows)
    with _readable(path), open(path, "rb") as file:
        start = file.read(_MAX_HEADER_BYTES)
    return int(path.stat().st_size * (start.count(b"\n") + 1) / max(len(start), 1))


def read_batches(
    path: Path, on_bad_row: OnBadRow | None = None
) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
    """Read a table in batches of bounded size, with the number of each row in the file.

    Raises `InputError` naming file and row. With `on_bad_row`, a row of a CSV file that can't be
    read is reported and left out instead.
    """
    rows = 0
    for batch, numbers in _numbered(path, on_bad_row):
        if batch.num_rows:
            rows += batch.num_rows
            yield batch, numbers
    if rows == 0:
        raise InputError(f"{path}: the file has a header but no rows")


def _numbered(
    path: Path, on_bad_row: OnBadRow | None
) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
    if on_bad_row and not _is_parquet(path):
        header = _header(path)
        with _readable(path):
            yield from read_rows(path, header.names, header.delimiter, _BATCH_ROWS, on_bad_row)
        return
    rows = 0
    for batch in _parquet_batches(path) if _is_parquet(path) else _csv_batches(path):
        yield batch, np.arange(rows + 1, rows + 1 + batch.num_rows)
        rows += batch.num_rows


def read_table(path: Path) -> dict[str, list[str]]:
    """Read a whole table as text, column by column; an empty cell is an empty text."""
    table = pa.Table.from_batches([batch for batch, _ in read_batches(path)])
    return {
        name: ["" if cell is None else str(cell) for cell in _cells(column, name, path)]
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _cells(column: pa.Array | pa.ChunkedArray, name: str, path: Path) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (ArithmeticError, ValueError, LookupError, NotImplementedError):
        raise InputError(
            f"{path}: column '{shown(name)}' of type {shown(column.type)} holds values that can't "
            "be read"
        ) from None


def write_table(
    path: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]], *, parquet: bool
) -> None:
    """Write a table as Parquet or CSV, whatever the file is called (it may be a draft)."""
    table = pa.table(dict(columns))
    if parquet:
        pq.write_table(table, path)
    else:
        pa_csv.write_csv(table, path, pa_csv.WriteOptions(quoting_style="needed"))


def sample_columns(path: Path) -> tuple[int, dict[str, list[str]], int]:
    """Count a table's rows, and read the distinct texts of each column in its first rows.

    Returns all rows, the texts by column, and the number of rows that the texts are of.
    """
    rows, sampled, samples = 0, 0, {}
    for batch, _ in read_batches(path):
        if not rows:
            sampled = min(_SAMPLE_ROWS, batch.num_rows)
            for name in batch.schema.names:
                cells = _cells(batch.column(name).slice(0, _SAMPLE_ROWS), name, path)
                samples[name] = list({str(cell): None for cell in cells if cell not in (None, "")})
        rows += batch.num_rows
    return rows, samples, sampled


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what Arrow and the system say of a file into one line for people."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise InputError(f"{path}: can't read it: {error.strerror}") from None
        raise _damaged(path) from None  # Arrow reports some damage so
    except (pa.ArrowException, EOFError, UnicodeDecodeError):
        raise _damaged(path) from None


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path}: not a readable Parquet file; it is damaged, cut short or of another format"
    )


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with _readable(path), pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"{path}: more than one column is called '{shown(name)}'")
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield _plain(batch, path)


def _plain(batch: pa.RecordBatch, path: Path) -> pa.RecordBatch:
    """Check a batch from a file that may lie, and turn times and other unusual types to text."""
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = column.type
        try:
            if isinstance(kind, pa.BaseExtensionType):
                column = column.storage
            elif pa.types.is_timestamp(kind):
                column = pc.utf8_slice_codeunits(column.cast(pa.string()), 0, len("2000-01-01"))
            elif pa.types.is_temporal(kind) or pa.types.is_string_view(kind):
                column = column.cast(pa.string())
        except pa.ArrowException:
            raise InputError(
                f"{path}: column '{shown(name)}' of type {shown(kind)} holds values that can't be "
                "read as text"
            ) from None
        columns.append(column)
    return pa.record_batch(columns, names=batch.schema.names)


def _csv_batches(path: Path) -> Iterator[pa.RecordBatch]:
    header = _header(path)
    if not _is_sound(path, header.delimiter):
        raise _diagnose(path, header)
    try:
        yield from pa_csv.open_csv(
            path,
            pa_csv.ReadOptions(
                block_size=_BLOCK_BYTES, column_names=header.names, skip_rows=header.lines
            ),
            pa_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
            pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in header.names},
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, OSError):
        raise _diagnose(path, header) from None


@dataclass(frozen=True)
class _Header:
    """The first row of a CSV file: names of columns, delimiter, and the lines up to its end."""

    names: list[str]
    delimiter: str
    lines: int


def _header(path: Path) -> _Header:
    """Read the header of a CSV file, and find its delimiter."""
    with _readable(path), open(path, "rb") as file:
        start = file.read(_MAX_HEADER_BYTES)
    first_line = start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").partition(b"\n")[0]
    if not first_line.strip():
        raise InputError(f"{path}: the file is empty")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in first_line:
        raise InputError(
            f"{path}: the header is not UTF-8 text (UTF-16 or binary); save it as 'CSV UTF-8'"
        )
    text = start.decode("utf-8-sig", errors="surrogateescape")
    delimiter = max(_DELIMITERS, key=text.lstrip("\r\n").splitlines()[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = next(row for row in reader if row)
    except (csv.Error, StopIteration):
        raise InputError(
            f"{path}: the header can't be read as CSV; a quote may not be closed"
        ) from None
    _check_header(path, names)
    return _Header(names, delimiter, reader.line_num)


def _check_header(path: Path, names: list[str]) -> None:
    """Refuse a header that is none. It may be a record, so no message shows it."""
    if any(is_undecodable(name) for name in names):
        raise InputError(f"{path}: the header is not UTF-8 text; save it as 'CSV UTF-8'")
    if any(_VALUE_LIKE.fullmatch(name) for name in names):
        raise InputError(
            f"{path}: the first row looks like a record, not like a header; put the names of the "
            "columns in the first row"
        )
    for place, name in enumerate(names, 1):
        first = names.index(name) + 1
        if first < place:
            raise InputError(f"{path}: columns {first} and {place} have the same name")


def _is_sound(path: Path, delimiter: str) -> bool:
    """Look for NUL bytes and wrong quotes, which Arrow would take for text."""
    state = START
    with _readable(path), open(path, "rb") as file:
        for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
            if b"\0" in block:
                return False
            if state in (QUOTED, CLOSED) or b'"' in block:
                state = follow_quotes(np.frombuffer(block, np.uint8), ord(delimiter), state)
            else:
                state = (
                    START if block[-1:] in b"\r\n" or block.endswith(delimiter.encode()) else PLAIN
                )
            if state == WRONG:
                return False
    return state != QUOTED


def _diagnose(path: Path, header: _Header) -> InputError:
    """Find the first row that makes a CSV file unreadable."""
    row = -1
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            for cells in csv.reader(file, delimiter=header.delimiter, strict=True):
                row += bool(cells)
                problem = row_problem(cells, len(header.names)) if cells else None
                if problem:
                    return InputError(f"{path}: row {row} {problem}")
    except csv.Error as error:
        return InputError(f"{path}: row {row + 1} can't be read as CSV: {shown(error, 80)}")
    except OSError as error:
        return InputError(f"{path}: can't read it: {error.strerror}")
    return InputError(f"{path}: not a readable CSV file (a row may be longer than 16 MB)")
