"""Read the events of an agency's records: of each a year, and a type of the schema's closed list.

Nothing else of a cell is kept: a date becomes its year, and a word that the schema doesn't know is
left out and counted.

Limits: a year and a type tell something about a record to whoever knows the person. Types and
years that few records have are held back when the file is written; what one record's events are
together is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import LIST_MARK, Column, read_column
from linkage.errors import InputError, shown
from linkage.events import Events, EventSpec, plain

_FOUR_DIGITS = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
_CLOCK = re.compile(r"[T ][0-9]{1,2}:[0-9]{2}.*$")
_EIGHT_DIGITS = re.compile(r"[0-9]{8}")
#: Days that stand for an unknown one, whichever way they are written.
_PLACEHOLDERS = frozenset({"19700101", "01011970", "19000101", "01011900"})
_LONGEST_CELL = 10_000


@dataclass(frozen=True)
class EventCount:
    """What became of records: without any event, with one that can't be read, and with good ones.

    A record may be of the last two kinds at once.
    """

    empty: int
    discarded: int
    passed: int


@dataclass(frozen=True)
class ReadEvents:
    """The events of a chunk's records, and what became of these."""

    events: Events
    count: EventCount


@dataclass(frozen=True)
class _Source:
    """A column of years or dates, and where their types are: in a column, or one for all."""

    year: str
    type: str | None
    fixed: str = ""


class EventReader:
    """Reads the events of the rows of a file with given columns."""

    def __init__(self, spec: EventSpec, columns: Collection[str], separator: str) -> None:
        """Find the columns of events. Raises `InputError` for some that do not go together."""
        self._spec, self._separator = spec, separator
        self._types = dict(spec.vocabulary)
        self._sources = _sources(spec, columns)

    @property
    def found(self) -> bool:
        """Whether the file has any column of events."""
        return bool(self._sources)

    def refuse(self, id_column: str | None) -> None:
        """Raise `InputError` if the column of record ids is one of those to be passed along."""
        if id_column in self._spec.headers:
            raise InputError(
                f"column '{shown(id_column)}' holds the record ids, so that it can't be passed "
                "along; take it out of [events] in the schema, or name another --id-column"
            )

    def read(self, table: Any, chosen: NDArray[np.bool_]) -> ReadEvents:
        """Read the events of the chosen rows of a table; records are numbered over these."""
        rows = len(chosen)
        written, unread = np.zeros(rows, bool), np.zeros(rows, bool)
        found = [np.empty((0, 3), np.int64)]
        for one in self._sources:
            dates = read_column(table, one.year)
            kinds = None if one.type is None else read_column(table, one.type)
            pairs, bad = self._pairs(dates, kinds, one.fixed)
            found.append(pairs)
            written |= dates.codes >= 0
            if kinds is not None:
                written |= kinds.codes >= 0
            unread |= bad
        owner, year, type_ = np.concatenate(found).T
        kept = chosen[owner]
        number = np.cumsum(chosen) - 1
        events = Events.of(number[owner[kept]], year[kept], type_[kept])
        empty = int(np.count_nonzero(chosen & ~written))
        discarded = int(np.count_nonzero(chosen & unread))
        return ReadEvents(events, EventCount(empty, discarded, len(np.unique(events.owner))))

    def _pairs(
        self, dates: Column, kinds: Column | None, fixed: str
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Read pairs of cells, each distinct pair once.

        Gives the row, the year and the type of each event, `int64[events, 3]`, and which rows have
        a part that can't be read.
        """
        known = Column(np.full(len(dates.codes), -1), []) if kinds is None else kinds
        width = len(known.values) + 1
        pairs, place = np.unique((dates.codes + 1) * width + known.codes + 1, return_inverse=True)
        date_texts, type_texts = ["", *dates.values], ["", *known.values]
        read = [
            self._read(date_texts[pair // width], type_texts[pair % width], fixed)
            for pair in pairs.tolist()
        ]
        sizes = np.array([len(events) for events, _ in read], np.int64)
        flat = np.array([one for events, _ in read for one in events], np.int64).reshape(-1, 2)
        size = sizes[place]
        row = np.repeat(np.arange(len(place)), size)
        inside = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
        start = (np.cumsum(sizes) - sizes)[place]
        bad = np.array([wrong for _, wrong in read], bool)[place]
        return np.column_stack([row, flat[np.repeat(start, size) + inside]]), bad

    def _read(self, dates: str, types: str, fixed: str) -> tuple[list[tuple[int, int]], bool]:
        """Read two cells, which may hold several values in step; one value serves for all.

        Gives the years and types, and whether something is written that makes no event.
        """
        years, kinds = self._parts(dates), self._parts(types)
        most = max(len(years), len(kinds))
        if {len(years), len(kinds)} - {1, most}:
            return [], True
        events, wrong = [], False
        for place in range(most):
            date, kind = years[place % len(years)], kinds[place % len(kinds)]
            year, type_ = self._year(date), self._types.get(plain(fixed or kind))
            if year is not None and type_ is not None:
                events.append((year, type_))
            else:
                wrong |= bool(date or kind)
        return events, wrong

    def _parts(self, cell: str) -> list[str]:
        whole = cell[:_LONGEST_CELL].replace(self._separator, LIST_MARK)
        return [part.strip() for part in whole.split(LIST_MARK)]

    def _year(self, text: str) -> int | None:
        """Find the year in a year or a date; None if there is none, or more than one, or another.

        Of a date only the year is wanted, so its form need not be known: a year is the only group
        of four digits, or begins or ends one of eight.
        """
        text = _CLOCK.sub("", text)
        if re.sub("[^0-9]", "", text) in _PLACEHOLDERS:
            return None
        if _EIGHT_DIGITS.fullmatch(text):
            groups = [one for one in (text[:4], text[4:]) if self._fits(one)][:1]
        else:
            groups = _FOUR_DIGITS.findall(text)
        return int(groups[0]) if len(groups) == 1 and self._fits(groups[0]) else None

    def _fits(self, year: str) -> bool:
        first, last = self._spec.years
        return first <= int(year) <= last


def _sources(spec: EventSpec, columns: Collection[str]) -> list[_Source]:
    """Find the columns of a file to be read."""
    years = [one for one in spec.year if one in columns]
    types = [one for one in spec.type if one in columns]
    for what, found in (("year", years), ("type", types)):
        if len(found) > 1:
            raise InputError(
                f"the {what} of events fits more than one column of the file: {_listed(found)}; "
                "leave one of them out of [events] in the schema"
            )
    if bool(years) != bool(types):
        lacking, named = ("type", spec.type) if years else ("year", spec.year)
        raise InputError(
            f"no column {_listed(named, 'or')} for the {lacking} of events; a file has both or "
            f"neither. Add its header to {lacking} in [events] of the schema"
        )
    sources = [_Source(years[0], types[0])] if years else []
    for name in spec.types:
        there = (one for one in spec.columns.get(name, ()) if one in columns)
        sources += [_Source(one, None, name) for one in there]
    return sources


def _listed(names: Sequence[str], word: str = "and") -> str:
    return f" {word} ".join(f"'{shown(one)}'" for one in names)
