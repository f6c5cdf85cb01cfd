"""Names collide in a population as the tables' weights make one expect, and real ones do."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.synth.collisions import (
    FullNames,
    count_full_names,
    share_with,
    top_surnames,
)
from linkage.synth.generate import generate
from linkage.synth.profile import NAMES, Profile
from linkage.synth.tables import load_names, read_table

PEOPLE = 100_000
#: Nobody is related and every surname is one name, which is what the tables' own figures are of.
STRANGERS = """
base = "clean"
[households]
alone = 1.0
couple = 0.0
siblings = 0.0
twins = 0.0
namesakes = 0.0
parent_child = 0.0
sharers = 0.0
"""
SINGLE = "".join(
    f"[origins.{name}]\ndouble_surname = 0.0\n" for name in Profile.named("default").origins
)


@pytest.fixture(scope="module")
def strangers() -> dict[str, np.ndarray]:
    return generate(PEOPLE, 21, Profile.from_toml(STRANGERS + SINGLE)).people


@pytest.fixture(scope="module")
def default() -> dict[str, np.ndarray]:
    return generate(PEOPLE, 22, Profile.named("default")).people


@pytest.fixture(scope="module")
def chances() -> FullNames:
    return FullNames.of(Profile.named("default"))


@pytest.mark.parametrize("name", NAMES)
def test_full_names__chances_add_up(name: str) -> None:
    chances = FullNames.of(Profile.named(name))
    assert chances.share.sum() == pytest.approx(1)
    assert np.allclose(chances.forename.sum(axis=1), 1)
    assert np.allclose(chances.surname.sum(axis=1), 1)


def test_chances__are_those_of_the_table() -> None:
    tables = load_names(("vietnamese",))
    rows = [(name, float(weight)) for origin, name, weight, _ in read_table("surnames.csv")
            if origin == "vietnamese"]  # fmt: skip
    total = sum(weight for _, weight in rows)
    chances = dict(zip(tables.names, tables.surnames.chances(0, tables.names.size), strict=True))
    for name, weight in rows:
        assert chances[name] == pytest.approx(weight / total)


def test_strangers__share_full_names_as_the_tables_say(strangers, chances) -> None:
    per_name, same = count_full_names(strangers)
    assert per_name == pytest.approx(chances.people_per_name([PEOPLE])[0], rel=0.01)
    assert same == pytest.approx(chances.same_name(), rel=0.05)


def test_people_per_name__agrees_with_a_sum_by_hand() -> None:
    few = FullNames(
        np.array([0.25, 0.75]),
        np.array([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]]),
        np.array([[1.0, 0.0], [0.4, 0.6]]),
    )
    cells = sum(s * np.outer(f, g) for s, f, g in zip(few.share, few.forename, few.surname,
                                                      strict=True))  # fmt: skip
    expected = [n / (1 - np.exp(-n * cells)).sum() for n in (1, 10, 500)]
    assert few.people_per_name([1, 10, 500]) == pytest.approx(expected)
    assert few.same_name() == pytest.approx((cells**2).sum())


def test_default__families_move_collisions_only_a_little(default, chances) -> None:
    per_name, same = count_full_names(default)
    assert per_name == pytest.approx(chances.people_per_name([PEOPLE])[0], rel=0.05)
    assert same == pytest.approx(chances.same_name(), rel=0.15)


def test_default__ten_most_common_surnames_are_as_common_as_in_the_tables(default) -> None:
    profile = Profile.named("default")
    for origin, (names, share) in top_surnames(profile).items():
        surname = default["surname"][default["origin"] == origin]
        measured = share_with(surname, names, profile)
        # Families have one surname, so that a sample of people is worth less than its size.
        error = 4 * np.sqrt(share * (1 - share) / surname.size)
        assert share * 0.95 - error < measured < share * 1.05 + error, origin


def test_default__heads_are_those_of_real_life() -> None:
    top = top_surnames(Profile.named("default"))
    assert top["british"][0][:3] == ["SMITH", "JONES", "WILLIAMS"]
    # Of people in Great Britain, some six per cent bear one of the ten most common surnames.
    assert 0.05 < top["british"][1] < 0.075
    assert top["vietnamese"][0][0] == "NGUYEN"
    assert 0.75 < top["vietnamese"][1] < 0.95
    assert {"KHAN", "HUSSAIN", "AHMED", "ALI"} <= set(top["pakistani"][0][:5])
    assert top["punjabi"][0][0] == "SINGH"


def test_count_full_names__by_hand() -> None:
    people = {
        "forename": np.array(["A", "A", "B", "A"], object),
        "surname": np.array(["X", "X", "X", "Y"], object),
    }
    assert count_full_names(people) == (4 / 3, 2 / 12)
