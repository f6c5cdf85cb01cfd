"""`encode --on-error skip`: bad rows are left out, listed with the reason, and counted."""

from __future__ import annotations

import csv
import json

import pytest

from linkage.io import read_encodings
from linkage.io.encoded import read_manifest
from tests.command import BAD_INPUT, did, refused

GOOD = [f"A{n},Ann{'abcdefghij'[n % 10]},Smith,19{10 + n % 90}-01-02" for n in range(40)]
SCHEMA = """
version = 1
name = "skip"
level = "record"
record_id = ["record_id"]
[[field]]
name = "forename"
type = "name"
columns = ["forename"]
[[field]]
name = "surname"
type = "name"
columns = ["surname"]
[[field]]
name = "dob"
type = "date"
columns = ["dob"]
[[blocking]]
name = "dob"
on = ["dob"]
"""
BAD = {
    3: (b"B3,too,few", "has 3 cells and the header 4"),
    7: (b"B7,Ann,\xe9,1980-01-02", "not UTF-8"),
    11: (b"A1,Ann,Again,1980-01-02", "stands in an earlier row"),
    15: (b",Ann,Nameless,1980-01-02", "is empty"),
    20: (b'B20,"Ann"x,Quote,1980-01-02', "can't be read as CSV"),
    30: (b"B30,Ann,N\x00UL,1980-01-02", "NUL"),
}


@pytest.fixture
def agency(tmp_path):
    did("keygen", "-o", "k.key", cwd=tmp_path)
    (tmp_path / "s.toml").write_text(SCHEMA)
    lines = [b"record_id,forename,surname,dob", *(line.encode() for line in GOOD)]
    for row, (line, _) in BAD.items():
        lines.insert(row, line)
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


COMMON = ("--schema", "s.toml", "--key", "k.key", "-o", "a.enc.parquet")


def test_skip__leaves_bad_rows_out_and_says_why(agency):
    said = did("encode", "a.csv", *COMMON, "--on-error", "skip", cwd=agency)
    assert "46 rows read = 40 records encoded + 6 rejected" in said.out
    with open(agency / "a.rejects.csv", newline="") as file:
        rejects = {int(one["row"]): one["reason"] for one in csv.DictReader(file)}
    assert rejects.keys() == BAD.keys()
    for row, (_, reason) in BAD.items():
        assert reason in rejects[row]
    text = (agency / "a.rejects.csv").read_text()
    assert not any(word in text for word in ("Ann", "Smith", "Again", "A1,", "B7"))
    manifest = read_manifest(agency / "a.enc.parquet")
    assert (manifest.records, manifest.rejected) == (40, 6)
    assert len(read_encodings(agency / "a.enc.parquet").records) == 40


def test_skip__counts_in_json(agency):
    said = did("encode", "a.csv", *COMMON, "--on-error", "skip", "--json", cwd=agency)
    facts = json.loads(said.out)
    assert facts["rows_read"] == facts["records"] + facts["rejected"] == 46


def test_skip__refuses_more_than_was_allowed(agency):
    refused("encode", "a.csv", *COMMON, "--on-error", "skip", "--max-bad-rows", "5", cwd=agency,
            code=BAD_INPUT, says=("a.csv", "more than 5 bad rows", "--max-bad-rows"))  # fmt: skip
    assert sorted(one.name for one in agency.iterdir()) == ["a.csv", "k.key", "s.toml"]


def test_stop__is_what_happens_otherwise(agency):
    refused("encode", "a.csv", *COMMON, cwd=agency, code=BAD_INPUT, says=("a.csv", "row "))


def test_skip__all_rows_bad_is_refused(agency):
    (agency / "a.csv").write_text("record_id,forename,surname,dob\n,a,b,1980-01-02\n")
    refused("encode", "a.csv", *COMMON, "--on-error", "skip", cwd=agency, code=BAD_INPUT,
            says=("a.csv", "no record"))  # fmt: skip


def test_skip__reads_a_good_file_as_ever(agency):
    header = "record_id,forename,surname,dob\n"
    (agency / "a.csv").write_text("\ufeff\n" + header + "\n\n".join(GOOD), encoding="utf-8")
    did("encode", "a.csv", *COMMON, "--on-error", "skip", "--keep-ids", cwd=agency)
    other = ("--schema", "s.toml", "--key", "k.key", "-o", "b.enc.parquet", "--keep-ids")
    did("encode", "a.csv", *other, cwd=agency)
    one, two = (read_encodings(agency / f"{name}.enc.parquet") for name in "ab")
    assert one.bits.tolist() == two.bits.tolist()
    assert one.records.tolist() == two.records.tolist()
    assert len(one.records) == 40
