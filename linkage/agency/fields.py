"""What has been seen of one field, or of the record ids: counts, odd cells, first rows."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linkage.agency.cells import (
    NO_DAY,
    SHAPED,
    UK_POSTCODE,
    Reading,
    oddities,
    reader,
    script,
    shape,
    suspicions,
)
from linkage.agency.columns import LIST_MARK, Column
from linkage.agency.tallies import (
    EXACT_VALUES,
    Marks,
    Oddity,
    RepeatFinder,
    Repeats,
    ValueCount,
    ValueCounter,
    hash_texts,
    shown,
)
from linkage.model import MAX_ID_BYTES
from linkage.schema import FieldSpec

SHOWN_VALUES = 10
#: Forms beyond this many are counted together.
_FORMS = 50
OTHER_FORMS = "other forms"
#: In a field where most values have one form, a form this rare is a violation.
_RARE_FORM = 0.01


@dataclass(frozen=True)
class DateProfile:
    """Suspicious ones among the days of the calendar that a date field has.

    Expected shares hold if people are born on any day alike: 1 January, and the first of the
    other eleven months. `decades` are the first years of decades with the rows of each.
    """

    days: int
    future: Oddity
    before_1900: Oddity
    under_10: Oddity
    over_110: Oddity
    first_of_january: Oddity
    first_of_month: Oddity
    decades: tuple[tuple[int, int], ...]
    first_of_january_expected: float = 1 / 365.25
    first_of_month_expected: float = 11 / 365.25


@dataclass(frozen=True)
class FieldProfile:
    """One field. `rows` is the sum of `empty`, `placeholder`, `unreadable` and `readable`.

    `column` is the file's column (joined ones with +), or None if it has none for the field;
    `columns` what the schema looks for. `passes` is the number of blocking passes that use the
    field. `distinct` counts normalised values, `most_frequent` ranks them; both are
    exact unless `distinct_exact` is false. `lengths` pairs lengths of raw cells with rows.
    """

    name: str
    type: str
    format: str | None
    column: str | None
    columns: tuple[str, ...]
    optional: bool
    compared: bool
    passes: int
    rows: int
    empty: int
    placeholder: int
    unreadable: int
    readable: int
    distinct: int
    distinct_exact: bool
    most_frequent: tuple[ValueCount, ...]
    placeholders: tuple[ValueCount, ...]
    unreadable_cells: Oddity
    violations: tuple[Oddity, ...]
    forms: tuple[Oddity, ...]
    scripts: tuple[ValueCount, ...]
    lengths: tuple[tuple[int, int], ...]
    dates: DateProfile | None

    @property
    def missing(self) -> int:
        """Rows without a readable value."""
        return self.rows - self.readable


@dataclass(frozen=True)
class IdProfile:
    """The record ids: their column, repeats, empty ones, and others that `encode` refuses."""

    column: str
    repeats: Repeats
    empty: Oddity
    refused: Oddity


class FieldTally:
    """What has been seen of one field so far."""

    def __init__(self, field: FieldSpec, reference: datetime.date, separator: str) -> None:
        """Take the field, the day at which ages count, and what parts several values."""
        self.field = field
        self._separator = separator if field.several else None
        self._reference = reference
        self._read = reader(field)
        self._outcomes: Counter[str] = Counter()
        self._values = ValueCounter()
        self._placeholders = ValueCounter(EXACT_VALUES // 10)
        self._lengths: Counter[int] = Counter()
        self._decades: Counter[int] = Counter()
        self._forms: set[str] = set()
        self._marks = Marks()

    def add(self, cells: Column, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Look at a chunk of rows with these numbers; give a hash of each value, 0 if none."""
        present = cells.codes[cells.codes >= 0]
        counts = np.bincount(present, minlength=len(cells.values)).tolist()
        self._outcomes["empty"] += len(cells.codes) - len(present)
        found: dict[tuple[str, str], list[int]] = {}
        values: Counter[str] = Counter()
        empty: Counter[str] = Counter()
        digested: list[str] = []
        for code, (raw, count) in enumerate(zip(cells.values, counts, strict=True)):
            readings = [(part, self._read(part)) for part in self._parts(raw)]
            read = [one.value for _, one in readings if one.outcome == "value"]
            outcome = _outcome([one for _, one in readings])
            self._outcomes[outcome] += count
            self._lengths[len(raw)] += count
            if outcome == "placeholder":
                empty[shown(raw.replace(LIST_MARK, " "))] += count
            elif outcome == "unreadable":
                found.setdefault(("outcome", outcome), []).append(code)
            kinds = {key: None for part, one in readings for key in self._kinds(part, one)}
            for key in kinds:
                found.setdefault(key, []).append(code)
            for value in read:
                values[value] += count
                if self.field.type == "date":
                    self._decades[int(value[:3]) * 10] += count
            digested.append(LIST_MARK.join(read))
        self._marks.add(found, cells, counts, numbers)
        self._values.add(list(values), list(values.values()))
        self._placeholders.add(list(empty), list(empty.values()))
        hashes = np.append(hash_texts(digested), np.uint64(0))
        hashes[[code for code, text in enumerate(digested) if not text]] = 0
        return hashes[cells.codes]

    def _parts(self, raw: str) -> list[str]:
        """Part the values of a cell, as encoding does."""
        if self._separator is None:
            return [raw.replace(LIST_MARK, " ")]
        parts = raw.replace(self._separator, LIST_MARK).split(LIST_MARK)
        return [part.strip() for part in parts if part.strip()]

    def _kinds(self, raw: str, reading: Reading) -> list[tuple[str, str]]:
        """List the kinds of cell that a raw text is one of, as (group, kind)."""
        if reading.outcome != "value":
            return []
        kind = self.field.type
        kinds = [("violation", one) for one in oddities(kind, raw, reading.value)]
        if kind == "date":
            kinds += [("date", one) for one in suspicions(reading.value, self._reference)]
        if kind == "name" and (letters := script(raw)):
            kinds.append(("script", letters))
        if kind in SHAPED:
            form = shape(kind, raw, reading.value)
            if form not in self._forms and len(self._forms) >= _FORMS:
                form = OTHER_FORMS
            self._forms.add(form)
            kinds.append(("form", form))
        return kinds

    def result(self, columns: str | None, compared: bool, passes: int) -> FieldProfile:
        """Give the field's profile; `columns` names those of the file."""
        seen = self._outcomes
        forms = self._marks.group("form")
        return FieldProfile(
            name=self.field.name,
            type=self.field.type,
            format=self.field.format,
            column=columns,
            columns=tuple(map(header, self.field.columns)),
            optional=self.field.optional,
            compared=compared,
            passes=passes,
            rows=seen.total(),
            empty=seen["empty"],
            placeholder=seen["placeholder"],
            unreadable=seen["unreadable"],
            readable=seen["value"],
            distinct=self._values.distinct(),
            distinct_exact=self._values.exact,
            most_frequent=self._values.most_frequent(SHOWN_VALUES),
            placeholders=self._placeholders.most_frequent(SHOWN_VALUES),
            unreadable_cells=self._marks.one("outcome", "unreadable"),
            violations=self._marks.group("violation") + _rare_forms(self.field.type, forms),
            forms=forms[:SHOWN_VALUES],
            scripts=tuple(ValueCount(one.what, one.rows) for one in self._marks.group("script")),
            lengths=tuple(sorted(self._lengths.items())),
            dates=self._dates() if self.field.type == "date" else None,
        )

    def _dates(self) -> DateProfile:
        return DateProfile(
            days=self._outcomes["value"]
            - sum(self._marks.one("violation", one).rows for one in NO_DAY),
            future=self._marks.one("date", "future"),
            before_1900=self._marks.one("date", "before_1900"),
            under_10=self._marks.one("date", "under_10"),
            over_110=self._marks.one("date", "over_110"),
            first_of_january=self._marks.one("date", "first_of_january"),
            first_of_month=self._marks.one("date", "first_of_month"),
            decades=tuple(sorted(self._decades.items())),
        )


