"""The command `inspect`. Commands of the linker need no key and load no agency code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    console,
    print_json,
    print_table,
    shared_options,
)


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
