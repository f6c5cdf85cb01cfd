"""Commands of the engineer: evaluate, synth. They work with synthetic or public data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    NEW_PATH,
    Share,
    console,
    print_json,
    print_table,
    shared_options,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linkage.io.candidates import PairTable
    from linkage.io.results import Results
    from linkage.model import Pairs


@click.command()
@click.argument("results", type=click.Path(exists=True, readable=True, path_type=Path))
@click.option(
    "--truth",
    type=EXISTING_FILE,
    required=True,
    help="Table with the columns dataset, record_id, person_id.",
)
@click.option(
    "--ids",
    multiple=True,
    metavar="DATASET=FILE",
    help="Ids table of a data set that was encoded without --keep-ids; repeat for each.",
)
@click.option(
    "--encoded",
    multiple=True,
    type=EXISTING_FILE,
    help="Where an encoded file lies now, if it was moved since `link`; repeat for each.",
)
@click.option("--identity", type=EXISTING_FILE, help="The linker's identity, for sealed files.")
@click.option("--min-f1", type=Share(), help="End with exit code 5 below this F1.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def evaluate(
    results: Path,
    truth: Path,
    ids: tuple[str, ...],
    encoded: tuple[Path, ...],
    identity: Path | None,
    min_f1: float | None,
    as_json: bool,
) -> None:
    """Compare the results of `link` with the truth: pairs, persons, blocking.

    RESULTS is a results folder, or a table of pairs, as `linkage export` and Splink write it.
    Every pair of a table counts as a link, and every record of its data sets that the truth names
    counts; blocking is not measured.

    \b
    Example: linkage evaluate results/ --truth truth.csv --ids police=police.ids.parquet \\
               --ids court=court.ids.parquet
             linkage evaluate predictions.parquet --truth truth.csv
    """
    from linkage.errors import GateError, UsageError
    from linkage.io.candidates import read_pair_table
    from linkage.io.results import read_results

    if results.is_dir():
        answer = _evaluate_results(read_results(results), results, truth, ids, encoded, identity)
    elif encoded or identity:
        raise UsageError("--encoded and --identity go with a results folder, not with a table")
    else:
        answer = _evaluate_table(read_pair_table(results), truth, ids)
    if as_json:
        print_json(answer)
    elif console().level:
        _print_answer(answer)
    if min_f1 is not None and answer["pairwise"]["f1"] < min_f1:
        raise GateError(f"pairwise F1 {answer['pairwise']['f1']:.4f} is below --min-f1 {min_f1}")


def _evaluate_results(
    found: Results,
    results: Path,
    truth: Path,
    ids: tuple[str, ...],
    encoded: tuple[Path, ...],
    identity: Path | None,
) -> dict[str, Any]:
    from linkage.io.truth import read_truth

    true, unused = read_truth(truth, found.datasets, _own_ids(found, ids))
    answer = _compare(found, found.review, _numbered(found.persons), true)
    blocking = _blocking(found, results, encoded, identity, true)
    return answer | {"unused_truth_rows": unused, "blocking": blocking}


def _evaluate_table(found: PairTable, truth: Path, ids: tuple[str, ...]) -> dict[str, Any]:
    from linkage.io.tables import read_table
    from linkage.io.truth import read_truth
    from linkage.linker.persons import join_persons

    own = _own_ids(found, ids)
    read_truth(truth, found.datasets, own)  # refuses a truth that names no record of the table
    rows = read_table(truth)
    for name, known in zip(found.datasets, own, strict=True):
        named = zip(rows["dataset"], rows["record_id"], strict=True)
        known += sorted({record for dataset, record in named if dataset == name} - set(known))
    true, unused = read_truth(truth, found.datasets, own)
    persons = join_persons([len(one) for one in own], found.links).person
    answer = _compare(found, (), persons, true)
    blocking = {"pairs_completeness": None, "reduction_ratio": None}
    return answer | {"unused_truth_rows": unused, "blocking": blocking}


def _compare(
    found: Results | PairTable,
    review: Sequence[Pairs],
    persons: Sequence[NDArray[np.int64]],
    true: list[NDArray[np.int64]],
) -> dict[str, Any]:
    """Measure pairs and persons, and call the data sets by their names."""
    from linkage.evaluate import evaluate as evaluate_links
    from linkage.evaluate import evaluate_persons

    answer = evaluate_links(found.links, true, review)
    for one in answer["by_data_sets"]:
        one["left"], one["right"] = found.datasets[one["left"]], found.datasets[one["right"]]
    return answer | {"persons": evaluate_persons(persons, true)}


def _own_ids(found: Results | PairTable, ids: tuple[str, ...]) -> list[list[str]]:
    """Give the own id of every record of every data set, or the record id where no table is."""
    from linkage.errors import MismatchError, UsageError
    from linkage.io.ids import read_ids

    tables: dict[str, dict[str, str]] = {}
    for one in ids:
        name, _, path = one.partition("=")
        if name not in found.datasets or not path:
            raise UsageError(
                f"--ids {one}: write DATASET=FILE with one of the data sets "
                f"{', '.join(found.datasets)}"
            )
        if not Path(path).is_file():
            raise UsageError(f"--ids {one}: there is no file {path}")
        tables[name] = read_ids(Path(path))
    own = []
    for name, records in zip(found.datasets, found.records, strict=True):
        table = tables.get(name)
        if table is not None and any(record not in table for record in records.tolist()):
            raise MismatchError(
                f"the ids table given for '{name}' does not have all its records; it belongs to "
                "another encode run"
            )
        own.append([table[one] if table else one for one in records.tolist()])
    return own


def _numbered(persons: tuple[NDArray[np.str_], ...]) -> list[NDArray[np.int64]]:
    import numpy as np

    _, number = np.unique(np.concatenate(persons), return_inverse=True)
    ends = np.cumsum([len(one) for one in persons])[:-1]
    return [part.astype(np.int64) for part in np.split(number.ravel(), ends)]


def _blocking(
    found: Results,
    results: Path,
    encoded: tuple[Path, ...],
    identity: Path | None,
    true: list[NDArray[np.int64]],
) -> dict[str, Any]:
    """Measure blocking on the encoded files; without them only the reduction ratio is known."""
    import numpy as np

    from linkage.evaluate import evaluate_blocking
    from linkage.io.encoded import read_encodings
    from linkage.io.results import encoded_files
    from linkage.linker.block import Blocking, BlockKeys, compared_keys

    counts = found.manifest["counts"]
    blocking = Blocking.from_summary(found.manifest["blocking"])
    names: tuple[str, ...] = ()
    tokens, owners = [], []
    files = encoded_files(found.manifest, results, encoded)
    for one, path, records in zip(found.manifest["inputs"], files, found.records, strict=True):
        if path is None:
            console().say(
                f"note: {one['file']} is not there or has changed, so pairs completeness is not "
                "measured; say where it is now with --encoded"
            )
            ratio = 1 - counts["comparisons"] / max(counts["all_pairs"], 1)
            return {"pairs_completeness": None, "reduction_ratio": ratio}
        encodings = read_encodings(path, identity)
        place = np.searchsorted(records, np.char.decode(encodings.records, "utf-8"))
        order = np.argsort(place[encodings.owner], kind="stable")
        owners.append(place[encodings.owner][order])
        tokens.append(blocking.keys(encodings)[order])
        names = blocking.names(encodings)
    linked = [(one.left_dataset, one.right_dataset) for one in found.links]
    keys = []
    for left, right in linked:
        whole = BlockKeys(names, tokens[left], tokens[right])
        passes = range(len(names))
        plans = [blocking.plan(whole, one, within=left == right) for one in passes]
        compared = compared_keys(whole, plans)
        keys.append((compared.left, compared.right))
    return evaluate_blocking(true, keys, owners, linked, counts["comparisons"], counts["all_pairs"])


def _print_answer(answer: dict[str, Any]) -> None:
    figures = ["precision", "recall", "f1"]
    rows = [
        [f"{one['left']} - {one['right']}", *(one[figure] for figure in figures)]
        for one in answer["by_data_sets"]
    ]
    rows.append(["all pairs", *(answer["pairwise"][figure] for figure in figures)])
    best = answer["best_threshold"]
    if best["threshold"] is not None:
        rows.append(
            [f"at best cut-off {best['threshold']:.3f}", *(best[figure] for figure in figures)]
        )
    rows.append(["persons (B-cubed)", *(answer["persons"][figure] for figure in figures)])
    print_table(["", "precision", "recall", "F1"], rows)
    blocking = answer["blocking"]
    if blocking["pairs_completeness"] is not None:
        click.echo(f"pairs completeness {blocking['pairs_completeness']:.4f}, "
                   f"reduction ratio {blocking['reduction_ratio']:.5f}")  # fmt: skip
    click.echo(
        f"{answer['persons']['exact']:.1%} of {answer['persons']['persons']:,} true persons "
        "have all their records, and no other, under one person id"
    )
    if answer["unknown_records"]:
        click.echo(f"note: {answer['unknown_records']:,} records are not in the truth; left out")
    if answer["unused_truth_rows"]:
        click.echo(f"note: {answer['unused_truth_rows']:,} rows of the truth name no record here")


@click.command()
@click.option("--people", type=click.IntRange(min=1), required=True, help="How many people.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--profile",
    default="default",
    show_default=True,
    help="default, hard, clean, or a TOML file of rates.",
)
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The folder to make.")
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True)
@shared_options
def synth(people: int, seed: int, profile: str, output: Path, threads: int) -> None:
    """Make a synthetic population and what police, courts and prisons hold about it.

    Writes police.csv, court.csv, prison.csv, and truth.csv with the true person of each record.

    \b
    Example: linkage synth --people 10000 --seed 1 -o data/
    """
    from linkage.errors import UsageError
    from linkage.io.outputs import check_output, new_folder
    from linkage.io.tables import write_table
    from linkage.synth.generate import generate
    from linkage.synth.profile import Profile

    check_output(output, folder=True)
    path = Path(profile)
    if path.suffix == ".toml" and not path.is_file():
        raise UsageError(f"--profile: there is no file {profile}")
    rates = Profile.from_toml(path) if path.suffix == ".toml" else Profile.named(profile)
    data = generate(people, seed, rates, threads=threads)
    with new_folder(output) as folder:
        for name, columns in data.views.items():
            write_table(folder / f"{name}.csv", columns, parquet=False)
        write_table(folder / "truth.csv", data.truth, parquet=False)
    rows = ", ".join(
        f"{name}.csv {len(next(iter(columns.values()))):,}" for name, columns in data.views.items()
    )
    console().say(f"{output}/: {people:,} people; rows: {rows}; truth.csv")
