"""What the fuzzers found, each case made small by hand."""

from __future__ import annotations

import contextlib
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.agency.normalise import normaliser
from linkage.errors import InputError, LinkageError
from linkage.io import read_encodings, write_encodings
from linkage.io.encoded import read_manifest
from linkage.io.ids import read_ids
from linkage.io.tables import column_names, read_batches, read_table, sample_columns
from linkage.schema import FieldSpec, LinkageSchema

KEY = ProjectKey(bytes(range(32)))


def rows_of(path, on_bad_row=None):
    """Every row as its number and its cells."""
    found = []
    for batch, numbers in read_batches(path, on_bad_row):
        cells = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        found += zip(numbers.tolist(), cells, strict=True)
    return found


def rejects_of(path):
    """The rows that are left out when bad rows may be."""
    rejects = []
    with contextlib.suppress(InputError):  # where no row is left
        rows_of(path, lambda row, problem: rejects.append(row))
    return rejects


def make_schema(kind, **options):
    return LinkageSchema.from_content(
        {
            "version": 1,
            "name": "found",
            "level": "field",
            "filter": {"bits": 128},
            "field": [
                {"name": "x", "type": kind, "columns": ["x"]} | options,
                {"name": "y", "type": "name", "columns": ["y"]},
            ],
            "blocking": [{"name": "x", "on": ["x"]}],
        }
    )


def encoded(schema, cells):
    return encode(pa.table({"x": cells, "y": ["Ann"] * len(cells)}), schema, KEY)


# --- CSV


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b'a,b\n1,"2\n3,4\n5,6\n', 1),
        (b'a,b\n1,2\n3,"4\n5,6\n7,8\n', 2),
        (b'a,b\n1,"', 1),
        (b'a\n"1\n2\n', 1),
    ],
)
def test_quote_open_at_the_end__does_not_swallow_the_rows_behind_it(tmp_path, content, row):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"row {row} "):
        rows_of(path)
    assert rejects_of(path) == [row]


