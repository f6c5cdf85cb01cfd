"""Calibration: records of one person agree as published figures say they do."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.synth.agreement import (
    HARD_EVERYTHING,
    PUBLISHED,
    comparable,
    jaro_winkler,
    measure,
    measure_strangers,
    one_edit,
    plain_date,
    plain_name,
    plain_postcode,
)
from linkage.synth.generate import SyntheticData, generate
from linkage.synth.profile import Profile

PEOPLE = 20_000


@pytest.fixture(scope="module")
def default() -> SyntheticData:
    return generate(PEOPLE, 11, Profile.named("default"))


@pytest.fixture(scope="module")
def agreement(default: SyntheticData) -> dict[str, float]:
    return measure(default)


@pytest.mark.parametrize("level", PUBLISHED)
def test_default__agrees_as_published(agreement: dict[str, float], level: str) -> None:
    anchor = PUBLISHED[level]
    assert anchor.low < anchor.published < anchor.high
    assert anchor.low <= agreement[level] <= anchor.high


def test_published__is_the_core_person_records_table() -> None:
    told = {level: anchor.published for level, anchor in PUBLISHED.items()}
    assert told["everything"] == 0.64
    assert (told["name_exact"], told["name_close"], told["name_reversed"]) == (0.881, 0.073, 0.002)
    assert told["name_alias"] == 0.0206
    assert (told["dob_exact"], told["dob_alias"], told["dob_one_edit"]) == (0.948, 0.017, 0.017)
    assert told["postcode_exact"] == 0.708
    assert (told["postcode_outcode"], told["postcode_neither"]) == (0.092, 0.199)
    assert (told["u_name"], told["u_dob"], told["u_postcode"]) == (6.4e-6, 6.3e-5, 1.3e-4)
    for field in ("name", "dob", "postcode"):
        assert sum(v for k, v in told.items() if k.startswith(field)) == pytest.approx(1, abs=2e-3)


def test_hard__agrees_as_the_hardest_public_data_does() -> None:
    agreement = measure(generate(PEOPLE, 12, Profile.named("hard")))
    assert HARD_EVERYTHING.published == 0.41
    assert HARD_EVERYTHING.low <= agreement["everything"] <= HARD_EVERYTHING.high


def test_measure_strangers__counts_near_agreement(default: SyntheticData) -> None:
    found = measure_strangers(default, 60_000, 1)
    assert found == measure_strangers(default, 60_000, 1)
    assert 0 < found["u_name_close"] < 5e-3
    # Of two dates drawn from 23,000, some 1 in 500 to 1,000 differ in one place.
    assert 5e-4 < found["u_dob_one_edit"] < 4e-3


def test_clean__agrees_on_everything() -> None:
    agreement = measure(generate(3_000, 13, Profile.named("clean")))
    assert agreement["everything"] == 1.0
    assert agreement["name_exact"] == agreement["dob_exact"] == agreement["postcode_exact"] == 1.0


def test_default__error_rates_differ_by_group(default: SyntheticData) -> None:
    def exact(group: str, values: set[str]) -> float:
        """Share of people whose name is written in one way in all their records."""
        found: dict[str, set[str]] = {}
        for view in default.views:
            table = comparable(default, view)
            of_view = default.truth["dataset"] == view
            in_group = np.isin(default.truth[group][of_view], list(values))
            names = (table["forename"] + " " + table["surname"])[in_group]
            for person, name in zip(table["person"][in_group], names, strict=True):
                found.setdefault(person, set()).add(name)
        return float(np.mean([len(names) == 1 for names in found.values()]))

    far = {"pakistani", "bangladeshi", "arabic", "east_african", "polish", "vietnamese"}
    assert exact("origin", far) < exact("origin", {"british"}) - 0.03
    assert exact("born_abroad", {"yes"}) < exact("born_abroad", {"no"}) - 0.02


def test_measure__counts_pairs_across_agencies_only() -> None:
    data = generate(300, 1, Profile.named("default"))
    counts = {
        view: dict(zip(*np.unique(data.truth["person_id"][data.truth["dataset"] == view],
                                  return_counts=True), strict=True))
        for view in data.views
    }  # fmt: skip
    views = list(counts)
    pairs = sum(
        n * counts[b].get(person, 0)
        for i, a in enumerate(views)
        for b in views[i + 1 :]
        for person, n in counts[a].items()
    )
    assert measure(data)["pairs"] == pairs


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("O'Brien", "OBRIEN"),
        ("MC DONALD", "MCDONALD"),
        ("Smith-Jones", "SMITH JONES"),
        ("MR JOHN", "JOHN"),
        ("MIG_ERROR_KHAN", "KHAN"),
        ("Not Entered", ""),
        ("JOHN P", "JOHN"),
        ("Łukasz", "LUKASZ"),
        ("O’Neill", "ONEILL"),
        ("Nguyễn", "NGUYEN"),
    ],
)
def test_plain_name__takes_dirt_off(written: str, plain: str) -> None:
    assert plain_name(written) == plain


def test_plain_date__reads_every_format() -> None:
    assert {plain_date(d) for d in ("1984-03-05", "05/03/1984", "05-Mar-1984")} == {"1984-03-05"}
    assert plain_date("01/01/1970") == plain_date("1900-01-01") == plain_date("") == ""


def test_plain_postcode__drops_space_and_placeholders() -> None:
    assert plain_postcode("LS6 2AB") == plain_postcode("LS62AB") == "LS62AB"
    assert plain_postcode("NF1 1NF") == plain_postcode("NOTENTERED") == ""


def test_jaro_winkler__gives_winklers_examples() -> None:
    assert jaro_winkler("MARTHA", "MARHTA") == pytest.approx(0.9611, abs=1e-4)
    assert jaro_winkler("DWAYNE", "DUANE") == pytest.approx(0.84, abs=1e-4)
    assert jaro_winkler("DIXON", "DICKSONX") == pytest.approx(0.8133, abs=1e-4)
    assert jaro_winkler("ABC", "XYZ") == 0.0
    assert jaro_winkler("SAME", "SAME") == 1.0


def test_one_edit__is_a_digit_or_a_turn() -> None:
    assert one_edit("1984-03-05", "1984-03-06")
    assert one_edit("1984-03-12", "1984-03-21")
    assert not one_edit("1984-03-05", "1984-05-03")
