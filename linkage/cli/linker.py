"""Commands of the linker: inspect, link. They need no key and load no agency code."""

from __future__ import annotations

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
    from linkage.engine.local import LinkResult
    from linkage.model import Encodings


@click.command()
@click.argument("file", type=EXISTING_FILE)
@click.option("--identity", type=EXISTING_FILE, help="Your identity, for a sealed file.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def inspect(file: Path, identity: Path | None, as_json: bool) -> None:
    """Check an encoded file and show what it holds: manifest, counts, fill, block sizes.

    \b
    Example: linkage inspect police.enc.parquet
    """
    from linkage.io.encoded import read_encodings, read_manifest
    from linkage.linker.measure import measure_passes, measure_slices
    from linkage.model import UNKNOWN

    encodings = read_encodings(file, identity)
    slices, passes = measure_slices(encodings), measure_passes(encodings)
    facts: dict[str, Any] = {
        "dataset": encodings.dataset,
        "schema_name": encodings.schema.name,
        "schema_digest": encodings.schema.digest(),
        "level": encodings.schema.level,
        "key_fingerprint": encodings.key_fingerprint.replace(UNKNOWN, "unknown"),
        "rows": len(encodings.owner),
        "records": len(encodings.records),
    }
    if file.suffix.lower() != ".json":
        manifest = read_manifest(file, identity)
        facts |= manifest.model_dump(
            include={"format_version", "hardening", "rejected", "software", "content_digest"}
        )
    if as_json:
        print_json(facts | {"slices": slices, "passes": passes})
        return
    if not console().level:
        return
    click.echo(f"{file}: {facts['rows']:,} rows of {facts['records']:,} records, undamaged")
    shown = [
        [name.replace("_", " "), "none" if value == [] else str(value)]
        for name, value in facts.items()
    ]
    print_table(["", ""], shown)
    print_table(["slice", "bits", "mean fill", "missing"], [list(one.values()) for one in slices])
    header = ["blocking pass", "missing", "blocks", "largest block"]
    if passes:
        print_table(header, [list(one.values()) for one in passes])


@click.command()
@click.argument("files", type=EXISTING_FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The results folder to make.")
@click.option("--identity", type=EXISTING_FILE, help="Your identity, for sealed files.")
@click.option("--threshold", type=Share(), help="Dice of a link (record level).")
@click.option(
    "--probability",
    type=Share(ends=False),
    help="Match probability of a link (field level).",
)
@click.option(
    "--assignment",
    type=click.Choice(["many-to-many", "best", "greedy", "optimal"]),
    default="many-to-many",
    show_default=True,
    help="One-to-one (the last three) only where every data set has one record a person.",
)
@click.option("--deduplicate", is_flag=True, help="Link records within each data set too.")
@click.option("--engine", type=click.Choice(["local"]), default="local", help="Where to compute.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads; all cores if not given.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of samples."
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def link(
    files: tuple[Path, ...],
    output: Path,
    identity: Path | None,
    threshold: float | None,
    probability: float | None,
    assignment: Any,
    deduplicate: bool,
    engine: str,
    threads: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Link the encoded files of two or more agencies.

    Writes a results folder: all links, pairs to review, persons, one file for each agency with
    its own records only, and a manifest of the run.

    \b
    Example: linkage link police.enc.parquet court.enc.parquet prison.enc.parquet -o results/
    """
    from linkage.engine.local import link as link_encodings
    from linkage.io.encoded import read_encodings
    from linkage.io.outputs import check_output
    from linkage.io.results import write_results
    from linkage.linker.persons import person_ids

    check_output(output, files, folder=True)
    encodings = [read_encodings(file, identity) for file in files]
    with console().progress("comparing") as progress:
        result = link_encodings(
            encodings,
            threshold=threshold,
            probability=probability,
            assignment=assignment,
            deduplicate=deduplicate,
            threads=threads,
            seed=seed,
            progress=progress,
        )
    ids = person_ids(result.persons, encodings)
    manifest = _manifest(files, output, encodings, result, seed)
    persons = [ids[person] for person in result.persons.person]
    write_results(output, encodings, result.links, result.review, persons, manifest)
    for one in result.passes:
        console().detail(
            f"pass {one.name}: {one.comparisons:,} comparisons, {one.found:,} found first"
        )
    for stage, seconds in result.seconds.items():
        console().detail(f"{stage}: {seconds:.1f} seconds")
    if as_json:
        print_json(manifest)
    elif console().level:
        _print_summary(output, encodings, result)


def _manifest(
    files: tuple[Path, ...],
    output: Path,
    encodings: list[Encodings],
    result: LinkResult,
    seed: int,
) -> dict[str, Any]:
    import os

    from linkage.io.results import file_digest, new_manifest

    names = [one.dataset for one in encodings]
    return new_manifest() | {
        "schema_name": encodings[0].schema.name,
        "schema_digest": encodings[0].schema.digest(),
        "key_fingerprint": encodings[0].key_fingerprint,
        "inputs": [
            {
                "dataset": one.dataset,
                "file": os.path.relpath(file, output),
                "sha256": file_digest(file),
                "rows": len(one.owner),
                "records": len(one.records),
            }
            for file, one in zip(files, encodings, strict=True)
        ],
        "linked": [[names[one.left_dataset], names[one.right_dataset]] for one in result.links],
        "decision": result.decision,
        "seed": seed,
        "counts": {
            "all_pairs": result.all_pairs,
            "comparisons": sum(one.comparisons for one in result.passes),
            "links": sum(map(len, result.links)),
            "review": sum(map(len, result.review)),
            "persons": result.persons.count,
        },
        "passes": [vars(one) for one in result.passes],
        "seconds": result.seconds,
    }


def _print_summary(output: Path, encodings: list[Encodings], result: LinkResult) -> None:
    rows = [
        [encodings[a.left_dataset].dataset, encodings[a.right_dataset].dataset, len(a), len(b)]
        for a, b in zip(result.links, result.review, strict=True)
    ]
    print_table(["left", "right", "links", "to review"], rows)
    records = sum(len(one.records) for one in encodings)
    click.echo(f"{records:,} records are {result.persons.count:,} persons")
    click.echo(f"results in {output}/")
