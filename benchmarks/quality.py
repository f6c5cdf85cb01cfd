"""Measure quality without labels: our encodings, and peers on the clear text of the same files.

    python -m benchmarks.quality [--people 20000] [--seeds 1 2 3] [--three-party FOLDER]
        [--environments FOLDER] [--only WORD ...] [--small] [--ours]

Ours is `link` by the schema that `schema init` drafts: field level at probability 0.5, greedy
one-to-one where files have one row a person, persons, the run's own certificate against the truth,
and record level at the threshold that `link` takes. Splink and the toolkit's ECM get the cleaned
text. "best" is a cut-off chosen with the labels, to see what the choice without labels costs.

Writes `benchmarks/results/quality.json` after each data set; data sets that are not measured keep
their figures. `--three-party` names the folder of dataset-alice.csv, dataset-bob.csv and
dataset-charlie.csv, from the tutorial of the anonlink entity service; without it they are left
out. `--only` chooses data sets by words of their names, `--ours` leaves the peers' figures as
they are. The `large` ones, of 100,000 people, are measured only if so chosen: ECM holds its
candidate pairs in memory, and Splink's model of widest blocks is left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.measure import RESULTS, ROOT, machine, peer_python, write_results
from benchmarks.quality_clear import WIDE, Answer, clear_text, ecm, models, splink
from benchmarks.quality_sets import DataSet, Files, data_sets
from linkage.agency.draft import FileSample, draft_schema
from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.engine.local import LinkResult, link
from linkage.evaluate import count_matches, evaluate
from linkage.linker.assign import assign
from linkage.model import Encodings, Pairs
from linkage.schema import BlockingPass, LinkageSchema

KEY = ProjectKey(bytes(range(32)))  # fixed, so that the figures can be made again
PEOPLE, SMALL_PEOPLE = 20_000, 4_000
SEEDS, SMALL_SEEDS = (1, 2, 3), (1,)
PROBABILITY = 0.5

Truth = Sequence[NDArray[np.int64]]
Figures = dict[str, Any]


def main() -> None:
    """Measure all data sets, those that cost least first."""
    options = _options()
    python = None if options.ours else peer_python(options.environments, "splink")
    if options.three_party is None:
        print("alice, bob and charlie are left out: no --three-party FOLDER")
    people = options.people or (SMALL_PEOPLE if options.small else PEOPLE)
    seeds = options.seeds or (SMALL_SEEDS if options.small else SEEDS)
    path = RESULTS / "quality.json"
    known = json.loads(path.read_text()).get("sets", {}) if path.exists() else {}
    chosen = [
        one
        for one in data_sets(options.three_party)
        if (any(word in one.name for word in options.only) if options.only else one.large is None)
    ]
    link(encode_all(data_sets(None).__next__().load(0, 0).tables, "field"))  # compiles the kernels
    for one in chosen:
        before = known.get(one.name, {})
        size = (people, seeds) if one.large is None else (one.large, seeds[:1])
        known[one.name] = measure(one, *size, python, before)
        write_results("quality", machine() | {"probability": PROBABILITY, "sets": known})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, help="of the synthetic data")
    parser.add_argument("--seeds", type=int, nargs="+", help="of the synthetic data")
    parser.add_argument("--small", action="store_true", help="few people, one seed")
    parser.add_argument("--three-party", type=Path, metavar="FOLDER")
    parser.add_argument("--environments", type=Path, default=ROOT)
    parser.add_argument("--only", nargs="+", metavar="WORD")
    parser.add_argument("--ours", action="store_true")
    return parser.parse_args()


def measure(
    one: DataSet, people: int, seeds: Sequence[int], python: Path | None, before: Figures
) -> Figures:
    """Measure a data set for each seed. Without `python`, peers' figures are those of before."""
    same = before.get("people") == (people if one.drawn else None)
    runs: Figures = {}
    for seed in seeds if one.drawn else [0]:
        files = one.load(people, seed)
        figures = _size(files) | ours(files)
        if python is not None:
            figures |= peers(files, python, wide=one.large is None)
        elif same:
            kept = before["runs"].get(str(seed), {})
            figures |= {name: kept[name] for name in ("splink", "ecm") if name in kept}
        runs[str(seed)] = figures
        print(f"{one.name}, seed {seed}: {_short(figures)}", flush=True)
    return {"people": people if one.drawn else None, "runs": runs}


def _short(figures: Figures) -> str:
    """Say the F1 of each method."""
    told = {"ours": figures["field"], "CLK": figures["record"], "ECM": figures.get("ecm")}
    told |= {f"Splink {model}": one for model, one in figures.get("splink", {}).items()}
    return "; ".join(f"{name} {one['f1']:.4f}" for name, one in told.items() if one)


def _size(files: Files) -> Figures:
    return {
        "people": len(np.unique(np.concatenate(files.truth))),
        "rows": [len(table) for table in files.tables],
        "one_row_a_person": files.single,
        "deduplicate": files.deduplicate,
    }


