"""Calibration: records of one person agree as published figures say they do."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.synth.agreement import (
    comparable,
    jaro_winkler,
    measure,
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


@pytest.mark.parametrize(
    ("level", "published", "tolerance"),
    [
        ("everything", 0.64, 0.02),
        ("name_exact", 0.881, 0.02),
        ("name_close", 0.073, 0.015),
        ("name_reversed", 0.0020, 0.0012),
        ("name_alias", 0.0206, 0.012),
        ("name_other", 0.0234, 0.007),
        ("dob_exact", 0.948, 0.015),
        ("dob_alias", 0.017, 0.010),
        ("dob_one_edit", 0.017, 0.006),
        ("dob_other", 0.018, 0.008),
        ("postcode_exact", 0.708, 0.02),
        ("postcode_outcode", 0.092, 0.02),
        ("postcode_neither", 0.199, 0.02),
        ("middle_exact", 0.931, 0.02),
    ],
)
def test_default__agrees_as_the_core_person_record_does(
    agreement: dict[str, float], level: str, published: float, tolerance: float
) -> None:
    assert agreement[level] == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(
    ("level", "published"),
    [
        ("u_name", 6.4e-6),
        ("u_dob", 6.3e-5),
        ("u_postcode", 1.3e-4),
        ("u_outcode", 2.5e-3),
        ("u_middle", 0.0123),
    ],
)
def test_default__strangers_agree_by_chance_as_often(
    agreement: dict[str, float], level: str, published: float
) -> None:
    assert published / 1.7 < agreement[level] < published * 1.7


def test_hard__agrees_as_the_hardest_public_data_does() -> None:
    agreement = measure(generate(PEOPLE, 12, Profile.named("hard")))
    assert agreement["everything"] == pytest.approx(0.41, abs=0.02)


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
