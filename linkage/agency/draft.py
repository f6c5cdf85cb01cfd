"""Draft a linkage schema from the columns of files: a commented text that works as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from linkage.agency.drafted_events import draft_events, event_columns
from linkage.agency.headers import Kind, recognise
from linkage.agency.identifiers import FORMATS
from linkage.agency.normalise import DATE_FORMATS, normaliser
from linkage.errors import InputError, shown
from linkage.schema import BlockingPass, FieldSpec

#: Up to this many rows a file, broad passes are cheap, and find records with several errors.
BROAD_ROWS = 200_000


@dataclass(frozen=True)
class Preset:
    """Parameters of a drafted schema, named and dated: a preset never changes under its name.

    `bits` is the size of a filter. `load` is what all values of a record (record level), or one
    value in its own filter (field level), set at most, as a share of the filter; less than half
    of the bits are then set, for tokens share bits. `decision` ends the text of the schema.
    """

    name: str
    bits: int
    load: float
    decision: str


_DATE_CHOICES = (*DATE_FORMATS, "%m/%d/%Y", "%m-%d-%Y")


@dataclass(frozen=True)
class FileSample:
    """What a draft looks at: a file's name and rows, and distinct texts of each column.

    `sampled` is the number of rows that the texts were taken from; all of them if None.
    """

    name: str
    rows: int
    samples: dict[str, list[str]]
    sampled: int | None = None

    def is_unique(self, header: str) -> bool:
        """Tell whether no two of the rows looked at have the same text, and none has no text."""
        return len(self.samples[header]) == (self.rows if self.sampled is None else self.sampled)


@dataclass(frozen=True)
class _Found:
    """A field as the files have it: kind, headers, and whether some file is without it."""

    kind: Kind
    columns: list[str]
    optional: bool
    texts: list[str]


@dataclass(frozen=True)
class _Pass:
    """A blocking pass that is drafted if the fields of its key are there."""

    name: str
    on: tuple[str, ...]
    unordered: bool = False
    broad: bool = False


#: Chosen by pairs completeness and comparisons on several data sets. At 1M x 1M records the narrow
#: ones make some 170 million comparisons, of which dates of birth alone make 70 million; the broad
#: ones would make 17 billion, 1.7 % of all pairs.
_PASSES = (
    _Pass("names", ("forename:metaphone", "surname:metaphone"), unordered=True),
    _Pass("forename_start_and_surname", ("forename:first3", "surname:soundex")),
    _Pass("forename_and_surname_start", ("forename:soundex", "surname:first3")),
    _Pass("full_name", ("full_name",)),
    _Pass("dob", ("dob",)),
    _Pass("initial_surname_and_year", ("forename:first1", "surname:metaphone", "dob:year")),
    _Pass("surname_and_day", ("surname:metaphone", "dob:month_day")),
    _Pass("full_name_and_month", ("full_name:first3", "dob:year_month")),
    _Pass("full_name_and_day", ("full_name:metaphone", "dob:month_day")),
    _Pass("postcode_and_year", ("postcode", "dob:year")),
    _Pass("postcode_and_forename", ("postcode", "forename:first2")),
    _Pass("postcode_and_full_name", ("postcode", "full_name:first2")),
    _Pass("outcode_and_surname", ("postcode:outcode", "surname:soundex")),
    _Pass(
        "outcode_and_name_starts",
        ("postcode:outcode", "forename:first2", "surname:first2"),
        unordered=True,
    ),
    _Pass("outcode_and_full_name", ("postcode:outcode", "full_name:soundex")),
    _Pass("initials", ("forename:first1", "surname:first1"), broad=True),
    _Pass("forename_start", ("forename:first3",), broad=True),
    _Pass("surname_start", ("surname:first3",), broad=True),
    _Pass("full_name_start", ("full_name:first3",), broad=True),
    _Pass("forename_initial_and_day", ("forename:first1", "dob:month_day"), broad=True),
    _Pass("surname_initial_and_day", ("surname:first1", "dob:month_day"), broad=True),
    _Pass("full_name_initial_and_day", ("full_name:first1", "dob:month_day"), broad=True),
)


def draft_schema(
    files: Sequence[FileSample],
    level: str,
    *,
    events: bool = False,
    anchors: Sequence[BlockingPass] = (),
) -> str:
    """Draft a schema for all files together; gives the text of a TOML file.

    With `anchors` it has anchored codes, and these for passes (`linkage.agency.anchors`).
    With `events` their years and types may be passed along; without it that part is switched off.
    A field that only some of several files have is optional; one that a single file of several
    has can't link anything and is left out. Raises `InputError` if there is nothing to compare.
    """
    found, ids, ignored = _recognised(files)
    if not any(one.kind.type != "identifier" for one in found):
        headers = ", ".join(f"'{name}'" for name in files[0].samples)
        raise InputError(
            f"{files[0].name}: no column was recognised as a name, date of birth, sex, postcode or "
            f"address among {headers}; write the schema by hand (docs/schema.md)"
        )
    passes = _passes(found, broad=max(one.rows for one in files) < BROAD_ROWS)
    if not passes:
        raise InputError(
            f"{files[0].name}: the recognised columns ({', '.join(one.kind.name for one in found)})"
            " are too few to find candidate pairs by; names or dates of birth are needed"
        )
    passed = event_columns([one.samples for one in files])
    section = draft_events(passed, wanted=events)
    if events and passed is not None:
        ignored = [one for one in ignored if one not in (*passed.years, *passed.types)]
    if anchors:
        passes = [_Pass(one.name, one.on) for one in anchors]
        level = "anchored"
    parts = [_head(files, level, ids, ignored)]
    parts += [_field(one, level, found) for one in found]
    parts += [_blocking(one) for one in passes]
    parts += [_decision(PRESETS[level], found)]
    return "\n".join([*parts, section] if section else parts)


def _recognised(files: Sequence[FileSample]) -> tuple[list[_Found], list[str], list[str]]:
    """Match headers to kinds: the fields, the headers of record ids, and what is left."""
    kinds: dict[str, Kind] = {}
    columns: dict[str, list[tuple[int, str]]] = {}
    ids: list[str] = []
    ignored: list[str] = []
    for place, file in enumerate(files):
        for header, kind in recognise(list(file.samples)).items():
            if kind is None:
                ignored.append(header)
            elif kind.name == "record_id":
                (ids if file.is_unique(header) else ignored).append(header)
            else:
                kinds[kind.name] = kind
                columns.setdefault(kind.name, []).append((place, header))
    found = []
    for name, kind in sorted(kinds.items(), key=lambda item: item[1].order):
        places = {place for place, _ in columns[name]}
        headers = list(dict.fromkeys(header for _, header in columns[name]))
        if len(files) > 1 and len(places) == 1:
            ignored += headers
            continue
        texts = [text for place, header in columns[name] for text in files[place].samples[header]]
        found.append(_Found(kind, headers, len(places) < len(files), texts))
    return found, list(dict.fromkeys(ids)), list(dict.fromkeys(ignored))


def _passes(found: list[_Found], *, broad: bool) -> list[_Pass]:
    fields = {one.kind.name for one in found}
    own = [_Pass(one.kind.name, (one.kind.name,)) for one in found if one.kind.type == "identifier"]
    wanted = own + [one for one in _PASSES if broad or not one.broad]
    chosen = [one for one in wanted if all(part.split(":")[0] in fields for part in one.on)]
    if chosen or not found:
        return chosen
    return [_Pass(one.kind.name, (one.kind.name,)) for one in found if one.kind.type != "sex"]


def _head(files: Sequence[FileSample], level: str, ids: list[str], ignored: list[str]) -> str:
    names = ", ".join(shown(one.name, 80) for one in files)
    unused = f"# Columns left out: {', '.join(map(_quoted, ignored))}.\n" if ignored else ""
    what = "one filter for the whole record" if level == "record" else "one filter for each field"
    own = "field" if level == "anchored" else level
    anchored = ""
    if level == "anchored":
        anchored = "anchored = true            # the linker compares within blocks alone\n"
    return f"""\
