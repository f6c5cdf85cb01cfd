"""Draft the section of a schema that says which events may be passed along.

It is drafted for columns that are called plainly, and switched off unless it is asked for: what
leaves an agency beside encodings is for people to decide, and not for a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from linkage.errors import InputError, shown
from linkage.events import MOST_TYPES, plain

_YEAR = re.compile("eventyear|eventdate|yearofevent|dateofevent")
_TYPE = re.compile("eventtype|eventkind|typeofevent")
_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HEAD = """\
# What may be passed along beside encodings, for `linkage pathways`: of each event its year and its
# type, and nothing else. Whoever gets the file learns them of each record (docs/pathways.md).
"""


@dataclass(frozen=True)
class EventColumns:
    """The headers of the years and the types of events, and the texts that types have."""

    years: tuple[str, ...]
    types: tuple[str, ...]
    texts: tuple[str, ...]


def event_columns(files: Iterable[Mapping[str, Sequence[str]]]) -> EventColumns | None:
    """Find the columns of events in files that have both; None if none has."""
    years: dict[str, None] = {}
    types: dict[str, None] = {}
    texts: dict[str, None] = {}
    for columns in files:
        year, type_ = (_first(columns, pattern) for pattern in (_YEAR, _TYPE))
        if year is not None and type_ is not None:
            years[year] = types[type_] = None
            texts |= dict.fromkeys(plain(text) for text in columns[type_])
    if not years:
        return None
    return EventColumns(tuple(years), tuple(types), tuple(sorted(texts)))


def draft_events(found: EventColumns | None, *, wanted: bool) -> str:
    """Draft the section, switched off if it isn't wanted: then it holds no text of a file.

    Raises `InputError` if it is wanted and there is nothing to draft it from, or the types are so
    many that they can be no closed list.
    """
    if found is None:
        if wanted:
            raise InputError(
                "no file has both a column event_year and a column event_type; write [events] by "
                "hand (docs/schema.md)"
            )
        return ""
    columns = f"year = {_list(found.years)}\ntype = {_list(found.types)}\n"
    if not wanted:
        section = f'[events]\ntypes = ["arrest", "conviction"]    # all types there are\n{columns}'
        lines = "".join(f"# {line}\n" for line in section.splitlines())
        how = "# It is switched off; `schema init --events` drafts it with your types.\n"
        return f"{_HEAD}{how}{lines}"
    names = [text.replace(" ", "_") for text in found.texts]
    if not 0 < len(names) <= MOST_TYPES or not all(map(_TYPE_NAME.fullmatch, names)):
        raise InputError(
            f"the column '{shown(found.types[0])}' holds {len(names):,} texts, or texts that name "
            f"no type; [events] needs a closed list of at most {MOST_TYPES} types"
        )
    return (
        f"{_HEAD}[events]\ntypes = {_list(names)}    # all types there are; no other text passes\n"
        f"{columns}at_least = 10    # rarer ones, by year and type, are held back\n"
    )


def _first(columns: Mapping[str, Sequence[str]], pattern: re.Pattern[str]) -> str | None:
    return next(
        (name for name in columns if pattern.fullmatch(re.sub("[^a-z]", "", name.lower()))), None
    )


def _list(items: Sequence[str]) -> str:
    escaped = (re.sub(r'["\\\x00-\x1f\x7f]', lambda sign: f"\\u{ord(sign[0]):04x}", one)
               for one in items)  # fmt: skip
    return "[" + ", ".join(f'"{one}"' for one in escaped) + "]"