@pytest.mark.parametrize("cell", [b'"Ann"x', b'"Ann" ', b'""a', b'"a"b"c"'])
def test_text_behind_a_quote__is_bad_whether_bad_rows_stop_or_are_skipped(tmp_path, cell):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n" + cell + b",3\n4,5\n")
    assert rejects_of(path) == [2]
    with pytest.raises(InputError, match="row 2 "):
        rows_of(path)


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\xef\xbb\xbf\r\n\r\n"])
def test_byte_order_mark_alone__is_an_empty_file(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    for read in (column_names, rows_of):
        with pytest.raises(InputError, match="empty"):
            read(path)


@pytest.mark.parametrize("length", [131_072, 131_073, 200_000])
def test_long_cell__is_good_or_bad_whether_bad_rows_stop_or_are_skipped(tmp_path, length):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n3," + b"x" * length + b"\n5,6\n")
    rejects = rejects_of(path)
    if rejects:
        assert rejects == [2]
        with pytest.raises(InputError, match="row 2 "):
            rows_of(path)
    else:
        assert len(rows_of(path)) == 3


@pytest.mark.parametrize("cell", [b"n\0ul", b"A\0n\0n\0"])
def test_nul_in_an_early_row__is_that_row_alone(tmp_path, cell):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n" + cell + b",3\n4,5\n")
    with pytest.raises(InputError, match="row 2 holds a NUL"):
        rows_of(path)
    assert rejects_of(path) == [2]


def test_nul_far_back_in_the_header__is_refused_as_a_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a" * 250 + b"\0,b\n1,2\n")
    with pytest.raises(InputError, match="header") as refusal:
        rows_of(path)
    assert "row 0" not in str(refusal.value)
    with pytest.raises(InputError, match="header"):
        rows_of(path, lambda row, problem: None)


# --- Parquet and tables in memory


def write(tmp_path, array):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": array, "y": ["Ann"] * len(array)}), path)
    return path


def refuse_or_encode(path, kind="text"):
    """Do all that a command does with a file; `InputError` is the only way not to."""
    for act in (
        lambda: [encode(batch, make_schema(kind), KEY) for batch, _ in read_batches(path)],
        lambda: read_table(path),
        lambda: sample_columns(path),
    ):
        with contextlib.suppress(InputError):
            act()


def times(numbers, arrow):
    whole = pa.int32() if arrow.bit_width == 32 else pa.int64()
    return pa.array(numbers, whole).view(arrow)


@pytest.mark.parametrize(
    "array",
    [
        times([3_000_000], pa.date32()),
        times([2**62], pa.date64()),
        times([2**50], pa.timestamp("s")),
        times([-(2**62)], pa.timestamp("us")),
        times([2**62], pa.timestamp("us", "Europe/London")),
        times([2**62], pa.duration("us")),
        times([-1], pa.time32("ms")),
        times([-1], pa.time64("us")),
    ],
    ids=lambda array: str(array.type),
)
@pytest.mark.parametrize("kind", ["date", "text"])
def test_times_beyond_the_calendar__are_refused_or_missing(tmp_path, array, kind):
    refuse_or_encode(write(tmp_path, array), kind)


def test_no_such_time_zone__is_refused_or_encoded(tmp_path):
    refuse_or_encode(write(tmp_path, times([0], pa.timestamp("us", "No/Where"))), "date")


@pytest.mark.parametrize("arrow", [pa.string(), pa.large_string()], ids=str)
def test_text_that_is_not_utf8__is_refused_or_encoded(tmp_path, arrow):
    binary = pa.binary() if arrow == pa.string() else pa.large_binary()
    refuse_or_encode(write(tmp_path, pa.array([b"Ann", b"\xff"], binary).view(arrow)))


@pytest.mark.parametrize(
    "array",
    [
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16], pa.binary(16))),
        pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())),
        pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string())),
        pa.array([{"a": 1}]),
        pa.array([[1, 2]], pa.list_(pa.int8(), 2)),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.array([[[1]]]),
    ],
    ids=lambda array: str(array.type)[:20],
)
def test_columns_of_unusual_types__are_refused_or_encoded(array, tmp_path):
    table = pa.table({"x": array, "y": ["Ann"]})
    with contextlib.suppress(InputError):
        assert len(encode(table, make_schema("text"), KEY).records) == 1
    path = tmp_path / "a.parquet"
    try:
        pq.write_table(table, path)
    except pa.ArrowNotImplementedError:
        return
    refuse_or_encode(path)


@pytest.mark.parametrize("arrow", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_sign_that_parts_lists__is_a_space_in_text_of_any_type(arrow):
    table = {"x": pa.array(["a\x1eb"], arrow), "y": ["Ann"]}
    found = encode(pa.table(table), make_schema("text"), KEY)
    assert np.array_equal(found.bits, encoded(make_schema("text"), ["a b"]).bits)


def test_column_names_that_are_not_utf8__are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"zzzz": ["Ann"], "y": ["Ann"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"zzzz", b"\xff\xfe\xff\xfe"))
    for read in (column_names, rows_of, read_table, sample_columns):
        with pytest.raises(InputError):
            read(path)


