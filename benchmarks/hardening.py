"""Measure what each hardening costs: F1 without labels, at record level and at field level.

    python -m benchmarks.hardening [--people 8000] [--seed 1] [--only WORD ...]

Each method is put under the schema that `schema init` drafts, on febrl4 (five fields, 5,000 people
a file) and on synthetic default data. Record level links at the threshold that `link` takes by
itself, field level at probability 0.5; "best" is the cut-off chosen with the labels. Nothing is
attacked here. Writes `benchmarks/results/hardening.json` after each cell; known cells stay.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.measure import RESULTS, machine, write_results
from benchmarks.quality import KEY, _against, draft
from benchmarks.quality_sets import Files, data_sets
from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.engine.local import link
from linkage.schema import LinkageSchema

SETS = {"febrl4": "febrl4, five fields", "synthetic": "synthetic, default"}


@dataclass(frozen=True)
class Hardened:
    """A hardening of the drafted schema: the size and fill of plain filters, and the steps."""

    name: str
    level: str
    steps: tuple[dict[str, Any], ...] = ()
    bits: int | None = None
    load: float | None = None  # bits that a value (a record at record level) sets, by those there

    def schema(self, files: Files) -> LinkageSchema:
        """Give the schema of files."""
        drafted = draft(files.tables, self.level)
        content = drafted.content()
        content["hardening"] = list(self.steps)
        bits, known = self.bits or drafted.filter.bits, drafted.filter.bits
        content["filter"] = {"bits": bits}
        total = sum(one.bits_per_feature for one in drafted.compared_fields)
        whole = total if self.level == "record" else known / 2
        scale = (self.load * bits / whole) if self.load else bits / known
        for one in content["field"]:
            share = one.get("bits_per_feature", 100)
            one["bits_per_feature"] = max(1, round(share * scale))
        return LinkageSchema.from_content(content)


def methods() -> Iterator[Hardened]:
    """Give all that is measured."""
    salt = {"method": "salting", "by": "dob:year"}
    for level in ("record", "field"):
        yield Hardened("plain", level)
        yield Hardened("balancing", level, ({"method": "balancing"},))
        yield Hardened("permutation", level, ({"method": "permutation"},))
        yield Hardened("xor_folding", level, ({"method": "xor_folding"},))
        double = 2048 if level == "record" else 512
        yield Hardened("xor_folding, double filter", level, ({"method": "xor_folding"},), double)
        yield Hardened("rule_90", level, ({"method": "rule_90"},))
        yield Hardened("salting by year of birth", level, (salt,))
    for probability in (0.05, 0.1, 0.2):
        step = {"method": "randomised_response", "probability": probability}
        yield Hardened(f"randomised_response {probability}", "record", (step,))
    for positions, bits, load in (
        (2, 1024, None), (3, 1024, None), (5, 1024, None), (10, 1024, None), (3, 4096, 0.163),
        (5, 4096, 0.163), (10, 4096, 0.163),
    ):  # fmt: skip
        yield _diffused("record", positions, bits, load)
    for hashes, bits in ((2, 1024), (3, 1024), (2, 4096), (3, 4096)):
        step = {"method": "saul", "bits": bits, "hashes": hashes}
        yield Hardened(f"saul k={hashes} l={bits}", "record", (step,))
    for positions, bits, load in ((3, 512, 0.163), (10, 512, 0.163), (10, 1024, 0.163)):
        yield _diffused("field", positions, bits, load)
    for hashes, bits in ((1, 512), (2, 512), (3, 512), (4, 512), (4, 1024)):
        step = {"method": "saul", "bits": bits, "hashes": hashes}
        yield Hardened(f"saul k={hashes} l={bits}", "field", (step,))
    step = {"method": "saul", "bits": 512, "hashes": 4}
    yield Hardened("saul k=4 l=512, balancing", "field", (step, {"method": "balancing"}))
    step = {"method": "saul", "bits": 512, "hashes": 2}
    yield Hardened("salting by year of birth, saul k=2 l=512", "field", (salt, step))


def _diffused(level: str, positions: int, bits: int, load: float | None) -> Hardened:
    step = {"method": "diffusion", "bits": bits, "positions": positions}
    fill = ", fill .15" if load else ""
    return Hardened(f"diffusion t={positions} l={bits}{fill}", level, (step,), bits, load)


class Drafted(Protocol):
    """Whatever has a schema for files."""

    def schema(self, files: Files) -> LinkageSchema:
        """Give the schema of files."""


def measure(one: Drafted, files: Files, key: ProjectKey = KEY) -> dict[str, Any]:
    """Encode and link; give F1, precision, recall, and seconds."""
    schema = one.schema(files)
    laps = [time.perf_counter()]
    encodings = [
        encode(table, schema, key, dataset=f"file{place}")
        for place, table in enumerate(files.tables)
    ]
    laps.append(time.perf_counter())
    found = link(encodings)
    laps.append(time.perf_counter())
    figures = _against(found.links, files.truth, found.review)
    figures["threshold"] = found.decision.get("threshold")
    if files.single:
        paired = link(encodings, assignment="greedy")
        figures["greedy"] = _against(paired.links, files.truth, paired.review)
    figures["slice_bits"] = schema.slice_bits
    figures["encode_seconds"] = round(laps[1] - laps[0], 2)
    figures["link_seconds"] = round(laps[2] - laps[1], 2)
    return figures


def main() -> None:
    """Measure all cells, or those whose name has one of the words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--data", nargs="+", default=list(SETS), choices=list(SETS))
    options = parser.parse_args()
    path = RESULTS / "hardening.json"
    known = json.loads(path.read_text())["cells"] if path.exists() else {}
    loaders = {one.name: one.load for one in data_sets(None)}
    for data in options.data:
        files = loaders[SETS[data]](options.people, options.seed)
        for one in methods():
            cell = f"{data}, {one.level}, {one.name}"
            if any(re.search(word, cell) for word in options.only):
                known[cell] = measure(one, files)
                print(cell, _short(known[cell]), flush=True)
                facts = {"people": options.people, "seed": options.seed, "cells": known}
                write_results("hardening", machine() | facts)


def _short(figures: dict[str, Any]) -> str:
    greedy = f" greedy {figures['greedy']['f1']:.4f}" if "greedy" in figures else ""
    threshold = f" at {figures['threshold']:.3f}" if figures["threshold"] else ""
    return (
        f"F1 {figures['f1']:.4f} (best {figures['best_f1']:.4f}){greedy} "
        f"P {figures['precision']:.4f} R {figures['recall']:.4f}{threshold}; "
        f"{figures['encode_seconds']} s + {figures['link_seconds']} s"
    )


if __name__ == "__main__":
    main()
