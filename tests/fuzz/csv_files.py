"""CSV files: what `read_batches` gives is what Python's own csv module reads, or a refusal.

Both ways of reading are held against each other: reading which stops at a bad row refuses a file
exactly if reading which skips bad rows leaves one out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from linkage.errors import InputError
from linkage.io.tables import column_names, read_batches
from tests.fuzz import Target, check_message, scratch

_DELIMITERS = ",;\t|"
_BOM = "\ufeff".encode()
Rows = list[tuple[int, tuple[str, ...]]]


@dataclass(frozen=True)
class Reading:
    """Numbered rows, the numbers of rows that can't be read, and what the first of these is."""

    names: list[str]
    good: Rows
    bad: list[int]
    reason: str = field(default="no row is left", compare=False)


def check_bytes(content: bytes) -> None:
    """Read any bytes as CSV."""
    path = scratch("bytes.csv")
    path.write_bytes(content)
    try:
        names = column_names(path)
    except InputError:
        refused(path, "bad header")
        refused(path, "bad header", skip=True)
        return
    delimiter = delimiter_of(content, names)
    check_reading(path, plain_reading(content, delimiter))


def check_faults(datum: dict[str, Any]) -> None:
    """Read a table into which faults were put, each within one row."""
    content, expected = written(datum)
    path = scratch("faults.csv")
    path.write_bytes(content)
    assert column_names(path) == expected.names
    check_reading(path, expected)
    assert plain_reading(content, datum["delimiter"]) == expected
    if expected.good:
        without = scratch("without.csv")
        with open(without, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL, delimiter=datum["delimiter"])
            writer.writerows([expected.names, *(cells for _, cells in expected.good)])
        found, _ = rows_of(without)
        assert [cells for _, cells in found] == [cells for _, cells in expected.good]


def check_reading(path: Path, expected: Reading) -> None:
    """Compare both ways of reading a file with what is expected of it."""
    if not expected.good:
        refused(path, expected.reason)
        refused(path, expected.reason, skip=True)
        return
    found, rejected = rows_of(path, skip=True)
    assert rejected == expected.bad, "other rows were skipped"
    assert found == expected.good, "other rows were read when skipping"
    if expected.bad:
        row = re.search(r"\brow (\d+)\b", refused(path, expected.reason))
        assert row, "a refusal without the row"
        assert int(row[1]) == expected.bad[0], "a refusal with another row"
    else:
        assert rows_of(path) == (expected.good, []), "other rows were read"


def rows_of(path: Path, *, skip: bool = False) -> tuple[Rows, list[int]]:
    """Read a file; gives numbered rows, and the numbers of those left out."""
    found: Rows = []
    rejected: list[int] = []

    def reject(row: int, problem: str) -> None:
        assert problem
        rejected.append(row)

    for batch, numbers in read_batches(path, reject if skip else None):
        assert batch.schema.names == column_names(path)
        assert numbers.dtype == np.int64
        cells = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        found += zip(numbers.tolist(), cells, strict=True)
    return found, rejected


def refused(path: Path, reason: str, *, skip: bool = False) -> str:
    """Read a file that must be refused; gives the message."""
    try:
        rows_of(path, skip=skip)
    except InputError as error:
        check_message(error, path)
        return str(error)
    raise AssertionError(f"not refused: {reason}")


def plain_reading(content: bytes, delimiter: str) -> Reading:
    """Read CSV with Python's csv module and nothing else."""
    text = content.decode("utf-8-sig", errors="surrogateescape")
    good: Rows = []
    bad: list[int] = []
    reasons: list[str] = []
    names: list[str] | None = None
    row = 0
    with _any_length():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                row += 1
                bad.append(row)
                reasons.append(str(error))
                continue
            if not cells:
                continue
            if names is None:
                names = cells
                continue
            row += 1
            joined = "".join(cells)
            is_text = joined.encode("utf-8", "replace").decode() == joined and "\0" not in joined
            if is_text and len(cells) == len(names):
                good.append((row, tuple(cells)))
            else:
                bad.append(row)
                reasons.append("other width" if is_text else "not text")
    return Reading(names or [], good, bad, *reasons[:1])