def header(columns: str | tuple[str, ...]) -> str:
    """Name the column of a field, or the columns whose texts are joined."""
    return columns if isinstance(columns, str) else " + ".join(columns)


def _outcome(readings: list[Reading]) -> str:
    """Tell what becomes of a cell with several values: it is as good as the best of them."""
    outcomes = {one.outcome for one in readings}
    if "value" in outcomes:
        return "value"
    return "unreadable" if "unreadable" in outcomes else "placeholder"


class IdTally:
    """What has been seen of the record ids so far."""

    def __init__(self, column: str) -> None:
        self.column = column
        self._repeats = RepeatFinder()
        self._marks = Marks()

    def add(self, cells: Column, numbers: NDArray[np.int64]) -> None:
        """Look at a chunk of rows with these numbers."""
        hashes = np.append(hash_texts(cells.values), np.uint64(0))
        self._repeats.add(hashes[cells.codes], numbers)
        counts = np.bincount(cells.codes[cells.codes >= 0], minlength=len(cells.values)).tolist()
        refused = [
            code
            for code, text in enumerate(cells.values)
            if not text.isprintable() or len(text.encode()) > MAX_ID_BYTES
        ]
        self._marks.add({("id", "refused"): refused}, cells, counts, numbers)
        # An empty cell has code -1, the last place.
        empty = Column(np.where(cells.codes < 0, 0, -1), [""])
        none = int(np.count_nonzero(cells.codes < 0))
        self._marks.add({("id", "empty"): [0]}, empty, [none], numbers)

    def result(self) -> IdProfile:
        """Give the profile of the ids."""
        one = self._marks.one
        return IdProfile(
            self.column, self._repeats.result(), one("id", "empty"), one("id", "refused")
        )


def _rare_forms(kind: str, forms: tuple[Oddity, ...]) -> tuple[Oddity, ...]:
    """Give the forms that few have in a field where most have another one."""
    total = sum(one.rows for one in forms)
    if not forms or kind not in ("postcode", "identifier", "code"):
        return ()
    most = forms[0]
    if most.what == UK_POSTCODE and most.rows > total / 2:
        rare = list(forms[1:])
    elif most.rows > total / 2:
        rare = [one for one in forms[1:] if one.rows < _RARE_FORM * total]
    else:
        rare = []
    return tuple(replace(one, what=f"the rare form {one.what}") for one in rare[:SHOWN_VALUES])
