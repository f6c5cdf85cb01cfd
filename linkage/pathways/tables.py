"""Count persons: which tables there are, and which persons every cell of them counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linkage.pathways.histories import NEVER, Histories, Longs

#: Stands between stages of an order: later, and in the same year.
THEN, WITH = " → ", " + "
#: Of more types there is no table.
MOST_TYPES = 10


@dataclass(frozen=True)
class Cell:
    """A count of persons: its place in a table, and the persons, `int64`, rising.

    `sure` says that it counts only those of whose links one can be confident. A cell that is not
    `printed` stands in no table, but follows from two that do: who of a group did *not* return.
    """

    table: str
    row: str
    column: str
    persons: Longs
    sure: bool = False
    printed: bool = True


@dataclass(frozen=True)
class Question:
    """What is asked: the years, how many years to look ahead, and what stages are called."""

    years: range
    within: int
    datasets: Sequence[str]
    types: Sequence[str]


def count(
    by_dataset: Histories, by_type: Histories, question: Question, sure: NDArray[np.bool_] | None
) -> list[Cell]:
    """Give the cells of all tables: for all persons, and then for those that are sure.

    `sure` is `bool[persons]`; without it there are no such cells.
    """
    cells = [*_cells(by_dataset, by_type, question)]
    if sure is None:
        return cells
    return cells + [
        replace(one, persons=one.persons[sure[one.persons]], sure=True) for one in cells
    ]


def _cells(by_dataset: Histories, by_type: Histories, question: Question) -> Iterator[Cell]:
    names, types = question.datasets, question.types
    yield Cell("persons", "all", "persons", np.unique(by_dataset.person))
    yield from _sets(by_dataset, names)
    yield from _orders(by_dataset, names)
    yield from _steps("moves", by_dataset, names)
    if types:
        yield from _steps("type_moves", by_type, types)
    yield from _returns(by_dataset, question)
    yield from _years(by_dataset, question)


def _sets(histories: Histories, names: Sequence[str]) -> Iterator[Cell]:
    number = histories.known @ (1 << np.arange(histories.stages))
    for one in range(1, 1 << histories.stages):
        label = WITH.join(name for place, name in enumerate(names) if one >> place & 1)
        yield Cell("sets", label, "persons", np.flatnonzero(number == one))


def _orders(histories: Histories, names: Sequence[str]) -> Iterator[Cell]:
    """Count persons by the order of first years that occur; those of one stage are in `sets`."""
    back = np.zeros(histories.persons, bool)
    back[histories.came_back()] = True
    code = histories.rank @ (histories.stages + 1) ** np.arange(histories.stages)
    orders, first = np.unique(code, return_index=True)
    for order, example in zip(orders, first, strict=True):
        ranks = histories.rank[example]
        if np.count_nonzero(ranks) > 1:
            persons = np.flatnonzero(code == order)
            label = order_label(ranks.tolist(), names)
            yield Cell("orders", label, "persons", persons)
            if ranks.max() > 1:
                yield Cell("orders", label, "back", persons[back[persons]])
                yield Cell("orders", label, "not back", persons[~back[persons]], printed=False)


def order_label(ranks: Sequence[int], names: Sequence[str]) -> str:
    """Write an order of stages: `police → court + prison`, where + joins those of one year."""
    groups = [
        WITH.join(name for name, rank in zip(names, ranks, strict=True) if rank == one)
        for one in range(1, max(ranks) + 1)
    ]
    return THEN.join(groups)


def _steps(table: str, histories: Histories, names: Sequence[str]) -> Iterator[Cell]:
    moves, together = histories.steps()
    for (a, b), persons in moves.items():
        yield Cell(table, names[a], names[b], persons)
    for (a, b), persons in together.items():
        yield Cell(f"{table}_together", names[a], names[b], persons)


def _returns(histories: Histories, question: Question) -> Iterator[Cell]:
    """Count who is seen again within some years, of those whom one can follow that long."""
    years = question.years
    for start, name in enumerate(question.datasets):
        begun = histories.first[:, start]
        gaps = [histories.gaps(start, target) for target in range(histories.stages)]
        for within in range(1, question.within + 1):
            followed = (begun != NEVER) & (begun + within < years.stop)
            yield Cell("followed", name, str(within), np.flatnonzero(followed))
            for target, gap in zip(question.datasets, gaps, strict=True):
                again = followed & (gap > 0) & (gap <= within)
                row = f"{name}{THEN}{target}"
                yield Cell("returns", row, str(within), np.flatnonzero(again))
                never = np.flatnonzero(followed & ~again)
                yield Cell("returns", row, f"not in {within}", never, printed=False)


def _years(histories: Histories, question: Question) -> Iterator[Cell]:
    known = histories.known_by_year(question.years)
    for place, year in enumerate(question.years):
        yield Cell("years", str(year), "persons", np.flatnonzero(known[:, place]))
        for number in range(1, histories.stages + 1):
            persons = np.flatnonzero(known[:, place] == number)
            yield Cell("years", str(year), str(number), persons)
