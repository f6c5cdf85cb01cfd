"""The command `export`: links of a results folder in the forms of other programs."""

from __future__ import annotations

from pathlib import Path

import click

from linkage.cli.console import EXISTING_FOLDER, NEW_PATH, console, print_json, shared_options

_FORMATS = {".parquet": "splink", ".csv": "splink", ".bin": "anonlink"}


@click.command()
@click.argument("results", type=EXISTING_FOLDER)
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The file to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["splink", "anonlink"]),
    help="If not given: splink for .parquet and .csv, anonlink for .bin.",
)
@click.option("--with-review", is_flag=True, help="Write the pairs to review too.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def export(results: Path, output: Path, form: str | None, with_review: bool, as_json: bool) -> None:
    """Write the links of a results folder for Splink (a table) or anonlink (candidate pairs).

    Candidate pairs hold no ids: data set 0 is the first input of the run (manifest.json), and its
    record 0 is the first row of its own file in the results folder.

    \b
    Example: linkage export results/ -o links.parquet
             linkage export results/ -o pairs.bin --with-review
    """
    from linkage.errors import UsageError
    from linkage.io.candidates import write_candidates, write_pair_table
    from linkage.io.outputs import check_output
    from linkage.io.results import read_results

    ending = _FORMATS.get(output.suffix)
    form = form or ending
    if form is None or form != (ending or "anonlink"):
        raise UsageError(
            f"{output}: a table for Splink ends with .parquet or .csv, and candidate pairs for "
            "anonlink with .bin, or with --format anonlink as you like"
        )
    check_output(output)
    found = read_results(results)
    pairs = found.links + (found.review if with_review else ())
    if form == "anonlink":
        write_candidates(output, pairs)
    else:
        write_pair_table(output, pairs, found.datasets, found.records)
    links = sum(map(len, found.links))
    review = sum(map(len, pairs)) - links
    if as_json:
        print_json(
            {
                "format": form,
                "links": links,
                "review": review,
                "datasets": [
                    {"dataset": name, "records": len(records)}
                    for name, records in zip(found.datasets, found.records, strict=True)
                ],
            }
        )
    what = f"{links:,} links" + (f" and {review:,} pairs to review" if with_review else "")
    console().say(f"{output}: {what} of {', '.join(found.datasets)}, for {form}")
