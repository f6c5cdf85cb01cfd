"""Files: what is written is read back, what is damaged is refused, nothing is left half done."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import InputError, LinkageError, MismatchError, UsageError
from linkage.io import read_encodings, write_encodings
from linkage.io.encoded import encodings_writer, read_manifest
from linkage.io.ids import ids_path
from linkage.io.outputs import check_output, new_file, new_folder
from linkage.io.tables import read_batches, read_table
from linkage.model import Encodings
from tests.samples import people


def assert_same(one, other):
    order = np.argsort(one.records)
    assert one.dataset == other.dataset
    assert one.schema == other.schema
    assert one.slices == other.slices
    assert one.key_fingerprint == other.key_fingerprint
    assert np.array_equal(one.records[order], other.records)
    rows = np.argsort(one.records[one.owner], kind="stable")
    assert np.array_equal(one.bits[rows], other.bits)
    assert np.array_equal(one.tokens[rows], other.tokens)


@pytest.mark.parametrize("level", ["record", "field"])
def test_encodings__round_trip(tmp_path, level):
    encodings = people(50, 1, "a", level=level, typos=True)
    write_encodings(encodings, tmp_path / "a.enc.parquet")
    assert_same(encodings, read_encodings(tmp_path / "a.enc.parquet"))


def test_encodings__alias_rows_round_trip(tmp_path):
    one = people(10, 1, "a")
    rows = np.repeat(np.arange(10), 3)
    aliased = Encodings(
        "a", one.schema, one.key_fingerprint, one.records, rows, one.bits[rows], one.slices,
        one.tokens[rows],
    )  # fmt: skip
    manifest = write_encodings(aliased, tmp_path / "a.enc.parquet")
    assert (manifest.rows, manifest.records) == (30, 10)
    found = read_encodings(tmp_path / "a.enc.parquet")
    assert len(found.records) == 10
    assert np.bincount(found.owner).tolist() == [3] * 10


def test_encodings_writer__chunks_give_the_same_digest_as_one(tmp_path):
    one = people(10, 1, "a")
    order = np.argsort(one.records)
    parts = [order[:4], order[4:]]
    with encodings_writer(tmp_path / "chunks.parquet") as writer:
        for part in parts:
            writer.write(
                Encodings("a", one.schema, one.key_fingerprint, one.records[part],
                          np.arange(len(part)), one.bits[part], one.slices, one.tokens[part])
            )  # fmt: skip
    whole = write_encodings(one, tmp_path / "whole.parquet")
    assert writer.manifest == whole
    assert_same(one, read_encodings(tmp_path / "chunks.parquet"))


def test_encodings_writer__refuses_to_write_nothing(tmp_path):
    with (
        pytest.raises(InputError, match="no record"),
        encodings_writer(tmp_path / "a.enc.parquet"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_write_encodings__refuses_to_overwrite(tmp_path):
    path = tmp_path / "a.enc.parquet"
    write_encodings(people(3, 1, "a"), path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists"):
        write_encodings(people(3, 1, "a"), path)
    assert path.read_bytes() == before


def rewrite(path, metadata=None, columns=None):
    """Write an encoded file anew with another manifest or other columns, as a forger would."""
    table = pq.read_table(path)
    content = json.loads(table.schema.metadata[b"linkage"])
    content.update(metadata or {})
    for name, column in (columns or {}).items():
        table = table.set_column(table.column_names.index(name), table.schema.field(name), column)
    table = table.replace_schema_metadata({b"linkage": json.dumps(content).encode()})
    pq.write_table(table, path, compression="none", use_dictionary=False)


@pytest.fixture
def encoded(tmp_path):
    path = tmp_path / "a.enc.parquet"
    write_encodings(people(20, 1, "a"), path)
    return path


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"rows": 19}, "19 rows and the file has 20"),
        ({"rows": 10**15}, "rows and the file has 20"),
        ({"records": 7}, "does not fit its digest"),
        ({"dataset": "../../etc/x"}, "manifest is not valid"),
        ({"dataset": "b"}, "does not fit its digest"),
        ({"key_fingerprint": "0" * 16}, "does not fit its digest"),
        ({"schema_digest": "0" * 64}, "does not fit its own digest"),
        ({"schema_content": {}}, "manifest is not valid"),
        ({"slices": []}, "manifest is not valid"),
        ({"slices": [{"name": "clk", "words": 1}]}, "columns do not fit"),
        ({"passes": ["names", "other"]}, "columns do not fit"),
        ({"extra": 1}, "manifest is not valid"),
    ],
)
def test_read_encodings__refuses_forged_manifests(encoded, metadata, message):
    rewrite(encoded, metadata)
    with pytest.raises(InputError, match=message):
        read_encodings(encoded)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("record", lambda t: pa.array(["x"] * 20), "digest"),
        ("record", lambda t: pa.array(["x", "y"] * 10), "digest|twice"),
        ("record", lambda t: pa.array([None] * 20, pa.string()), "a row without record"),
        ("record", lambda t: pa.array([""] * 20), "empty or longer"),
        ("record", lambda t: pa.array(["x" * 500] * 20), "empty or longer"),
        ("popcount.dob", lambda t: pa.array([7] * 20, t), "popcounts do not fit"),
        ("block.dob", lambda t: pa.array([7] * 20, t), "digest"),
        ("bits", lambda t: pa.array([b"\0" * 96] * 20, t), "popcounts do not fit"),
    ],
)
def test_read_encodings__refuses_forged_columns(encoded, name, make, message):
    rewrite(encoded, columns={name: make(pq.read_schema(encoded).field(name).type)})
    with pytest.raises(InputError, match=message):
        read_encodings(encoded)


def test_read_encodings__names_the_format_version(encoded):
    rewrite(encoded, {"format_version": 2})
    with pytest.raises(MismatchError, match="format version 2; this release reads version 1"):
        read_encodings(encoded)
    with pytest.raises(MismatchError, match="format version 2"):
        read_manifest(encoded)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_read_encodings__refuses_truncated_files(encoded, share):
    raw = encoded.read_bytes()
    encoded.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(InputError, match=r"a\.enc\.parquet: "):
        read_encodings(encoded)


def test_read_encodings__never_reads_flipped_bits_as_something_else(encoded, tmp_path):
    raw, whole = encoded.read_bytes(), read_encodings(encoded)
    generator = random.Random(1)
    refused = 0
    for _ in range(300):
        damaged = bytearray(raw)
        damaged[generator.randrange(len(raw))] ^= 1 << generator.randrange(8)
        encoded.write_bytes(damaged)
        try:
            assert_same(read_encodings(encoded), whole)
        except LinkageError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (b"a,b\n", "a header but no rows"),
        (b"a,b\n1,2\n1,2,3\n", "row 2 has 3 cells and the header 2"),
        (b"a,b\n1,2\n\xe9,3\n", "row 2 is not UTF-8"),
        (b"a\xe9,b\n1,2\n", "the header is not UTF-8"),
        (b"a,b\n" + b"1,2\n" * 60 + b"\x00,3\n", "row 61 holds a NUL"),
        (b'a,b\n1,2\n"x,3\n', "row 2 can't be read as CSV"),
        (b"a,a\n1,2\n", "columns 1 and 2 have the same name"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16 or binary"),
        (b"PK\x03\x04\x00\x00", "UTF-16 or binary"),
    ],
)
def test_read_batches__says_what_is_wrong_and_where(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_batches(path))


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,x\n2,y z\n",
        b"\xef\xbb\xbfa,b\r\n1,x\r\n2,y z\r\n",
        b"a;b\n1;x\n2;y z\n",
        b"a\tb\n1\tx\n2\ty z",
        b'"a","b"\n"1","x"\n"2","y z"\n\n',
    ],
)
def test_read_table__reads_every_usual_csv(tmp_path, content):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    assert read_table(path) == {"a": ["1", "2"], "b": ["x", "y z"]}


@given(rows=st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs", "Cc"]),
                                         max_size=8)] * 2), min_size=1, max_size=5))  # fmt: skip
def test_read_table__gives_back_what_a_csv_writer_wrote(tmp_path_factory, rows):
    import csv

    path = tmp_path_factory.mktemp("csv") / "x.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("left", "right"), *rows])
    found = read_table(path)
    assert list(zip(found["left"], found["right"], strict=True)) == rows


def test_read_table__parquet_and_its_damage(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [1, None]}), path)
    assert read_table(path) == {"a": ["1", ""]}
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_table(path)


def test_new_file__leaves_nothing_on_failure(tmp_path):
    with pytest.raises(RuntimeError), new_file(tmp_path / "x") as draft:
        draft.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_new_file__does_not_overwrite_what_came_meanwhile(tmp_path):
    with pytest.raises(UsageError, match="exists"), new_file(tmp_path / "x") as draft:
        draft.write_text("mine")
        (tmp_path / "x").write_text("theirs")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x", "theirs")]


def test_new_folder__takes_an_empty_folder_and_no_other(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with new_folder(target) as draft:
        (draft / "a").write_text("a")
    assert (target / "a").read_text() == "a"
    with pytest.raises(UsageError, match="exists"), new_folder(target):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_check_output__names_what_is_wrong(tmp_path):
    path = tmp_path / "x"
    path.write_text("x")
    with pytest.raises(UsageError, match="is an input too"):
        check_output(path, [path])
    with pytest.raises(UsageError, match="does not exist; make it first"):
        check_output(tmp_path / "no" / "x")


def test_ids_path(tmp_path):
    assert ids_path(tmp_path / "police.enc.parquet").name == "police.ids.parquet"
    assert ids_path(tmp_path / "police.parquet").name == "police.ids.parquet"