@contextmanager
def _any_length() -> Iterator[None]:
    before = csv.field_size_limit(1 << 30)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def delimiter_of(content: bytes, names: list[str]) -> str:
    """Find the delimiter that gives the names: of several, the one the first line has most of."""
    text = content.decode("utf-8-sig", errors="surrogateescape")
    fitting = [one for one in _DELIMITERS if _header(text, one) == names]
    assert fitting, f"no delimiter gives the names {names}"
    first_line = re.split("[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    return max(fitting, key=first_line.count)


def _header(text: str, delimiter: str) -> list[str]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        with _any_length():
            return next(row for row in reader if row)
    except (csv.Error, StopIteration):
        return []


def written(datum: dict[str, Any]) -> tuple[bytes, Reading]:
    """Write the table of a datum with its faults; gives what must be read from it."""
    delimiter, names = datum["delimiter"], datum["names"]
    content = (_BOM if datum["bom"] else b"") + datum["blank"].encode()
    content += delimiter.join(names).encode() + b"\n"
    good: Rows = []
    bad: list[int] = []
    reasons: list[str] = []
    for number, (texts, fault, end) in enumerate(datum["rows"], 1):
        cells = [text if isinstance(text, str) else "x" * text for text in texts]
        cells = [*cells, *("" for _ in names)][: len(names)]
        line = delimiter.join(_quoted(cell, delimiter, datum["quote"]) for cell in cells)
        if len(names) == 1 and not line:
            line = '""'
        is_bad, raw = _faulty(line.encode(), fault, delimiter, len(names))
        content += raw + end.encode()
        if is_bad:
            bad.append(number)
            reasons.append(fault)
        else:
            good.append((number, tuple(cells)))
    return content, Reading(names, good, bad, *reasons[:1])


def _quoted(cell: str, delimiter: str, quote: bool) -> str:
    needed = quote or any(sign in cell for sign in (delimiter, '"', "\r", "\n"))
    return '"' + cell.replace('"', '""') + '"' if needed else cell


def _faulty(line: bytes, fault: str, delimiter: str, width: int) -> tuple[bool, bytes]:
    sign = delimiter.encode()
    made = {
        "long": line + sign + b"more",
        "short": b"few" if width > 1 else line + sign,
        "latin": b"caf\xe9" + sign * (width - 1),
        "surrogate": b"\xed\xa0\x80" + sign * (width - 1),
        "nul": b"n\0ul" + sign * (width - 1),
        "quote": b'"Ann"x' + sign * (width - 1),
        "utf16": "Ann".encode("utf-16-le") + sign * (width - 1),
    }
    return fault in made, made.get(fault, line)


_WORDS = st.sampled_from(["", "Ann", "O'Neill", 'Ann "Nan" Lee', "a,b", "a;b", "x\ty", "p|q",
                          "two\nlines", "two\r\nlines", "cr\r", "\ufeff", "é", "李", "\u2028",
                          "\x1e", "\x0c", "\x85", "=1+1", " padded ", "NULL", "NA", "nan",
                          '"', '""', "1e5", "007"])  # fmt: skip
_CELLS = st.one_of(
    _WORDS,
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from([100, 70_000, 131_072, 131_073, 200_000]),
)
_FAULTS = ["", "", "", "", "long", "short", "latin", "surrogate", "nul", "quote", "utf16"]
_ENDS = ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n\r\n", "\r\r\n"]
_NAMES = ["record_id", "forename", "Date of birth", "naïve", "column with a long name " * 12]


@st.composite
def _tables(draw: Any) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4, unique=True))
    cells = st.lists(_CELLS, min_size=len(names), max_size=len(names))
    rows = st.tuples(cells, st.sampled_from(_FAULTS), st.sampled_from(_ENDS))
    return {
        "delimiter": draw(st.sampled_from(_DELIMITERS)) if len(names) > 1 else ",",
        "names": names,
        "bom": draw(st.booleans()),
        "blank": draw(st.sampled_from(["", "\n", "\r\n", "\n\n"])),
        "quote": draw(st.booleans()),
        "rows": draw(st.lists(rows, max_size=8)),
    }


_PIECES = st.sampled_from(
    [b"a", b"b", b"1", b"name", b",", b",", b";", b"\t", b"|", b'"', b'""', b"\n", b"\n", b"\r",
     b"\r\n", b"\0", b"\xe9", "é".encode(), _BOM, b" ", b"\x1e", b"\x0c", b"\x1a", b"\xed\xa0\x80",
     b"\xf4\x90\x80\x80", b"\xc0\x80", "\u2028".encode(), b'","', b'"\n"', b"\\", b"'", b"#"]
)  # fmt: skip
_STARTS = st.sampled_from([b"", b"", b"a,b\n", b"a,b\r\n", b"a;b\n1;2\n", b"a\n", b'"a","b"\n',
                           _BOM, _BOM + b"a,b\n", b"\n\na,b\n", b'"a\nb",c\n'])  # fmt: skip
_BYTES = st.one_of(
    st.binary(max_size=64),
    st.tuples(_STARTS, st.lists(_PIECES, max_size=24).map(b"".join)).map(b"".join),
)

TARGETS = (
    Target("csv-bytes", check_bytes, _BYTES),
    Target("csv-faults", check_faults, _tables()),
)
