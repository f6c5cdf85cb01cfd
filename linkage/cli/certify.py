"""The command `certify`: quality without truth, by the people that agencies planted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    EXISTING_FOLDER,
    console,
    print_json,
    print_table,
    shared_options,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linkage.io.plants import Plants
    from linkage.io.results import Results


@click.command()
@click.argument("results", type=EXISTING_FOLDER)
@click.argument("lists", type=EXISTING_FILE, nargs=-1, metavar="[LIST]...")
@click.option(
    "--plants",
    multiple=True,
    type=EXISTING_FILE,
    help="A list of planted records; more may follow.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def certify(
    results: Path, lists: tuple[Path, ...], plants: tuple[Path, ...], as_json: bool
) -> None:
    """Measure recall and false links by planted people, whose lists agencies send afterwards.

    The lists are those that `encode --plant` wrote, of two data sets or more. What is measured
    holds for people and errors like theirs (docs/quality.md).

    \b
    Example: linkage certify results/ --plants police.plants.parquet court.plants.parquet
    """
    from linkage.errors import UsageError
    from linkage.io.plants import read_plants
    from linkage.io.results import read_results
    from linkage.linker.planted import measure_planted

    files = plants + lists
    if not files:
        raise UsageError("give the agencies' lists of planted records: --plants FILE FILE ...")
    given = [(file, read_plants(file)) for file in files]
    found = read_results(results)
    planted = _planted(found, given)
    answer = measure_planted(found.links, found.review, found.persons, planted)
    if not answer["recall"]["pairs"]:
        raise UsageError(
            "nobody is planted in two data sets of these lists that were linked; give the lists "
            "of two data sets or more"
        )
    for one in answer["by_data_sets"]:
        one["left"], one["right"] = found.datasets[one["left"]], found.datasets[one["right"]]
    answer["own_estimate"] = _own_estimate(found)
    missing = [name for name, one in zip(found.datasets, planted, strict=True) if one is None]
    if missing:
        console().say(f"note: without a list of {', '.join(missing)}, links to it are left out")
    if as_json:
        print_json(answer)
    elif console().level:
        _print_answer(answer)


def _planted(
    found: Results, lists: Sequence[tuple[Path, Plants]]
) -> list[NDArray[np.int64] | None]:
    """Give the number of the planted person of every record. Raises for lists that do not fit."""
    from linkage.errors import MismatchError, UsageError

    first_file, first = lists[0]
    numbers = sorted({number for _, one in lists for number in one.person.values()})
    planted: list[NDArray[np.int64] | None] = [None] * len(found.datasets)
    for file, one in lists:
        name = one.head.dataset
        if name not in found.datasets:
            raise MismatchError(
                f"{file}: is a list of '{name}'; these results are of {', '.join(found.datasets)}"
            )
        place = found.datasets.index(name)
        if planted[place] is not None:
            raise UsageError(f"{file}: a second list of '{name}'; give one for each data set")
        if one.head.key_fingerprint != found.manifest.get("key_fingerprint"):
            raise MismatchError(f"{file}: planted under another key than that of the linked files")
        if one.head.people_fingerprint != first.head.people_fingerprint:
            raise MismatchError(
                f"{file}: not the same people as in {first_file}: agencies have to plant with the "
                "same --plant, --plant-profile and --plant-round, and by the same release"
            )
        planted[place] = _numbered(file, one, found.records[place], numbers)
    return planted


def _numbered(
    file: Path, one: Plants, records: NDArray[np.str_], numbers: list[str]
) -> NDArray[np.int64]:
    """Give the place of each record's person among the numbers, or `REAL`."""
    import numpy as np

    from linkage.errors import MismatchError
    from linkage.linker.planted import REAL

    own = np.array(list(one.person), np.str_)
    place = np.minimum(np.searchsorted(records, own), len(records) - 1)
    unknown = int(np.count_nonzero(records[place] != own))
    if unknown:
        raise MismatchError(
            f"{file}: {unknown:,} of its {len(own):,} records are not in the results: it belongs "
            "to another encode run. Use the list written with the file that was linked"
        )
    person = np.full(len(records), REAL, np.int64)
    person[place] = np.searchsorted(numbers, list(one.person.values()))
    return person


def _own_estimate(found: Results) -> dict[str, Any] | None:
    """Give the estimates that `link` wrote to the manifest, if it did."""
    own: Any = found.manifest.get("certificate")
    try:
        return {
            what: {part: float(own[what][part]) for part in ("lower", "estimate", "upper")}
            for what in ("recall", "precision")
        }
    except (TypeError, KeyError, ValueError):
        return None


def _print_answer(answer: dict[str, Any]) -> None:
    rows = [
        [
            f"{one['left']} - {one['right']}",
            one["pairs"],
            one["found"],
            _about(one["recall"]),
            one["false_links"],
        ]
        for one in answer["by_data_sets"]
    ]
    recall, false, persons = answer["recall"], answer["false_links"], answer["persons"]
    wrong = sum(one["false_links"] for one in answer["by_data_sets"])
    rows.append(["all", recall["pairs"], recall["found"], _about(recall), wrong])
    header = ["planted people", "pairs", "found", "recall (95 % interval)", "false links"]
    print_table(header, rows)
    click.echo(
        f"{recall['in_review']:,} of the {recall['pairs'] - recall['found']:,} pairs not found are "
        "among those to review"
    )
    click.echo(f"{_about(false)} of {false['records']:,} planted records have a false link")
    click.echo(
        f"{_about(persons['whole'])} of {persons['people']:,} planted people are one person; "
        f"{_about(persons['whole_and_alone'])} are, and nobody else is in it"
    )
    if answer["precision"]:
        click.echo(f"precision {_about(answer['precision'])}, if real people are mistaken as often")
    own = answer["own_estimate"]
    if own:
        click.echo(
            f"the estimate of `link` itself: recall {_about(own['recall'])}, precision "
            f"{_about(own['precision'])}"
        )


def _about(share: dict[str, float]) -> str:
    return f"{share['estimate']:.4f} ({share['lower']:.4f} - {share['upper']:.4f})"
