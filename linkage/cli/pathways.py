"""The command `pathways`: how persons go through agencies, in numbers that may be published."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    EXISTING_FOLDER,
    NEW_PATH,
    Share,
    console,
    print_json,
    shared_options,
)

if TYPE_CHECKING:
    from linkage.io.results import Results
    from linkage.pathways.content import EventsOfPersons

_MOST_DATASETS, _MOST_YEARS = 4, 30
_CONFIDENT = 0.95
_WIDTH, _LONGEST_LABEL, _MOST_ORDERS = 78, 44, 12
#: Signs that any terminal has.
_HIDDEN, _THEN = "*", " -> "


def _years(context: click.Context, option: click.Parameter, given: str | None) -> range | None:
    if given is None:
        return None
    match = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", given)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
    if not 0 <= last - first < _MOST_YEARS:
        raise click.BadParameter(f"write FIRST-LAST, at most {_MOST_YEARS} years: 2015-2024")
    return range(first, last + 1)


@click.command()
@click.argument("results", type=EXISTING_FOLDER)
@click.option("-o", "--output", type=NEW_PATH, help="Write a page with charts and tables.")
@click.option("--csv", "table", type=NEW_PATH, help="Write all numbers as one table.")
@click.option(
    "--events",
    multiple=True,
    type=EXISTING_FILE,
    help="An events file, if it is not where `encode` wrote it; repeat for each.",
)
@click.option("--identity", type=EXISTING_FILE, help="Your identity, for sealed files.")
@click.option(
    "--plants",
    multiple=True,
    type=EXISTING_FILE,
    help="A list of planted records, which are left out; repeat for each.",
)
@click.option("--datasets", help="Count these data sets only, as police,prison.")
@click.option("--years", callback=_years, help="Count these years only, as 2015-2024.")
@click.option(
    "--within",
    type=click.IntRange(1, 15),
    default=5,
    show_default=True,
    help="How many years to follow persons for return rates.",
)
@click.option(
    "--confident",
    type=Share(),
    help=f"Count persons of this confidence or more apart; {_CONFIDENT} at field level.",
)
@click.option(
    "--suppress-below",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Hide smaller numbers, and what would give them away.",
)
@click.option(
    "--round-to",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Round all others to multiples of this.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def pathways(
    results: Path,
    output: Path | None,
    table: Path | None,
    events: tuple[Path, ...],
    identity: Path | None,
    plants: tuple[Path, ...],
    datasets: str | None,
    years: range | None,
    within: int,
    confident: float | None,
    suppress_below: int,
    round_to: int,
    as_json: bool,
) -> None:
    """Count how persons go from one agency to another and back, with small numbers hidden.

    It needs the events that agencies passed along beside their encoded files: of each record a
    year and a type. No number can be traced to a record (docs/pathways.md).

    \b
    Example: linkage pathways results/ -o pathways.html
             linkage pathways results/ --years 2015-2024 --csv pathways.csv
    """
    from linkage.cli.passed_events import events_of_persons, read_passed
    from linkage.errors import UsageError
    from linkage.io.outputs import check_output
    from linkage.io.results import read_results
    from linkage.pathways.content import publish
    from linkage.pathways.protect import Rules
    from linkage.pathways.tables import Question

    for one in (output, table):
        if one is not None:
            check_output(one, (*events, *plants))
    if round_to > max(1, suppress_below):
        raise UsageError("--round-to must not be above --suppress-below")
    found = read_results(results)
    chosen = _chosen(found, datasets)
    passed = read_passed(found, results, chosen, events, identity)
    everything, types = events_of_persons(found, results, passed, plants)
    question = Question(_counted_years(everything, years), within, list(passed), types)
    answer = publish(
        everything, question, Rules(suppress_below, round_to), _threshold(found, confident)
    )
    answer["without_events"] = [name for name in chosen if name not in passed]
    _write(answer, output, table)
    if as_json:
        print_json(answer)
    elif console().level:
        _print_answer(answer)


def _threshold(found: Results, confident: float | None) -> float | None:
    """At record level a confidence is a Dice similarity, of which no value is sure by itself."""
    if confident is not None:
        return confident
    method = found.manifest.get("decision", {}).get("method")
    return None if method == "threshold" else _CONFIDENT


def _chosen(found: Results, datasets: str | None) -> list[str]:
    from linkage.errors import UsageError, shown

    names = list(found.datasets) if datasets is None else datasets.split(",")
    for name in names:
        if name not in found.datasets or names.count(name) > 1:
            raise UsageError(
                f"--datasets: write some of {', '.join(found.datasets)}, each once, with commas "
                f"between them; not '{shown(name)}'"
            )
    if len(names) > _MOST_DATASETS:
        raise UsageError(
            f"{len(names)} data sets make more tables than anybody reads; choose at most "
            f"{_MOST_DATASETS} with --datasets"
        )
    return names


def _counted_years(events: EventsOfPersons, asked: range | None) -> range:
    """Give the years that were asked for, or all; in some of them there must be an event."""
    from linkage.errors import InputError, UsageError

    if not len(events.year):
        raise InputError("no record of these results has an event, so there is nothing to count")
    if asked is not None:
        if not len(events.within(asked).year):
            raise UsageError(f"--years: no event is of {asked.start} to {asked.stop - 1}")
        return asked
    first, last = int(events.year.min()), int(events.year.max())
    if last - first >= _MOST_YEARS:
        raise UsageError(
            f"events are of the years {first} to {last}; choose at most {_MOST_YEARS} of them with "
            "--years"
        )
    return range(first, last + 1)


def _write(answer: dict[str, Any], output: Path | None, table: Path | None) -> None:
    from linkage.io.outputs import new_file
    from linkage.io.tables import write_table
    from linkage.pathways.content import flat
    from linkage.report.pathways import render_pathways

    if output is not None:
        with new_file(output) as draft:
            draft.write_text(render_pathways(answer), encoding="utf-8")
    if table is not None:
        with new_file(table) as draft:
            write_table(draft, flat(answer), parquet=table.suffix == ".parquet")


def _print_answer(answer: dict[str, Any]) -> None:
    """Print in 80 columns the tables that fit; the page and the CSV file have all."""
    first, last = answer["years"]
    persons = _shown(answer["persons"]["all"])
    click.echo(f"{persons} persons with events of {first} to {last}")
    has_sure = answer["confident"] is not None
    header = ["persons", "sure"] if has_sure else ["persons"]
    click.echo("\nknown to")
    rows = [[" + ".join(one["datasets"]), *_numbers(one["persons"], has_sure)]
            for one in answer["sets"]]  # fmt: skip
    _print_columns(["", *header], rows)
    if answer["orders"]:
        click.echo("\nin the order of first years (+ in one year)")
        rows = [
            [
                _cut(_THEN.join(" + ".join(group) for group in one["order"])),
                *_numbers(one["persons"], has_sure),
                "" if one["back"] is None else _shown(one["back"]["all"]),
            ]
            for one in answer["orders"][:_MOST_ORDERS]
        ]
        _print_columns(["", *header, "and back"], rows)
        if len(answer["orders"]) > _MOST_ORDERS:
            click.echo(f"  and {len(answer['orders']) - _MOST_ORDERS} more")
    _print_moves(answer)
    _print_returns(answer)
    _print_notes(answer)


def _print_moves(answer: dict[str, Any]) -> None:
    names, moves = answer["datasets"], answer["moves"]["later"]
    click.echo("\npersons who go from one to another, in their next year with an event")
    cells = {(one["from"], one["to"]): _shown(one["persons"]["all"]) for one in moves}
    rows = [[f"from {a}", *(cells[a, b] for b in names)] for a in names]
    _print_columns(["", *(f"to {b}" for b in names)], rows)


def _print_returns(answer: dict[str, Any]) -> None:
    click.echo("\nseen again within so many years after the first year, of those followed so long")
    rows = []
    for one in answer["returns"]:
        shares = [step["share"]["all"] for step in one["within"]]
        cells = [_HIDDEN if share is None else f"{share:.1%}" for share in shares]
        rows.append([f"{one['from']}{_THEN}{one['to']}", *cells])
    _print_columns(["", *map(str, range(1, answer["within"] + 1))], rows)


def _print_notes(answer: dict[str, Any]) -> None:
    notes = []
    if answer["hidden"]:
        notes.append(
            f"{_HIDDEN} is hidden: below {answer['suppress_below']}, or it would give away one "
            f"that is. What is published leaves {answer['least_width']} values or more for each."
        )
    if answer["round_to"] > 1:
        notes.append(f"All numbers are rounded to multiples of {answer['round_to']}.")
    if answer["suppress_below"] == 1:
        notes.append("Nothing is hidden: these numbers are not fit to be published.")
    if answer["confident"] is not None:
        notes.append(
            f"Sure are persons of whose links the weakest has {answer['confident']:g} or more."
        )
    if answer["without_events"]:
        notes.append(f"Without events: {', '.join(answer['without_events'])}.")
    click.echo()
    for note in notes:
        click.echo(click.wrap_text(note, _WIDTH, subsequent_indent="  "))


def _numbers(number: dict[str, int | None], has_sure: bool) -> list[str]:
    return [_shown(number[name]) for name in (("all", "sure") if has_sure else ("all",))]


def _shown(number: int | None) -> str:
    return _HIDDEN if number is None else f"{number:,}"


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 3]}..."


def _print_columns(header: list[str], rows: list[list[str]]) -> None:
    """Print a table of texts: the first column to the left, figures to the right."""
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        click.echo(f"  {'  '.join(cells)}".rstrip())
