"""Alias rows: from list cells, from a separator in CSV, and from a table of aliases."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.agency.aliases import MOST_ROWS, alias_table
from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.errors import InputError
from linkage.io import read_encodings
from linkage.schema import LinkageSchema
from tests.command import BAD_INPUT, did, refused

KEY = ProjectKey(bytes(range(32)))
FIELDS = {"forename": "name", "surname": "name", "dob": "date", "postcode": "postcode"}
GROUPS = {"forename": "alias", "surname": "alias", "dob": "alias", "postcode": "address"}


def schema_text(groups):
    fields = "".join(
        f'[[field]]\nname = "{name}"\ntype = "{kind}"\ncolumns = ["{name}"]\n'
        + (f'several = "{groups[name]}"\n' if name in groups else "")
        for name, kind in FIELDS.items()
    )
    return (
        'version = 1\nname = "aliases"\nlevel = "field"\nrecord_id = ["id"]\n[filter]\nbits = 256\n'
        f'{fields}[[blocking]]\nname = "surname"\non = ["surname"]\n'
    )


def rows_of(encodings, record):
    """The bits of the alias rows of a record, as a set."""
    return {row.tobytes() for row in encodings.bits[encodings.owner == record]}


def plain(*people):
    """What the rows of these people are without aliases."""
    schema = LinkageSchema.parse(schema_text({}))
    table = {
        name: list(column) for name, column in zip(FIELDS, zip(*people, strict=True), strict=True)
    }
    return {row.tobytes() for row in encode(table, schema, KEY).bits}


RECORD = {
    "id": ["1", "2"],
    "forename": ["Ann;Anna", "Bob"],
    "surname": ["Smith;Jones", "Khan"],
    "dob": ["1980-01-02", ""],
    "postcode": ["N1 1AA;N2 2BB;N3 3CC", ""],
}
EXPECTED = [
    (*name, "1980-01-02", postcode)
    for name, postcode in itertools.product(
        [("Ann", "Smith"), ("Anna", "Jones")], ["N1 1AA", "N2 2BB", "N3 3CC"]
    )
]


@pytest.mark.parametrize(
    "make",
    [
        dict,
        lambda table: pa.table({n: [c.split(";") for c in column] for n, column in table.items()}),
        lambda table: {n: [tuple(c.split(";")) for c in column] for n, column in table.items()},
    ],
    ids=["separator", "lists", "tuples"],
)
def test_encode__groups_are_read_in_step_and_combined(make):
    found = encode(make(RECORD), LinkageSchema.parse(schema_text(GROUPS)), KEY)
    assert np.bincount(found.owner).tolist() == [6, 1]
    assert rows_of(found, 0) == plain(*EXPECTED)
    assert rows_of(found, 1) == plain(("Bob", "Khan", "", ""))
    assert len(found.records) == 2


def test_encode__a_shorter_list_is_missing_where_it_ends():
    table = RECORD | {"surname": ["Smith;Jones;Brown", "Khan"], "postcode": ["", ""]}
    found = encode(table, LinkageSchema.parse(schema_text(GROUPS)), KEY)
    people = [("Ann", "Smith"), ("Anna", "Jones"), ("", "Brown")]
    assert rows_of(found, 0) == plain(*((*name, "1980-01-02", "") for name in people))


def test_encode__separator_is_text_where_a_field_is_single():
    found = encode(RECORD, LinkageSchema.parse(schema_text({})), KEY)
    assert np.bincount(found.owner).tolist() == [1, 1]


def test_encode__refuses_lists_where_a_field_is_single():
    table = pa.table({name: [c.split(";") for c in column] for name, column in RECORD.items()})
    with pytest.raises(InputError, match="'forename' holds lists; give the field 'forename'"):
        encode(table, LinkageSchema.parse(schema_text({})), KEY)


def test_encode__refuses_endless_combinations():
    table = RECORD | {"postcode": ["", ";".join(f"N1 {n}AA" for n in range(MOST_ROWS + 1))]}
    with pytest.raises(InputError, match=f"row 2: its values make {MOST_ROWS + 1} combinations"):
        encode(table, LinkageSchema.parse(schema_text(GROUPS)), KEY)


ALIASES = {
    "id": ["1", "1", "9"],
    "surname": ["Brown", "", "Nobody"],
    "dob": ["", "1981-01-02", ""],
}


def test_alias_table__adds_rows_and_keeps_what_it_does_not_say():
    schema = LinkageSchema.parse(schema_text({}))
    single = {name: [cell.split(";")[0] for cell in column] for name, column in RECORD.items()}
    table = alias_table(ALIASES, schema, None)
    found = encode(single, schema, KEY, aliases=table)
    assert np.bincount(found.owner).tolist() == [3, 1]
    assert rows_of(found, 0) == plain(
        ("Ann", "Smith", "1980-01-02", "N1 1AA"),
        ("Ann", "Brown", "1980-01-02", "N1 1AA"),
        ("Ann", "Smith", "1981-01-02", "N1 1AA"),
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"surname": ["x"]}, "no column id; an alias file"), ({"id": ["1"]}, "none of its columns")],
)
def test_alias_table__refuses(columns, message):
    with pytest.raises(InputError, match=message):
        alias_table(columns, LinkageSchema.parse(schema_text({})), None)


@pytest.fixture
def agency(tmp_path):
    did("keygen", "-o", "k.key", cwd=tmp_path)
    (tmp_path / "s.toml").write_text(schema_text({}))
    lines = ["id,forename,surname,dob,postcode", "1,Ann,Smith,1980-01-02,N1 1AA", "2,Bob,Khan,,"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    (tmp_path / "more.csv").write_text("id,surname\n1,Jones\n1,Brown\n")
    return tmp_path


def test_command__takes_a_file_of_aliases(agency):
    common = ("--schema", "s.toml", "--key", "k.key", "--keep-ids")
    said = did("encode", "a.csv", *common, "--aliases", "more.csv", "-o", "a.parquet", cwd=agency)
    assert "2 records encoded in 4 alias rows" in said.out
    found = read_encodings(agency / "a.parquet")
    assert np.bincount(found.owner).tolist() == [3, 1]


def test_command__refuses_a_file_of_aliases_without_ids(agency):
    (agency / "more.csv").write_text("surname\nJones\n")
    common = ("--schema", "s.toml", "--key", "k.key", "--aliases", "more.csv", "-o", "a.parquet")
    refused("encode", "a.csv", *common, cwd=agency, code=BAD_INPUT, says=("more.csv", "column id"))


def test_link__finds_people_by_an_alias(agency):
    pq.write_table(
        pa.table({"id": ["7"], "forename": ["Ann"], "surname": ["Jones"], "dob": ["1980-01-02"],
                  "postcode": ["N1 1AA"]}), agency / "b.parquet"
    )  # fmt: skip
    (agency / "s.toml").write_text(schema_text({}).replace('"field"', '"record"', 1))
    common = ("--schema", "s.toml", "--key", "k.key", "--keep-ids")
    did("encode", "a.csv", *common, "--aliases", "more.csv", "-o", "a.enc.parquet", cwd=agency)
    did("encode", "b.parquet", *common, "-o", "b.enc.parquet", cwd=agency)
    did("link", "a.enc.parquet", "b.enc.parquet", "--threshold", "1", "-o", "r", cwd=agency)
    links = pq.read_table(agency / "r/links.parquet")
    assert links.select(["left_record", "right_record"]).to_pylist() == [
        {"left_record": "1", "right_record": "7"}
    ]
