"""`linkage audit`: the table, JSON and page that an officer reads, the gate, and refusals."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.command import BAD_INPUT, GATE, MISMATCH, USAGE, Result, contents, did, refused, run

QUICK = ("--quick", "--people", 400, "--restarts", 1, "--threads", 2)
#: One situation and few people, for what does not hang on how many are named.
FAST = (*QUICK, "--people", 90, "--overlap", "100%", "--known", 20)
COMMON = ("--schema", "schema.toml", "--key", "project.key")


def audit(folder: Path, *options: object, effort: tuple = FAST) -> dict:
    """Audit police.csv quickly, and give the JSON."""
    done = did("audit", "police.csv", *COMMON, *effort, "--json", *options, cwd=folder)
    return json.loads(done.out)


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory) -> Path:
    """A folder as the police have it, with two encoded files and an audit of the first."""
    made = tmp_path_factory.mktemp("audit")
    shutil.copy(world.raw / "police.csv", made)
    shutil.copy(world.raw / "court.csv", made)
    shutil.copy(world.field / "schema.toml", made)
    shutil.copy(world.key, made)
    for name in ("police.enc.parquet", "police.ids.parquet", "court.enc.parquet"):
        shutil.copy(world.field / name, made)
    shutil.copy(world.field / "court.ids.parquet", made)
    return made


@pytest.fixture(scope="module")
def done(folder) -> Result:
    """An audit of the police's file that misses a gate; what it found is in audit/."""
    gate = ("-o", "audit", "--fail-above", 0.01)
    return run("audit", "police.csv", *COMMON, *QUICK, *gate, cwd=folder)


@pytest.fixture(scope="module")
def content(folder, done) -> dict:
    return json.loads((folder / "audit/audit.json").read_text())


def values(path: Path) -> set[str]:
    """Every value of a person in a table that is long enough to be told from other text."""
    with open(path, newline="", encoding="utf-8") as file:
        cells = {cell for row in csv.DictReader(file) for cell in row.values() if cell}
    return {cell for cell in cells if len(cell) > 5 and not cell.isalpha()} | {
        cell for cell in cells if len(cell) > 6 and cell.isupper()
    }


def test_audit__names_people_and_says_so(content):
    found = {(one["attack"], one["situation"]): one for one in content["findings"]}
    matching = found["graph matching", "list 100%"]
    assert matching["named"] > 0.5
    assert matching["low"] <= matching["named"] <= matching["high"]
    assert matching["attempts"] == len(matching["spread"]) >= 1
    assert found["dictionary", "list 20%"]["named"] > 0.9
    assert not found["dictionary", "list 20%"]["counts"]
    assert found["weak keys", "list 20%"]["named"] == 0
    assert found["weak keys", "list 20%"]["sentence"].startswith("Not broken by ")
    assert {one["what"] for one in content["findings"]} >= {"people", "surname", "whole encodings"}


def test_audit__has_a_sentence_for_every_finding_and_never_says_safe(content):
    for one in content["findings"]:
        assert one["sentence"].endswith(".")
        assert "safe" not in one["sentence"]
        if one["attempts"] and one["named"] >= 0.01:
            assert one["advice"], one["attack"]
        if one["attempts"] and one["named"] < 0.01:
            assert "ot broken by" in one["sentence"]


def test_audit__tells_what_it_did(content):
    assert content["records"] > 100
    assert content["list"] == "drawn from the file"
    assert content["scope"]["people"] == 400
    assert content["seed"] == 0
    counted = [one for one in content["findings"] if one["counts"]]
    assert content["attempts"] == sum(one["attempts"] for one in counted)
    assert content["most_named"] == max(one["named"] for one in counted)


def test_audit__shows_no_value_of_a_person(folder, content, done):
    output = (folder / "audit/audit.html").read_text() + json.dumps(content)
    hidden = values(folder / "police.csv")
    assert len(hidden) > 300
    for text in hidden:
        assert text not in output
        assert text not in done.out + done.err
    secret = (folder / "project.key").read_text().split()[1]
    assert secret not in output


def test_audit__page_is_whole_in_itself(folder, content):
    page = BeautifulSoup((folder / "audit/audit.html").read_text(), "html.parser")
    assert not page.find_all(["script", "iframe", "img"])
    assert not [tag for tag in page.find_all(href=True) if tag["href"].startswith("http")]
    assert "default-src 'none'" in page.find("meta", {"http-equiv": True})["content"]
    people = [one for one in content["findings"] if one["what"] == "people" and one["attempts"]]
    told = page.get_text(" ", strip=True)
    for one in people:
        assert one["sentence"] in told
    for drawing in page.find_all("svg", {"class": "chart"}):
        assert drawing.find_parent("section").find("table")
        assert drawing["aria-label"]


def test_audit__prints_a_table_in_80_columns(done):
    assert "people named" in done.out
    assert "graph matching" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "what anybody sees" in done.out


