"""Certifying by planted people: lists that fit are measured right, and others are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.linker.completeness import wilson
from linkage.linker.planted import REAL, measure_planted, share_of
from linkage.model import Pairs
from tests.command import (
    AGENCIES,
    BAD_INPUT,
    DONE,
    MISMATCH,
    USAGE,
    assert_refusal,
    contents,
    did,
    linkage,
    python,
    refused,
)

PEOPLE = 80
LISTS = [f"{name}.plants.parquet" for name in AGENCIES]


def plant(name: str, *, cwd: Path) -> None:
    """Encode NAME.csv with planted people."""
    common = ("--schema", "schema.toml", "--key", "project.key", "--plant", PEOPLE)
    did("encode", f"{name}.csv", *common, "-o", f"{name}.enc.parquet", cwd=cwd)


@pytest.fixture(scope="module")
def linked(world, tmp_path_factory) -> Path:
    """A folder in which three agencies planted, and the linker linked."""
    folder = tmp_path_factory.mktemp("linked")
    shutil.copy(world.field / "schema.toml", folder)
    shutil.copy(world.key, folder)
    for name in AGENCIES:
        shutil.copy(world.raw / f"{name}.csv", folder)
        plant(name, cwd=folder)
    did("link", *(f"{name}.enc.parquet" for name in AGENCIES), "-o", "results", cwd=folder)
    return folder


@pytest.fixture
def certifier(linked, tmp_path) -> Path:
    """A folder as the linker has it when all is linked: results, and the lists."""
    shutil.copytree(linked / "results", tmp_path / "results")
    for name in LISTS:
        shutil.copy(linked / name, tmp_path)
    return tmp_path


def certified(folder: Path, *lists: str) -> dict[str, Any]:
    first, *more = lists
    return json.loads(did("certify", "results", "--plants", first, *more, "--json", cwd=folder).out)


def test_certify__finds_planted_people(certifier):
    said = certified(certifier, *LISTS)
    assert said["recall"]["pairs"] == 3 * PEOPLE
    assert [one["pairs"] for one in said["by_data_sets"]] == [PEOPLE] * 3
    for one in (said["recall"], said["precision"], said["false_links"], said["persons"]["whole"]):
        assert 0 <= one["lower"] <= one["estimate"] <= one["upper"] <= 1
    assert said["recall"]["estimate"] > 0.85
    assert said["false_links"]["records"] == 3 * PEOPLE
    assert said["persons"]["people"] == PEOPLE


def test_certify__of_two_data_sets_leaves_the_third_out(certifier):
    said = did("certify", "results", "--plants", *LISTS[:2], cwd=certifier)
    assert "without a list of prison" in said.err
    assert "police - court" in said.out
    assert "prison" not in said.out
    both = certified(certifier, LISTS[0], "--plants", LISTS[1])
    assert both["recall"]["pairs"] == PEOPLE
    assert both["by_data_sets"][0] == certified(certifier, *LISTS)["by_data_sets"][0]


def test_certify__takes_the_estimate_of_the_run_from_the_manifest(certifier):
    path = certifier / "results" / "manifest.json"
    manifest = json.loads(path.read_text())
    figures = {"lower": 0.1, "estimate": 0.25, "upper": 0.5}
    for own, shown in (
        ({"recall": figures, "precision": figures}, True),
        ({"recall": figures}, False),
        ({"recall": figures, "precision": {"estimate": "\x1b[2J"}}, False),
        ("much", False),
        (None, False),
    ):
        path.write_text(json.dumps(manifest | {"certificate": own}))
        said = did("certify", "results", *LISTS, cwd=certifier).out
        assert ("recall 0.2500 (0.1000 - 0.5000)" in said) == shown
        wanted = {"recall": figures, "precision": figures} if shown else None
        assert certified(certifier, *LISTS)["own_estimate"] == wanted


def test_certify__is_quiet(certifier):
    said = did("certify", "results", *LISTS, "--quiet", cwd=certifier)
    assert said.out == said.err == ""


def rewrite(file: Path, *, metadata: bytes | None = None, **columns: list[Any]) -> None:
    table = pq.read_table(file)
    kept = table.schema.metadata if metadata is None else {b"linkage": metadata}
    made = {name: columns.get(name, table[name].to_pylist()) for name in table.column_names}
    pq.write_table(pa.table(made).replace_schema_metadata(kept), file)


def cells(file: Path, column: str) -> list[str]:
    return pq.read_table(file)[column].to_pylist()


def head_with(file: Path, **changed: Any) -> bytes:
    head = json.loads(pq.read_schema(file).metadata[b"linkage"])
    return json.dumps(head | changed).encode()


CERTIFY = ("certify", "results", *LISTS)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (lambda f: rewrite(f, record=cells(f, "record")[:1] * PEOPLE), BAD_INPUT, ("two rows",)),
        (lambda f: rewrite(f, person=[None, *cells(f, "person")[1:]]), BAD_INPUT, ("missing",)),
        (lambda f: rewrite(f, person=["x" * 16] * PEOPLE), BAD_INPUT, ("edited",)),
        (lambda f: rewrite(f, record=[], person=[]), BAD_INPUT, ("0 planted records",)),
        (lambda f: rewrite(f, record=["f" * 20, *cells(f, "record")[1:]]), MISMATCH,
         ("1 of its 80 records", "another encode run")),
        (lambda f: rewrite(f, metadata=b"{"), BAD_INPUT, ("not a list of planted records",)),
        (lambda f: rewrite(f, metadata=b"[" * 4000), BAD_INPUT, ("not a list of planted",)),
        (lambda f: rewrite(f, metadata=b"{}" + b" " * 9000), BAD_INPUT, ("not a list of",)),
        (lambda f: rewrite(f, metadata=head_with(f, plants_version=2)), MISMATCH, ("release",)),
        (lambda f: rewrite(f, metadata=head_with(f, dataset="../x")), BAD_INPUT, ("not a list",)),
        (lambda f: rewrite(f, metadata=head_with(f, dataset="tax")), MISMATCH, ("'tax'", "police")),
        (lambda f: rewrite(f, metadata=head_with(f, dataset="court")), MISMATCH, ("another enc",)),
        (lambda f: rewrite(f, metadata=head_with(f, key_fingerprint="0" * 16)), MISMATCH, ("key",)),
        (lambda f: rewrite(f, metadata=head_with(f, people_fingerprint="0" * 16)), MISMATCH,
         ("not the same people", "--plant-round")),
        (lambda f: f.write_bytes(b"PAR1"), BAD_INPUT, ("not a list of planted records",)),
        (lambda f: f.write_bytes(f.read_bytes()[:-200]), BAD_INPUT, ("not a list of planted",)),
        (lambda f: shutil.copy(f.parent / "results/police.parquet", f), BAD_INPUT, ("not a list",)),
        (lambda f: shutil.copy(f.parent / LISTS[1], f), USAGE, ("second list of 'court'",)),
    ],
)  # fmt: skip
def test_certify__refuses_lists_that_do_not_fit(certifier, change, code, says):
    change(certifier / LISTS[0])
    refused(
        *CERTIFY, cwd=certifier, code=code, says=(LISTS[0] if code != USAGE else LISTS[1], *says)
    )


def test_certify__refuses_the_list_of_another_run(certifier, linked):
    for name in ("police.csv", "schema.toml", "project.key"):
        shutil.copy(linked / name, certifier)
    (certifier / LISTS[0]).unlink()
    plant("police", cwd=certifier)
    says = (LISTS[0], f"{PEOPLE} of its {PEOPLE} records", "another encode run")
    refused(*CERTIFY, cwd=certifier, code=MISMATCH, says=says)


def test_certify__wants_lists_of_two_data_sets(certifier):
    refused("certify", "results", cwd=certifier, code=USAGE, says=("--plants",))
    one = ("certify", "results", LISTS[0])
    refused(*one, cwd=certifier, code=USAGE, says=("two data sets or more",))
    refused("certify", ".", *LISTS, cwd=certifier, code=BAD_INPUT, says=("not a results folder",))


def test_certify__loads_no_agency_code_and_no_cryptography(certifier):
    script = (
        "import sys; from linkage.cli.main import run;"
        "code = run(['certify', '-q', 'results', *sys.argv[1:]]);"
        "secret = [one for one in sys.modules if 'linkage.agency' in one or 'cryptography' in one];"
        "print(code, secret, file=sys.stderr)"
    )
    assert python("-c", script, *LISTS, cwd=certifier).err.strip() == "0 []"


def test_installed_command__certifies_and_says_so_in_its_help(certifier, tmp_path):
    assert linkage(*CERTIFY, cwd=certifier).code == DONE
    before = contents(certifier)
    failed = linkage("certify", "results", LISTS[0], LISTS[0], cwd=certifier)
    assert_refusal(failed, code=USAGE, says=("second list",))
    assert contents(certifier) == before
    shown = linkage("certify", "--help", cwd=certifier).out
    assert "Example: linkage certify" in shown
    assert "certify" in linkage("--help", cwd=certifier).out


def pairs(left: int, right: int, rows: list[tuple[int, int]]) -> Pairs:
    one, other = (np.array([row[side] for row in rows], np.int64) for side in (0, 1))
    ones = np.ones(len(rows))
    return Pairs(left, right, one, other, ones, ones, ones)


def test_measure_planted__counts_by_hand():
    police = np.array([0, 1, 2] + [REAL] * 6)
    court = np.array([2, 1, 0, 0] + [REAL] * 8)
    real = [(3, 4), (5, 5), (6, 6), (7, 7), (8, 8)]
    links = [pairs(0, 1, [(0, 2), (1, 1), (2, 1), (4, 0), *real])]
    review = [pairs(0, 1, [(0, 3), (2, 4)])]
    persons = [np.array([1, 2, 2, 3, 4, *range(5, 9)]), np.array([4, 2, 1, 9, 3, *range(10, 17)])]
    said = measure_planted(links, review, persons, [police, court])
    recall = said["recall"]
    assert (recall["pairs"], recall["found"], recall["in_review"]) == (4, 2, 1)
    assert recall["estimate"] == 0.5
    false = said["false_links"]
    assert (false["records"], false["mistaken"]) == (7, 3)
    # Each end of a false link stands for 6 / 3 or 8 / 4 real records, and a link has two ends.
    # Those of planted people among themselves count as often as real records have real links.
    wrong = (2 * 5 / 6 + 2 * 5 / 8 + 2) / 2
    assert said["precision"]["estimate"] == pytest.approx(1 - wrong / 5)
    whole = said["persons"]
    assert whole["people"] == 3
    assert whole["whole"]["estimate"] == pytest.approx(1 / 3)
    assert whole["whole_and_alone"]["estimate"] == 0
    assert said["by_data_sets"][0]["false_links"] == 2


def test_measure_planted__counts_within_a_data_set_and_leaves_unknown_ones_out():
    police = np.array([0, 0, 0, 1, REAL])
    links = [pairs(0, 0, [(0, 1), (2, 3)]), pairs(0, 1, [(4, 0)])]
    nothing = [pairs(0, 0, []), pairs(0, 1, [])]
    said = measure_planted(links, nothing, [np.arange(5), np.arange(1)], [police, None])
    assert (said["recall"]["pairs"], said["recall"]["found"]) == (3, 1)
    assert len(said["by_data_sets"]) == 1
    assert said["false_links"]["mistaken"] == 2
    assert said["precision"] is None
    assert said["persons"]["people"] == 1


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60))
def test_share_of__stays_within_bounds_and_is_no_surer_than_single_trials(clusters):
    trials = np.array([max(one) for one in clusters])
    hits = np.array([min(one) for one in clusters])
    said = share_of(hits, trials)
    assert 0 <= said["lower"] <= said["estimate"] <= said["upper"] <= 1
    low, high = wilson(float(hits.sum()), float(trials.sum()))
    if trials.sum():
        assert said["lower"] <= low + 1e-9
        assert said["upper"] >= high - 1e-9


def test_share_of__single_trials_have_the_interval_of_wilson():
    hits = np.array([1] * 90 + [0] * 10)
    said = share_of(hits, np.ones(100, int))
    low, high = wilson(90, 100)
    assert said["lower"] == pytest.approx(low, abs=1e-3)
    assert said["upper"] == pytest.approx(high, abs=1e-3)


def test_share_of__clusters_that_are_alike_count_as_one_trial_each():
    hits, trials = np.repeat([3, 0], [90, 10]), np.full(100, 3)
    said = share_of(hits, trials)
    low, high = wilson(90, 100)
    assert said["lower"] == pytest.approx(low, abs=1e-3)
    assert said["upper"] == pytest.approx(high, abs=1e-3)
    assert share_of(trials, trials)["lower"] == pytest.approx(wilson(100, 100)[0])
