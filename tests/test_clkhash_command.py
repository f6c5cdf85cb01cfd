"""Projects that run on clkhash: their schema and secret as they are, both file formats."""

from __future__ import annotations

import json

import pytest

from linkage.io import read_encodings
from tests import reference_clkhash
from tests.command import BAD_INPUT, MISMATCH, USAGE, did, refused, run

ROWS = [
    ["1", "Ann ", "Smith", "1980-01-02"],
    ["2", "Bob", "O'Neill", "1975-12-31"],
    ["3", "", "Khan", "1999-06-15"],
]


def feature(name, kind="string", **more):
    form = {"type": "date", "format": "%Y-%m-%d"} if kind == "date" else {"type": "string"}
    return {
        "identifier": name,
        "format": form,
        "hashing": {
            "comparison": {"type": "ngram", "n": 2},
            "strategy": {"bitsPerFeature": 60},
            "hash": {"type": "blakeHash"},
            **more,
        },
    }


SCHEMA = {
    "version": 3,
    "clkConfig": {"l": 1024, "kdf": {"type": "HKDF", "hash": "SHA256", "keySize": 64}},
    "features": [
        {"identifier": "id", "ignored": True},
        feature("forename"),
        feature("surname"),
        feature("dob", "date"),
    ],
}
COMMON = ("--schema", "s.json", "--key", "secret", "--id-column", "id")


@pytest.fixture
def agency(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "secret").write_bytes(b"a secret of theirs\n")
    (tmp_path / "secret").chmod(0o600)
    lines = ["id,forename,surname,dob", *(",".join(row) for row in ROWS)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_encode__writes_what_clkhash_writes(agency):
    did("encode", "a.csv", *COMMON, "--format", "clkhash-json", "-o", "a.json", cwd=agency)
    written = json.loads((agency / "a.json").read_text())
    assert written == {"clks": reference_clkhash.encode(SCHEMA, b"a secret of theirs", ROWS)}
    assert sorted(one.name for one in agency.iterdir()) == [
        "a.csv", "a.ids.parquet", "a.json", "s.json", "secret",
    ]  # fmt: skip


def test_encode__both_formats_hold_the_same_bits(agency):
    did("encode", "a.csv", *COMMON, "--format", "clkhash-json", "-o", "a.json", cwd=agency)
    did("encode", "a.csv", *COMMON, "--keep-ids", "-o", "ours.enc.parquet", cwd=agency)
    ours, theirs = read_encodings(agency / "ours.enc.parquet"), read_encodings(agency / "a.json")
    assert ours.bits.tolist() == theirs.bits.tolist()
    assert ours.records.tolist() == [b"1", b"2", b"3"]
    assert theirs.records.tolist() == [b"0", b"1", b"2"]


def test_link__reads_both_formats_and_compares_all_pairs(agency):
    did("encode", "a.csv", *COMMON, "--format", "clkhash-json", "-o", "b.json", cwd=agency)
    did("encode", "a.csv", *COMMON, "--keep-ids", "-o", "a.enc.parquet", cwd=agency)
    said = did("link", "a.enc.parquet", "b.json", "--threshold", "1", "-o", "r", cwd=agency)
    assert "says nothing of its schema and key" in said.err
    manifest = json.loads((agency / "r/manifest.json").read_text())
    assert manifest["counts"]["links"] == 3
    (only,) = manifest["passes"]
    assert (only["name"], only["comparisons"], only["found"]) == ("all_pairs", 9, 3)
    truth = [f"a,{row[0]},{row[0]}" for row in ROWS] + [f"b,{n},{n + 1}" for n in range(3)]
    (agency / "truth.csv").write_text("dataset,record_id,person_id\n" + "\n".join(truth))
    answer = did("evaluate", "r", "--truth", "truth.csv", "--json", cwd=agency)
    figures = json.loads(answer.out)
    assert figures["pairwise"]["f1"] == 1
    assert figures["blocking"]["pairs_completeness"] == 1.0
    assert figures["blocking"]["reduction_ratio"] == 0.0


def test_inspect__reads_both_formats(agency):
    did("encode", "a.csv", *COMMON, "--format", "clkhash-json", "-o", "a.json", cwd=agency)
    facts = json.loads(did("inspect", "a.json", "--json", cwd=agency).out)
    assert facts["records"] == 3
    assert facts["key_fingerprint"] == "unknown"


def test_link__refuses_another_secret_and_other_lengths(agency):
    did("encode", "a.csv", *COMMON, "-o", "a.parquet", cwd=agency)
    (agency / "secret").write_bytes(b"another")
    did("encode", "a.csv", *COMMON, "--dataset", "b", "-o", "b.parquet", cwd=agency)
    refused("link", "a.parquet", "b.parquet", "-o", "r", cwd=agency, code=MISMATCH,
            says=("different keys",))  # fmt: skip
    (agency / "s.json").write_text(
        json.dumps(SCHEMA | {"clkConfig": SCHEMA["clkConfig"] | {"l": 512}})
    )
    did("encode", "a.csv", *COMMON, "--format", "clkhash-json", "-o", "c.json", cwd=agency)
    refused("link", "a.parquet", "c.json", "-o", "r", cwd=agency, code=MISMATCH,
            says=("different kinds or lengths",))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"clkConfig": SCHEMA["clkConfig"] | {"xorFolds": 1}}, "xorFolds"),
        ({"features": [*SCHEMA["features"][:3],
                       feature("dob", missingValue={"sentinel": "?"})]}, "missing"),
    ],
)  # fmt: skip
def test_encode__warns_of_the_traps(agency, change, says):
    (agency / "s.json").write_text(json.dumps(SCHEMA | change))
    said = run("encode", "a.csv", *COMMON, "-o", "a.parquet", cwd=agency)
    assert said.code == 0
    assert "warning" in said.err
    assert says in said.err


