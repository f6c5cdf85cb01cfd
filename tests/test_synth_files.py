"""Files block by block, and the copies in data/synthetic: all of them say the same."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from linkage.synth.agreement import HARD_EVERYTHING, PUBLISHED
from linkage.synth.blocks import AgencyFile, alias_blocks, register_blocks
from linkage.synth.generate import generate
from linkage.synth.listed import AliasFile
from linkage.synth.population import CHUNK_PEOPLE, populate
from linkage.synth.profile import AGENCIES, NAMES, Profile
from tests.command import REPOSITORY, did

DATA = REPOSITORY / "data" / "synthetic"
PACKAGE = REPOSITORY / "linkage" / "synth"


def joined(blocks):
    blocks = list(blocks)
    return {name: np.concatenate([one[name] for one in blocks]) for name in blocks[0]}


@pytest.mark.parametrize("rows", [1, 7, 1_000, 10**9])
def test_blocks__of_any_size_make_the_same_file(rows):
    whole = generate(150, 3, Profile.named("hard"), views=AGENCIES)
    population = populate(150, 3, Profile.named("hard"), views=AGENCIES)
    truth = []
    for view in AGENCIES:
        blocks = list(AgencyFile.of(population, view).blocks(rows))
        table = joined(one.columns for one in blocks)
        assert all(np.array_equal(table[c], whole.views[view][c]) for c in whole.views[view])
        truth += [one.truth for one in blocks]
    truth = joined(truth)
    assert all(np.array_equal(truth[c], whole.truth[c]) for c in whole.truth)
    for blocks, table in (
        (register_blocks(population, rows), whole.people),
        (alias_blocks(population, rows), whole.aliases),
    ):
        made = joined(blocks)
        assert all(np.array_equal(made[c], table[c]) for c in table)


def test_alias_file__of_any_block_size_lists_the_same():
    population = populate(2_000, 5, Profile.named("hard"))
    one = AliasFile.of(AgencyFile.of(population, "prison"))
    whole = joined(one.blocks())
    assert whole["record_id"].size > 200
    for rows in (13, 500):
        made = joined(one.blocks(rows))
        assert all(np.array_equal(made[c], whole[c]) for c in whole)


def test_alias_file__lists_other_names_of_the_records_person():
    population = populate(5_000, 5, Profile.named("hard"))
    data = generate(5_000, 5, Profile.named("hard"))
    known = {}
    for table in (data.people, data.aliases):
        rows = zip(*(table[c] for c in ("person_id", "forename", "surname", "dob")), strict=True)
        for person, *name in rows:
            known.setdefault(person, set()).add(tuple(name))
    of_view = data.truth["dataset"] == "police"
    person = dict(
        zip(data.truth["record_id"][of_view], data.truth["person_id"][of_view], strict=True)
    )
    listed = joined(AliasFile.of(AgencyFile.of(population, "police")).blocks())
    assert list(listed) == ["record_id", "forename", "surname", "dob"]
    rows = list(zip(*(listed[c] for c in listed), strict=True))
    assert len(rows) > 500
    assert len(set(rows)) == len(rows)
    for record, *name in rows:
        assert tuple(name) in known[person[record]]


def test_alias_file__lists_as_many_as_the_rate_says():
    text = 'base = "hard"\n[agencies.police]\naliases_listed = {}\n'
    counts = []
    for rate in (0.0, 0.4, 1.0):
        population = populate(5_000, 5, Profile.from_toml(text.format(rate)))
        blocks = AliasFile.of(AgencyFile.of(population, "police")).blocks()
        counts.append(sum(one["record_id"].size for one in blocks))
    assert counts[0] == 0
    assert counts[1] == pytest.approx(0.4 * counts[2], rel=0.1)


def test_populate__chunks_count_on():
    people = CHUNK_PEOPLE + 50
    population = populate(people, 2, Profile.named("hard"), threads=2)
    register, aliases = population.register, population.aliases
    assert len(population) == register.lead.size == people
    assert (register.lead <= np.arange(people)).all()
    assert register.lead[CHUNK_PEOPLE:].min() == CHUNK_PEOPLE
    assert np.array_equal(np.repeat(np.arange(people), np.diff(aliases.starts)), aliases.person)
    for rows in population.rows.values():
        assert rows.person.max() >= CHUNK_PEOPLE
        under = rows.alias >= 0
        assert np.array_equal(aliases.person[rows.alias[under]], rows.person[under])


def test_generate__takes_an_agency_that_knows_nobody():
    text = "[overlap]\npolice = 1.0\ncourt = 0.0\nprison = 0.0\npolice_court = 0.0\n"
    text += "police_prison = 0.0\ncourt_prison = 0.0\npolice_court_prison = 0.0\n"
    data = generate(50, 1, Profile.from_toml(text), views=AGENCIES)
    assert data.views["court"]["record_id"].size == data.views["prison"]["record_id"].size == 0
    assert set(data.truth["dataset"]) == {"police", "probation"}


@pytest.mark.parametrize("name", NAMES)
def test_ready_files__are_byte_for_byte_what_the_command_in_the_readme_writes(name, tmp_path):
    command = load("make").command(name)
    assert f"`linkage {' '.join(command)}`" in (DATA / "README.md").read_text("utf-8")
    did(*command, "-o", "made", cwd=tmp_path)
    made, ready = (
        {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in (tmp_path / "made", DATA / name)
    )
    assert made == ready
    rows = (DATA / name / "truth.csv").read_text("utf-8").splitlines()
    assert 2_000 < len(rows) < 5_000


@pytest.mark.parametrize("folder", ["profiles", "tables"])
def test_copies__are_what_the_package_has(folder):
    package = {path.name: path.read_bytes() for path in (PACKAGE / folder).iterdir()}
    assert {path.name: path.read_bytes() for path in (DATA / folder).iterdir()} == package


def test_tables__each_have_a_source_and_a_licence():
    sources = (PACKAGE / "tables" / "SOURCES.md").read_text("utf-8")
    rows = {line.split("`")[1]: line for line in sources.splitlines() if line.startswith("| `")}
    assert set(rows) == {path.name for path in (PACKAGE / "tables").glob("*.csv")}
    for row in rows.values():
        *_, origin, licence, _ = (cell.strip() for cell in row.split("|"))
        assert origin
        assert "Apache-2.0" in licence or "MIT" in licence


def test_calibration__page_and_picture_show_the_measured_figures():
    results = json.loads((DATA / "calibration.json").read_text("utf-8"))
    page = (REPOSITORY / "docs" / "synthetic.md").read_text("utf-8")
    assert load("calibrate").table(results) in page
    assert "pictures/calibration.svg" in page
    picture = REPOSITORY / "docs" / "pictures" / "calibration.svg"
    assert picture.read_text("utf-8") == load("picture").draw(results)


def test_calibration__measured_figures_are_within_tolerance():
    levels = json.loads((DATA / "calibration.json").read_text("utf-8"))["agreement"]
    for level, anchor in PUBLISHED.items():
        assert anchor.low <= levels[level]["default"] <= anchor.high, level
    assert HARD_EVERYTHING.low <= levels["everything"]["hard"] <= HARD_EVERYTHING.high


def load(name):
    """Import a script of data/synthetic, which is no package."""
    sys.path.insert(0, str(DATA))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(DATA))