def test_ids_table_that_is_not_utf8__is_refused(tmp_path):
    path = tmp_path / "a.ids.parquet"
    bad = pa.array([b"\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"record": bad, "record_id": ["1"]}), path)
    with pytest.raises(InputError, match="ids table"):
        read_ids(path)


@pytest.mark.parametrize("version", ["\x1b[2J", "a\nb\nc\nd", "\x00", ["\x07"]])
def test_format_version_of_an_encoded_file__is_shown_without_control_characters(tmp_path, version):
    path = tmp_path / "a.enc.parquet"
    write_encodings(encoded(make_schema("text"), ["Ann"]), path)
    table = pq.read_table(path)
    content = json.loads(table.schema.metadata[b"linkage"]) | {"format_version": version}
    raw = json.dumps(content).encode()
    pq.write_table(table.replace_schema_metadata({b"linkage": raw}), path)
    for read in (read_manifest, read_encodings):
        with pytest.raises(LinkageError) as refusal:
            read(path)
        assert str(refusal.value).isprintable()


@pytest.mark.parametrize("header", ["\x1b[2J", "a\nb\nc\nd", "\x07"])
def test_header__is_shown_without_control_characters(tmp_path, header):
    path = tmp_path / "a.csv"
    path.write_text(f'"{header}",b\n1,2\n', newline="")
    with pytest.raises(InputError) as refusal:
        [encode(batch, make_schema("text"), KEY) for batch, _ in read_batches(path)]
    assert str(refusal.value).isprintable()


# --- Values and schemas


@pytest.mark.parametrize("raw", ["9e999999", "-9E999999", "1e-999999"])
@pytest.mark.parametrize("step", [0.5, 1.0, 5e-324, 1.7e308])
def test_number_of_absurd_size__is_missing_or_a_number(raw, step):
    value = normaliser(FieldSpec(name="x", type="number", columns=("x",), step=step))(raw)
    assert value in (None, "0")


@pytest.mark.parametrize("raw", ["O´Neill", "O`Neill", "O‘Neill", "O’Neill", "OʻNeill", "OʼNeill"])
@pytest.mark.parametrize("kind", ["name", "text"])
def test_apostrophe_of_any_kind__leaves_the_letters_together(kind, raw):
    assert normaliser(FieldSpec(name="x", type=kind, columns=("x",)))(raw) == "ONEILL"


@pytest.mark.parametrize("raw", ["-/-", "/", "..", "./-", "---"])
def test_code_of_signs_alone__is_missing(raw):
    assert normaliser(FieldSpec(name="x", type="code", columns=("x",)))(raw) is None


@pytest.mark.parametrize("placeholder", [" test", "test ", "\ttest", "TEST\n"])
def test_placeholder_with_outer_spaces__is_missing(placeholder):
    field = FieldSpec(name="x", type="name", columns=("x",), placeholders=(placeholder,))
    assert normaliser(field)("Test") is None
    assert normaliser(field)(placeholder) is None


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("name", ["^A", "é"]),
        ("name", ["^A", "a"]),
        ("postcode", ["^S", "ß"]),
        ("text", ["^A", "a\nb"]),
        ("date", ["^19", ""]),
        ("date", [".", "."]),
        ("date", ["^19", "AB"]),
        ("number", [".", "X"]),
        ("number", ["$", ".5"]),
        ("sex", ["M", "李"]),
    ],
)
def test_rule_of_ones_own__gives_a_value_of_the_type_or_a_refusal(kind, rule):
    cells = ["Ann", "1980-02-29", "SW1A 1AA", "7", "M", "19800229"]
    try:
        schema = make_schema(kind, replace=[rule])
        found = encoded(schema, cells)
    except InputError:
        return
    field = schema.field[0]
    values = [normaliser(field)(cell) for cell in cells]
    form = {"date": r"\d{8}", "number": r"-?\d+"}.get(kind, "[ -~]+")
    assert all(value is None or re.fullmatch(form, value) for value in values)
    present = np.array([value is not None for value in values])
    assert np.array_equal(found.bits[:, :2].any(axis=1), present)


def test_rule_with_flags_in_front__is_a_rule():
    field = FieldSpec(name="x", type="code", columns=("x",), replace=(("(?i)a", "B"),))
    assert normaliser(field)("A1") == "B1"


@pytest.mark.parametrize("columns", [[[]], [[], "x"], ["x", []]])
@pytest.mark.parametrize("several", [None, "alias"])
def test_empty_list_of_columns__is_refused(columns, several):
    with pytest.raises(InputError, match=r"field\.1\.columns"):
        make_schema("name", columns=columns, several=several)


def test_message_about_a_rule__shows_no_control_characters():
    with pytest.raises(InputError) as refusal:
        make_schema("code", replace=[["(", "\n\x1b[2J"]])
    assert str(refusal.value).isprintable()
    with pytest.raises(InputError) as refusal:
        make_schema("code", replace=[["a", "\n\x1b[2J\\9"]])
    assert str(refusal.value).isprintable()


def test_message_about_a_repeated_column__shows_no_control_characters():
    with pytest.raises(InputError) as refusal:
        make_schema("name", columns=["\x1f", "\x1f"])
    assert str(refusal.value).isprintable()
