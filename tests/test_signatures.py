"""P-Sig-like blocking: block keys that too many records have are dropped by the agency."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.agency.blocking import LEAST_COMMON, KeyCounts
from linkage.agency.draft import FileSample, draft_schema
from linkage.agency.encode import Encoder, encode
from linkage.agency.keys import ProjectKey
from linkage.errors import InputError, UsageError
from linkage.io import read_encodings
from linkage.schema import LinkageSchema
from tests.command import did, refused

KEY = ProjectKey(bytes(range(32)))


def schema_text(max_share="", several=""):
    return f"""
version = 1
name = "signatures"
level = "record"
record_id = ["id"]
[[field]]
name = "surname"
type = "name"
columns = ["surname"]
{several}
[[field]]
name = "dob"
type = "date"
columns = ["dob"]
[[blocking]]
name = "surname"
on = ["surname"]
{max_share}
[[blocking]]
name = "dob"
on = ["dob"]
"""


def schema(share=None, **options):
    return LinkageSchema.parse(
        schema_text("" if share is None else f"max_share = {share}", **options)
    )


def people(*sizes):
    """A table in which surname `n` belongs to `sizes[n]` people, all born on one day."""
    surnames = [f"N{'ABCDEFGH'[n]}X" for n, size in enumerate(sizes) for _ in range(size)]
    ids = [f"P{n}" for n in range(len(surnames))]
    return {"id": ids, "surname": surnames, "dob": ["1980-01-02"] * len(ids)}


def sizes_of(tokens):
    return sorted(Counter(tokens[tokens != 0].tolist()).values())


def test_max_share__changes_no_digest_where_it_is_not_set():
    assert "max_share" not in json.dumps(schema().content())
    assert schema(0.5).digest() != schema().digest()


@pytest.mark.parametrize("share", ["0", "-0.1", "1.01", "nan", "true", '"1"'])
def test_max_share__is_a_share(share):
    with pytest.raises(InputError, match=r"blocking\.1\.max_share"):
        schema(share)


def test_encode__drops_what_more_than_the_share_have():
    table = people(41, 40, 19)
    tokens = encode(table, schema(0.4), KEY).tokens
    assert sizes_of(tokens[:, 0]) == [19, 40]  # 40 of 100 is not more than 0.4
    assert sizes_of(tokens[:, 1]) == [100]  # the other pass has no limit
    untouched = encode(table, schema(), KEY).tokens
    assert np.array_equal(tokens[41:], untouched[41:])
    assert not tokens[:41, 0].any()


def test_encode__the_share_is_the_decimal_that_it_reads_as():
    assert sizes_of(encode(people(29, 71), schema(0.29), KEY).tokens[:, 0]) == [29]


def test_encode__never_drops_what_few_have():
    table = people(LEAST_COMMON, LEAST_COMMON + 1)
    assert sizes_of(encode(table, schema(0.01), KEY).tokens[:, 0]) == [LEAST_COMMON]


def test_encode__counts_a_record_once_whatever_its_aliases():
    table = people(LEAST_COMMON - 1) | {"dob": ["1980-01-02"] * (LEAST_COMMON + 1)}
    table["surname"] += ["NAX;NBX;NAX", "NBX"]
    table["id"] += ["Q1", "Q2"]
    tokens = encode(table, schema(0.01, several='several = "alias"'), KEY).tokens
    assert sizes_of(tokens[:, 0]) == [2, LEAST_COMMON + 1]
    table["surname"][-1] = "NAX"
    tokens = encode(table, schema(0.01, several='several = "alias"'), KEY).tokens
    assert sizes_of(tokens[:, 0]) == [1]


@given(
    st.lists(st.lists(st.integers(0, 5), max_size=40), min_size=1, max_size=6),
    st.floats(0.01, 1.0),
)
def test_key_counts__equal_a_counter_however_the_rows_are_cut(chunks, share):
    counts = KeyCounts()
    for chunk in chunks:
        counts.add(np.array(chunk, np.uint64), np.arange(len(chunk)), len(chunk))
    found = counts.common(share)
    rows = [token for chunk in chunks for token in chunk]
    expected = {
        token: n
        for token, n in Counter(rows).items()
        if token and n > LEAST_COMMON and n > Fraction(repr(share)) * len(rows)
    }
    assert found.tokens.tolist() == sorted(expected)
    assert found.records == sum(expected.values())


def test_encoder__refuses_to_encode_before_it_has_counted():
    with pytest.raises(UsageError, match="'surname' drops common keys"):
        Encoder(schema(0.5), KEY, "x").encode(people(3))


def test_encoder__chunks_are_as_the_whole():
    table = pa.table(people(30, 12, 8))
    encoder = Encoder(schema(0.3), KEY, "x")
    parts = [table.slice(start, 7) for start in range(0, 50, 7)]
    for part in parts:
        encoder.count_keys(part)
    tokens = np.concatenate([encoder.encode(part).encodings.tokens for part in parts])
    assert np.array_equal(tokens, encode(table, schema(0.3), KEY).tokens)
    assert encoder.blocking.common["surname"].records == 30


@pytest.fixture
def agency(tmp_path):
    did("keygen", "-o", "k.key", cwd=tmp_path)
    (tmp_path / "s.toml").write_text(schema_text("max_share = 0.4"))
    table = people(41, 40, 19)
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    lines = [",".join(table), *map(",".join, zip(*table.values(), strict=True))]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize("file", ["a.csv", "a.parquet"])
def test_command__says_what_was_dropped(agency, file, monkeypatch):
    monkeypatch.setattr("linkage.io.tables._BATCH_ROWS", 16)
    command = ("encode", file, "--schema", "s.toml", "--key", "k.key")
    said = did(*command, "-o", "x.enc.parquet", "--json", cwd=agency)
    assert json.loads(said.out)["dropped_keys"] == {
        "surname": {"keys": 1, "records": 41, "most_records": 40}
    }
    assert sizes_of(read_encodings(agency / "x.enc.parquet").tokens[:, 0]) == [19, 40]
    said = did(*command, "-o", "y.enc.parquet", cwd=agency)
    rows = [line.split() for line in said.out.splitlines()]
    assert ["surname", "1", "41", "40"] in rows


def test_command__says_nothing_of_it_for_other_schemas(agency):
    (agency / "s.toml").write_text(schema_text())
    said = did("encode", "a.csv", "--schema", "s.toml", "--key", "k.key", "-o", "x", cwd=agency)
    assert "keys dropped" not in said.out


def test_command__rows_left_out_do_not_count_and_are_listed_once(agency):
    bad = ["P0,NBX,1980-01-02", "too,few", ",NBX,1980-01-02"]
    with open(agency / "a.csv", "a") as file:
        file.write("\n".join(bad) + "\n")
    command = ("encode", "a.csv", "--schema", "s.toml", "--key", "k.key", "-o", "x.enc.parquet")
    refused(*command, cwd=agency, code=3, says=("a.csv", "row 102"))
    said = json.loads(did(*command, "--on-error", "skip", "--json", cwd=agency).out)
    assert said["rejected"] == 3
    assert said["dropped_keys"]["surname"] == {"keys": 1, "records": 41, "most_records": 40}
    assert len((agency / "x.rejects.csv").read_text().splitlines()) == 4


def test_command__takes_the_key_from_a_descriptor(agency):
    with open(agency / "k.key") as key:
        command = ("encode", "a.csv", "--schema", "s.toml", "--key", f"/dev/fd/{key.fileno()}")
        did(*command, "-o", "x.enc.parquet", cwd=agency)


@pytest.mark.parametrize("rows", [1000, 1_000_000])
@pytest.mark.parametrize(
    "headers",
    [
        ("forename", "surname"),
        ("full_name", "dob", "postcode"),
        ("full_name", "dob"),
        ("dob", "postcode"),
        ("surname", "dob"),
        ("forename", "surname", "dob", "postcode"),
    ],
)
def test_draft__finds_passes_for_what_there_is(headers, rows):
    samples = {"dob": ["1980-01-02"], "postcode": ["N1 1AA"]}
    sample = {name: samples.get(name, ["Ann Smith"]) for name in headers}
    drafted = LinkageSchema.parse(draft_schema([FileSample("a.csv", rows, sample)], "field"))
    used = {field for one in drafted.blocking for field in one.fields}
    assert used == set(headers)
    alone = [one.name for one in drafted.blocking if one.parts[0][1] != "exact" and not one.on[1:]]
    assert bool(alone) == (rows == 1000 and bool({"surname", "full_name"} & set(headers)))
