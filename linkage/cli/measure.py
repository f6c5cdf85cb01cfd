"""Gather what `evaluate` compares, and measure it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linkage.cli.encoded_rows import Seen
    from linkage.evaluate.judged import Judged
    from linkage.evaluate.resample import Resampling
    from linkage.evaluate.truth import Truth
    from linkage.io.candidates import PairTable
    from linkage.io.results import Results
    from linkage.io.truth import Labels
    from linkage.model import Pairs

_LEAST_SAMPLES = 100


@dataclass(frozen=True)
class Asked:
    """The options of `evaluate` that say what to compare with what. Raises `UsageError`."""

    truth: Path | None
    reviewed: Path | None
    ids: tuple[str, ...]
    groups: Path | None
    chosen: tuple[str, ...]
    suppress_below: int
    people_sample: bool
    sample_weight: str | None
    bootstrap: int
    seed: int
    encoded: tuple[Path, ...]
    identity: Path | None

    def __post_init__(self) -> None:
        from linkage.errors import UsageError

        if (self.truth is None) == (self.reviewed is None):
            raise UsageError("give either --truth FILE or --reviewed FILE")
        if self.reviewed and (self.people_sample or self.sample_weight):
            raise UsageError(
                "--people-sample and --sample-weight say what a truth is; a table of reviewed "
                "pairs has a column 'weight' for that"
            )
        if self.reviewed and self.chosen and not self.groups:
            raise UsageError("--group chooses from a table of groups; give it with --groups")
        if 0 < self.bootstrap < _LEAST_SAMPLES:
            raise UsageError(f"--bootstrap takes {_LEAST_SAMPLES} samples or more, or 0 for none")

    @property
    def resampling(self) -> Resampling:
        """Say how intervals are made."""
        from linkage.evaluate.resample import Resampling

        return Resampling(self.bootstrap, self.seed)


@dataclass(frozen=True)
class Run:
    """What a results folder or a table of pairs holds; `own` are the own ids of all records."""

    datasets: tuple[str, ...]
    links: tuple[Pairs, ...]
    review: tuple[Pairs, ...]
    persons: Sequence[NDArray[np.int64]]
    own: Sequence[Any]


@dataclass
class Known:
    """What is known of the pairs of a run: the truth, if there is one, and columns of labels."""

    truth: Truth | None
    judged: Judged
    labels: Mapping[str, Labels]
    counts: dict[str, int]
    notes: list[str] = field(default_factory=list)


def measure(path: Path, asked: Asked) -> dict[str, Any]:
    """Compare a results folder, or a table of pairs, with what is known."""
    from linkage.cli.encoded_rows import look_into
    from linkage.errors import UsageError
    from linkage.io.candidates import read_pair_table
    from linkage.io.results import read_results

    if path.is_dir():
        found = read_results(path)
        own = _own_ids(found, asked.ids)
        run = Run(found.datasets, found.links, found.review, found.person_numbers, own)
        known = _by_review(run, found, asked) if asked.reviewed else _by_truth(run, asked)
        seen = look_into(found, path, asked.encoded, asked.identity, known.judged)
        return _answer(run, known, seen, found.manifest, asked)
    for option, given in (("--encoded", asked.encoded), ("--identity", asked.identity),
                          ("--reviewed", asked.reviewed)):  # fmt: skip
        if given:
            raise UsageError(f"{option} goes with a results folder, not with a table")
    run = _table_run(read_pair_table(path), asked)
    return _answer(run, _by_truth(run, asked), None, None, asked)


def _table_run(found: PairTable, asked: Asked) -> Run:
    """Take a table of pairs: its records, and all others that the truth names."""
    from linkage.io.truth import read_truth, with_records_of
    from linkage.linker.persons import join_persons

    assert asked.truth is not None
    own = _own_ids(found, asked.ids)
    read_truth(
        asked.truth, found.datasets, own
    )  # refuses a truth that names no record of the table
    own = with_records_of(asked.truth, found.datasets, own)
    persons = join_persons([len(one) for one in own], found.links).person
    return Run(found.datasets, found.links, (), persons, own)


def _own_ids(found: Results | PairTable, ids: tuple[str, ...]) -> list[Any]:
    """Give the own id of every record of every data set, or the record id where no table is."""
    from linkage.errors import MismatchError, UsageError
    from linkage.io.ids import own_ids, text_array

    tables: dict[str, Path] = {}
    for one in ids:
        name, _, path = one.partition("=")
        if name not in found.datasets or not path:
            raise UsageError(
                f"--ids {one}: write DATASET=FILE with one of the data sets "
                f"{', '.join(found.datasets)}"
            )
        if not Path(path).is_file():
            raise UsageError(f"--ids {one}: there is no file {path}")
        tables[name] = Path(path)
    own = []
    for name, records in zip(found.datasets, found.records, strict=True):
        table = tables.get(name)
        whole = text_array(records) if table is None else own_ids(table, records)
        if whole is None:
            raise MismatchError(
                f"the ids table given for '{name}' does not have all its records; it belongs to "
                "another encode run"
            )
        own.append(whole)
    return own


def _by_truth(run: Run, asked: Asked) -> Known:
    """Judge the pairs of a run by a truth file."""
    import numpy as np

    from linkage.evaluate.judged import judge
    from linkage.evaluate.truth import UNKNOWN, Truth
    from linkage.io.truth import read_truth

    assert asked.truth is not None
    table = read_truth(asked.truth, run.datasets, run.own)
    labels, weight = dict(table.labels), None
    if asked.sample_weight:
        weight = _weights(labels, asked.sample_weight, asked.truth)
        del labels[asked.sample_weight]
    whole = asked.people_sample or weight is not None
    truth = Truth.of(table.person, weight, whole=whole)
    judged = judge(run.links, run.review, truth)
    unknown = int(sum(np.count_nonzero(one == UNKNOWN) for one in truth.person))
    counts = {"unknown_records": unknown, "unused_truth_rows": table.unused}
    known = Known(truth, judged, labels, counts)
    if unknown:
        known.notes.append(f"{unknown:,} records are not in the truth; left out")
    known.notes.extend(unused_rows(table.unused, table.strangers, "truth"))
    if table.nobody:
        known.notes.append(f"{table.nobody:,} rows of the truth have no person id; left out")
    _note_sample(known, run, whole)
    return known


def unused_rows(unused: int, strangers: Mapping[str, int], what: str) -> Iterator[str]:
    """Say which rows of a table name no record here, and which not even a data set."""
    from linkage.errors import shown

    strange = sum(strangers.values())
    if strange:
        names = ", ".join(map(shown, sorted(strangers)[:5]))
        yield (
            f"{strange:,} rows of the {what} are of {names}, data sets that these results do not "
            "have"
        )
    if unused > strange:
        yield f"{unused - strange:,} rows of the {what} name no record here"


def _weights(labels: Mapping[str, Labels], column: str, path: Path) -> list[NDArray[np.float64]]:
    """Give the sampling weight of every record, NaN where there is none."""
    import numpy as np

    from linkage.errors import InputError, UsageError, shown

    if column not in labels:
        raise UsageError(f"--sample-weight {column}: {path} has no such column")
    numbers = []
    for name in labels[column].names:
        try:
            numbers.append(float(name))
        except ValueError:
            raise InputError(
                f"{path}: column '{column}': '{shown(name)}' is no sampling weight"
            ) from None
    values = np.array([*numbers, np.nan])
    return [values[codes] for codes in labels[column].codes]


def _note_sample(known: Known, run: Run, whole: bool) -> None:
    """Say what a truth of some records leaves out."""
    judged = known.judged
    if not judged.match.any():
        known.notes.append(
            "the truth has no true match between data sets that the run linked; recall and "
            "blocking say nothing"
        )
    links = sum(map(len, run.links))
    unjudged = links - int(judged.linked.sum())
    if whole:
        known.notes.append(
            "figures are of the people that the truth names, and of those they stand for; links "
            "among other people are not in them"
        )
    elif unjudged:
        known.notes.append(
            f"{unjudged:,} of {links:,} links have a record that the truth does not name, and are "
            "left out. If the truth names all records of its people, these are false: "
            "--people-sample counts them"
        )


def _by_review(run: Run, found: Results, asked: Asked) -> Known:
    """Judge the pairs of a run by those that people reviewed."""
    import numpy as np

    from linkage.evaluate.judged import NEITHER
    from linkage.evaluate.reviewed import Reviewed, judge_reviewed
    from linkage.io.reviewed import read_reviewed

    assert asked.reviewed is not None
    linked = [(one.left_dataset, one.right_dataset) for one in run.links]
    table = read_reviewed(asked.reviewed, run.datasets, found.records, linked)
    reviewed = Reviewed(table.places, table.left, table.right, table.match, table.weight)
    judged = judge_reviewed(run.links, run.review, reviewed, [len(one) for one in run.own])
    known = Known(None, judged, {}, {"reviewed_pairs": len(table.match)})
    known.notes.append(
        f"figures are estimates from {len(table.match):,} reviewed pairs. Recall is among links "
        "and pairs for review: matches that the run did not keep are not in it"
    )
    if table.weight is None:
        known.notes.append(
            "without a column 'weight', reviewed pairs count as drawn at random from the links and "
            "from the pairs for review of each two data sets"
        )
    outside = int(np.count_nonzero(judged.status == NEITHER))
    if outside:
        known.notes.append(
            f"{outside:,} reviewed matches are neither link nor for review; they count as missed, "
            + ("once each" if table.weight is None else "by their weights")
        )
    if table.undecided:
        known.notes.append(f"{table.undecided:,} rows have no decision; passed over")
    return known


def _answer(
    run: Run, known: Known, seen: Seen | None, manifest: dict[str, Any] | None, asked: Asked
) -> dict[str, Any]:
    """Measure everything that can be measured."""
    import numpy as np

    from linkage.cli.measure_groups import chosen_labels, fairness, false_links
    from linkage.evaluate.intervals import pair_intervals
    from linkage.evaluate.pairs import curve, evaluate_judged
    from linkage.evaluate.persons import evaluate_persons, pairs_between

    judged, truth, how = known.judged, known.truth, asked.resampling
    answer: dict[str, Any] = evaluate_judged(judged) | known.counts
    answer["persons"] = None if truth is None else evaluate_persons(run.persons, truth)
    if truth is not None and not truth.whole:
        answer["persons_by_data_sets"] = [
            {"left": left, "right": right} | figures
            for (left, right), figures in zip(
                judged.places, pairs_between(run.persons, truth, judged.places), strict=True
            )
        ]
    answer["blocking"] = _blocking(known, seen, manifest)
    answer["intervals"] = None
    if how.on:
        answer["intervals"] = pair_intervals(judged, how) | {"resampling": how.summary()}
        if truth is not None:
            answer["intervals"]["persons"] = _person_intervals(run, truth, how)
    # Persons are numbered over all data sets.
    every: NDArray[Any] = np.concatenate(list(run.persons))
    together: NDArray[np.bool_] = every[judged.left] == every[judged.right]
    answer["causes"] = _causes(run, known, seen, together)
    answer["curve"] = curve(judged, _threshold(manifest))
    labels = chosen_labels(run, known, asked)
    answer["causes"]["false_links"] = false_links(known, together, labels)
    answer["fairness"] = fairness(known, seen, labels, asked)
    answer["notes"] = known.notes
    return _with_names(answer, run.datasets)


def _threshold(manifest: dict[str, Any] | None) -> float | None:
    """Give the cut-off of the run."""
    decision = {} if manifest is None else manifest.get("decision", {})
    cutoff = decision.get("probability", decision.get("threshold"))
    return cutoff if isinstance(cutoff, float) else None


def _person_intervals(run: Run, truth: Truth, how: Resampling) -> dict[str, Any]:
    from linkage.evaluate.intervals import person_intervals
    from linkage.evaluate.persons import Cells, tallies

    return person_intervals(tallies(Cells.of(run.persons, truth), truth), how)


def _blocking(known: Known, seen: Seen | None, manifest: dict[str, Any] | None) -> dict[str, Any]:
    """Give what blocking kept, as far as the encoded files are there and the truth is whole."""
    from linkage.evaluate.blocking import blocking_figures, reduction_ratio

    if manifest is None:
        return {"pairs_completeness": None, "reduction_ratio": None}
    counts = manifest["counts"]["comparisons"], manifest["counts"]["all_pairs"]
    if seen is None or known.truth is None:
        return {"pairs_completeness": None, "reduction_ratio": reduction_ratio(*counts)}
    worth = known.judged.worth[known.judged.match]
    return blocking_figures(seen.met, worth, seen.passes, *counts)


def _causes(
    run: Run, known: Known, seen: Seen | None, together: NDArray[np.bool_]
) -> dict[str, Any]:
    """Tell where misses come from."""
    import numpy as np

    from linkage.evaluate.causes import match_causes, unlinked_repeats

    judged = known.judged
    met: NDArray[Any] | None = None
    strong = None
    if seen is not None:
        met = np.any(seen.met[judged.missing[judged.match]], axis=1)
        strong = seen.strong
    made = match_causes(judged, together, met, strong)
    made["agreement"] = None if seen is None else seen.agreement
    made["unlinked_repeats"] = (
        None if known.truth is None else unlinked_repeats(run.persons, known.truth, judged.places)
    )
    return made


def _with_names(answer: dict[str, Any], datasets: Sequence[str]) -> dict[str, Any]:
    """Call the data sets by their names."""
    causes = answer["causes"]
    for part in (
        answer["by_data_sets"],
        answer.get("persons_by_data_sets") or (),
        causes["by_data_sets"],
    ):
        for one in part:
            one["left"], one["right"] = datasets[one["left"]], datasets[one["right"]]
    for one in causes["unlinked_repeats"] or ():
        one["data_set"] = datasets[one["data_set"]]
    return answer
