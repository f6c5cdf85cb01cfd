"""The engineer's command `evaluate`: compares a linkage with the truth, or a reviewed sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    NEW_PATH,
    Share,
    console,
    print_json,
    shared_options,
)


@click.command()
@click.argument("results", type=click.Path(exists=True, readable=True, path_type=Path))
@click.option(
    "--truth",
    type=EXISTING_FILE,
    help="Table with the columns dataset, record_id, person_id; other columns are groups.",
)
@click.option(
    "--reviewed",
    type=EXISTING_FILE,
    help="Instead of a truth: pairs that people decided on, as `link --decisions` takes them.",
)
@click.option(
    "--ids",
    multiple=True,
    metavar="DATASET=FILE",
    help="Ids table of a data set that was encoded without --keep-ids; repeat for each.",
)
@click.option(
    "--groups",
    type=EXISTING_FILE,
    help="Table with the columns dataset, record_id, and groups, instead of those of the truth.",
)
@click.option("--group", "chosen", multiple=True, metavar="COLUMN", help="Only these groups.")
@click.option(
    "--suppress-below",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Withhold groups of fewer people, and others that would give them away.",
)
@click.option(
    "--people-sample",
    is_flag=True,
    help="The truth names some people, and all records of each of them.",
)
@click.option(
    "--sample-weight",
    metavar="COLUMN",
    help="As --people-sample; the column of the truth says how many people each stands for.",
)
@click.option("--curve", type=NEW_PATH, help="Write figures by cut-off to a CSV file.")
@click.option(
    "--bootstrap",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Samples drawn for intervals; 0 for none.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
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
    results: Path, curve: Path | None, min_f1: float | None, as_json: bool, **asked: Any
) -> None:
    """Compare the results of `link` with the truth: pairs, persons, blocking, causes, groups.

    RESULTS is a results folder, or a table of pairs, as `linkage export` and Splink write it.
    Every pair of a table counts as a link, and every record of its data sets that the truth names
    counts; blocking is not measured. See docs/evaluation.md.

    \b
    Example: linkage evaluate results/ --truth truth.csv --ids police=police.ids.parquet \\
               --ids court=court.ids.parquet --group origin
             linkage evaluate predictions.parquet --truth truth.csv
    """
    from linkage.cli.evaluated import print_answer
    from linkage.cli.measure import Asked, measure
    from linkage.errors import GateError
    from linkage.io.outputs import check_output

    if curve is not None:
        check_output(curve)
    given = Asked(**asked)
    answer = measure(results, given)
    if curve is not None:
        _write_curve(curve, answer["curve"])
    if as_json:
        print_json(answer)
    elif console().level:
        print_answer(answer, whole=bool(given.groups or given.chosen))
    if min_f1 is not None and answer["pairwise"]["f1"] < min_f1:
        raise GateError(f"pairwise F1 {answer['pairwise']['f1']:.4f} is below --min-f1 {min_f1}")


def _write_curve(path: Path, curve: list[dict[str, Any]]) -> None:
    from linkage.errors import InputError
    from linkage.io.outputs import new_file
    from linkage.io.tables import write_table

    if not curve:
        raise InputError("there is no link and no pair for review, so there is no curve to write")
    columns = {name: [row[name] for row in curve] for name in curve[0]}
    with new_file(path) as draft:
        write_table(draft, columns, parquet=False)
