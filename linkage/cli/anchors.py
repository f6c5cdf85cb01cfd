"""The parts of `schema` that deal with anchored codes: choose the passes, and look at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import console, naming, print_table

if TYPE_CHECKING:
    from linkage.agency.anchors import Chosen
    from linkage.agency.neighbours import Rows
    from linkage.schema import LinkageSchema

#: Records of a file that are looked at.
_MOST_ROWS = 200_000


def anchor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options by which anchors are chosen."""
    options = (
        click.option(
            "--anchored",
            is_flag=True,
            help="Codes of its own for each pass, which compare within its blocks alone.",
        ),
        click.option(
            "--records",
            type=click.IntRange(min=1),
            help="Anchored: records of all files together; those of the given ones if not said.",
        ),
        click.option(
            "--neighbours",
            type=click.FloatRange(min=0, min_open=True),
            help="Anchored: other people that a record may share blocks with, on average.  "
            "[default: 0.1]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def check_anchoring(
    level: str, *, anchored: bool, records: int | None, neighbours: float | None
) -> None:
    """Refuse options that say nothing without anchored codes, and these at record level."""
    from linkage.errors import UsageError

    if anchored and level != "field":
        raise UsageError("--anchored is for --level field: a record has a code for each field")
    if not anchored and (records is not None or neighbours is not None):
        raise UsageError("--records and --neighbours belong to --anchored")


def chosen_anchors(
    files: Sequence[Path], schema: LinkageSchema, records: int | None, neighbours: float | None
) -> Chosen:
    """Choose the anchors on the records of files."""
    from linkage.agency.anchors import NEIGHBOURS, choose_anchors

    with console().progress("choosing") as progress:
        rows = []
        for place, one in enumerate(files):
            rows.append(read_file(one, schema))
            progress("files", place + 1, len(files))
        total = records or sum(one.rows for one in rows)
        return choose_anchors(schema, rows, records=total, neighbours=neighbours or NEIGHBOURS)


def read_file(file: Path, schema: LinkageSchema) -> Rows:
    """Read a file's records for counting."""
    from linkage.agency.neighbours import read_rows
    from linkage.io.tables import read_batches

    with naming(file):
        return read_rows(read_batches(file, lambda row, problem: None), schema, _MOST_ROWS)


def anchors_shown(file: Path, schema_file: Path, records: int | None) -> dict[str, Any]:
    """Count what the passes of a schema show of a file's records."""
    from linkage.agency.neighbours import shown_by
    from linkage.errors import UsageError
    from linkage.schema import LinkageSchema

    schema = LinkageSchema.load(schema_file)
    if not schema.anchored:
        raise UsageError(
            f"{schema_file}: has no anchored codes, so all records are visible to each other; "
            "`linkage schema init --anchored` drafts a schema that has"
        )
    rows = read_file(file, schema)
    found = shown_by(schema, [rows], records or rows.rows)
    return {
        "records": records or rows.rows,
        "neighbours": round(sum(adds for _, _, adds in found), 4),
        "passes": [
            {"name": name, "neighbours": round(own, 4), "adds": round(adds, 4)}
            for name, own, adds in found
        ],
    }


def print_shown(found: dict[str, Any]) -> None:
    """Say what the passes show."""
    if not console().level:
        return
    print_table(
        ["anchor", "people it shows", "people it adds"],
        [[one["name"], one["neighbours"], one["adds"]] for one in found["passes"]],
    )
    click.echo(
        f"a record shares blocks with {found['neighbours']:.3f} other people on average, among "
        f"{found['records']:,} records in all"
    )


def print_anchors(chosen: Chosen) -> None:
    """Say what the passes are expected to meet, and what they show."""
    if not console().level:
        return
    click.echo(
        f"anchors: about {chosen.completeness:.1%} of the matches meet in a pass, identifiers "
        "apart (errors as\nin synthetic data); a record shares blocks with "
        f"{chosen.neighbours:.3f} other people on average"
    )
    print_table(
        ["anchor", "matches it adds", "people it adds"],
        [
            [
                " + ".join(f if t == "exact" else f"{f}:{t}" for f, t in one.key),
                f"{one.gain:.4f}",
                f"{one.neighbours:.4f}",
            ]
            for one in chosen.anchors
        ],
    )
