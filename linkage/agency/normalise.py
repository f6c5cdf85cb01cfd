"""Bring a field's raw values to one form, or to missing. Version 1 of the rules.

Encodings can't be repaired later, so these rules are part of the schema version: changing what
any of them returns needs a new one. A placeholder is missing, never a value: two people with
unknown dates must not agree.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal

from anyascii import anyascii

from linkage.agency.identifiers import FORMATS
from linkage.schema import FieldSpec

#: Formats tried, in this order, where a schema names none. Day before month.
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d %m %Y",
    "%d %b %Y",
    "%d-%b-%Y",
)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DATE_PARTS = {"%Y": r"(?P<Y>\d{4})", "%m": r"(?P<m>\d{1,2})", "%d": r"(?P<d>\d{1,2})"}
_DATE_PARTS["%b"] = rf"(?P<b>{'|'.join(_MONTHS)})[A-Z]*"
_CLOCK = re.compile(r"[T ]\d{1,2}:\d{2}.*$")

_NOT_KNOWN = frozenset(
    {
        "", "-", "--", ".", "?", "N/A", "NOT ENTERED", "NOT KNOWN", "NOT STATED", "NOT GIVEN",
        "NOT RECORDED", "UNKNOWN", "UNKNOWN UNKNOWN", "UNSPECIFIED", "NO NAME", "NFA",
        "NO FIXED ABODE", "NO FIXED ADDRESS",
    }
)  # fmt: skip
#: Missing everywhere but in names: Null and Na are people's surnames.
_NOT_A_VALUE = _NOT_KNOWN | {"NA", "NAN", "NULL", "NONE", "NK", "TBC"}
#: What stands for no value in fields of each type, before and after the rules.
PLACEHOLDERS = {
    "name": _NOT_KNOWN,
    "date": _NOT_A_VALUE | {"19700101", "19000101", "00000000", "99999999", "00010101"},
    "sex": _NOT_A_VALUE,
    "postcode": _NOT_A_VALUE | {"NF11NF", "NF11FA"},
    "text": _NOT_A_VALUE,
    "number": _NOT_A_VALUE,
    "code": _NOT_A_VALUE,
    "identifier": _NOT_A_VALUE | {"00000000Z"},
}
_MIGRATION_MARKS = re.compile(r"^(?:(?:MIG_ERROR|NO_SHOW|DUPLICATE)_)+")
TITLES = frozenset(
    {"MR", "MRS", "MS", "MISS", "MX", "MASTER", "DR", "PROF", "REV", "SIR", "LADY", "LORD", "DAME"}
)
#: No name, date or address is longer; what is can only be a fault of an export.
MOST_CHARACTERS = 1000
#: Written apart or not, these belong to the word behind them.
JOINED_WORDS = ("MC", "MAC")
_APOSTROPHES = re.compile("['`´‘’ʻʼ]")
_SEX = {"M": "M", "1": "M", "B": "M", "F": "F", "2": "F", "W": "F", "G": "F", "X": "X", "O": "X"}
#: Begins the postcodes of the health service for people without one.
NO_FIXED_ABODE = "ZZ99"
_MOST_STEPS = 10**15


def normaliser(field: FieldSpec) -> Callable[[str], str | None]:
    """Give the function that brings one raw value of the field to its form, or to None."""
    own = own_placeholders(field)
    known = PLACEHOLDERS[field.type]
    form = _form(field)
    rules = [(re.compile(regex), by) for regex, by in field.replace]

    def normalise(raw: str) -> str | None:
        if len(raw) > MOST_CHARACTERS:
            return None
        flat = one_line(raw.strip())
        if flat in known or flat in own:
            return None
        value = form(flat)
        if value in known:
            return None
        for regex, by in rules:
            value = one_line(regex.sub(by, value).strip())
        return value or None

    return normalise


def own_placeholders(field: FieldSpec) -> frozenset[str]:
    """Give the placeholders that the schema adds."""
    return frozenset(one_line(placeholder.strip()) for placeholder in field.placeholders)


def _form(field: FieldSpec) -> Callable[[str], str]:
    if field.type == "date":
        return _date_form(field.date_formats)
    if field.type == "number":
        return _number_form(field.step)
    if field.type == "identifier" and field.format:
        return FORMATS[field.format]
    if field.type == "identifier" and field.pattern:
        return _pattern_form(field.pattern)
    return _FORMS[field.type]


def one_line(raw: str) -> str:
    """Make one line of upper-case ASCII without outer spaces."""
    if raw.isascii():
        text = raw.upper()
        if text.isalnum():
            return text
        if "'" in text or "`" in text:
            text = text.replace("'", "").replace("`", "").strip()
        return text if text.isprintable() and "  " not in text else " ".join(text.split())
    # Before NFKC, which would take some apostrophes apart.
    text = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", raw))
    return " ".join(anyascii(text).upper().split())


def _name(flat: str) -> str:
    """Scrub a name: `Dr Siân O'Neill-Mc Donald` gives `SIAN ONEILL MCDONALD`."""
    if flat.isalpha() and len(flat) > 1:
        return flat
    text = _MIGRATION_MARKS.sub("", flat)
    joined: list[str] = []
    for word in name_signs(text).split():
        if joined and joined[-1] in JOINED_WORDS:
            joined[-1] += word
        else:
            joined.append(word)
    kept = [word for word in joined if word not in TITLES and len(word) > 1]
    return " ".join(kept or joined)


def _text(flat: str) -> str:
    if flat.replace(" ", "").isalnum():
        return flat
    return " ".join(text_signs(flat).split())


def name_signs(flat: str) -> str:
    """Keep letters and what parts words."""
    return re.sub("[^A-Z ]", "", re.sub("[-_/.,]", " ", flat))


def text_signs(flat: str) -> str:
    """Put a space for what is neither letter nor digit."""
    return re.sub("[^A-Z0-9 ]", " ", flat)


def compact(flat: str) -> str:
    """Keep letters and digits."""
    return re.sub("[^A-Z0-9]", "", flat)


def code_signs(flat: str) -> str:
    """Keep letters, digits, and what parts the levels of a code."""
    return re.sub("[^A-Z0-9./-]", "", flat)


def _code(flat: str) -> str:
    value = code_signs(flat)
    return value if any(sign.isalnum() for sign in value) else ""


def _postcode(flat: str) -> str:
    value = flat.replace(" ", "")
    if not value.isalnum():
        value = compact(flat)
    return "" if value.startswith(NO_FIXED_ABODE) else value


def _identifier(flat: str) -> str:
    value = compact(flat)
    return "" if set(value) <= {"0"} else value


def _pattern_form(pattern: str) -> Callable[[str], str]:
    """Take an identifier only if all of it fits the pattern, then drop its signs."""
    compiled = re.compile(pattern)

    def form(flat: str) -> str:
        return _identifier(flat) if compiled.fullmatch(flat) else ""

    return form


def _number_form(step: float) -> Callable[[str], str]:
    """Count a number in steps: its distance from 0, rounded half to even, as a whole number."""
    unit = Decimal(repr(step))

    def form(flat: str) -> str:
        try:
            number = Decimal(flat.replace(" ", "").replace("_", ""))
            steps = (number / unit).to_integral_value(ROUND_HALF_EVEN)
        except ArithmeticError:
            return ""
        return str(int(steps)) if steps.is_finite() and abs(steps) < _MOST_STEPS else ""

    return form


def _sex(flat: str) -> str:
    return _SEX.get(flat[0], "")


def _date_form(formats: tuple[str, ...]) -> Callable[[str], str]:
    """Read a date by the first format that fits; give `YYYYMMDD`, or nothing if none does.

    Impossible days (31 February) keep their digits: a mistyped date is evidence, and agrees with
    the true one in all digits but one.
    """
    patterns = [_date_pattern(one) for one in formats or DATE_FORMATS]

    def form(flat: str) -> str:
        text = _CLOCK.sub("", flat)
        for pattern in patterns:
            match = pattern.fullmatch(text)
            if match:
                found = match.groupdict()
                month = found.get("m") or str(_MONTHS.index(found["b"]) + 1)
                return f"{found['Y']}{int(month):02d}{int(found['d']):02d}"
        return ""

    return form


def _date_pattern(date_format: str) -> re.Pattern[str]:
    pattern = re.escape(date_format).replace(r"\ ", " ")
    for part, regex in _DATE_PARTS.items():
        pattern = pattern.replace(re.escape(part), regex)
    return re.compile(pattern)


_FORMS: dict[str, Callable[[str], str]] = {
    "name": _name,
    "sex": _sex,
    "postcode": _postcode,
    "text": _text,
    "code": _code,
    "identifier": _identifier,
}
