"""Parquet files: columns of every Arrow type, and files that are damaged or lie.

A column of any type is refused with `InputError`, or encoded as the column of its texts would be.
Parquet has no digest, so that a damaged file may be read as something else, but in bounds.
"""

from __future__ import annotations

import datetime
import decimal
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from linkage.agency.encode import Encoder, encode
from linkage.agency.keys import ProjectKey
from linkage.errors import InputError
from linkage.io.tables import column_names, read_batches, read_table, sample_columns
from linkage.model import Encodings
from linkage.schema import LinkageSchema
from tests.fuzz import EDITS, Target, check_message, edited, scratch

KEY = ProjectKey(bytes(range(32)))


def schema_for(kind: str) -> LinkageSchema:
    """Give a schema with one field of a type, and a name."""
    return LinkageSchema.from_content(
        {
            "version": 1,
            "name": "parquet",
            "level": "field",
            "record_id": ["id"],
            "filter": {"bits": 128},
            "field": [
                {"name": "x", "type": kind, "columns": ["x"]},
                {"name": "y", "type": "name", "columns": ["y"]},
            ],
            "blocking": [{"name": "x", "on": ["x"]}, {"name": "y", "on": ["y"]}],
        }
    )


@dataclass(frozen=True)
class Kind:
    """An Arrow type: how to make a column of plain values, and the text that each stands for.

    Where nothing is said about texts, only that the column is refused or encoded is checked.
    """

    make: Callable[[list[Any]], pa.Array]
    values: st.SearchStrategy[Any]
    text: Callable[[Any], str] | None = None


def _of(arrow: pa.DataType) -> Callable[[list[Any]], pa.Array]:
    return lambda values: pa.array(values, arrow)


def _viewed(arrow: pa.DataType) -> Callable[[list[Any]], pa.Array]:
    """Make a column of numbers into one of times, whatever times they are."""
    whole = pa.int32() if arrow.bit_width == 32 else pa.int64()
    return lambda values: pa.array(values, whole).view(arrow)


def _bad_utf8(arrow: pa.DataType) -> Callable[[list[Any]], pa.Array]:
    binary = pa.binary() if arrow == pa.string() else pa.large_binary()
    return lambda values: pa.array(values, binary).view(arrow)


def _dictionary(values: list[Any]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode()


def _dictionary_with_null(values: list[Any]) -> pa.Array:
    places = pa.array([place % 3 for place, _ in enumerate(values)], pa.int8())
    return pa.DictionaryArray.from_arrays(places, pa.array(["Ann", None, ""], pa.string()))


def _extension(arrow: Any, storage: pa.DataType) -> Callable[[list[Any]], pa.Array]:
    return lambda values: pa.ExtensionArray.from_storage(arrow, pa.array(values, storage))


def _iso(days: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days)).isoformat()


def _day_of(unit: int) -> Callable[[int], str]:
    return lambda moment: _iso(moment // (86_400 * unit))


_INT8, _INT32 = st.integers(-128, 127), st.integers(-(2**31), 2**31 - 1)
_INT64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(10**6), 10**6))
_DAYS = st.integers(-50_000, 30_000)
_WORDS = st.sampled_from(["Ann", "O'Neill", "1980-02-29", "29/02/1980", "7", "", " ", "\0",
                          "né", "unknown", "a\x1eb", "AB123", "\u2028", "x" * 300,
                          "1e5", "-4"])  # fmt: skip
_BYTES = st.sampled_from(
    [b"Ann", b"", b"\xff", b"7", b"19800229", b"n\xc3\xa9", b"\0", b"\xed\xa0\x80"]
)
_FLOATS = st.floats(width=32)
_SAME = str


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _decimals(digits: int) -> st.SearchStrategy[Any]:
    return st.integers(-(10**digits) + 1, 10**digits - 1)


def _decimal(arrow: pa.DataType, scale: int) -> Callable[[list[Any]], pa.Array]:
    with decimal.localcontext(prec=80):
        unit = decimal.Decimal(1).scaleb(-scale)

    def make(values: list[Any]) -> pa.Array:
        with decimal.localcontext(prec=80):
            return pa.array([None if one is None else one * unit for one in values], arrow)

    return make


