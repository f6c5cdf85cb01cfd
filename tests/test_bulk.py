"""Whole columns: what the kernels make of texts is what the rules for one text make of each."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linkage.agency.bulk import normalise_texts
from linkage.agency.columns import read_column, read_texts
from linkage.agency.ids import IdCheck
from linkage.agency.normalise import PLACEHOLDERS, normaliser
from linkage.agency.texts import Texts
from linkage.agency.tokens import key_parts
from linkage.errors import InputError
from linkage.io.ids import text_order
from linkage.kernels.texts import number_codes
from linkage.model import MAX_ID_BYTES
from linkage.schema import FieldSpec
from linkage.synth import identifiers as made

YEARS = np.array([1974, 1985, 1994, 1999, 2004, 2023])
NUMBERS = [
    form
    for kind in (made.pnc_numbers, made.cro_numbers)
    for number in kind(YEARS, 1)
    for form in (number, number[2:], number.replace("/", ""), number.lower(), f"{number[:-1]}I")
]
FIELDS = {
    "name": {"type": "name"},
    "name with a placeholder and rules": {
        "type": "name", "placeholders": ("Test person",), "replace": (("^O", "A"),),
    },
    "date": {"type": "date"},
    "date of one form": {"type": "date", "date_formats": ("%Y-%m-%d",)},
    "date of unlike forms": {
        "type": "date", "date_formats": ("%d%m%Y", "%Y%m%d", "%d %b %Y", "%m/%d/%Y", "%d:%m:%Y"),
    },
    "sex": {"type": "sex"},
    "postcode": {"type": "postcode", "placeholders": ("N1 1AA",)},
    "text": {"type": "text"},
    "number": {"type": "number"},
    "code": {"type": "code"},
    "identifier": {"type": "identifier"},
    "pattern": {"type": "identifier", "pattern": "[A-Z]{2}-[0-9]{2}"},
    "pnc": {"type": "identifier", "format": "pnc"},
    "cro": {"type": "identifier", "format": "cro"},
    "noms": {"type": "identifier", "format": "noms"},
}  # fmt: skip

PIECES = st.sampled_from(
    [
        "Smith", "o'neill", "`", " ", "  ", "\t", "\x1c", "\x85", "\xa0", "-", "_", ".", "/", ",",
        "Mc", "MAC ", "dr ", "MR", "J", " A ", "MIG_ERROR_", "NO_SHOW_", "é", "Ł", "’", "李", "\0",
        "0", "00", "7", "19", "2004", "1980-02-29", "29/02/1980", "9/2/1980", "1980229",
        "29 feb 1980", "01:02:1980", " 00:00:00", "T00:00", "02291980", "sw1a 1aa", "N1 1AA",
        "ZZ99", "SF", "SF92/662032Z", "2001/1234567A", "A1234BC", "AB-12", "Z", "ab.c", "1e3",
        *NUMBERS[:40:7],
    ]
)  # fmt: skip
RAW = st.one_of(
    st.text(max_size=20),
    st.lists(PIECES, max_size=5).map("".join),
    st.sampled_from(sorted(set().union(*PLACEHOLDERS.values()))),
    st.sampled_from(NUMBERS),
    st.from_regex(r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}", fullmatch=True),
    st.from_regex(r"[A-Z]{1,2}[0-9A-Z]{1,3} ?[0-9][A-Z]{1,2}", fullmatch=True),
    st.from_regex(r"(SF)?[0-9]{1,6}/?[0-9]{0,6}[A-Z]", fullmatch=True),
)


@pytest.mark.parametrize("name", FIELDS)
@given(raw=st.lists(RAW, max_size=12))
@example(raw=NUMBERS)
@settings(max_examples=200)
def test_normalise_texts__is_what_the_rules_say_of_each(name, raw):
    field = FieldSpec(name="x", columns=("x",), **FIELDS[name])
    expected = [normaliser(field)(text) or "" for text in raw]
    assert list(normalise_texts(field, Texts.of(raw))) == expected


@pytest.mark.parametrize("sign", [chr(code) for code in range(256)])
def test_normalise_texts__knows_every_sign(sign):
    raw = [sign, f"{sign}A1", f"A1{sign}", f"Mary{sign}Ann", f"1980{sign}01-02", f"{sign} {sign}"]
    for options in FIELDS.values():
        field = FieldSpec(name="x", columns=("x",), **options)
        expected = [normaliser(field)(text) or "" for text in raw]
        assert list(normalise_texts(field, Texts.of(raw))) == expected


@given(st.lists(st.one_of(st.none(), RAW), max_size=12), st.integers(0, 3))
def test_columns__of_arrow_are_those_of_python(cells, start):
    plain = {"x": cells[start:]}
    expected = read_column(plain, "x").texts()
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        table = pa.table({"x": pa.array(cells, pa.string()).cast(kind)[start:]})
        column = read_column(table, "x")
        assert column.texts() == expected
        assert len(set(column.values)) == len(column.values)
        assert "" not in column.values
        assert list(read_texts(table, "x")) == expected


@given(st.lists(st.text(alphabet="AB1é\ud800", max_size=3)), st.data())
def test_texts__are_a_sequence(texts, data):
    packed = Texts.of(texts)
    assert list(packed) == texts
    assert [packed[k] for k in range(len(packed))] == texts
    assert not any(text in repr(packed) for text in texts if len(text) > 1)
    places = np.array(data.draw(st.lists(st.integers(0, 9), unique=True)), np.int64)
    places = places[places < len(texts)]
    other = [texts[k] for k in range(len(texts))]
    for place in places.tolist():
        other[place] = f"new {place}"
    assert list(packed.replaced(places, [f"new {k}" for k in places.tolist()])) == other
    numbers, distinct = packed.distinct()
    assert list(distinct) == [one for one in dict.fromkeys(texts) if one]
    assert [distinct[n] if n >= 0 else "" for n in numbers.tolist()] == texts


@given(st.lists(st.integers(0, 2**40)))
def test_number_codes(codes):
    numbers, distinct = number_codes(np.array(codes, np.int64))
    assert distinct.tolist() == list(dict.fromkeys(codes))
    assert distinct[numbers].tolist() == codes


TOO_LONG = "y" * (MAX_ID_BYTES + 1)
UK_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}")


@given(
    st.lists(
        st.one_of(
            st.from_regex(r"[A-Z0-9]{1,9}", fullmatch=True),
            st.from_regex(UK_POSTCODE, fullmatch=True),
        )
    )
)
def test_key_parts__cut(values):
    areas = [v[:-3] if UK_POSTCODE.fullmatch(v) else v[: max(2, len(v) - 2)] for v in values]
    assert list(key_parts("outcode", values)) == areas
    assert list(key_parts("first3", values)) == [value[:3] for value in values]
    assert list(key_parts("month_day", values)) == [value[4:] for value in values]


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=20), min_size=1))
def test_text_order__is_that_of_argsort(texts):
    array = np.array([text.encode() for text in texts], np.bytes_)
    assert np.array_equal(array[text_order(array)], np.sort(array))


@given(st.lists(st.lists(st.sampled_from(["a", "b", "é", "", "x\n", TOO_LONG, *"cdefgh"]))))
def test_id_check__finds_what_stood_earlier(chunks):
    check, seen = IdCheck(), set()
    for chunk in chunks:
        bad = set()
        for place, one in enumerate(chunk):
            if one in seen or one in ("", "x\n", TOO_LONG):
                bad.add(place)
            seen.add(one)
        assert set(check.check(chunk, "id")) == bad


def test_columns__refuse_bytes_that_are_no_text():
    ends = pa.py_buffer(np.array([0, 3, 6], np.int32))
    broken = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"abcd\xffe")])
    for read in (read_column, read_texts):
        with pytest.raises(InputError, match="text"):
            read(pa.table({"x": broken}), "x")
