"""Put together what may be published of persons' pathways: one value for tables, charts, JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.pathways.histories import Histories, Longs
from linkage.pathways.protect import Protected, Rules, protect
from linkage.pathways.tables import MOST_TYPES, THEN, WITH, Cell, Question, count

#: Up to so many data sets all sets of them are listed, also those whose number is hidden.
_MOST_LISTED = 4

#: A number of persons that may be published: of all, and of those that are sure.
Number = dict[str, int | None]


@dataclass(frozen=True)
class EventsOfPersons:
    """Events of `persons` persons, `int64[events]` each, and how sure each person is.

    `dataset` and `type` are places among those of the question; `confidence` is
    `float64[persons]`. Not every person need have an event.
    """

    person: Longs
    year: Longs
    dataset: Longs
    type: Longs
    confidence: NDArray[np.float64]

    def within(self, years: range) -> EventsOfPersons:
        """Give the events of some years, and persons numbered over those who have one."""
        inside = (self.year >= years.start) & (self.year < years.stop)
        kept, number = np.unique(self.person[inside], return_inverse=True)
        return EventsOfPersons(
            number.ravel().astype(np.int64),
            self.year[inside],
            self.dataset[inside],
            self.type[inside],
            self.confidence[kept],
        )


def publish(
    events: EventsOfPersons, question: Question, rules: Rules, confident: float | None
) -> dict[str, Any]:
    """Count, protect, and give all numbers that may be published.

    Persons of a confidence from `confident` on are counted apart, as those that are sure. A number
    that is hidden is None.
    """
    chosen = events.within(question.years)
    by_dataset = Histories.of(
        chosen.person,
        chosen.year,
        chosen.dataset,
        persons=len(chosen.confidence),
        stages=len(question.datasets),
    )
    by_type, types = _by_type(chosen, question.types, rules.suppress_below)
    question = replace(question, types=types)
    sure = None if confident is None else chosen.confidence >= confident
    cells = count(by_dataset, by_type, question, sure)
    published = _Published(cells, protect(cells, rules))
    first, last = question.years.start, question.years.stop - 1
    return {
        "years": [first, last],
        "within": question.within,
        "suppress_below": rules.suppress_below,
        "round_to": rules.round_to,
        "confident": confident,
        "datasets": list(question.datasets),
        "types": list(types),
        "hidden": published.hidden,
        "least_width": rules.least_width,
        "persons": published.number("persons", "all", "persons"),
        "sets": _sets(published, question.datasets),
        "orders": _orders(published),
        "moves": _moves(published, "moves", question.datasets),
        "type_moves": _moves(published, "type_moves", types),
        "returns": _returns(published, question),
        "by_year": _by_year(published, question),
    }


def flat(content: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Give all numbers as the columns of one table; a hidden one is missing."""
    rows = [("persons", "all", "persons", content["persons"])]
    rows += [("sets", WITH.join(one["datasets"]), "persons", one["persons"])
             for one in content["sets"]]  # fmt: skip
    for one in content["orders"]:
        label = _label(one["order"])
        rows.append(("orders", label, "persons", one["persons"]))
        if one["back"] is not None:
            rows.append(("orders", label, "back", one["back"]))
    for table in ("moves", "type_moves"):
        for kind in ("later", "same_year"):
            rows += [(f"{table}_{kind}", one["from"], one["to"], one["persons"])
                     for one in content[table][kind]]  # fmt: skip
    for one in content["returns"]:
        row = f"{one['from']}{THEN}{one['to']}"
        for step in one["within"]:
            rows.append(("returns", row, str(step["years"]), step["persons"]))
            rows.append(("followed", row, str(step["years"]), step["followed"]))
    for one in content["by_year"]:
        rows.append(("by_year", str(one["year"]), "persons", one["persons"]))
        rows += [("by_year", str(one["year"]), str(place), known)
                 for place, known in enumerate(one["known_to"], 1)]  # fmt: skip
    tables, names, columns, numbers = zip(*rows, strict=True)
    return {
        "table": list(tables),
        "row": list(names),
        "column": list(columns),
        "all": [one["all"] for one in numbers],
        "sure": [one["sure"] for one in numbers],
    }


