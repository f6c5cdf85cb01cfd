"""Recognise what a column holds by its header, in the usual spellings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from linkage.schema import FieldType


@dataclass(frozen=True)
class Kind:
    """A kind of field: its name and type in the schema, its headers, its weight in a CLK.

    Headers are regular expressions over the header in small letters without other signs; the
    first that fits a file wins. `weight` is relative: how much of a record-level filter it gets.
    """

    name: str
    type: FieldType
    headers: tuple[str, ...]
    weight: int
    order: int = 0


_IDENTIFIERS = {
    "pnc": r"pnc(id|no|number|ref)?",
    "cro": r"cro(id|no|number|ref)?",
    "noms": r"(noms|prison|prisoner|nomis)(id|no|number)",
    "crn": r"crn|casereferencenumber",
    "nhs": r"nhs(id|no|number)?",
    "nino": r"nino|nationalinsurance(no|number)?|ni(no|number)",
    "ssn": r"ssn|soc(ial)?sec(urity)?(id|no|num|number)?",
    "passport": r"passport(id|no|number)?",
    "driving_licence": r"driv(ing|ers?)licen[cs]e(no|number)?",
}

_KINDS = (
    Kind("record_id", "text", (r"rec(ord)?id", r"id", r"uid|uniqueid|rowid|recordnumber"), 0),
    Kind("forename", "name", (r"forenames?1?", r"firstnames?|firstname1", r"givennames?1?",
                              r"fname|given|first|christiannames?|prenom|vorname"), 100),
    Kind("middle_name", "name", (r"middlenames?|middle|mname|forenames?2|secondname",), 40),
    Kind("surname", "name", (r"surnames?", r"last(name)?", r"family(name)?",
                             r"sname|lname|nachname"), 110),
    Kind("full_name", "name", (r"fullname|name|personname|completename",), 220),
    Kind("dob", "date", (r"dob", r"dateofbirth|dateborn", r"birthda(te|y)|bdate|birthdt",
                         r"born|dobdate|geburtsdatum"), 180),
    Kind("sex", "sex", (r"sex", r"gender", r"(sex|gender)code"), 15),
    Kind("postcode", "postcode", (r"postcode", r"post(al)?code|pcode", r"zip(code)?5?"), 120),
    Kind("address", "text", (r"address", r"address(line)?1|addr(ess)?(line)?1?",
                             r"street(address|name)?|homeaddress"), 90),
    Kind("town", "text", (r"town|city|suburb", r"locality|towncity|village|posttown"), 90),
    *(Kind(name, "identifier", (header,), 0) for name, header in _IDENTIFIERS.items()),
)  # fmt: skip
KINDS = tuple(
    Kind(one.name, one.type, one.headers, one.weight, place) for place, one in enumerate(_KINDS)
)


def recognise(headers: Sequence[str]) -> dict[str, Kind | None]:
    """Tell the kind of each header, or None; no kind is given to two headers of one file."""
    found: dict[str, Kind | None] = dict.fromkeys(headers)
    for kind in KINDS:
        best = _first_fit(kind, [header for header in headers if found[header] is None])
        if best is not None:
            found[best] = kind
    names = {kind.name for kind in found.values() if kind is not None}
    if names & {"forename", "surname"}:
        found = {
            header: None if kind is not None and kind.name == "full_name" else kind
            for header, kind in found.items()
        }
    return found


def _first_fit(kind: Kind, headers: list[str]) -> str | None:
    for pattern in kind.headers:
        for header in headers:
            if re.fullmatch(pattern, re.sub("[^a-z0-9]", "", header.lower())):
                return header
    return None
