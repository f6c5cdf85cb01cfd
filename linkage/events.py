"""What agencies may pass along beside encodings: the years and types of events, and nothing else.

The schema says which types there are, so that nothing free-form can pass, and every agency can see
what it would give away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from linkage.errors import shown

#: Years that an event may have, if a schema names none.
FIRST_YEAR, LAST_YEAR = 1900, 2100
MOST_TYPES = 64

TypeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Headers = Annotated[tuple[Text, ...], Field(max_length=50)]


class EventSpec(BaseModel):
    """Which events may be passed along, and where files have them.

    `types` are all types there are. A file has them in two columns, one of those called `year`
    (of years, or of dates of which only the year is kept) and one of those called `type`; or it
    has a column of years or dates for a type, which `columns` names. `words` are other words for a
    type. Events of other years than `years` are not passed along, nor are those of a year and a
    type that fewer than `at_least` records of the data set have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    types: Annotated[tuple[TypeName, ...], Field(min_length=1, max_length=MOST_TYPES)]
    year: Headers = ()
    type: Headers = ()
    columns: dict[TypeName, Headers] = {}
    words: dict[TypeName, Headers] = {}
    years: tuple[int, int] = (FIRST_YEAR, LAST_YEAR)
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 10

    @field_validator("types", "year", "type", "years", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuple(value)

    @field_validator("columns", "words", mode="before")
    @classmethod
    def _tables(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: _as_tuple(one) for key, one in value.items()}
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _refuse_repeats("type", self.types)
        for name, table in (("columns", self.columns), ("words", self.words)):
            for one in table:
                if one not in self.types:
                    raise ValueError(f"{name}: '{one}' is none of the types")
        if bool(self.year) != bool(self.type):
            raise ValueError("year and type go together: name the columns of both")
        if not self.headers:
            raise ValueError("name the columns: year and type, or columns by type")
        _refuse_repeats("column", self.headers)
        _refuse_repeats("word", [word for word, _ in self.vocabulary])
        first, last = self.years
        if not FIRST_YEAR <= first <= last <= LAST_YEAR:
            raise ValueError(f"years must rise, from {FIRST_YEAR} to {LAST_YEAR}")
        return self

    def refuse(self, identifying: Sequence[str]) -> None:
        """Raise `ValueError` if a column is one of those that identify people."""
        for header in identifying:
            if header in self.headers:
                raise ValueError(
                    f"events: the column '{shown(header)}' identifies people, so that it can't be "
                    "passed along"
                )

    @property
    def headers(self) -> tuple[str, ...]:
        """All columns that are read."""
        by_type = [header for one in self.columns.values() for header in one]
        return (*self.year, *self.type, *by_type)

    @property
    def vocabulary(self) -> tuple[tuple[str, int], ...]:
        """Every word for a type, in small letters, with the place of the type among `types`."""
        words = [
            (word, place)
            for place, name in enumerate(self.types)
            for word in (name, *self.words.get(name, ()))
        ]
        return tuple(dict.fromkeys((plain(word), place) for word, place in words))


@dataclass(frozen=True)
class Events:
    """Events of records, each (record, year, type) once, in this order.

    `owner` is `int64[events]`, the index of the record; `year` is `int16[events]`; `type` is
    `uint8[events]`, the place among the types of the schema.
    """

    owner: NDArray[np.int64]
    year: NDArray[np.int16]
    type: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.owner)

    @classmethod
    def of(cls, owner: NDArray[Any], year: NDArray[Any], type_: NDArray[Any]) -> Events:
        """Put events in order, and drop repeats."""
        whole = np.asarray(owner, np.int64) << 24 | np.asarray(year, np.int64) << 8
        distinct = np.unique(whole | np.asarray(type_, np.int64))
        year_of = (distinct >> 8 & 0xFFFF).astype(np.int16)
        return cls(distinct >> 24, year_of, (distinct & 0xFF).astype(np.uint8))

    def with_copies(self, models: NDArray[np.int64], records: int) -> Events:
        """Put records behind the `records` that there are, each with the events of its model."""
        start = np.searchsorted(self.owner, models, side="left")
        size = np.searchsorted(self.owner, models, side="right") - start
        copy = np.repeat(np.arange(len(models)), size)
        chosen = np.repeat(start, size) + np.arange(len(copy))
        chosen -= np.repeat(np.cumsum(size) - size, size)
        return Events(
            np.concatenate([self.owner, records + copy]),
            np.concatenate([self.year, self.year[chosen]]),
            np.concatenate([self.type, self.type[chosen]]),
        )


def plain(word: str) -> str:
    """Give a word as it is compared: small letters, and one space for spaces, - and _."""
    return " ".join(word.replace("_", " ").replace("-", " ").split()).casefold()


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _refuse_repeats(what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} '{shown(name)}' appears more than once")