# Linkage schema, drafted from {names}.
# It is public: every agency of the project uses the same file, and it holds no secret.
{unused}
version = 1
name = "{PRESETS[level].name}"  # the preset; choose a name of your project
level = "{own}"            # {what}
{anchored}record_id = {_list(ids)}  # column of each agency's own record ids; it is never encoded

[filter]
bits = {PRESETS[level].bits}
"""


def _field(one: _Found, level: str, found: list[_Found]) -> str:
    text = f'[[field]]\nname = "{one.kind.name}"\ntype = "{one.kind.type}"\n'
    text += f"columns = {_list(one.columns)}    # the header in each file\n"
    if one.optional:
        text += "optional = true    # some files do not have it\n"
    if one.kind.type == "date":
        text += f"date_formats = {_list(_date_formats(one.texts))}\n"
    if one.kind.name in FORMATS and _mostly_valid(one):
        text += f'format = "{one.kind.name}"    # checked; a wrong one is missing\n'
    if one.kind.type != "identifier" and level != "anchored":
        text += f"bits_per_feature = {_bits_per_feature(one, level, found)}    # its weight\n"
    return text


def _mostly_valid(one: _Found) -> bool:
    """Tell whether an identifier's texts have the form of their kind, check letters included."""
    read = FORMATS[one.kind.name]
    return 2 * sum(bool(read(text.upper())) for text in one.texts) > len(one.texts)