KINDS: dict[str, Kind] = {
    "int8": Kind(_of(pa.int8()), _INT8, _SAME),
    "int32": Kind(_of(pa.int32()), _INT32, _SAME),
    "int64": Kind(_of(pa.int64()), _INT64, _SAME),
    "uint64": Kind(_of(pa.uint64()), st.integers(0, 2**64 - 1), _SAME),
    "float16": Kind(lambda v: pa.array([None if o is None else np.float16(o) for o in v],
                                       pa.float16()), st.integers(-2048, 2048), _SAME),
    "float32": Kind(_of(pa.float32()), _FLOATS),
    "float64": Kind(_of(pa.float64()), st.floats()),
    "whole float64": Kind(_of(pa.float64()), st.integers(-(10**15), 10**15), _SAME),
    "bool": Kind(_of(pa.bool_()), st.booleans(), _SAME),
    "string": Kind(_of(pa.string()), _WORDS, _SAME),
    "large_string": Kind(_of(pa.large_string()), _WORDS, _SAME),
    "string_view": Kind(_of(pa.string_view()), _WORDS, _SAME),
    "binary": Kind(_of(pa.binary()), _BYTES, _decoded),
    "large_binary": Kind(_of(pa.large_binary()), _BYTES, _decoded),
    "binary_view": Kind(_of(pa.binary_view()), _BYTES),
    "fixed_size_binary": Kind(_of(pa.binary(3)), st.binary(min_size=3, max_size=3)),
    "not UTF-8": Kind(_bad_utf8(pa.string()), _BYTES),
    "large not UTF-8": Kind(_bad_utf8(pa.large_string()), _BYTES),
    "decimal128": Kind(_decimal(pa.decimal128(20, 0), 0), _decimals(20), _SAME),
    "decimal128 with cents": Kind(_decimal(pa.decimal128(38, 2), 2), _decimals(36)),
    "decimal256": Kind(_decimal(pa.decimal256(76, 10), 10), _decimals(70)),
    "decimal128 of thousands": Kind(_decimal(pa.decimal128(10, -3), -3), _decimals(5)),
    "date32": Kind(_of(pa.date32()), _DAYS, _iso),
    "any date32": Kind(_viewed(pa.date32()), _INT32),
    "any date64": Kind(_viewed(pa.date64()), _INT64),
    "time32": Kind(_viewed(pa.time32("ms")), _INT32),
    "time64": Kind(_viewed(pa.time64("ns")), _INT64),
    "timestamp s": Kind(_viewed(pa.timestamp("s")), _DAYS.map(lambda d: d * 86_399), _day_of(1)),
    "timestamp us": Kind(_viewed(pa.timestamp("us")), _DAYS.map(lambda d: d * 86_399 * 10**6 + 7),
                         _day_of(10**6)),
    "timestamp ns": Kind(_viewed(pa.timestamp("ns")), _DAYS.map(lambda d: d * 86_399 * 10**9 + 7),
                         _day_of(10**9)),
    "any timestamp s": Kind(_viewed(pa.timestamp("s")), _INT64),
    "any timestamp us": Kind(_viewed(pa.timestamp("us")), _INT64),
    "any timestamp ns": Kind(_viewed(pa.timestamp("ns")), _INT64),
    "timestamp with zone": Kind(_viewed(pa.timestamp("us", "Europe/London")), _INT64),
    "timestamp with no such zone": Kind(_viewed(pa.timestamp("us", "No/Where")), _DAYS),
    "duration": Kind(_viewed(pa.duration("us")), _INT64),
    "interval": Kind(_of(pa.month_day_nano_interval()), st.just((1, 2, 3))),
    "null": Kind(_of(pa.null()), st.none(), _SAME),
    "dictionary": Kind(_dictionary, _WORDS, _SAME),
    "dictionary with null": Kind(_dictionary_with_null, _WORDS),
    "list": Kind(_of(pa.list_(pa.string())), st.lists(_WORDS, max_size=3)),
    "large_list": Kind(_of(pa.large_list(pa.string())), st.lists(_WORDS, max_size=3)),
    "list of lists": Kind(_of(pa.list_(pa.list_(pa.int8()))), st.lists(st.just([1]), max_size=2)),
    "list of structures": Kind(_of(pa.list_(pa.struct([("a", pa.int8())]))),
                               st.lists(st.just({"a": 1}), max_size=2)),
    "fixed_size_list": Kind(_of(pa.list_(pa.int8(), 2)), st.lists(_INT8, min_size=2, max_size=2)),
    "structure": Kind(_of(pa.struct([("a", pa.int8())])), st.just({"a": 1})),
    "empty structure": Kind(_of(pa.struct([])), st.just({})),
    "map": Kind(_of(pa.map_(pa.string(), pa.string())), st.just([("a", "b")])),
    "uuid": Kind(_extension(pa.uuid(), pa.binary(16)), st.binary(min_size=16, max_size=16)),
    "json": Kind(_extension(pa.json_(), pa.string()), _WORDS),
    "bool8": Kind(_extension(pa.bool8(), pa.int8()), _INT8),
    "run_end_encoded": Kind(
        lambda values: pa.RunEndEncodedArray.from_arrays(
            pa.array(range(1, len(values) + 1), pa.int32()), pa.array(values, pa.string())
        ),
        _WORDS,
    ),
}  # fmt: skip


