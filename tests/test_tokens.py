"""Tokens and parts of blocking keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.agency.tokens import key_parts, tokenise
from linkage.schema import FieldSpec
from tests import reference


def tokens_of(kind, values, **options):
    """The tokens of each value."""
    tokens = tokenise(FieldSpec(name="x", type=kind, columns=("x",), **options), values)
    return [tokens.of(place) for place in range(len(values))]


def key_part(transform):
    return lambda value: key_parts(transform, [value])[0]


def qgrams(value, q):
    return tokens_of("name", [value], qgram=q)[0]


def date_tokens(value):
    return tokens_of("date", [value])[0]


NAMES = st.text(alphabet="ABCDEFG ", min_size=1, max_size=15).filter(str.strip)


@given(st.lists(st.text(alphabet="ABC D", max_size=12).map(lambda t: " ".join(t.split())),
                max_size=6), st.integers(1, 4))  # fmt: skip
def test_qgrams__equal_reference(values, q):
    assert tokens_of("text", values, qgram=q) == [reference.qgrams(value, q) for value in values]


@given(NAMES, st.integers(1, 4))
def test_qgrams__are_distinct_and_do_not_mind_the_order_of_words(value, q):
    tokens = qgrams(value, q)
    assert len(tokens) == len(set(tokens))
    assert set(tokens) == set(qgrams(" ".join(reversed(value.split())), q))
    assert all(len(token) == q for token in tokens)


def test_qgrams__pad_every_word():
    assert qgrams("AL BO", 2) == ["_A", "AL", "L_", "_B", "BO", "O_"]
    assert qgrams("AB", 3) == ["__A", "_AB", "AB_", "B__"]
    assert qgrams("AB", 1) == ["A", "B"]


@given(st.dates())
def test_date_tokens__share_the_swap_token_with_the_swapped_date(date):
    value = date.strftime("%Y%m%d").zfill(8)
    swapped = value[:4] + value[6:] + value[4:6]
    assert date_tokens(value) == reference.date_tokens(value)
    assert date_tokens(value)[-1] == date_tokens(swapped)[-1]


def test_postcode_tokens__align_the_incode():
    one, other = tokens_of("postcode", ["N11AA", "NW11AA"])
    assert set(one) & set(other) == {
        "0:N", "i0:1", "i1:A", "i2:A",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "area"), [("SW1A1AA", "SW1A"), ("N11AA", "N1"), ("2600", "26"), ("90210", "902")]
)
def test_outcode(value, area):
    assert key_part("outcode")(value) == area


@pytest.mark.parametrize(
    ("transform", "one", "other"),
    [
        ("metaphone", "CATHERINE", "KATHERINE"),
        ("soundex", "ROBERT", "RUPERT"),
        ("nysiis", "MACDONALD", "MCDONALD"),
        ("metaphone", "DE SOUZA", "SOUZA"),
        ("first2", "SMITH", "SMYTHE"),
    ],
)
def test_key_part__brings_spellings_together(transform, one, other):
    assert key_part(transform)(one) == key_part(transform)(other)


@given(NAMES)
def test_key_part__takes_any_name(value):
    for transform in ("metaphone", "soundex", "nysiis", "first1", "first2", "first3", "exact"):
        assert isinstance(key_part(transform)(" ".join(value.split())), str)


def test_key_part__cuts_dates():
    parts = {t: key_part(t)("19800229") for t in ("year", "year_month", "month_day", "exact")}
    assert parts == {
        "year": "1980", "year_month": "198002", "month_day": "0229", "exact": "19800229",
    }  # fmt: skip
