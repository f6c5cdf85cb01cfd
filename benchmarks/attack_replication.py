"""Set the audit's graph matching beside the published attack and a prototype of ours.

    python -m benchmarks.attack_replication FOLDER [--seeds 1 2 3] [--only WORD ...] [--threads 2]
    python -m benchmarks.attack_replication --page

FOLDER holds the data of the published tables: `fakename_1k.tsv`, `fakename_10k.tsv`,
`fakename_20k.tsv` and `fakename_10k_error_5.tsv`, `_10`, `_20`, of the columns GivenName, Surname,
Birthday and uid. They stay where they are. People are encoded as plain record-level CLKs of 1,024
bits, half of them set; the attacker has another key. A cell is drawn anew for each seed, and the
best of its attempts counts, as in the published tables; attempts end once 90 % are named.

Published: Schaefer & al., ACSAC 2024, tables of the repository, `DropFrom=Both`: file and list
together have all the people. Prototype: sides of equal size, of more people in all.

Writes `benchmarks/results/attack_replication.json` after each cell, and in the end the table of
docs/audit.md; `--page` writes the table alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import RESULTS, ROOT, machine, write_results
from linkage.audit.errors import NONE, Noise
from linkage.audit.finding import Finding, Setting
from linkage.audit.matching import GraphMatching
from linkage.audit.plan import Step
from linkage.audit.run import Stage, run_steps
from linkage.audit.scene import Ints, Reference, Rows, Scene, Truth, View

PAGE = ROOT / "docs" / "audit.md"
FIELDS = ("GivenName", "Surname", "Birthday")
BITS, FILL = 1024, 0.5
RESTARTS, ENOUGH = 8, 0.9
NOISES = tuple(Noise(share, strange=True) for share in (0.05, 0.1, 0.2))


@dataclass(frozen=True)
class Cell:
    """One cell of the tables: the file, people on each side, the overlap, and others' figures.

    `victims` is the file with errors whose rows are encoded, if not `source` itself.
    """

    name: str
    source: str
    size: int
    overlap: float
    published: float | None = None
    prototype: float | None = None
    victims: str | None = None

    @property
    def title(self) -> str:
        """Name the cell with its overlap."""
        return f"{self.name}, overlap {self.overlap:.0%}"


def _together(people: int, overlap: float) -> int:
    """Give the size of each side, if both together have so many people."""
    return int(people / (2 - overlap))


def cells() -> Iterator[Cell]:
    """List the cells, those that cost least first."""
    overlaps = (1.0, 0.5, 0.2, 0.1, 0.05)
    for overlap, published in zip(overlaps, (1.0, 0.021, 0.009, 0.038, 0.0), strict=True):
        size = _together(1000, overlap)
        yield Cell("1,000 people in all", "fakename_1k", size, overlap, published)
    for overlap, known in zip(overlaps[1:3], (1.0, 0.072), strict=True):
        yield Cell("1,000 a side", "fakename_10k", 1000, overlap, prototype=known)
    for overlap, known in zip(overlaps, (1.0, 1.0, 0.995, 0.067, 0.059), strict=True):
        yield Cell("2,000 a side", "fakename_10k", 2000, overlap, prototype=known)
    for overlap, published in zip(overlaps, (1.0, 1.0, 0.999, 0.036, 0.051), strict=True):
        size = _together(10_000, overlap)
        yield Cell("10,000 people in all", "fakename_10k", size, overlap, published)
    for overlap, known in zip(overlaps, (1.0, 1.0, 1.0, 1.0, 0.902), strict=True):
        yield Cell("10,000 a side", "fakename_20k", 10_000, overlap, prototype=known)
    yield from _with_errors()


def _with_errors() -> Iterator[Cell]:
    """List the cells in which the file has errors; published is the least overlap for one half."""
    for errors, overlap, published, known in (
        (5, 0.15, 0.5, None),
        (5, 0.2, None, 0.51),
        (10, 0.15, 0.5, None),
        (10, 0.2, None, None),
        (20, 0.2, None, None),
        (20, 0.55, 0.5, None),
        (20, 1.0, None, 0.003),
    ):
        name = f"10,000 people in all, {errors} % errors"
        victims = f"fakename_10k_error_{errors}"
        size = _together(10_000, overlap)
        yield Cell(name, "fakename_10k", size, overlap, published, known, victims)


class PlainClk:
    """Bigrams of every field in one filter, half of whose bits are set; texts are as they are."""

    fields = FIELDS

    def __init__(self, rows: Rows) -> None:
        """Take rows that tell how many bigrams a record has."""
        count = sum(
            len(set(grams)) for field in FIELDS for grams in self.grams(field, rows[field].tolist())
        )
        mean = count / len(rows[FIELDS[0]])
        self._hashes = round(BITS * -np.log(1 - FILL) / mean)

    def grams(self, field: str, values: Sequence[str]) -> list[list[str]]:
        """Give the bigrams of each text."""
        return [[text[at : at + 2] for at in range(len(text) - 1)] for text in values]

    def encode(self, rows: Rows, seed: int) -> View:
        """Encode rows under a key made from the seed."""
        count = len(rows[FIELDS[0]])
        bits = np.zeros((count, BITS), np.uint8)
        for field in FIELDS:
            values, codes = np.unique(rows[field], return_inverse=True)
            filters = np.zeros((len(values), BITS), np.uint8)
            listed = self.grams(field, values.tolist())
            known = {gram: n for n, gram in enumerate(dict.fromkeys(chain.from_iterable(listed)))}
            positions = _positions(list(known), f"{field}:{seed}", self._hashes)
            for value, grams in enumerate(listed):
                filters[value, positions[[known[gram] for gram in grams]].ravel()] = 1
            bits |= filters[codes.ravel()]
        words = np.packbits(bits, axis=1, bitorder="little").view(np.uint64)
        tokens = np.zeros((count, 0), np.uint64)
        return View(words, (("clk", words.shape[1]),), tokens, (), np.arange(count))


def _positions(grams: Sequence[str], key: str, count: int) -> NDArray[np.int64]:
    """Give random positions of each bigram under a key, `int64[grams, count]`."""
    digests = [blake2b(gram.encode(), key=key.encode()).digest() for gram in grams]
    streams = [np.random.default_rng(list(digest)) for digest in digests]
    return np.array([stream.integers(0, BITS, count) for stream in streams], np.int64)


def read(folder: Path, name: str) -> Rows:
    """Read a file of the published data; texts in lower case."""
    with open(folder / f"{name}.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {field: np.array([row[field].lower() for row in rows]) for field in FIELDS}


def scene(folder: Path, cell: Cell, seed: int) -> tuple[Scene, Truth]:
    """Draw the two sides of a cell."""
    source = read(folder, cell.source)
    victims = read(folder, cell.victims) if cell.victims else source
    random = np.random.default_rng([seed, cell.size])
    people = random.permutation(len(source[FIELDS[0]]))
    both = round(cell.overlap * cell.size)
    file = random.permutation(people[: cell.size])
    listed = random.permutation(people[cell.size - both : 2 * cell.size - both])
    method = PlainClk(source)
    view = method.encode({field: texts[file] for field, texts in victims.items()}, 1_000_003 * seed)
    reference = Reference({field: texts[listed] for field, texts in source.items()}, method)
    truth = Truth((_numbers(file), _numbers(listed)), {})
    return Scene(view, reference, np.zeros((0, 2), np.int64)), truth


def _numbers(people: Any) -> Ints:
    return np.asarray(people, np.int64)


def measure(folder: Path, cell: Cell, seed: int, threads: int) -> Finding:
    """Attack one cell under one seed."""
    noises = NOISES if cell.victims else (NONE,)
    step = Step(GraphMatching(noises=noises), Setting(cell.overlap), RESTARTS)
    stage = Stage(lambda setting: scene(folder, cell, seed), seed, threads, ENOUGH)
    return next(iter(run_steps([step], stage)))


def main() -> None:
    """Measure all cells, and print the three figures of each side by side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", help="where the data of the published tables are"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", default=[], help="words of the cells to measure")
    parser.add_argument(
        "--page", action="store_true", help="write the table of docs/audit.md alone"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    path = RESULTS / "attack_replication.json"
    known = json.loads(path.read_text())["cells"] if path.exists() else {}
    if options.page:
        write_page(known)
        return
    if options.folder is None:
        parser.error("say in which FOLDER the data are")
    print(f"{'cell':52s} {'published':>9s} {'prototype':>9s} {'measured':>9s}  by seed, attempts")
    for cell in cells():
        if options.only and not any(word in cell.title for word in options.only):
            continue
        found = [measure(options.folder, cell, seed, options.threads) for seed in options.seeds]
        known[cell.title] = _figures(cell, options.seeds, found)
        write_results("attack_replication", machine() | _setting() | {"cells": known})
        _print(cell, known[cell.title])
    write_page(known)


def table(known: dict[str, Any]) -> str:
    """Build the table of what others and we named, in Markdown, in the order of the cells."""
    lines = ["| people | overlap | published | prototype | measured | runs |", "| --- " * 6 + "|"]
    for cell in cells():
        if cell.title not in known:
            continue
        one = known[cell.title]
        runs = list(one["runs"].values())
        shares = [one["published"], one["prototype"], one["measured"]]
        told = " | ".join("" if share is None else f"{share:.3f}" for share in shares)
        seen = ", ".join(
            f"{run['named']:.3f} ({run['interval'][0]:.3f} to {run['interval'][1]:.3f}, "
            f"{run['attempts']} {'try' if run['attempts'] == 1 else 'tries'})"
            for run in runs
        )
        lines.append(f"| {cell.name} | {cell.overlap:.0%} | {told} | {seen} |")
    return "\n".join(lines)


def write_page(known: dict[str, Any]) -> None:
    """Put the table between its marks."""
    page = PAGE.read_text("utf-8")
    marked = re.compile(r"(<!-- replication -->\n).*?(<!-- /replication -->)", re.DOTALL)
    text = table(known)
    page, count = marked.subn(lambda found: found[1] + text + "\n" + found[2], page)
    assert count == 1, "the page has lost the marks of the table"
    PAGE.write_text(page, "utf-8")


def _setting() -> dict[str, Any]:
    return {"bits": BITS, "fill": FILL, "restarts": RESTARTS, "enough": ENOUGH}


def _figures(cell: Cell, seeds: Sequence[int], found: Sequence[Finding]) -> dict[str, Any]:
    shares = [one.named for one in found]
    return {
        "a_side": cell.size,
        "overlap": cell.overlap,
        "published": cell.published,
        "prototype": cell.prototype,
        "measured": round(float(np.median(shares)), 4),
        "runs": {
            str(seed): {
                "named": round(one.named, 4),
                "interval": [round(one.low, 4), round(one.high, 4)],
                "records": one.records,
                "believed": round(one.believed, 4),
                "attempts": one.attempts,
                "spread": [round(share, 4) for share in one.spread],
                "seconds": round(one.seconds, 1),
            }
            for seed, one in zip(seeds, found, strict=True)
        },
    }


def _print(cell: Cell, figures: dict[str, Any]) -> None:
    shown = [figures[name] for name in ("published", "prototype", "measured")]
    texts = " ".join(f"{'' if one is None else format(one, '.3f'):>9s}" for one in shown)
    runs = ", ".join(f"{one['named']:.3f} ({one['attempts']})" for one in figures["runs"].values())
    print(f"{cell.title:52s} {texts}  {runs}", flush=True)


if __name__ == "__main__":
    main()
