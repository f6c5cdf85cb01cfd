"""Put what a hardening costs beside what attacks on it find: F1, and the share of people named.

    python -m benchmarks.frontier [--people 2000] [--keys 1] [--data SET ...] [--only WORD ...]
        [--attacks WORD ...] [--small]

F1 is that of `benchmarks.hardening`: without labels, record level at the threshold that `link`
takes, field level and anchored codes at probability 0.5; on febrl4 (five fields) and on synthetic
default data of four times as many people. The attacks of `linkage audit` are made on the first
file, one row a person: `--people` on each side, of whom all or 20 % are on both; the attacker has
the same texts, but for "matching with errors", where 5 % of the characters of the file are wrong.
A key number is also the seed of the sample, of the synthetic data and of the attack; with several,
the mean of F1 and the highest share named are told.

Writes `benchmarks/results/frontier.json` after each figure, and measures only what is missing
there; figures for another `--people` are dropped. `--small` writes `frontier_small.json`. The table
and the picture of `docs/frontier.md` are made of it by `python -m benchmarks.frontier_page`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

import numpy as np
import pandas as pd

from benchmarks import hardening
from benchmarks.measure import RESULTS, machine, write_results
from benchmarks.quality import draft
from benchmarks.quality_sets import Files, data_sets
from linkage.agency.anchors import as_passes, choose_anchors
from linkage.agency.keys import ProjectKey
from linkage.agency.neighbours import read_rows
from linkage.audit.agency import Own
from linkage.audit.attack import PEOPLE, Attack
from linkage.audit.errors import Noise
from linkage.audit.finding import Finding, Setting
from linkage.audit.matching import GraphMatching
from linkage.audit.plan import PLAIN, TOLERANT, Step
from linkage.audit.run import Stage, own_file, run_steps
from linkage.audit.samples import Held
from linkage.audit.scene import Ints
from linkage.audit.structure import ColourRefinement
from linkage.schema import LinkageSchema

PEOPLE_A_SIDE, SMALL = 2000, 300
OVERLAPS = (0.2, 1.0)
ERRORS, NEIGHBOURS, ENOUGH = 0.05, 0.1, 0.9
#: Synthetic data have so many times the people; the first file must have 1.8 times as many.
_TIMES = 4
#: What is measured unless `--only` says other methods of `benchmarks.hardening`.
CHOSEN = (
    "record: plain",
    "record: balancing",
    "record: xor_folding",
    "record: rule_90",
    "record: randomised_response 0.2",
    "record: salting by year of birth",
    "record: diffusion t=3 l=1024",
    "record: diffusion t=10 l=4096, fill .15",
    "record: saul k=3 l=1024",
    "field: plain",
    "field: diffusion t=10 l=512, fill .15",
    "field: saul k=4 l=512",
    "anchored: 0.1 neighbours",
)

Figures = dict[str, Any]


class Encoding(Protocol):
    """A hardening under its name and level."""

    @property
    def name(self) -> str:
        """The method and its parameters."""

    @property
    def level(self) -> str:
        """`record`, `field` or `anchored`."""

    def schema(self, files: Files) -> LinkageSchema:
        """Give the schema of files."""


@dataclass(frozen=True)
class Anchored:
    """Anchored codes under a bound on visible neighbours."""

    neighbours: float
    level: str = "anchored"

    @property
    def name(self) -> str:
        """Tell the bound."""
        return f"{self.neighbours} neighbours"

    def schema(self, files: Files) -> LinkageSchema:
        """Choose the passes as `schema init --anchored` does."""
        plain = draft(files.tables, "field")
        rows = [read_rows(_batches(table), plain, len(table)) for table in files.tables]
        records = sum(one.rows for one in rows)
        chosen = choose_anchors(plain, rows, records=records, neighbours=self.neighbours)
        return draft(files.tables, "field", as_passes(chosen.anchors))


def _batches(table: pd.DataFrame) -> list[tuple[pd.DataFrame, Ints]]:
    """Give a table as the one batch of a file, with the numbers of its rows."""
    return [(table, np.arange(1, len(table) + 1))]


@dataclass(frozen=True)
class Attacker:
    """An attack, the errors in the file that it meets, and restarts."""

    attack: Attack
    errors: float = 0.0
    restarts: int = 2


#: Those that cost least first.
ATTACKERS = (
    Attacker(ColourRefinement(), restarts=1),
    Attacker(GraphMatching(PLAIN, embeddings=("linear", "graph"))),
    Attacker(GraphMatching(TOLERANT, noises=(Noise(0.05), Noise(0.1))), ERRORS),
)


def encodings() -> Iterator[Encoding]:
    """Give all that can be measured."""
    yield from hardening.methods()
    yield Anchored(NEIGHBOURS)


def title(one: Encoding) -> str:
    """Name an encoding with its level."""
    return f"{one.level}: {one.name}"


@dataclass(frozen=True)
class Case:
    """One data set under one key number, which is also the seed of all that is drawn."""

    data: str
    people: int
    number: int

    @property
    def key(self) -> ProjectKey:
        """The project's key; that of number 0 is the key of the other benchmarks."""
        return ProjectKey(bytes(range(self.number, self.number + 32)))

    def files(self) -> Files:
        """Load the files."""
        return _load(self.data, _TIMES * self.people, self.number + 1)

    def cost(self, one: Encoding) -> Figures:
        """Link the files, unless `benchmarks.hardening` has done the very same already."""
        path = RESULTS / "hardening.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        same = (known.get("people"), known.get("seed")) == (_TIMES * self.people, self.number + 1)
        cell = f"{self.data}, {one.level}, {one.name}"
        if self.number == 0 and same and cell in known["cells"]:
            found: Figures = known["cells"][cell]
            return found
        return hardening.measure(one, self.files(), self.key)

    def attack(self, one: Encoding, attacker: Attacker, overlap: float) -> Figures:
        """Attack the first file."""
        files = self.files()
        own = Own(one.schema(files), self.key)
        first = np.unique(files.truth[0], return_index=True)[1]
        table = files.tables[0].iloc[first].reset_index(drop=True)
        records = own.read(_batches(table))
        held = Held(records.rows, records.owner, records.owner)
        both = round(self.people * (2 - overlap))
        least = round(self.people * (2 - min(OVERLAPS)))
        if len(table) < least:
            raise SystemExit(f"{self.data}: {len(table)} people are too few, {least} are needed")
        stage = Stage(own_file(held, own.project(), self.number, both), self.number, 1, ENOUGH)
        step = Step(attacker.attack, Setting(overlap, errors=attacker.errors), attacker.restarts)
        found = [one for one in run_steps([step], stage) if one.what == PEOPLE]
        return _content(found[0])


