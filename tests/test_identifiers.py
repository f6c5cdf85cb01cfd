"""Identifiers, numbers and codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.agency.identifiers import check_letter, cro, noms, pnc
from linkage.agency.normalise import normaliser
from linkage.agency.tokens import code_tokens, number_tokens
from linkage.schema import FieldSpec
from linkage.synth import identifiers as made

YEARS = np.array([1974, 1985, 1994, 1995, 1999, 2000, 2004, 2023])


@pytest.mark.parametrize("key", [1, 2, 3])
def test_pnc__all_forms_of_one_number_agree(key):
    for number in made.pnc_numbers(YEARS, key):
        forms = {pnc(text) for text in (number, number[2:], number.replace("/", ""))}
        assert len(forms) == 1
        assert forms.pop() == number[2:].replace("/", "")
        short = f"{number[2:5]}{int(number[5:12])}{number[12]}"
        assert pnc(short) == pnc(number)


@pytest.mark.parametrize("key", [1, 2, 3])
def test_cro__takes_what_is_well_formed(key):
    for number in made.cro_numbers(YEARS, key):
        assert cro(number) == number.replace("/", "")


@pytest.mark.parametrize("form", [made.pnc_numbers, made.cro_numbers])
def test_check_letter__finds_a_wrong_digit(form):
    numbers = form(YEARS, 1)
    read = pnc if form is made.pnc_numbers else cro
    for wrong in made.wrong_digit(np.random.default_rng(1), numbers):
        assert read(wrong) == ""


def test_check_letter__by_hand():
    assert check_letter("040000001") == "ZABCDEFGHJKLMNPQRTUVWXY"[40000001 % 23]


@pytest.mark.parametrize(
    ("read", "text"),
    [(pnc, ""), (pnc, "2004"), (pnc, "2004/0000001"), (pnc, "04123A"), (cro, "000000/00Z"),
     (cro, "SF"), (cro, "12/3"), (noms, "A1234B"), (noms, "1A234BC"), (noms, "A1234BCD")],
)  # fmt: skip
def test_identifiers__refuse_other_forms(read, text):
    assert read(text) == ""


def test_noms():
    assert noms("A1234 BC") == "A1234BC"


@given(st.text(max_size=20))
def test_identifiers__take_any_text(text):
    for read in (pnc, cro, noms):
        assert isinstance(read(text.upper()), str)


def read(kind, raw, **options):
    return normaliser(FieldSpec(name="x", type=kind, columns=("x",), **options))(raw)


def test_identifier__by_a_pattern_of_ones_own():
    assert read("identifier", "ab-12", pattern="[A-Z]{2}-[0-9]{2}") == "AB12"
    assert read("identifier", "ab-123", pattern="[A-Z]{2}-[0-9]{2}") is None


def test_replace__rules_of_ones_own():
    rules = (("^VAN DER ", ""), ("SCH", "SH"))
    assert read("name", "van der Schaft", replace=rules) == "SHAFT"
    assert read("name", "X", replace=(("X", ""),)) is None


@given(st.integers(-(10**6), 10**6), st.integers(0, 8), st.integers(0, 6))
def test_number__dice_falls_evenly_with_the_distance(number, distance, neighbours):
    one, other = (set(number_tokens(str(n), neighbours)) for n in (number, number + distance))
    size = 2 * neighbours + 1
    assert len(one & other) == max(0, size - distance)
    assert len(one) == len(other) == size


@pytest.mark.parametrize(
    ("raw", "step", "steps"),
    [("181.4", 2.0, "91"), ("-3", 1.0, "-3"), ("1 000", 10.0, "100"), ("0.1", 0.05, "2"),
     ("inf", 1.0, None), ("1e400", 1.0, None), ("tall", 1.0, None), ("2.5", 1.0, "2")],
)  # fmt: skip
def test_number__counts_in_steps(raw, step, steps):
    assert read("number", raw, step=step) == steps


def test_code_tokens__kindred_codes_share_their_beginning():
    assert code_tokens("12.3/1") == ["12", "12.3", "12.3/1"]
    assert code_tokens("5301") == ["5", "53", "530", "5301"]
    assert len(set(code_tokens("12.3.4")) & set(code_tokens("12.3.5"))) == 2
