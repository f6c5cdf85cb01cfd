"""What one cell of a column looks like to a careful reader, before and after normalisation.

The rules of `linkage.agency.normalise` decide what becomes of a cell; here is said why, and what
is odd about it. Everything works on one distinct text at a time and holds no state.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from linkage.agency.identifiers import cro, pnc
from linkage.agency.normalise import normaliser
from linkage.schema import FieldSpec

Outcome = Literal["value", "placeholder", "unreadable"]

WRONG_CHECK_LETTER = "a check letter that is not that of a PNC or CRO number"
UNKNOWN_PLACEHOLDER = "a word that looks like a placeholder unknown to the schema"
MIGRATION_MARK = "a mark before the name, such as MIG_ERROR_, NO_SHOW_ or DUPLICATE_"
INITIAL_ONLY = "an initial only"
NOT_A_DAY = "a day that no calendar has"
MONTH_TOO_HIGH = "a month above 12 (are day and month the other way round?)"
NO_DAY = (NOT_A_DAY, MONTH_TOO_HIGH)
MIXED_SCRIPTS = "several scripts"
UK_POSTCODE = "UK postcode"
OUTCODE = "UK outcode alone"
#: Types whose values have a form worth showing, such as `A9999AA`.
SHAPED = frozenset({"date", "postcode", "identifier", "code", "number"})
LONGEST_NAME = 60
LONGEST_TEXT = 200

_POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}")
_OUTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]?")
_MARK = re.compile(r"(?:[A-Za-z]+_)+")
_WRONG_ENCODING = re.compile("�|[ÃÂ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸ]|â€")
_NOT_IN_NAMES = re.compile(r"[^\w\s'`´‘’ʻʼ.,\-/()]")
_LIKELY_PLACEHOLDER = re.compile(
    r"(?:NOT|NO|NONE) (?:PROVIDED|SUPPLIED|AVAILABLE|GIVEN|APPLICABLE|SURNAME|FORENAME|NAME|"
    r"ADDRESS|POSTCODE)|REFUSED|WITHHELD|DECLINED|DECEASED|ANON(?:YMOUS)?|UNK|TBA|TEST(?: TEST)?|"
    r"TO FOLLOW|BABY|NO TRACE|HOMELESS|PRISON|CUSTODY|X{2,}|Z{3,}"
)
_PNC = re.compile(r"(?:19|20)?\d\d/\d{3,7}[A-Z]")
_CRO = re.compile(r"\d{1,6}/\d\d[A-Z]")
_OTHER_DIGITS = str.maketrans("09", "18")


@dataclass(frozen=True)
class Reading:
    """What became of a cell: its normalised value, or why it has none."""

    outcome: Outcome
    value: str


def reader(field: FieldSpec) -> Callable[[str], Reading]:
    """Give the function that reads one raw cell of the field and tells what it is."""
    normalise = normaliser(field)
    as_text = normaliser(
        FieldSpec(name="any", type="text", columns=("any",), placeholders=field.placeholders)
    )

    def read(raw: str) -> Reading:
        value = normalise(raw)
        if value:
            return Reading("value", value)
        if as_text(raw) is None or _stands_for_nothing(raw, field.type):
            return Reading("placeholder", "")
        # It would be read if its digits were others: so the rules refuse the value, not the form.
        if field.type == "date" and normalise(raw.translate(_OTHER_DIGITS)):
            return Reading("placeholder", "")
        return Reading("unreadable", "")

    return read


def _stands_for_nothing(raw: str, kind: str) -> bool:
    """Recognise what rules refuse though its form is good: `NF1 1NF`, `000000/00Z`, `99/99/9999`.

    Only asked of cells without a normalised value.
    """
    compact = re.sub("[^A-Z0-9]", "", raw.upper())
    digits = re.sub("[^0-9]", "", compact)
    return (
        (len(digits) > 3 and len(set(digits)) == 1)
        or (len(compact) > 1 and len(set(compact)) == 1)
        or (kind == "postcode" and _POSTCODE.fullmatch(compact) is not None)
        or (kind == "name" and _MARK.fullmatch(raw) is not None)
    )


def oddities(kind: str, raw: str, value: str) -> list[str]:
    """List what is odd about a cell with a normalised value, in words."""
    found = []
    if not raw.isascii() and _WRONG_ENCODING.search(raw):
        found.append("letters damaged by a wrong character encoding")
    if not raw.isprintable():
        found.append("invisible control characters")
    if kind == "name":
        found += _odd_name(raw, value)
    elif kind == "date":
        found += _odd_date(value)
    elif kind == "identifier" and has_check_letter(raw) is False:
        found.append(WRONG_CHECK_LETTER)
    elif kind in ("text", "postcode") and _LIKELY_PLACEHOLDER.fullmatch(value):
        found.append(UNKNOWN_PLACEHOLDER)
    if kind == "text" and len(value) > LONGEST_TEXT:
        found.append(f"more than {LONGEST_TEXT} characters")
    return found


def _odd_name(raw: str, value: str) -> list[str]:
    found = []
    if _MARK.match(raw):
        found.append(MIGRATION_MARK)
    if re.search(r"\d", raw):
        found.append("digits in a name")
    if _NOT_IN_NAMES.search(raw):
        found.append("signs that names don't have")
    if len(value) == 1:
        found.append(INITIAL_ONLY)
    elif len(value) > 2 and len(set(value)) == 1:
        found.append("one letter over and over")
    if _LIKELY_PLACEHOLDER.fullmatch(value):
        found.append(UNKNOWN_PLACEHOLDER)
    if len(value) > LONGEST_NAME:
        found.append(f"more than {LONGEST_NAME} letters")
    if script(raw) == MIXED_SCRIPTS:
        found.append("letters of more than one script")
    return found


def _odd_date(value: str) -> list[str]:
    if calendar_day(value):
        return []
    return [MONTH_TOO_HIGH if len(value) == 8 and value[4:6] > "12" else NOT_A_DAY]


def calendar_day(value: str) -> bool:
    """Tell whether a normalised date is a day of the calendar."""
    try:
        datetime.date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return False
    return len(value) == 8


def suspicions(value: str, reference: datetime.date) -> list[str]:
    """List why a normalised date of birth is suspicious at the reference date."""
    if not calendar_day(value):
        return []
    found = []
    if value > _years_before(reference, 0):
        found.append("future")
    elif value > _years_before(reference, 10):
        found.append("under_10")
    elif value < "19000101":
        found.append("before_1900")
    elif value < _years_before(reference, 110):
        found.append("over_110")
    if value[4:] == "0101":
        found.append("first_of_january")
    elif value[6:] == "01":
        found.append("first_of_month")
    return found


def _years_before(reference: datetime.date, years: int) -> str:
    return f"{max(0, reference.year - years):04d}{reference.month:02d}{reference.day:02d}"


def has_check_letter(raw: str) -> bool | None:
    """Tell whether a PNC or CRO number has its check letter; None for other forms."""
    text = raw.upper().strip()
    if _PNC.fullmatch(text):
        return bool(pnc(text))
    return bool(cro(text)) if _CRO.fullmatch(text) else None


def shape(kind: str, raw: str, value: str) -> str:
    """Give the form of a cell: letters as A, digits as 9, other signs as they are.

    A postcode's is that of its normalised value, or the name of a form.
    """
    if kind == "postcode":
        if _POSTCODE.fullmatch(value):
            return UK_POSTCODE
        return OUTCODE if _OUTCODE.fullmatch(value) else _masked(value)
    return _masked(raw)


def _masked(text: str) -> str:
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text))[:40]


def script(raw: str) -> str:
    """Give the script of a text's letters: `Latin`, `Arabic`, `several scripts`, or nothing."""
    if raw.isascii():
        return "Latin" if any(map(str.isalpha, raw)) else ""
    text = unicodedata.normalize("NFKC", raw)
    found = {_script_of(one) for one in text if unicodedata.category(one) in ("Lu", "Ll", "Lo")}
    if len(found) > 1:
        return MIXED_SCRIPTS
    return found.pop() if found else ""


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    """Read a letter's script off its Unicode name, `ARABIC LETTER BEH` for one."""
    word = unicodedata.name(letter, "OTHER").replace("-", " ").split()[0]
    return "Han" if word == "CJK" else word.capitalize()