class _Published:
    """Finds the numbers of cells by their places."""

    def __init__(self, cells: Sequence[Cell], protected: Protected) -> None:
        self._values: dict[tuple[str, str, str, bool], int | None] = {}
        self.hidden = 0
        rows = zip(cells, protected.values.tolist(), protected.hidden.tolist(), strict=True)
        for cell, value, hidden in rows:
            if cell.printed:
                place = (cell.table, cell.row, cell.column, cell.sure)
                self._values[place] = None if hidden else value
                self.hidden += hidden

    def number(self, table: str, row: str, column: str) -> Number:
        return {
            name: self._values.get((table, row, column, sure))
            for name, sure in (("all", False), ("sure", True))
        }

    def rows(self, table: str) -> list[str]:
        return list(dict.fromkeys(place[1] for place in self._values if place[0] == table))

    def has(self, table: str, row: str, column: str) -> bool:
        return (table, row, column, False) in self._values


def _by_type(
    events: EventsOfPersons, types: Sequence[str], least: int
) -> tuple[Histories, list[str]]:
    """Give histories by types of event, of those types that at least so many persons have."""
    whole = Histories.of(
        events.person,
        events.year,
        events.type,
        persons=len(events.confidence),
        stages=len(types),
    )
    common = np.flatnonzero(whole.known.sum(axis=0) >= max(1, least))
    if not 1 < len(common) <= MOST_TYPES:
        common = common[:0]
    kept = np.isin(whole.stage, common)
    stage = np.searchsorted(common, whole.stage[kept])
    histories = Histories(whole.person[kept], whole.year[kept], stage, whole.persons, len(common))
    return histories, [types[place] for place in common.tolist()]


def _sets(published: _Published, datasets: Sequence[str]) -> list[dict[str, Any]]:
    sets: list[dict[str, Any]] = [
        {"datasets": row.split(WITH), "persons": published.number("sets", row, "persons")}
        for row in published.rows("sets")
    ]
    if len(datasets) > _MOST_LISTED:
        sets = [one for one in sets if one["persons"]["all"] is not None]
    return sorted(sets, key=lambda one: len(one["datasets"]))


def _orders(published: _Published) -> list[dict[str, Any]]:
    """List the orders whose number may be shown, the most frequent first."""
    orders = []
    for row in published.rows("orders"):
        persons = published.number("orders", row, "persons")
        if persons["all"] is not None:
            groups = [group.split(WITH) for group in row.split(THEN)]
            has_back = published.has("orders", row, "back")
            back = published.number("orders", row, "back") if has_back else None
            orders.append({"order": groups, "persons": persons, "back": back})
    return sorted(orders, key=lambda one: (-one["persons"]["all"], _label(one["order"])))


def _label(order: Sequence[Sequence[str]]) -> str:
    return THEN.join(WITH.join(group) for group in order)


def _moves(published: _Published, table: str, names: Sequence[str]) -> dict[str, Any]:
    def listed(where: str, pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
        return [
            {"from": a, "to": b, "persons": published.number(where, a, b)}
            for a, b in pairs
            if published.has(where, a, b)
        ]

    pairs = [(a, b) for a in names for b in names]
    return {"later": listed(table, pairs), "same_year": listed(f"{table}_together", pairs)}


def _returns(published: _Published, question: Question) -> list[dict[str, Any]]:
    returns = []
    for start in question.datasets:
        for target in question.datasets:
            steps = []
            for years in range(1, question.within + 1):
                persons = published.number("returns", f"{start}{THEN}{target}", str(years))
                followed = published.number("followed", start, str(years))
                share = {name: _share(persons[name], followed[name]) for name in persons}
                steps.append(
                    {"years": years, "persons": persons, "followed": followed, "share": share}
                )
            returns.append({"from": start, "to": target, "within": steps})
    return returns


def _share(part: int | None, whole: int | None) -> float | None:
    """Divide rounded numbers: more than they say is not given away."""
    return None if part is None or not whole else min(1.0, round(part / whole, 4))


def _by_year(published: _Published, question: Question) -> list[dict[str, Any]]:
    return [
        {
            "year": year,
            "persons": published.number("years", str(year), "persons"),
            "known_to": [
                published.number("years", str(year), str(number))
                for number in range(1, len(question.datasets) + 1)
            ],
        }
        for year in question.years
    ]
