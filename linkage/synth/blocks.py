"""The files of a population, made block by block: agencies' tables, truth, aliases, register."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from linkage.synth import identifiers
from linkage.synth.aliases import KINDS
from linkage.synth.capture import (
    CRO_NONE,
    CRO_PLACEHOLDER,
    PNC_NONE,
    PNC_SHORT,
    PNC_WRONG,
    Rows,
)
from linkage.synth.dates import date_text
from linkage.synth.draws import Bytes, Ints, Longs, Texts, stream
from linkage.synth.events import event_text
from linkage.synth.population import GROUPS, WHOLE, Population, group_labels
from linkage.synth.profile import AGENCIES
from linkage.synth.views import LAYOUTS, text_columns

Columns = dict[str, Texts]
Table = TypeVar("Table")
BLOCK_ROWS = 1 << 17


@dataclass(frozen=True)
class Block:
    """Some rows of one agency's file.

    `columns` are the file's. `truth` has the columns dataset, record_id, person_id and GROUPS, a
    row for each. `under_alias` says which kind of alias each was made under, '' for none.
    """

    columns: Columns
    truth: Columns
    under_alias: Texts


@dataclass(frozen=True)
class AgencyFile:
    """The file of one agency, its rows in an order that tells nothing of the person.

    `order` int64[rows] says which row of the population stands where; `key` makes record ids;
    `wrong` int64[w] are the places of PNC ids with a wrong digit, and `off` int8[w] by how much.
    """

    population: Population
    view: str
    order: Longs
    key: int
    wrong: Longs
    off: Bytes

    @classmethod
    def of(cls, population: Population, view: str) -> AgencyFile:
        """Draw the order of the rows."""
        rng = stream(population.seed, WHOLE, AGENCIES.index(view))
        rows = population.rows[view]
        order = rng.permutation(rows.person.size)
        key = int(rng.integers(1, 2**62))
        wrong = np.flatnonzero(rows.pnc[order] == PNC_WRONG)
        return cls(population, view, order, key, wrong, identifiers.digits_off(rng, wrong.size))

    def __len__(self) -> int:
        return self.order.size

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Block]:
        """Make the file; a file without rows is one empty block."""
        for start in range(0, max(len(self), 1), rows):
            yield self.block(start, min(start + rows, len(self)))

    def block(self, start: int, stop: int) -> Block:
        """Make the rows from `start` up to `stop`."""
        rows = self.rows(start, stop)
        record_id = self.record_ids(start, stop)
        wrong = slice(*np.searchsorted(self.wrong, [start, stop]))
        person = rows.person.astype(np.int64)
        columns = {
            "record_id": lambda: record_id,
            "pnc": lambda: shown_pnc(self._number("pnc", person), rows.pnc, self.off[wrong]),
            "cro": lambda: shown_cro(self._number("cro", person), rows.cro),
            "noms": lambda: self._number("noms", person),
            "crn": lambda: self._number("crn", person),
        }
        layout, whole = LAYOUTS[self.view], self.population
        text = text_columns(rows, layout, whole.names, whole.postcodes)
        events = whole.events[self.view]
        text |= event_text(_taken(events, self.order[start:stop]), self.view)
        return Block(
            columns={h: columns[w]() if w in columns else text[h] for h, w in layout.columns},
            truth=self._truth(record_id, person),
            under_alias=self._kinds(rows.alias),
        )

    def rows(self, start: int, stop: int) -> Rows:
        """Rows from `start` up to `stop` as numbers."""
        return _taken(self.population.rows[self.view], self.order[start:stop])

    def record_ids(self, start: int, stop: int) -> Texts:
        """Ids of the records from `start` up to `stop`."""
        return identifiers.record_ids(LAYOUTS[self.view].prefix, np.arange(start, stop), self.key)

    def _kinds(self, alias: Ints) -> Texts:
        """Kind of each alias, '' where there is none."""
        kinds = np.array([*KINDS, ""], object)
        return np.asarray(kinds[np.append(self.population.aliases.kind, -1)[alias]], object)

    def _number(self, what: str, person: Longs) -> Texts:
        numbers, year = self.population.numbers, self.population.register.year
        if what == "pnc":
            return identifiers.pnc_text(year[person], numbers.pnc[person])
        if what == "cro":
            return identifiers.cro_text(year[person], numbers.cro[person])
        if what == "noms":
            return identifiers.noms_numbers(person, numbers.noms_key)
        return identifiers.crn_numbers(person, numbers.crn_key)

    def _truth(self, record_id: Texts, person: Longs) -> Columns:
        return {
            "dataset": np.full(person.size, self.view, object),
            "record_id": record_id,
            "person_id": person_ids(self.population, person),
            **groups_of(self.population, person),
        }


def person_ids(population: Population, person: Longs) -> Texts:
    """Give the true ids of people, which tell nothing of their order."""
    return identifiers.record_ids("X", person, population.numbers.person_key)


def groups_of(population: Population, person: Longs) -> Columns:
    """Group labels of people."""
    labels = group_labels(population.profile)
    numbers = population.register.groups[person]
    return {group: labels[group][numbers[:, place]] for place, group in enumerate(GROUPS)}


def register_blocks(population: Population, rows: int = BLOCK_ROWS) -> Iterator[Columns]:
    """Make the register: a row a person."""
    for start in range(0, len(population), rows):
        yield register_block(population, start, min(start + rows, len(population)))


def register_block(population: Population, start: int, stop: int) -> Columns:
    """Say who the people from `start` up to `stop` are, with household and groups."""
    register, names = population.register, population.names
    people = slice(start, stop)
    lead = register.lead[people].astype(np.int64)
    person = np.arange(start, stop)
    return {
        "person_id": person_ids(population, person),
        "household_id": identifiers.record_ids("H", lead, 1),
        "forename": names.text(register.forename[people]),
        "middle_names": names.text(register.middle[people]),
        "surname": names.text(register.surname[people]),
        "dob": date_text(register.dob[people], "yyyy-mm-dd"),
        **groups_of(population, person),
    }


def alias_blocks(population: Population, rows: int = BLOCK_ROWS) -> Iterator[Columns]:
    """Make the table of all aliases; without any it has no block."""
    count = population.aliases.kind.size
    for start in range(0, count, rows):
        yield alias_block(population, start, min(start + rows, count))


def alias_block(population: Population, start: int, stop: int) -> Columns:
    """Give the aliases from `start` up to `stop`, whoever knows of them: a row an alias."""
    aliases, names = population.aliases, population.names
    rows = slice(start, stop)
    return {
        "person_id": person_ids(population, aliases.person[rows].astype(np.int64)),
        "kind": np.array(KINDS, object)[aliases.kind[rows]],
        "forename": names.text(aliases.forename[rows]),
        "surname": names.text(aliases.surname[rows]),
        "dob": date_text(aliases.dob[rows], "yyyy-mm-dd"),
    }


def shown_pnc(numbers: Texts, form: Bytes, off: Bytes) -> Texts:
    """Write PNC ids in the form of each row; `off` is by row of the form PNC_WRONG."""
    column = numbers.copy()
    column[form == PNC_NONE] = ""
    rows = np.flatnonzero(form == PNC_SHORT)
    column[rows] = identifiers.short_pnc(column[rows])
    rows = np.flatnonzero(form == PNC_WRONG)
    column[rows] = identifiers.with_last_digit_off(column[rows], off)
    return column


def shown_cro(numbers: Texts, form: Bytes) -> Texts:
    """Write CRO numbers where a row shows one."""
    column = numbers.copy()
    column[form == CRO_NONE] = ""
    column[form == CRO_PLACEHOLDER] = "000000/00Z"
    return column


def _taken(table: Table, index: Longs) -> Table:
    """Rows of a dataclass of arrays."""
    arrays = vars(table)
    return type(table)(**{name: array[index] for name, array in arrays.items()})