def test_audit__is_the_same_for_the_same_seed_whatever_the_threads(folder):
    found = audit(folder, "--threads", 1)["findings"]
    for one, other in zip(found, audit(folder)["findings"], strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    other = audit(folder, "--seed", 5)["findings"]
    assert [one["named"] for one in other] != [one["named"] for one in found]


def test_audit__takes_the_file_as_it_is_sent(folder):
    sent = ("--encoded", "police.enc.parquet", "--ids", "police.ids.parquet")
    found = audit(folder, *sent, "--people", 300)
    assert found["as_sent"]
    matching = [one for one in found["findings"] if one["attack"] == "graph matching"]
    assert [one["situation"] for one in matching] == ["list 100%"]
    assert matching[0]["named"] > 0.5
    leaked = next(one for one in found["findings"] if one["attack"] == "dictionary")
    assert leaked["named"] > 0.9


def test_audit__takes_a_list_that_the_attacker_holds(folder):
    lines = (folder / "police.csv").read_text().splitlines()[:120]
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    found = audit(folder, "--reference", "list.csv")
    assert found["list"] == "another list"
    leaked = next(one for one in found["findings"] if one["attack"] == "dictionary")
    # Records of the file that say just the same as one of the list are of the same person.
    assert 119 <= leaked["records"] < found["records"]
    assert leaked["setting"]["overlap"] == leaked["setting"]["times"] < 1
    assert leaked["named"] == 1


def test_audit__takes_overlaps_errors_and_known_pairs(folder):
    asked = ("--overlap", "50%", "--overlap", "0.3", "--errors", "10%", "--known", 20)
    found = audit(folder, *asked, effort=(*QUICK, "--people", 200))
    settings = {one["situation"] for one in found["findings"] if one["attempts"]}
    assert settings == {"list 50%", "list 30%", "list 50%, 10% errors", "list 50%, 20 known"}


def test_audit__is_a_gate(folder, done):
    assert done.code == GATE
    assert "--fail-above 0.01" in done.err
    assert len(done.err.splitlines()) <= 2
    assert "people named" in done.out
    assert (folder / "audit/audit.html").exists()
    passed = did("audit", "police.csv", *COMMON, *FAST, "--fail-above", 1, cwd=folder)
    assert passed.err == ""


def test_audit__attacks_record_level_and_clkhash(world, folder, tmp_path):
    shutil.copy(world.raw / "police.csv", tmp_path)
    shutil.copy(world.key, tmp_path)
    shutil.copy(world.record / "schema.toml", tmp_path)
    found = audit(tmp_path, "--people", 300)
    assert found["level"] == "record"
    assert found["most_named"] > 0.5
    document = {
        "version": 3,
        "clkConfig": {
            "l": 1024,
            "kdf": {"type": "HKDF", "hash": "SHA256", "salt": "SCbL2zHNnmsckfzchsNkZY9XoHk96P"
                    "/G5nUBrM7ybymlEFsMV6PAeDZCNp3rfNUPCtLDMOGQHG4pCQpfhiHCyA==", "keySize": 64},
        },
        "features": [
            {"identifier": name, "format": {"type": "string", "encoding": "utf-8"},
             "hashing": {"comparison": {"type": "ngram", "n": 2}, "strategy": {"bitsPerToken": 15},
                         "hash": {"type": "blakeHash"}}}
            for name in ("forename", "surname", "dob")
        ],
    }  # fmt: skip
    (tmp_path / "theirs.json").write_text(json.dumps(document))
    (tmp_path / "secret").write_text("password")
    (tmp_path / "secret").chmod(0o600)
    with open(tmp_path / "police.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with open(tmp_path / "three.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["forename", "surname", "dob"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    theirs = ("--schema", "theirs.json", "--key", "secret", "--json", *FAST)
    done = did("audit", "three.csv", *theirs, cwd=tmp_path)
    assert "looks made up" in done.err
    found = {one["attack"]: one for one in json.loads(done.out)["findings"]}
    assert found["weak keys"]["named"] > 0.9
    assert found["weak keys"]["counts"]


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--encoded", "police.enc.parquet"), USAGE, ("--ids", "go together")),
        (("--overlap", "120%"), USAGE, ("'120%' is no share",)),
        (("--overlap", "0"), USAGE, ("is no share",)),
        (("--known", "1"), USAGE, ("--known",)),
        (("--fail-above", "nan"), USAGE, ("nan",)),
        (("-o", "police.csv"), USAGE, ("is an input too",)),
        (("-o", "audit"), USAGE, ("exists",)),
        (("--reference", "schema.toml"), BAD_INPUT, ("schema.toml",)),
        (
            ("--encoded", "court.enc.parquet", "--ids", "court.ids.parquet"),
            MISMATCH,
            ("give the table that was encoded",),
        ),
        (
            ("--encoded", "police.enc.parquet", "--ids", "court.ids.parquet"),
            MISMATCH,
            ("ids table",),
        ),
    ],
)
def test_audit__refuses(folder, done, options, code, says):
    refused("audit", "police.csv", *COMMON, *QUICK, *options, cwd=folder, code=code, says=says)


def test_audit__refuses_too_few_people(folder):
    lines = (folder / "police.csv").read_text().splitlines()[:8]
    (folder / "few.csv").write_text("\n".join(lines) + "\n")
    refused("audit", "few.csv", *COMMON, cwd=folder, code=BAD_INPUT, says=("few.csv", "needs 20"))


def test_audit__leaves_nothing_behind_when_a_gate_is_missed_without_output(folder):
    before = contents(folder)
    done = run("audit", "police.csv", *COMMON, *FAST, "--fail-above", 0, "-q", cwd=folder)
    assert done.code == GATE
    assert done.out == ""
    assert contents(folder) == before


def test_audit__counts_rows_that_cannot_be_encoded(folder, tmp_path):
    shutil.copy(folder / "schema.toml", tmp_path)
    shutil.copy(folder / "project.key", tmp_path)
    lines = (folder / "police.csv").read_text().splitlines()
    double = [*lines, lines[1]]
    (tmp_path / "police.csv").write_text("\n".join(double) + "\n")
    done = did("audit", "police.csv", *COMMON, *FAST, cwd=tmp_path)
    assert "1 row of police.csv can't be encoded" in done.err
