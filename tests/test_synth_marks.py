"""Names with their marks: who keeps them, how they get lost, and that our rules make them good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkage.agency.normalise import normaliser
from linkage.schema import FieldSpec
from linkage.synth.agreement import plain_name
from linkage.synth.generate import generate
from linkage.synth.marks import LOSSES
from linkage.synth.profile import Profile
from linkage.synth.tables import read_table

NAMES = ("forename", "first_name", "given_name", "surname", "last_name", "family_name")
SPELLINGS = [(name, spelling) for _, name, spelling in read_table("spellings.csv")]


def with_marks(base: str, **rates: float) -> Profile:
    profile = Profile.named(base)
    agencies = {name: replace(one, **rates) for name, one in profile.agencies.items()}
    return replace(profile, agencies=agencies)


def names_of(table: dict[str, np.ndarray]) -> list[tuple[str, ...]]:
    return list(zip(*(table[column].tolist() for column in table if column in NAMES), strict=True))


def test_spellings__are_brought_to_the_plain_name() -> None:
    normalise = normaliser(FieldSpec(name="surname", type="name", columns=["surname"]))
    assert len(SPELLINGS) > 1_000
    for name, spelling in SPELLINGS:
        assert not spelling.isascii()
        assert spelling == spelling.upper()
        assert normalise(spelling) == normalise(spelling.title()) == normalise(name)
        assert plain_name(spelling.title()) == plain_name(name)


@pytest.mark.parametrize("name", ["NGUYỄN", "ŁUKASZ", "JOSÉ", "ÜNAL", "ȘTEFAN", "SIOBHÁN", "KONÉ"])
def test_spellings__hold_what_people_would_look_for(name: str) -> None:
    assert name in {spelling for _, spelling in SPELLINGS}


def test_default__some_systems_keep_marks_and_some_do_not() -> None:
    data = generate(10_000, 6, Profile.named("default"))
    shares = {
        view: np.mean([not "".join(row).isascii() for row in names_of(table)])
        for view, table in data.views.items()
    }
    assert shares["police"] == 0
    assert 0.01 < shares["court"] < 0.05
    assert 0 < shares["prison"] < shares["court"]


def test_marks__change_nothing_else() -> None:
    plain = generate(2_000, 7, with_marks("hard", name_marks=0.0, name_apostrophe=0.0))
    marked = generate(
        2_000, 7, with_marks("hard", name_marks=1.0, name_apostrophe=1.0, name_marks_lost=0.0)
    )
    changed = 0
    for view, table in plain.views.items():
        other = marked.views[view]
        assert all(np.array_equal(table[c], other[c]) for c in table if "name" not in c)
        for before, after in zip(names_of(table), names_of(other), strict=True):
            changed += before != after
            assert [plain_name(one) for one in before] == [plain_name(one) for one in after]
    assert changed > 150


def test_marks__are_those_of_the_bearers_origin() -> None:
    data = generate(20_000, 8, with_marks("clean", name_marks=1.0))
    truth = data.truth["dataset"] == "police"
    origin, surname = data.truth["origin"][truth], data.views["police"]["surname"]
    vietnamese = surname[origin == "vietnamese"].tolist()
    assert "NGUYỄN" in vietnamese
    assert "NGUYEN" not in vietnamese
    assert all(name.isascii() for name in surname[np.isin(origin, ["pakistani", "punjabi"])])
    double = [one for one in surname[origin == "portuguese"].tolist() if "GONÇALVES" in one]
    assert any(" " in one for one in double), "parts of double surnames have their marks too"


def test_apostrophes__may_be_typographic() -> None:
    data = generate(5_000, 9, with_marks("clean", name_apostrophe=1.0))
    surnames = data.views["police"]["surname"].tolist()
    assert any(one.startswith("O’") for one in surnames)
    assert not any("'" in one for one in surnames)


def test_marks_lost__spoil_names_that_have_some() -> None:
    whole = generate(5_000, 10, with_marks("clean", name_marks=1.0))
    lost = generate(5_000, 10, with_marks("clean", name_marks=1.0, name_marks_lost=1.0))
    before = [name for row in names_of(whole.views["police"]) for name in row]
    after = [name for row in names_of(lost.views["police"]) for name in row]
    pairs = {(a, b) for a, b in zip(before, after, strict=True) if not a.isascii()}
    assert len(pairs) > 30
    assert all(a != b for a, b in pairs)
    assert any("?" in b for _, b in pairs)
    assert all(a == b for a, b in zip(before, after, strict=True) if a.isascii()), (
        "plain names have nothing to lose"
    )


def test_losses__are_those_of_real_files() -> None:
    assert [loss("JOSÉ") for loss in LOSSES] == ["JOS?", "JOS", "JOSÃ‰"]
