"""Slips of the pen, dates and numbers: each does what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.errors import InputError
from linkage.synth import dates, identifiers
from linkage.synth.draws import Choice, permute, stream
from linkage.synth.typos import KINDS, spoil, spoil_postcode

NAMES = np.array(["SMITH", "O'BRIEN", "WISNIEWSKI", "AL-HASSAN", "MCDONALD", "KHAN"] * 200, object)


def spoilt(kind: str) -> list[tuple[str, str]]:
    shares = [float(k == kind) for k in KINDS]
    return list(zip(NAMES, spoil(stream(1, 0), NAMES, shares), strict=True))


@pytest.mark.parametrize(
    ("kind", "change"),
    [("keyboard", 0), ("insertion", 1), ("deletion", -1), ("transposition", 0)],
)
def test_spoil__changes_the_length_as_the_slip_does(kind: str, change: int) -> None:
    assert all(len(new) - len(old) == change for old, new in spoilt(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_spoil__leaves_hardly_any_as_it_was(kind: str) -> None:
    pairs = spoilt(kind)
    assert np.mean([old != new for old, new in pairs]) > 0.9
    assert all(new and new.isascii() and "\x00" not in new for _, new in pairs)


def test_spoil__transposition_and_truncation_keep_the_letters() -> None:
    assert all(sorted(old) == sorted(new) for old, new in spoilt("transposition"))
    assert all(old.startswith(new) and len(new) >= 3 for old, new in spoilt("truncation"))


def test_spoil__takes_names_of_one_letter() -> None:
    one = np.array(["X"] * 50, object)
    for kind in KINDS:
        out = spoil(stream(2, 0), one, [float(k == kind) for k in KINDS])
        assert all(1 <= len(name) <= 2 for name in out)


def test_spoil_postcode__changes_one_character() -> None:
    old = np.array(["LS6 2AB"] * 100, object)
    new = spoil_postcode(stream(3, 0), old)
    assert all(
        sum(a != b for a, b in zip(x, y, strict=True)) <= 1 for x, y in zip(old, new, strict=True)
    )


def test_dates__convert_both_ways() -> None:
    days = np.arange(0, 40_000, 37, dtype=np.int32)
    year, month, day = dates.parts(days)
    assert np.array_equal(dates.day_number(year, month, day), days)
    assert dates.is_date(year, month, day).all()
    assert not dates.is_date(*(np.array([n]) for n in (1999, 2, 29)))[0]


def test_one_digit_off__changes_one_digit_of_a_real_date() -> None:
    days = np.arange(5_000, 40_000, 7, dtype=np.int32)
    before, after = (dates.date_text(d, "yyyy-mm-dd") for d in
                     (days, dates.one_digit_off(stream(4, 0), days)))  # fmt: skip
    wrong = [sum(a != b for a, b in zip(x, y, strict=True)) for x, y in
             zip(before, after, strict=True)]  # fmt: skip
    assert max(wrong) == 1
    assert np.mean(wrong) > 0.98


def test_day_month_swapped__swaps_where_that_is_a_date() -> None:
    days = dates.day_number(*(np.array(n) for n in ((1984, 1984), (3, 3), (5, 25))))
    text = dates.date_text(dates.day_month_swapped(days), "dd/mm/yyyy").tolist()
    assert text == ["03/05/1984", "25/03/1984"]


@pytest.mark.parametrize("slip", [dates.day_month_swapped, lambda d: dates.one_digit_off(
    stream(5, 0), d), lambda d: dates.another_day(stream(5, 0), d)])  # fmt: skip
def test_slips__leave_a_missing_date_missing(slip: object) -> None:
    missing = np.full(5, dates.MISSING)
    assert (slip(missing) == dates.MISSING).all()  # type: ignore[operator]
    assert set(dates.date_text(missing, "dd/mm/yyyy")) == {""}


@pytest.mark.parametrize("size", [1, 2, 3, 100, 9_999])
def test_permute__is_a_permutation(size: int) -> None:
    out = permute(np.arange(size), size, key=7)
    assert sorted(out.tolist()) == list(range(size))


def test_permute__depends_on_the_key() -> None:
    values = np.arange(1_000)
    assert not np.array_equal(permute(values, 10_000, 1), permute(values, 10_000, 2))


def test_choice__draws_each_group_by_its_own_weights() -> None:
    choice = Choice.of([([5, 6], [1, 3]), ([7], [2]), ([8, 9], [0, 1])])
    group = np.repeat([0, 1, 2], 20_000)
    drawn = choice.draw(stream(6, 0), group)
    assert np.mean(drawn[:20_000] == 6) == pytest.approx(0.75, abs=0.02)
    assert set(drawn[20_000:40_000]) == {7}
    assert set(drawn[40_000:]) == {9}


def test_serials__are_unique_within_a_year_and_refuse_too_many() -> None:
    year = np.array([1999] * 90 + [2000] * 50)
    serial = identifiers.serials(year, 100, key=3)
    assert len(set(zip(year.tolist(), serial.tolist(), strict=True))) == 140
    with pytest.raises(InputError, match="100"):
        identifiers.serials(np.full(101, 1999), 100, key=3)


def test_wrong_digit__breaks_the_check_letter() -> None:
    numbers = identifiers.pnc_numbers(np.full(200, 1998), key=9)
    wrong = identifiers.wrong_digit(stream(7, 0), numbers)
    for right, other in zip(numbers, wrong, strict=True):
        assert sum(a != b for a, b in zip(right, other, strict=True)) == 1
        assert identifiers.CHECK_LETTERS[int(other[2:4] + other[5:12]) % 23] != other[-1]