def check_types(datum: dict[str, Any]) -> None:
    """Encode a column of any type, from memory and from a file, and compare with its texts."""
    kind, values = KINDS[datum["kind"]], datum["values"]
    array = kind.make(values)
    table = pa.table(
        {"id": [str(n) for n, _ in enumerate(values)], "x": array, "y": ["Ann"] * len(values)}
    )
    schema = schema_for(datum["field"])
    expected = None
    if kind.text is not None:
        texts = ["" if one is None else kind.text(one) for one in values]
        columns = {"id": table["id"].to_pylist(), "x": texts, "y": ["Ann"] * len(values)}
        expected = encode(columns, schema, KEY)
    for made in (table, table.to_batches()[0]):
        compare(lambda one=made: encode(one, schema, KEY), expected, len(values))
    path = scratch("types.parquet")
    try:
        pq.write_table(table, path)
    except (pa.ArrowException, OSError):
        return
    compare(lambda: encode_file(path, schema), expected, len(values))
    for read in (read_table, sample_columns, column_names):
        try:
            read(path)
        except InputError as error:
            check_message(error, path)


def compare(make: Callable[[], Encodings], expected: Encodings | None, rows: int) -> None:
    """Encode, and compare what comes of it with what is expected, if that is known."""
    try:
        found = make()
    except InputError as error:
        check_message(error)
        if expected is not None:
            raise AssertionError(f"refused: {error}") from error
        return
    assert len(found.owner) == rows
    if expected is not None:
        assert np.array_equal(found.bits, expected.bits)
        assert np.array_equal(found.tokens, expected.tokens)


def encode_file(path: Any, schema: LinkageSchema) -> Encodings:
    """Encode a file chunk by chunk, as the command does; gives the last chunk."""
    encoder = Encoder(schema, KEY, "x")
    chunks = [encoder.encode(batch, rows).encodings for batch, rows in read_batches(path)]
    return chunks[-1]


def check_damage(edits: list[Any]) -> None:
    """Read and encode a damaged file."""
    content = edited(_sound(), edits)
    path = scratch("damage.parquet")
    path.write_bytes(content)
    try:
        names = column_names(path)
        assert all(isinstance(name, str) for name in names)
        rows = sum(batch.num_rows for batch, _ in read_batches(path))
        assert 0 < rows < 1_000_000
        encode_file(path, schema_for("date"))
    except InputError as error:
        check_message(error)
    if content == _sound():
        assert encode_file(path, schema_for("date")).bits.any()


@lru_cache(maxsize=1)
def _sound() -> bytes:
    count = 60
    table = pa.table(
        {
            "id": [f"A{n}" for n in range(count)],
            "x": pa.array([datetime.date(1950 + n, 1 + n % 12, 1 + n % 28) for n in range(count)]),
            "y": pa.array([["Ann", "Bob", None][n % 3] for n in range(count)]),
            "z": pa.array([[n, n + 1] for n in range(count)], pa.list_(pa.int16())),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=25, compression="snappy")
    return file.getvalue()


@st.composite
def _columns(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    cells = st.one_of(st.none(), KINDS[kind].values)
    return {
        "kind": kind,
        "field": draw(st.sampled_from(["name", "date", "number", "code", "text", "identifier",
                                       "postcode", "sex"])),
        "values": draw(st.lists(cells, min_size=1, max_size=5)),
    }  # fmt: skip


PLACES = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
_EDITS = st.lists(st.tuples(st.sampled_from(EDITS), PLACES, st.integers(0, 2**18 - 1)), max_size=4)

TARGETS = (
    Target("parquet-types", check_types, _columns()),
    Target("parquet-damage", check_damage, _EDITS),
)