@cache
def _load(data: str, people: int, seed: int) -> Files:
    loaders = {one.name: one.load for one in data_sets(None)}
    return loaders[hardening.SETS[data]](people, seed)


def _content(found: Finding) -> Figures:
    return {
        "named": round(found.named, 4),
        "interval": [round(found.low, 4), round(found.high, 4)],
        "records": found.records,
        "by_chance": round(found.by_chance, 5),
        "believed": round(found.believed, 4),
        "attempts": found.attempts,
        "spread": [round(share, 4) for share in found.spread],
        "best": found.label,
        "seconds": round(found.seconds, 1),
    }


def parts() -> Iterator[tuple[str, Callable[[Case, Encoding], Figures]]]:
    """Give what is measured of each encoding, by name, cheap things first."""
    yield "f1", Case.cost
    for attacker in ATTACKERS:
        for overlap in OVERLAPS:
            measured = partial(_attacked, attacker=attacker, overlap=overlap)
            yield part_name(attacker, overlap), measured


def part_name(attacker: Attacker, overlap: float) -> str:
    """Name an attack at an overlap."""
    return f"{attacker.attack.name}, {overlap:.0%}"


def _attacked(case: Case, one: Encoding, *, attacker: Attacker, overlap: float) -> Figures:
    return case.attack(one, attacker, overlap)


class Results:
    """The results file, read again before each change: two runs may share it, on other data."""

    def __init__(self, name: str, people: int) -> None:
        """Take the name of the file; figures for other numbers of people are dropped."""
        self._name, self._people = name, people

    def cells(self) -> dict[str, Any]:
        """Read data set, encoding, key number and part, nested."""
        path = RESULTS / f"{self._name}.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found: dict[str, Any] = known["cells"] if known.get("people") == self._people else {}
        return found

    def has(self, data: str, encoding: str, key: str, part: str) -> bool:
        """Tell whether a figure is known."""
        return part in self.cells().get(data, {}).get(encoding, {}).get(key, {})

    def put(self, data: str, encoding: str, key: str, part: str, figures: Figures) -> None:
        """Add figures."""
        cells = self.cells()
        of_key = cells.setdefault(data, {}).setdefault(encoding, {}).setdefault(key, {})
        of_key[part] = figures
        facts = {"people": self._people, "errors": ERRORS, "enough": ENOUGH}
        write_results(self._name, machine() | facts | {"cells": cells})


def main() -> None:
    """Measure what is missing: for each key and part all encodings, on all data."""
    options = _options()
    people = options.people or (SMALL if options.small else PEOPLE_A_SIDE)
    results = Results("frontier_small" if options.small else "frontier", people)
    chosen = [one for one in encodings() if _wanted(one, options.only)]
    for number in range(options.keys):
        for part, measured in parts():
            if not any(re.search(word, part) for word in options.attacks):
                continue
            for one in chosen:
                for data in options.data:
                    place = data, title(one), str(number), part
                    if not results.has(*place):
                        figures = measured(Case(data, people, number), one)
                        results.put(*place, figures)
                        print(*place, _short(figures), sep=", ", flush=True)


def _wanted(one: Encoding, words: Sequence[str] | None) -> bool:
    name = title(one)
    return any(re.search(word, name) for word in words) if words else name in CHOSEN


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, help="on each side of an attack")
    parser.add_argument("--keys", type=int, default=1, help="so many keys and samples")
    sets = list(hardening.SETS)
    parser.add_argument("--data", nargs="+", default=sets, choices=sets)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="encodings")
    parser.add_argument("--attacks", nargs="+", metavar="WORD", default=[""], help="or f1")
    parser.add_argument("--small", action="store_true", help="few people")
    return parser.parse_args()


def _short(figures: Figures) -> str:
    if "f1" in figures:
        return f"F1 {figures['f1']:.4f}"
    return "{named:.4f} named by {attempts} attempts, {seconds} s".format(**figures)


if __name__ == "__main__":
    main()
