"""Normalise whole columns: what `linkage.agency.normalise` says, for a million texts at once.

The rules for one text are the definition. Tables of signs are made by asking those rules about
every sign, and a text that a kernel is not sure of goes through the rules themselves: texts that
are not ASCII, names with titles or initials, dates and police numbers in unusual forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from linkage.agency.identifiers import CHECK_LETTERS
from linkage.agency.normalise import (
    DATE_FORMATS,
    JOINED_WORDS,
    MOST_CHARACTERS,
    NO_FIXED_ABODE,
    PLACEHOLDERS,
    TITLES,
    code_signs,
    compact,
    name_signs,
    normaliser,
    one_line,
    own_placeholders,
    text_signs,
)
from linkage.agency.texts import Texts
from linkage.kernels.forms import odd_words, read_cro, read_dates, read_pnc
from linkage.kernels.texts import DROP, ODD, find_texts, map_bytes, pad_texts
from linkage.schema import FieldSpec

#: Values of texts, and where these are not sure.
Formed = tuple[Texts, NDArray[np.bool_]]

_LETTERS = np.frombuffer(CHECK_LETTERS.encode(), np.uint8)
_DATE_PARTS = {"%Y": "\0\1\2\3", "%m": "\4\5", "%d": "\6\7"}
_NOMS_LETTERS = np.array([True, False, False, False, False, True, True])


def normalise_texts(field: FieldSpec, texts: Texts) -> Texts:
    """Bring raw values of a field to their form, as `normaliser` does; empty for None."""
    known = PLACEHOLDERS[field.type]
    flat, odd = _mapped(texts, _line_table())
    odd |= texts.sizes > MOST_CHARACTERS
    values, unsure = _form(field, flat)
    placeholder = _among(flat, known | own_placeholders(field))
    values = values.emptied(placeholder | _among(values, known))
    places = np.flatnonzero(odd | (unsure & ~placeholder))
    normalise = normaliser(field)
    return values.replaced(places, [normalise(text) or "" for text in texts.take(places)])


def _form(field: FieldSpec, flat: Texts) -> Formed:
    if field.replace or field.pattern or field.type in ("sex", "number"):
        return flat, np.ones(len(flat), np.bool_)
    if field.type == "date":
        return _dates(flat, field.date_formats or DATE_FORMATS)
    return _FORMS[field.format or field.type](flat)


def _names(flat: Texts) -> Formed:
    # A low line may belong to a mark that a migration of data has left.
    values, odd = _mapped(flat, _table(name_signs, odd="_"))
    return values, odd | odd_words(values.spans, Texts.of([*TITLES, *JOINED_WORDS]).spans)


def _codes(flat: Texts) -> Formed:
    values, odd = _mapped(flat, _table(code_signs))
    return values, odd | (pad_texts(values.spans, 1)[:, 0] < ord("0"))  # it may be all signs


def _postcodes(flat: Texts) -> Formed:
    values, odd = _mapped(flat, _table(compact))
    start = pad_texts(values.spans, len(NO_FIXED_ABODE)).view(f"S{len(NO_FIXED_ABODE)}")[:, 0]
    return values.emptied(start == NO_FIXED_ABODE.encode()), odd


def _identifiers(flat: Texts) -> Formed:
    values, odd = _mapped(flat, _table(compact))
    return values, odd | (pad_texts(values.spans, 1)[:, 0] == ord("0"))  # it may be all zeros


def _prison_numbers(flat: Texts) -> Formed:
    values, odd = _mapped(flat, _table(compact))
    letters = pad_texts(values.spans, len(_NOMS_LETTERS)) >= ord("A")
    good = (values.sizes == len(_NOMS_LETTERS)) & np.all(letters == _NOMS_LETTERS, axis=1)
    return values.emptied(~good), odd


def _police_numbers(flat: Texts) -> Formed:
    cells, sizes, was_read = read_pnc(flat.spans, _LETTERS)
    return Texts.of_rows(cells, sizes), ~was_read


def _criminal_records(flat: Texts) -> Formed:
    cells, sizes, was_read = read_cro(flat.spans, _LETTERS)
    return Texts.of_rows(cells, sizes), ~was_read


def _dates(flat: Texts, formats: tuple[str, ...]) -> Formed:
    """Read dates whose parts all have their full width."""
    usual: list[bytes] = []
    for one in formats:
        template = re.sub("%[Ymd]", lambda part: _DATE_PARTS[part[0]], one)
        # Names of months and times of day are for the rules, and all formats behind these too.
        if "%" in template or ":" in template or not (one.isascii() and one.isprintable()):
            break
        usual.append(template.encode())
    sizes = np.array([len(one) for one in usual], np.int64)
    least = sizes - 2  # month and day may have a digit less
    width = max(1, *map(len, usual)) if usual else 1
    templates = np.array(usual, f"S{width}").view(np.uint8).reshape(len(usual), width)
    cells, was_read = read_dates(flat.spans, templates, sizes, least)
    return Texts.of_rows(cells, np.where(was_read, 8, 0)), ~was_read


def _mapped(texts: Texts, table: NDArray[np.uint8]) -> Formed:
    data, starts, stops, odd = map_bytes(texts.spans, table)
    return Texts(data, starts, stops), odd


@cache
def _line_table() -> NDArray[np.uint8]:
    return _table(lambda sign: one_line(f"A{sign}A")[1:-1])


def _table(signs: Callable[[str], str], odd: str = "") -> NDArray[np.uint8]:
    """Ask a rule what becomes of every sign; signs that are not ASCII are odd."""
    table = np.full(256, ODD, np.uint8)
    for byte in range(128):
        sign = signs(chr(byte))
        table[byte] = ODD if chr(byte) in odd else ord(sign) if sign else DROP
    return table


def _among(texts: Texts, known: Iterable[str]) -> NDArray[np.bool_]:
    """Tell which texts are among the known ones."""
    ordered = sorted((text.encode() for text in known), key=len)
    sizes = np.array([len(one) for one in ordered], np.int64)
    firsts = np.searchsorted(sizes, np.arange(int(sizes.max(initial=0)) + 2))
    return find_texts(texts.spans, Texts.of(one.decode() for one in ordered).spans, firsts)


_FORMS: dict[str, Callable[[Texts], Formed]] = {
    "name": _names,
    "text": lambda flat: _mapped(flat, _table(text_signs)),
    "code": _codes,
    "postcode": _postcodes,
    "identifier": _identifiers,
    "noms": _prison_numbers,
    "pnc": _police_numbers,
    "cro": _criminal_records,
}
