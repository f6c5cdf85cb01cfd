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

    Of an events file it shows how many events of which type there are.

    \b
    Example: linkage inspect police.enc.parquet
    """
    from linkage.io.encoded import read_encodings, read_manifest
    from linkage.io.events import is_events_file
    from linkage.linker.measure import measure_passes, measure_slices
    from linkage.model import UNKNOWN

    if is_events_file(file, identity):
        _inspect_events(file, identity, as_json)
        return
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
        [name.replace("_", " ") if place == 0 else "", text]
        for name, value in facts.items()
        for place, text in enumerate(_told(value))
    ]
    print_table(["", ""], shown)
    print_table(["slice", "bits", "mean fill", "missing"], [list(one.values()) for one in slices])
    header = ["blocking pass", "missing", "blocks", "largest block"]
    if passes:
        print_table(header, [list(one.values()) for one in passes])


def _told(value: Any) -> list[str]:
    """Write a fact for people, in as many lines as it has parts."""
    return (value or ["none"]) if isinstance(value, list) else [str(value)]


def _inspect_events(file: Path, identity: Path | None, as_json: bool) -> None:
    """Show what an agency passes along beside encodings."""
    import numpy as np

    from linkage.io.events import read_events

    found = read_events(file, identity)
    head, events = found.head, found.events
    years = [int(events.year.min()), int(events.year.max())] if len(events) else []
    facts: dict[str, Any] = {
        "dataset": head.dataset,
        "schema_digest": head.schema_digest,
        "events": len(events),
        "records": len(found.records),
        "years": years,
        "at_least": head.at_least,
        "events_version": head.events_version,
        "software": head.software,
        "content_digest": head.content_digest,
    }
    counts = np.bincount(events.type, minlength=len(head.types)).tolist()
    types = [
        {"type": name, "events": count} for name, count in zip(head.types, counts, strict=True)
    ]
    if as_json:
        print_json(facts | {"types": types})
        return
    if not console().level:
        return
    click.echo(f"{file}: {len(events):,} events of {len(found.records):,} records, undamaged")
    print_table(["", ""], [[name.replace("_", " "), str(value)] for name, value in facts.items()])
    print_table(["type", "events"], [list(one.values()) for one in types])
