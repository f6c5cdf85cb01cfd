"""Normalisation: what people type, brought to one form or to missing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.agency.normalise import normaliser
from linkage.schema import FieldSpec


def normalise(kind, raw, **settings):
    return normaliser(FieldSpec(name="x", type=kind, columns=("x",), **settings))(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Smith", "SMITH"),
        ("  o'neill ", "ONEILL"),
        ("O’Neill", "ONEILL"),
        ("Smith-Jones", "SMITH JONES"),
        ("Mc Donald", "MCDONALD"),
        ("Dr Siân Evans", "SIAN EVANS"),
        ("MR", "MR"),
        ("John A", "JOHN"),
        ("J", "J"),
        ("Nguyễn", "NGUYEN"),
        ("Łukasz", "LUKASZ"),
        ("Müller", "MULLER"),
        ("MIG_ERROR_Smith", "SMITH"),
        ("DUPLICATE_NO_SHOW_Smith", "SMITH"),
        ("NOT ENTERED", None),
        ("unknown", None),
        ("N/A", None),
        ("n/a ", None),
        ("Null", "NULL"),
        ("Na", "NA"),
        ("123", None),
        ("", None),
    ],
)
def test_name(raw, expected):
    assert normalise("name", raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1980-02-29", "19800229"),
        ("1980-02-29T00:00:00", "19800229"),
        ("1980-02-29 00:00:00", "19800229"),
        ("29/02/1980", "19800229"),
        ("9/2/1980", "19800209"),
        ("29-Feb-1980", "19800229"),
        ("29 february 1980", "19800229"),
        ("19800229", "19800229"),
        ("31/02/1980", "19800231"),
        ("01/01/1970", None),
        ("1900-01-01", None),
        ("29/02/80", None),
        ("soon", None),
        ("unknown", None),
    ],
)
def test_date(raw, expected):
    assert normalise("date", raw) == expected


def test_date__reads_by_the_formats_of_the_schema_only():
    assert normalise("date", "02/29/1980", date_formats=("%m/%d/%Y",)) == "19800229"
    assert normalise("date", "1980-02-29", date_formats=("%m/%d/%Y",)) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("M", "M"), ("male", "M"), ("Female", "F"), ("2", "F"), ("w", "F"), ("X", "X"),
     ("unknown", None), ("9", None), ("", None)],
)  # fmt: skip
def test_sex(raw, expected):
    assert normalise("sex", raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("sw1a 1aa", "SW1A1AA"), ("SW1A1AA", "SW1A1AA"), ("NF1 1NF", None), ("nf11fa", None),
     ("ZZ99 3VZ", None), ("2600", "2600"), ("N/A", None)],
)  # fmt: skip
def test_postcode(raw, expected):
    assert normalise("postcode", raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("000000/00Z", None), ("2001/1234567A", "20011234567A"), ("0000", None), ("none", None)],
)
def test_identifier(raw, expected):
    assert normalise("identifier", raw) == expected


def test_absurdly_long_value__is_missing():
    assert normalise("text", "A" * 1000) == "A" * 1000
    assert normalise("text", "A" * 1001) is None


def test_placeholders_of_the_schema_are_missing_too():
    assert normalise("name", "Test  Person", placeholders=("test person",)) is None
    assert normalise("name", "Test", placeholders=("test person",)) == "TEST"


@pytest.mark.parametrize("kind", ["name", "text", "postcode", "identifier", "date", "sex"])
@given(raw=st.text(max_size=40))
def test_any_text__gives_ascii_or_missing_and_is_stable(kind, raw):
    value = normalise(kind, raw)
    if value is not None:
        assert value
        assert value.isascii()
        assert value == " ".join(value.upper().split())
        if kind not in ("date", "sex"):
            again = normalise(kind, value)
            assert again in (value, None) or kind == "name"


@given(st.text(alphabet="éçñüØłşİžÅ aZ'-", max_size=20))
def test_name__does_not_depend_on_the_unicode_form(raw):
    forms = [unicodedata.normalize(form, raw) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    assert len({normalise("name", form) for form in forms}) == 1