def ours(files: Files) -> Figures:
    """Encode and link at both levels."""
    field, seconds = _linked(files, "field")
    figures = _against(field.links, files.truth, field.review)
    found: Figures = {"field": figures | seconds}
    found["field"]["persons"] = persons_quality(field.persons.person, files.truth)
    found["field"]["single"] = field.decision.get("one_record_a_person")
    if field.certificate is not None:
        found["field"]["certificate"] = _certificate(field, figures)
    if files.single:
        encodings = encode_all(files.tables, "field")
        paired = link(encodings, assignment="greedy")
        found["field"]["greedy"] = _against(paired.links, files.truth, paired.review)
    record, seconds = _linked(files, "record")
    found["record"] = _against(record.links, files.truth, record.review) | seconds
    found["record"]["threshold"] = record.decision.get("threshold")
    return found


def _linked(files: Files, level: str) -> tuple[LinkResult, Figures]:
    laps = [time.perf_counter()]
    encodings = encode_all(files.tables, level)
    laps.append(time.perf_counter())
    result = link(encodings, deduplicate=files.deduplicate)
    laps.append(time.perf_counter())
    encoding, linking = (round(lap, 2) for lap in np.diff(laps).tolist())
    return result, {"encode_seconds": encoding, "link_seconds": linking}


def encode_all(tables: Sequence[pd.DataFrame], level: str) -> list[Encodings]:
    """Encode every table under the schema that `schema init` would draft for them all."""
    schema = draft(tables, level)
    return [
        encode(table, schema, KEY, dataset=f"file{place}") for place, table in enumerate(tables)
    ]


def draft(
    tables: Sequence[pd.DataFrame], level: str, anchors: Sequence[BlockingPass] = ()
) -> LinkageSchema:
    """Draft the schema of tables, as `schema init` does; anchored, if anchors are given."""
    samples = [
        FileSample(
            f"{place}.csv",
            len(table),
            {str(name): [one for one in table[name].unique() if one] for name in table},
        )
        for place, table in enumerate(tables)
    ]
    return LinkageSchema.parse(draft_schema(samples, level, anchors=anchors))


def peers(files: Files, python: Path, *, wide: bool) -> Figures:
    """Link the clear text by Splink, with each of its models, and by ECM.

    Not `wide`, the model of widest blocks is left out.
    """
    tables, truth = clear_text(files, draft(files.tables, "field"))
    places = list(combinations(range(len(tables)), 2)) or [(0, 0)]
    matches = sum(count_matches(truth, *place) for place in places)
    single = files.single
    by_model = {
        model: _answer(splink(tables, python, model, matches=matches, single=single), truth, single)
        for model in models(tables)
        if wide or model != WIDE
    }
    return {"splink": by_model, "ecm": _answer(ecm(tables), truth, single)}


def _answer(answer: Answer, truth: Truth, single: bool) -> Figures:
    """Judge a peer's pairs from probability 0.5 on, and at its best cut-off."""
    strong = [one.probability >= PROBABILITY for one in answer.pairs]
    links, others = (
        [one.take(kept == wanted) for one, kept in zip(answer.pairs, strong, strict=True)]
        for wanted in (True, False)
    )
    figures = _against(links, truth, others) | answer.notes
    if single:
        ordered = [one.take(np.argsort(-one.probability, kind="stable")) for one in links]
        figures["greedy"] = _against(
            [one.take(assign(one, "greedy")) for one in ordered], truth, []
        )
    if answer.persons is not None:
        figures["persons"] = persons_quality(answer.persons, truth)
    return figures


def _against(links: Sequence[Pairs], truth: Truth, review: Sequence[Pairs]) -> Figures:
    """Judge pairs; `review` are those below the cut-off, where a better one may lie."""
    found = evaluate(links, truth, review)
    pairs = found["pairwise"]
    true, false, missed = (
        pairs[name] for name in ("true_positives", "false_positives", "false_negatives")
    )
    figures = {name: round(pairs[name], 4) for name in ("precision", "recall", "f1")}
    best = round(found["best_threshold"]["f1"], 4)
    return {"links": true + false, "matches": true + missed} | figures | {"best_f1": best}


def persons_quality(persons: Truth, truth: Truth) -> Figures:
    """Judge persons by all pairs of their records, within files too."""
    found, true = np.concatenate(list(persons)), np.concatenate(list(truth))
    _, shared = np.unique(np.column_stack([found, true]), axis=0, return_counts=True)
    right, joined, same = (
        int((sizes * (sizes - 1) // 2).sum())
        for sizes in (
            shared,
            np.unique(found, return_counts=True)[1],
            np.unique(true, return_counts=True)[1],
        )
    )
    return {
        "precision": round(right / joined, 4) if joined else 1.0,
        "recall": round(right / same, 4) if same else 1.0,
        "f1": round(2 * right / (joined + same), 4) if joined + same else 1.0,
    }


def _certificate(result: LinkResult, figures: Figures) -> Figures:
    """Put the run's own estimates beside the truth: error is estimate less truth."""
    assert result.certificate is not None
    told: Figures = {"basis": result.certificate.basis}
    for name in ("precision", "recall"):
        low, estimate, high = getattr(result.certificate, name)
        told[name] = {
            "estimate": round(estimate, 4),
            "interval": [round(low, 4), round(high, 4)],
            "error": round(estimate - figures[name], 4),
            "covered": low <= figures[name] <= high,
        }
    return told


if __name__ == "__main__":
    main()