def _bits_per_feature(one: _Found, level: str, found: list[_Found]) -> int:
    budget = PRESETS[level].load * PRESETS[level].bits
    if level == "field":
        return 16 if one.kind.type == "sex" else int(budget)
    total = sum(other.kind.weight for other in found)
    return max(4, int(budget * one.kind.weight / total))


def _blocking(one: _Pass) -> str:
    text = f'[[blocking]]\nname = "{one.name}"\non = {_list(one.on)}\n'
    if one.unordered:
        text += "unordered = true    # swapped names meet too\n"
    if one.broad:
        text += (
            "# A broad pass, for files of some 100,000 rows at most: remove it for larger ones.\n"
        )
    return text


def _date_formats(texts: list[str]) -> list[str]:
    """Find the formats that the texts need, the one that reads most first; day before month."""
    left = texts
    formats: list[str] = []
    while left:
        unread = {choice: _unread(choice, left) for choice in _DATE_CHOICES}
        best = min(_DATE_CHOICES, key=lambda choice: len(unread[choice]))
        if len(unread[best]) > 0.99 * len(left):
            break
        formats.append(best)
        left = unread[best]
    return formats or list(DATE_FORMATS)


def _unread(choice: str, texts: list[str]) -> list[str]:
    """Give the texts that a format doesn't read, or reads with a month above 12."""
    read = normaliser(FieldSpec(name="dob", type="date", columns=("dob",), date_formats=(choice,)))
    dates = [(text, read(text)) for text in texts]
    return [text for text, date in dates if not date or not "01" <= date[4:6] <= "12"]


def _list(items: Sequence[str]) -> str:
    return "[" + ", ".join(map(_quoted, items)) + "]"


def _quoted(text: str) -> str:
    escaped = re.sub(r'["\\\x00-\x1f\x7f]', lambda match: f"\\u{ord(match[0]):04x}", text)
    return f'"{escaped}"'


def _decision(preset: Preset, found: list[_Found]) -> str:
    """Draft the decision. The fewer fields there are, the more alike two strangers can be."""
    telling = sum(one.kind.type not in ("identifier", "sex") for one in found)
    return preset.decision.format(threshold=0.8 if telling < 4 else 0.75)


_BY_MODEL = """\
[decision]
probability = 0.5             # match probability from which on a pair is a link
review_probability = 0.01     # pairs between the two are written for review
agreement = [0.85, 0.775, 0.7, 0.6, 0.5]  # lower Dice bounds of the levels below exact
"""
PRESETS = {
    "record": Preset(
        name="record-2026-11",
        bits=1024,
        load=0.6,
        decision="""\
[decision]
threshold = {threshold}           # Dice similarity from which on a pair is a link
review_threshold = 0.65    # pairs between the two are written for review
""",
    ),
    "anchored": Preset(
        name="anchored-2026-11",
        bits=64,
        load=0.5,
        decision=_BY_MODEL,
    ),
    "field": Preset(
        name="field-2026-11",
        bits=256,
        load=0.5,
        decision=_BY_MODEL,
    ),
}
