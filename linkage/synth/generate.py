"""Make a synthetic population in memory: agencies' files and the truth behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.synth.blocks import AgencyFile, Columns, alias_block, register_block
from linkage.synth.draws import Texts
from linkage.synth.population import CHUNK_PEOPLE, populate
from linkage.synth.profile import AGENCIES, Profile

__all__ = ["CHUNK_PEOPLE", "DEFAULT_VIEWS", "SyntheticData", "generate"]

DEFAULT_VIEWS = AGENCIES[:3]


@dataclass(frozen=True)
class SyntheticData:
    """Agencies' files and the truth.

    `views` holds a table per data set (column name -> object[rows] of str, '' for an empty
    cell). `truth` has the columns dataset, record_id, person_id, and then group columns, with one
    row for every row of every view. `people` has one row a person and `aliases` one row an alias
    (person_id, kind, forename, surname, dob): nobody's file, but what an aliases file or a table
    of hard negatives is made from. `under_alias` says of every row of a view which kind of alias
    it was made under, '' for none.
    """

    views: dict[str, Columns]
    truth: Columns
    people: Columns
    aliases: Columns
    under_alias: dict[str, Texts]


def generate(
    people: int,
    seed: int,
    profile: Profile,
    *,
    threads: int = 1,
    views: Sequence[str] = DEFAULT_VIEWS,
) -> SyntheticData:
    """Generate a population and its agency views; parameters and errors are those of `populate`.

    The result depends on `people`, `seed`, `profile` and `views` alone, not on `threads`. It is
    held in memory as text; for millions of people use `populate` and `AgencyFile.blocks`.
    """
    population = populate(people, seed, profile, threads=threads, views=views)
    files = [AgencyFile.of(population, view) for view in views]
    wholes = {file.view: file.block(0, len(file)) for file in files}
    truth = [whole.truth for whole in wholes.values()]
    return SyntheticData(
        views={view: whole.columns for view, whole in wholes.items()},
        truth={name: np.concatenate([one[name] for one in truth]) for name in truth[0]},
        people=register_block(population, 0, people),
        aliases=alias_block(population, 0, population.aliases.kind.size),
        under_alias={view: whole.under_alias for view, whole in wholes.items()},
    )