def test_encode__skips_what_does_not_fit_the_schema(agency):
    (agency / "a.csv").write_text("id,forename,surname,dob\n1,a,b,1980-01-02\n2,a,b,someday\n")
    refused("encode", "a.csv", *COMMON, "-o", "a.parquet", cwd=agency, code=BAD_INPUT,
            says=("a.csv", "row 2", "'dob'"))  # fmt: skip
    said = did("encode", "a.csv", *COMMON, "-o", "a.parquet", "--on-error", "skip", cwd=agency)
    assert "2 rows read = 1 records encoded + 1 rejected" in said.out
    assert "someday" not in (agency / "a.rejects.csv").read_text()


def test_encode__takes_values_that_do_not_fit_when_told_so(agency):
    pattern = feature("surname") | {"format": {"type": "string", "pattern": "[A-Z]+"}}
    features = [*SCHEMA["features"][:2], pattern, SCHEMA["features"][3]]
    (agency / "s.json").write_text(json.dumps(SCHEMA | {"features": features}))
    common = (*COMMON, "--format", "clkhash-json", "-o", "a.json")
    refused("encode", "a.csv", *common, cwd=agency, code=BAD_INPUT, says=("row 1", "'surname'"))
    did("encode", "a.csv", *common, "--no-validate", cwd=agency)
    written = json.loads((agency / "a.json").read_text())
    assert written == {"clks": reference_clkhash.encode(SCHEMA, b"a secret of theirs", ROWS)}


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        ("{}", BAD_INPUT, "no version"),
        ("{", BAD_INPUT, "not valid JSON"),
        ('{"version": 3, "clkConfig": {"l": 0}}', BAD_INPUT, "clkConfig.l"),
        ('{"version": 4, "clkConfig": {"l": 64}}', BAD_INPUT, "version"),
        ('{"version": 3, "clkConfig": {"l": 64}, "features": []}', BAD_INPUT, "s.json"),
    ],
)
def test_schema_check__refuses(agency, content, code, says):
    (agency / "s.json").write_text(content)
    refused("schema", "check", "s.json", cwd=agency, code=code, says=(says,))


def test_schema_check__shows_the_features(agency):
    said = did("schema", "check", "s.json", cwd=agency)
    assert "clkhash-v3" in said.out
    assert "surname" in said.out


def test_encode__refuses_options_that_do_not_fit(agency, world):
    ours = ("--schema", world.field / "schema.toml", "--key", world.key)
    refused("encode", "a.csv", *ours, "--format", "clkhash-json", "-o", "x.json", cwd=agency,
            code=USAGE, says=("needs a clkhash schema",))  # fmt: skip
    refused("encode", "a.csv", *COMMON, "--aliases", "a.csv", "-o", "x.parquet", cwd=agency,
            code=USAGE, says=("knows no aliases",))  # fmt: skip


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", '{"clks": 1}', '{"clks": []}', '{"clks": [1]}', '{"clks": ["AA", "AAAA"]}',
     '{"clks": ["!!!!"]}', "{" * 100_000, ""],
)  # fmt: skip
def test_inspect__refuses_what_is_no_file_of_clks(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    refused("inspect", "a.json", cwd=tmp_path, code=BAD_INPUT, says=("a.json",))
