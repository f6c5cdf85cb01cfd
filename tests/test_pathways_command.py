"""Pathways through the installed commands: from agencies' files to a page, a table and JSON."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from linkage.io.events import read_events
from linkage.io.results import read_results
from tests.command import (
    AGENCIES,
    BAD_INPUT,
    DONE,
    MISMATCH,
    USAGE,
    did,
    linkage,
    python,
    refused,
)

ENCODED = [f"{name}.enc.parquet" for name in AGENCIES]
EVENTS = [f"{name}.events.parquet" for name in AGENCIES]
PEOPLE = 700


@dataclass(frozen=True)
class Passed:
    """A folder in which three agencies passed events along, and the linker linked."""

    folder: Path
    said: dict[str, str]


@pytest.fixture(scope="module")
def passed(tmp_path_factory) -> Passed:
    folder = tmp_path_factory.mktemp("passed")
    did("synth", "--people", PEOPLE, "--seed", 4, "-o", "raw", cwd=folder)
    raw = [f"raw/{name}.csv" for name in AGENCIES]
    did("schema", "init", *raw, "--events", "-o", "schema.toml", cwd=folder)
    did("keygen", "-o", "project.key", cwd=folder)
    said = {}
    for name in AGENCIES:
        done = did(*command(name), cwd=folder)
        said[name] = done.out + done.err
    did("link", *ENCODED, "--deduplicate", "-o", "results", cwd=folder)
    return Passed(folder, said)


def command(name: str, *more: object) -> tuple[object, ...]:
    common = ("encode", f"raw/{name}.csv", "--schema", "schema.toml", "--key", "project.key")
    return (*common, "--dataset", name, "-o", f"{name}.enc.parquet", *more)


@pytest.fixture
def counter(passed: Passed, tmp_path: Path) -> Path:
    """A folder as somebody has it who counts: results and events files, and no encoding."""
    for name in EVENTS:
        shutil.copy(passed.folder / name, tmp_path)
    shutil.copytree(passed.folder / "results", tmp_path / "results")
    return tmp_path


@pytest.fixture
def agency(passed: Passed, tmp_path: Path) -> Path:
    """A folder as the police have it."""
    (tmp_path / "raw").mkdir()
    shutil.copy(passed.folder / "raw/police.csv", tmp_path / "raw")
    for name in ("schema.toml", "project.key"):
        shutil.copy(passed.folder / name, tmp_path)
    return tmp_path


def rows_of(file: Path) -> list[dict[str, str]]:
    with open(file, encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


# Encoding


def test_encode__writes_the_events_of_all_records(passed):
    rows = {row["record_id"]: row for row in rows_of(passed.folder / "raw/police.csv")}
    ids = pq.read_table(passed.folder / "police.ids.parquet").to_pylist()
    own = {one["record"]: one["record_id"] for one in ids}
    found = read_events(passed.folder / "police.events.parquet")
    types = found.head.types
    for place, record in enumerate(found.records.tolist()):
        (at,) = np.flatnonzero(found.events.owner == place)
        row = rows[own[record.decode()]]
        said = (str(found.events.year[at]), types[found.events.type[at]])
        assert said == (row["event_year"], row["event_type"])
    without = sum(not row["event_year"] for row in rows.values())
    assert 0 < without < 0.05 * len(rows)
    assert (
        f"({len(found.events):,} events of {len(found.records):,} records"
        in (passed.said["police"])
    )
    assert "0 held back as rare" not in passed.said["police"] or len(rows) == (
        len(found.records) + without
    )


def test_encode__of_a_schema_without_events_writes_none(agency):
    text = (agency / "schema.toml").read_text(encoding="utf-8")
    (agency / "schema.toml").write_text(text.partition("# What may be passed")[0], encoding="utf-8")
    did(*command("police"), cwd=agency)
    assert not (agency / "police.events.parquet").exists()


def test_encode__of_a_file_without_events_says_so_and_writes_none(agency):
    table = rows_of(agency / "raw/police.csv")
    with open(agency / "raw/police.csv", "w", encoding="utf-8", newline="") as file:
        kept = [name for name in table[0] if not name.startswith("event_")]
        writer = csv.DictWriter(file, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    done = did(*command("police"), cwd=agency)
    assert "no column of events" in done.err
    assert not (agency / "police.events.parquet").exists()


def test_encode__writes_all_or_nothing(agency):
    (agency / "police.events.parquet").write_bytes(b"mine")
    refused(*command("police"), cwd=agency, code=USAGE, says=("police.events.parquet exists",))
    (agency / "police.events.parquet").unlink()
    lines = (agency / "raw/police.csv").read_text(encoding="utf-8").splitlines()
    (agency / "raw/police.csv").write_text("\n".join([*lines, lines[5]]), encoding="utf-8")
    refused(*command("police"), cwd=agency, code=BAD_INPUT, says=("earlier row",))


def test_encode__refuses_half_of_the_columns(agency):
    text = (agency / "raw/police.csv").read_text(encoding="utf-8")
    (agency / "raw/police.csv").write_text(text.replace("event_type", "what", 1), encoding="utf-8")
    says = ("police.csv", "no column 'event_type' for the type of events")
    refused(*command("police"), cwd=agency, code=BAD_INPUT, says=says)


def test_encode__passes_no_text_along(agency):
    text = (agency / "raw/police.csv").read_text(encoding="utf-8")
    edited = re.sub(r"\barrest\b(?=\"?\n)", "arrest of Ann Lee", text, count=40)
    (agency / "raw/police.csv").write_text(edited, encoding="utf-8")
    done = did(*command("police", "--json"), cwd=agency)
    assert json.loads(done.out)["events"]["records_with_unreadable"] == 40
    for one in agency.glob("police.e*"):
        assert b"Ann Lee" not in one.read_bytes()


def test_encode__seals_events_for_somebody_else(agency):
    for name in ("linker", "counter"):
        did("keygen", "--as-identity", "-o", f"{name}.identity", cwd=agency)
    keys = {
        name: re.search("age1[a-z0-9]+", (agency / f"{name}.identity").read_text())[0]
        for name in ("linker", "counter")
    }
    sealed = ("--recipient", keys["linker"], "--events-recipient", keys["counter"])
    did(*command("police", *sealed), cwd=agency)
    look = ("inspect", "police.events.parquet", "--identity")
    shown = did(*look, "counter.identity", "--json", cwd=agency)
    assert json.loads(shown.out)["dataset"] == "police"
    refused(*look, "linker.identity", cwd=agency, code=MISMATCH, says=("somebody else",))
    did("inspect", "police.enc.parquet", "--identity", "linker.identity", cwd=agency)


def test_inspect__shows_what_is_passed_along(passed):
    shown = did("inspect", "court.events.parquet", cwd=passed.folder)
    assert "conviction" in shown.out
    facts = json.loads(did("inspect", "court.events.parquet", "--json", cwd=passed.folder).out)
    assert facts["events"] == sum(one["events"] for one in facts["types"])
    assert facts["years"] == [2012, 2023]
    assert facts["at_least"] == 10


def test_profile__says_which_columns_are_passed_along(agency):
    done = did("profile", "raw/police.csv", "--schema", "schema.toml", "--json", cwd=agency)
    facts = json.loads(done.out)
    assert facts["passed_along"] == ["event_year", "event_type"]
    assert not [one for one in facts["unused"] if one["name"].startswith("event_")]


# Counting


def counted(folder: Path, *options: object) -> dict:
    return json.loads(did("pathways", "results", "--json", *options, cwd=folder).out)


EXACT = ("--suppress-below", 1, "--round-to", 1)


def test_pathways__count_the_persons_of_the_linkage(counter):
    """Counted anew from the files, by hand."""
    results = read_results(counter / "results")
    known: dict[str, set[str]] = {}
    arrests = 0
    for place, name in enumerate(AGENCIES):
        person = dict(zip(results.records[place], results.persons[place], strict=True))
        table = read_events(counter / f"{name}.events.parquet")
        for record in table.records.tolist():
            known.setdefault(person[record.decode()], set()).add(name)
        arrests += len(table.events)
    assert arrests > PEOPLE
    exact = counted(counter, *EXACT)
    assert exact["persons"]["all"] == len(known)
    for one in exact["sets"]:
        true = sum(sets == set(one["datasets"]) for sets in known.values())
        assert one["persons"]["all"] == true
        assert one["persons"]["sure"] <= true
    assert exact["hidden"] == 0


def test_pathways__are_about_the_true_ones(counter, passed):
    """Pathways of linked persons are near to those of true people, which truth.csv knows."""
    truth = {}
    for row in rows_of(passed.folder / "raw/truth.csv"):
        truth[row["dataset"], row["record_id"]] = row["person_id"]
    first: dict[str, dict[str, int]] = {}
    for name in AGENCIES:
        for row in rows_of(passed.folder / f"raw/{name}.csv"):
            if row["event_year"]:
                of = first.setdefault(truth[name, row["record_id"]], {})
                of[name] = min(int(row["event_year"]), of.get(name, 9999))
    straight = sum(
        set(one) == set(AGENCIES) and one["police"] < one["court"] < one["prison"]
        for one in first.values()
    )
    found = {
        " ".join(map("+".join, one["order"])): one["persons"]["all"]
        for one in counted(counter, *EXACT)["orders"]
    }
    assert straight > 10
    assert found["police court prison"] == pytest.approx(straight, rel=0.15, abs=3)


def test_pathways__hide_small_numbers_and_round_all_others(counter):
    exact, shown = counted(counter, *EXACT), counted(counter)
    pairs = []

    def walk(one, other):
        if isinstance(one, dict) and set(one) == {"all", "sure"}:
            pairs.extend((one[name], other[name]) for name in ("all", "sure"))
        elif isinstance(one, dict):
            for name in one:
                walk(one[name], other[name])
        elif isinstance(one, list) and one and isinstance(one[0], dict):
            for a, b in zip(one, other, strict=True):
                walk(a, b)

    for name in ("persons", "sets", "moves", "by_year"):
        walk(exact[name], shown[name])
    assert len(pairs) > 50
    assert any(value is None for _, value in pairs)
    for true, value in pairs:
        if value is not None:
            assert true >= 10
            assert value % 5 == 0
            assert abs(value - true) <= 2
    listed = [one["order"] for one in shown["orders"]]
    assert 0 < len(listed) < len(exact["orders"])
    assert all(one["persons"]["all"] >= 10 for one in shown["orders"])


def test_pathways__write_page_table_and_json_that_say_the_same(counter):
    done = did(
        "pathways", "results", "-o", "p.html", "--csv", "p.csv", "--json", cwd=counter
    )  # fmt: skip
    answer = json.loads(done.out)
    rows = rows_of(counter / "p.csv")
    assert list(rows[0]) == ["table", "row", "column", "all", "sure"]
    by_place = {(row["table"], row["row"], row["column"]): row for row in rows}
    assert len(by_place) == len(rows)
    for one in answer["sets"]:
        row = by_place["sets", " + ".join(one["datasets"]), "persons"]
        assert row["all"] == ("" if one["persons"]["all"] is None else str(one["persons"]["all"]))
    page = (counter / "p.html").read_text(encoding="utf-8")
    for order in answer["orders"]:
        label = " → ".join(" + ".join(group) for group in order["order"])
        assert label in page
        assert f"{order['persons']['all']:,}" in page
    assert page.count('<svg class="chart"') == page.count('role="img"') == 3
    did("pathways", "results", "--csv", "p.parquet", "-q", cwd=counter)
    assert pq.read_table(counter / "p.parquet").num_rows == len(rows)


def test_pathways__tell_of_no_record_and_no_person(counter):
    done = did("pathways", "results", "-o", "p.html", "--csv", "p.csv", "--json", cwd=counter)
    results = read_results(counter / "results")
    written = "".join(
        [
            done.out,
            done.err,
            *((counter / f"p.{kind}").read_text("utf-8") for kind in ("html", "csv")),
        ]
    )
    for ids in (*results.records, *results.persons):
        assert not [one for one in ids.tolist() if one in written]


def test_pathways__page_loads_nothing(counter):
    did("pathways", "results", "-o", "p.html", "-q", cwd=counter)
    page = (counter / "p.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|<script|@import|url\(|javascript:", page)
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)


def test_pathways__take_some_data_sets_and_years(counter):
    some = counted(counter, "--datasets", "prison,police", "--years", "2014-2018", *EXACT)
    assert some["datasets"] == ["prison", "police"]
    assert [one["year"] for one in some["by_year"]] == list(range(2014, 2019))
    whole = counted(counter, *EXACT)
    assert some["persons"]["all"] < whole["persons"]["all"]


def test_pathways__do_without_some_events(counter):
    (counter / "court.events.parquet").unlink()
    answer = counted(counter)
    assert answer["datasets"] == ["police", "prison"]
    assert answer["without_events"] == ["court"]
    shown = did("pathways", "results", cwd=counter)
    assert "Without events: court." in shown.out


def test_pathways__print_within_80_columns(counter):
    shown = did("pathways", "results", cwd=counter)
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "police -> court" in shown.out
    assert shown.out.isascii()


def test_pathways__take_files_that_lie_elsewhere(counter):
    (counter / "far").mkdir()
    for name in EVENTS:
        shutil.move(counter / name, counter / "far" / name)
    says = ("no events of police, court, prison", "--events")
    refused("pathways", "results", cwd=counter, code=BAD_INPUT, says=says)
    options = [part for name in EVENTS for part in ("--events", f"far/{name}")]
    assert counted(counter, *options)["datasets"] == list(AGENCIES)


def test_pathways__refuse_what_does_not_fit(counter, passed):
    shutil.copy(counter / "police.events.parquet", counter / "again.parquet")
    options = ("--events", "police.events.parquet", "--events", "again.parquet")
    says = ("a second events file",)
    refused("pathways", "results", *options, cwd=counter, code=USAGE, says=says)
    refused("pathways", "results", "--datasets", "police,nobody", cwd=counter, code=USAGE,
            says=("'nobody'",))  # fmt: skip
    refused("pathways", "results", "--years", "2019-2010", cwd=counter, code=USAGE,
            says=("FIRST-LAST",))  # fmt: skip
    refused("pathways", "results", "--years", "1950-1951", cwd=counter, code=USAGE,
            says=("--years", "no event is of 1950 to 1951"))  # fmt: skip
    refused("pathways", "results", "--round-to", 50, cwd=counter, code=USAGE,
            says=("--suppress-below",))  # fmt: skip
    refused("pathways", "results", "-o", "results/x/y.html", cwd=counter, code=USAGE,
            says=("does not exist",))  # fmt: skip
    refused("pathways", "results", "--events", "results/links.parquet", cwd=counter,
            code=BAD_INPUT, says=("not an events file",))  # fmt: skip


def test_pathways__refuse_events_of_another_run(agency, counter, passed, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(passed.folder / "raw", other / "raw")
    for name in ("schema.toml", "project.key"):
        shutil.copy(passed.folder / name, other)
    did(*command("police"), cwd=other)
    shutil.copy(other / "police.events.parquet", counter / "new.parquet")
    refused("pathways", "results", "--events", "new.parquet", cwd=counter, code=MISMATCH,
            says=("new.parquet", "another encode run"))  # fmt: skip
    text = (other / "schema.toml").read_text(encoding="utf-8")
    (other / "schema.toml").write_text(text.replace("at_least = 10", "at_least = 9"), "utf-8")
    for one in other.glob("police.*"):
        one.unlink()
    did(*command("police"), cwd=other)
    shutil.copy(other / "police.events.parquet", counter / "newer.parquet")
    refused("pathways", "results", "--events", "newer.parquet", cwd=counter, code=MISMATCH,
            says=("another schema",))  # fmt: skip


def test_pathways__refuse_a_damaged_results_folder(counter):
    (counter / "results/confidence.parquet").unlink()
    refused("pathways", "results", cwd=counter, code=BAD_INPUT, says=("confidence.parquet",))


def test_pathways__load_no_agency_code_and_no_cryptography(counter):
    script = (
        "import sys; from linkage.cli.main import run;"
        "code = run(['pathways', 'results', '-q', '-o', 'p.html']);"
        "secret = [one for one in sys.modules if 'linkage.agency' in one or 'cryptography' in one];"
        "print(code, secret, file=sys.stderr)"
    )
    assert python("-c", script, cwd=counter).err.strip() == "0 []"


def test_pathways__work_as_the_installed_command(counter):
    done = linkage("pathways", "results", "-o", "p.html", cwd=counter)
    assert done.code == DONE, done
    assert (counter / "p.html").stat().st_size > 10_000


# Planted people


def test_planted_people__have_events_as_others_and_are_left_out_again(passed, tmp_path):
    shutil.copytree(passed.folder / "raw", tmp_path / "raw")
    for name in ("schema.toml", "project.key"):
        shutil.copy(passed.folder / name, tmp_path)
    for name in AGENCIES:
        did(*command(name, "--plant", 150), cwd=tmp_path)
    did("link", *ENCODED, "--deduplicate", "-o", "results", cwd=tmp_path)
    planted = pq.read_table(tmp_path / "police.plants.parquet")["record"].to_pylist()
    found = read_events(tmp_path / "police.events.parquet")
    records = {one.decode() for one in found.records}
    assert np.mean([one in records for one in planted]) > 0.9
    per_year = [np.bincount(found.events.year[np.isin(
        found.records[found.events.owner], np.array(planted, np.bytes_)) == which], minlength=2030)
        for which in (True, False)]  # fmt: skip
    assert np.corrcoef(*per_year)[0, 1] > 0.7
    lists = [part for name in AGENCIES for part in ("--plants", f"{name}.plants.parquet")]
    with_them, without = counted(tmp_path, *EXACT), counted(tmp_path, *lists, *EXACT)
    before = counted(passed.folder, *EXACT)
    assert with_them["persons"]["all"] > without["persons"]["all"] + 120
    assert without["persons"]["all"] == pytest.approx(before["persons"]["all"], rel=0.02)
