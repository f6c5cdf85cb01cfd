"""The agency's command profile: how good the data are, before they are encoded."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linkage.cli.console import (
    EXISTING_FILE,
    NEW_PATH,
    console,
    naming,
    print_json,
    print_table,
    shared_options,
)

if TYPE_CHECKING:
    from linkage.agency.findings import Finding
    from linkage.agency.profile import Profile, Profiler

_WIDTH = 78
_SHOWN_FINDINGS = 12
_SHOWN_ROWS = 5
_MARKS = {"error": "stops encoding", "warning": "look into", "note": "good to know"}


@click.command()
@click.argument("file", type=EXISTING_FILE)
@click.option("--schema", "schema_file", type=EXISTING_FILE, required=True, help="The schema.")
@click.option("--html", type=NEW_PATH, help="Write a page with all details, raw values included.")
@click.option("--id-column", help="Column of your own record ids.")
@click.option(
    "--reference-date",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Day at which ages count; today if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def profile(
    file: Path,
    schema_file: Path,
    html: Path | None,
    id_column: str | None,
    reference_date: datetime.datetime | None,
    as_json: bool,
) -> None:
    """Look at the quality of a CSV or Parquet file before you encode it.

    Says what is missing, unreadable, suspicious or double, and what to do about it. On the
    terminal and in JSON there are counts and row numbers only; the page of --html shows raw
    values too, and must stay with you.

    \b
    Example: linkage profile police.csv --schema schema.toml --html police.html
    """
    from linkage.agency.profile import Profiler
    from linkage.errors import InputError
    from linkage.io.outputs import check_output
    from linkage.schema import LinkageSchema

    if html is not None:
        check_output(html, (file, schema_file))
    loaded = LinkageSchema.load(schema_file)
    day = reference_date.date() if reference_date else None
    try:
        result = _profiled(file, Profiler(loaded, reference_date=day, id_column=id_column))
    except InputError:
        # Some row can't be read: read the others, slowly. A file without any says so again.
        profiler = Profiler(loaded, reference_date=day, id_column=id_column)
        result = _profiled(file, profiler, profiler.reject)
    following = _next_command(file, schema_file, id_column)
    if html is not None:
        _write_page(html, result, file, schema_file, following)
    if as_json:
        page = {"html": str(html)} if html is not None else {}
        print_json({"file": str(file)} | result.content() | page | {"next": following})
    elif console().level:
        _print(result, file, html, following)


def _profiled(
    file: Path, profiler: Profiler, on_bad_row: Callable[[int, str], None] | None = None
) -> Profile:
    from linkage.io.tables import estimate_rows, read_batches

    total = estimate_rows(file)
    with naming(file), console().progress("profiling") as progress:
        for batch, numbers in read_batches(file, on_bad_row):
            profiler.add(batch, numbers)
            progress("records", int(numbers[-1]), total)
    return profiler.result()


def _print(profile: Profile, file: Path, html: Path | None, following: str) -> None:
    """Print the profile in 80 columns, without raw values."""
    click.echo(f"{file.name}: {profile.rows:,} rows")
    header = ["field", "readable", "empty", "placeholder", "unreadable", "distinct"]
    print_table(
        header,
        [
            [_cut(one.name), one.readable, one.empty, one.placeholder, one.unreadable, one.distinct]
            for one in profile.fields
        ],
    )
    estimated = [one.name for one in profile.fields if not one.distinct_exact]
    if estimated:
        _wrapped(f"distinct values are estimated for {', '.join(estimated)}", "  ", "  ")
    if profile.unused:
        names = ", ".join(one.name for one in profile.unused)
        _wrapped(f"columns that the schema does not use: {names}", "  ", "  ")
    if profile.passed_along:
        names = ", ".join(profile.passed_along)
        _wrapped(f"columns of which years and types may be passed along: {names}", "  ", "  ")
    for finding in profile.findings[:_SHOWN_FINDINGS]:
        _print_finding(finding)
    more = len(profile.findings) - _SHOWN_FINDINGS
    click.echo()
    if more > 0:
        notes = "note" if more == 1 else "findings"
        where = html if html is not None else "--html PAGE.html, or --json"
        click.echo(f"and {more} more {notes}: see {where}")
    if html is not None:
        click.echo(f"keep  {html}  (it shows raw values; never send it)")
    elif profile.findings:
        click.echo("see   the values behind this with --html PAGE.html; the page stays with you")
    if any(one.severity == "error" for one in profile.findings):
        click.echo("mend  what stops encoding, and run the profile again")
    click.echo(f"next  {following}")
    click.echo(
        "      (project.key is the key of all agencies; whoever begins makes it:\n"
        "      linkage keygen -o project.key)"
    )


def _print_finding(finding: Finding) -> None:
    click.echo()
    place = f"{finding.field}: " if finding.field else ""
    _wrapped(f"{_MARKS[finding.severity]}  {place}{finding.message}", "", "  ")
    rows = finding.first_rows[:_SHOWN_ROWS]
    if rows:
        more = ", ..." if finding.rows > len(rows) else ""
        click.echo(f"  {'row' if finding.rows == 1 else 'rows'} {', '.join(map(str, rows))}{more}")
    _wrapped(finding.advice, "  ", "  ")


def _wrapped(text: str, first: str, later: str) -> None:
    click.echo(click.wrap_text(text, _WIDTH, initial_indent=first, subsequent_indent=later))


def _cut(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:13]}..."


def _write_page(
    html: Path, profile: Profile, file: Path, schema_file: Path, following: str
) -> None:
    """Write the page, readable by its owner alone."""
    from linkage.io.outputs import new_file
    from linkage.report.profile import render_profile

    page = render_profile(
        profile.content(raw_values=True),
        file=file.name,
        schema_file=schema_file.name,
        next_command=following,
    )
    with new_file(html) as draft:
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(page, encoding="utf-8")


def _next_command(file: Path, schema_file: Path, id_column: str | None) -> str:
    """Give the command line that encodes the file."""
    from linkage.errors import InputError
    from linkage.model import check_dataset_name

    name = file.name.split(".")[0]
    try:
        check_dataset_name(name)
    except InputError:
        name = "data"
    parts = ["linkage", "encode", str(file), "--schema", str(schema_file), "--key", "project.key"]
    parts += ["--id-column", id_column] if id_column else []
    parts += ["--dataset", name, "-o", f"{name}.enc.parquet"]
    return shlex.join(parts)
