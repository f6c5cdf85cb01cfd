"""The command of the agency that matters most: encode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from linkage.cli.plant import check_planting, make_planter, plant_options
from linkage.cli.targets import Targets, opened_targets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linkage.agency.blocking import CommonKeys
    from linkage.agency.clkhash import ClkhashEncoder
    from linkage.agency.encode import Encoded, Encoder
    from linkage.agency.plant import Planter
    from linkage.io.events import EventsWriter
    from linkage.io.rejects import Rejects
    from linkage.schema import LinkageSchema

_PARTS = ("empty", "discarded", "encoded")


@click.command()
@click.argument("file", type=EXISTING_FILE)
@click.option("--schema", "schema_file", type=EXISTING_FILE, required=True, help="The schema.")
@click.option(
    "--key",
    "key_file",
    type=EXISTING_FILE,
    required=True,
    help="The project key; /dev/fd/N reads it from a file descriptor.",
)
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The encoded file to write.")
@click.option("--dataset", help="Name of the data set; the file's name if not given.")
@click.option("--id-column", help="Column of your own record ids.")
@click.option("--keep-ids", is_flag=True, help="Keep your record ids (synthetic data only).")
@click.option("--aliases", type=EXISTING_FILE, help="A table of aliases by record id.")
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Seal the file for the linker: age1..., or a file of such; repeat for more.",
)
@click.option(
    "--events-recipient",
    "events_recipients",
    multiple=True,
    metavar="KEY",
    help="Seal the events for somebody else than the linker; repeat for more.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "clkhash-json"]),
    default="parquet",
    show_default=True,
    help="Ours, or that of clkhash (with a clkhash schema only).",
)
@click.option(
    "--no-validate",
    is_flag=True,
    help="Encode values that do not fit the formats of a clkhash schema too.",
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do with a row that can't be encoded.",
)
@click.option(
    "--max-bad-rows",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="With --on-error skip: refuse the file if more rows are bad.",
)
@plant_options
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def encode(
    file: Path,
    schema_file: Path,
    key_file: Path,
    output: Path,
    dataset: str | None,
    id_column: str | None,
    keep_ids: bool,
    aliases: Path | None,
    recipients: tuple[str, ...],
    events_recipients: tuple[str, ...],
    form: str,
    no_validate: bool,
    on_error: str,
    max_bad_rows: int,
    as_json: bool,
    **planting: Any,
) -> None:
    """Encode a CSV or Parquet file for the linker.

    Writes the encoded file, which you send, and beside it NAME.ids.parquet, which says which
    record is which of yours and stays with you. Rows left out by --on-error skip are listed in
    NAME.rejects.csv, with the reason. The schema may be a clkhash schema in JSON; the key is then
    the file that holds its secret.

    Where the schema has [events] and the file has their columns, NAME.events.parquet holds years
    and types of events, for `linkage pathways`; send it only if that was agreed.

    With --plant, NAME.plants.parquet lists the planted records: give it to the linker when all is
    linked, and not before. All agencies plant as many people, of one profile, in one round.

    \b
    Example: linkage encode police.csv --schema schema.toml --key project.key \\
               --dataset police -o police.enc.parquet
             linkage encode police.csv ... --plant 500 --plant-round 2026
    """
    from linkage.errors import UsageError
    from linkage.io.ids import ids_path
    from linkage.io.outputs import check_output
    from linkage.io.plants import plants_path
    from linkage.io.rejects import Rejects, rejects_path
    from linkage.io.sealed import read_recipients
    from linkage.io.tables import column_names
    from linkage.model import check_dataset_name
    from linkage.schema import LinkageSchema

    outputs = {"encoded": output, "ids": ids_path(output)}
    if planting["plant"] is not None:
        outputs["plants"] = plants_path(output)
    if on_error == "skip":
        outputs["rejects"] = rejects_path(output)
    inputs = [one for one in (file, schema_file, key_file, aliases) if one]
    for one in outputs.values():
        check_output(one, inputs)
    read_recipients(recipients + events_recipients)
    loaded = LinkageSchema.load(schema_file)
    _check_options(loaded, form, aliases, recipients)
    check_planting(loaded, planting, keep_ids=keep_ids)
    name = check_dataset_name(dataset or file.name.split(".")[0])
    rejects = Rejects(max_bad_rows) if on_error == "skip" else None
    settings: dict[str, Any] = {"id_column": id_column, "keep_ids": keep_ids}
    if rejects is not None:
        settings["on_bad_row"] = rejects.add
    if loaded.clkhash is not None:
        settings["validate"] = not no_validate
    elif no_validate:
        raise UsageError("--no-validate belongs to clkhash schemas; ours have no formats to break")
    with naming(schema_file):
        encoder = _encoder(loaded, key_file, name, aliases, settings)
    planter = make_planter(encoder, key_file, file, planting)
    if encoder.numbers_rows(column_names(file)):
        console().say(
            "note: no column of record ids, so rows are numbered from 1 (--id-column names one)"
        )
    events = _events_target(encoder, file, outputs, inputs)
    targets = Targets(output, form, recipients, events, events_recipients)
    summary = _encode(file, encoder, targets, rejects, planter)
    if rejects is not None:
        rejects.write(outputs["rejects"])
    if as_json:
        print_json(_facts(summary, outputs))
    elif console().level:
        _print_summary(summary, outputs)


def _events_target(
    encoder: Encoder | ClkhashEncoder, file: Path, outputs: dict[str, Path], inputs: Sequence[Path]
) -> Path | None:
    """Say where events are written, if the file has any that the schema names."""
    from linkage.agency.encode import Encoder
    from linkage.io.events import events_path
    from linkage.io.outputs import check_output
    from linkage.io.tables import column_names

    if not isinstance(encoder, Encoder) or encoder.schema.events is None:
        return None
    with naming(file):
        if encoder.event_reader(column_names(file)) is None:
            console().say("note: the file has no column of events, so none are passed along")
            return None
    outputs["events"] = events_path(outputs["encoded"])
    check_output(outputs["events"], inputs)
    return outputs["events"]


def _check_options(
    schema: LinkageSchema, form: str, aliases: Path | None, recipients: Sequence[str]
) -> None:
    from linkage.errors import UsageError

    if form == "clkhash-json" and schema.clkhash is None:
        raise UsageError("--format clkhash-json needs a clkhash schema; this one is ours")
    if form == "clkhash-json" and recipients:
        raise UsageError("--recipient seals our own format; leave --format out")
    if schema.clkhash is not None and aliases:
        raise UsageError("clkhash knows no aliases; leave --aliases out")


def _encoder(
    schema: LinkageSchema, key_file: Path, name: str, aliases: Path | None, settings: dict[str, Any]
) -> Encoder | ClkhashEncoder:
    from linkage.agency.aliases import alias_table
    from linkage.agency.clkhash import ClkhashEncoder
    from linkage.agency.encode import Encoder
    from linkage.agency.keys import ClkhashSecret, ProjectKey
    from linkage.io.tables import read_table

    if schema.clkhash is not None:
        return ClkhashEncoder(schema, ClkhashSecret.load(key_file), name, **settings)
    key = ProjectKey.load(key_file)
    table = None
    if aliases:
        with naming(aliases):
            table = alias_table(read_table(aliases), schema, settings["id_column"])
    return Encoder(schema, key, name, aliases=table, **settings)


@dataclass
class _Summary:
    """What was encoded, for people and machines."""

    dataset: str
    schema_digest: str
    key_fingerprint: str
    records: int = 0
    alias_rows: int = 0
    rejected: int = 0
    fields: dict[str, dict[str, int]] = field(default_factory=dict)
    dropped_keys: dict[str, dict[str, int]] = field(default_factory=dict)
    planted: dict[str, int | str] | None = None
    events: dict[str, int] | None = None

    def add(self, chunk: Encoded) -> None:
        """Count a chunk."""
        self.records += len(chunk.own_ids)
        self.alias_rows += len(chunk.encodings.owner)
        for name, count in chunk.counts.items():
            total = self.fields.setdefault(name, dict.fromkeys(_PARTS, 0))
            for part in _PARTS:
                total[part] += getattr(count, part)
        if chunk.events is not None:
            self.events = self.events or {"records_without": 0, "records_with_unreadable": 0}
            self.events["records_without"] += chunk.events.count.empty
            self.events["records_with_unreadable"] += chunk.events.count.discarded

    def add_events(self, written: EventsWriter) -> None:
        """Take note of the events that may be passed along, and of those held back as rare."""
        counts = {"records": written.records, "passed": written.passed, "rare": written.held_back}
        self.events = (self.events or {}) | counts

    def add_dropped(self, common: dict[str, CommonKeys]) -> None:
        """Take note of the block keys that were dropped, by pass."""
        for name, one in common.items():
            self.dropped_keys[name] = {
                "keys": len(one.tokens),
                "records": one.records,
                "most_records": one.most,
            }


def _encode(
    file: Path,
    encoder: Encoder | ClkhashEncoder,
    targets: Targets,
    rejects: Rejects | None,
    planter: Planter | None,
) -> _Summary:
    """Encode the file chunk by chunk."""
    from linkage.agency.encode import Encoder
    from linkage.io.tables import estimate_rows, read_batches

    total = estimate_rows(file)
    if isinstance(encoder, Encoder) and encoder.blocking.limited:
        _count_keys(file, encoder, total, skip=rejects is not None)
        if planter is not None:
            planter.count_keys()
    summary = _Summary(encoder.dataset, encoder.schema.digest(), encoder.key_fingerprint)
    with (
        naming(file),
        console().progress("encoding") as progress,
        opened_targets(targets, encoder, planter) as (write, events),
    ):
        batches = read_batches(file, rejects.add if rejects is not None else None)
        for batch, rows, share in _with_shares(batches, total):
            chunk = encoder.encode(batch, rows)
            summary.add(chunk)
            whole = chunk if planter is None else planter.hide(chunk, batch, share)
            write(whole, len(rejects) if rejects is not None else 0)
            progress("records", int(rows[-1]), total)
            console().detail(f"rows {rows[0]:,} to {rows[-1]:,} are done")
    if isinstance(encoder, Encoder):
        summary.add_dropped(encoder.blocking.common)
    if planter is not None:
        summary.planted = planter.facts()
    if events is not None:
        summary.add_events(events)
    summary.rejected = len(rejects) if rejects is not None else 0
    return summary


def _with_shares(
    batches: Iterator[tuple[Any, NDArray[np.int64]]], total: int
) -> Iterator[tuple[Any, NDArray[np.int64], float]]:
    """Add to each batch its share of the rows to come, of some `total`; the last has all."""
    held = next(batches)  # which raises, if there is none
    for one in batches:
        rows = held[1]
        yield *held, len(rows) / max(total - int(rows[0]) + 1, len(rows))
        held = one
    yield *held, 1.0


def _count_keys(file: Path, encoder: Encoder, total: int, *, skip: bool) -> None:
    """Read the file once before it is encoded: only then is known which keys are common.

    With `skip`, rows that can't be read are left out here; they are reported when encoded.
    """
    from linkage.io.tables import read_batches

    with naming(file), console().progress("counting") as progress:
        for batch, rows in read_batches(file, (lambda row, problem: None) if skip else None):
            encoder.count_keys(batch)
            progress("keys", int(rows[-1]), total)


def _facts(summary: _Summary, outputs: Mapping[str, Path]) -> dict[str, Any]:
    facts = vars(summary) | {"rows_read": summary.records + summary.rejected}
    files = {what: str(path) for what, path in outputs.items() if what != "events"}
    if "events" in outputs:  # beside what is in them
        files["events_file"] = str(outputs["events"])
    return facts | files


def _print_summary(summary: _Summary, outputs: Mapping[str, Path]) -> None:
    read, rows = summary.records + summary.rejected, summary.alias_rows
    aliases = f" in {rows:,} alias rows" if rows > summary.records else ""
    click.echo(
        f"{summary.dataset}: {read:,} rows read = {summary.records:,} records encoded{aliases} "
        f"+ {summary.rejected:,} rejected"
    )
    header = ["field", "empty", "placeholder or unreadable", "encoded"]
    print_table(header, [[one, *parts.values()] for one, parts in summary.fields.items()])
    if summary.dropped_keys:
        header = ["blocking pass", "keys dropped", "records with them", "most records a key"]
        print_table(header, [[one, *facts.values()] for one, facts in summary.dropped_keys.items()])
    if summary.planted is not None:
        click.echo("hidden among them: {records:,} records of {people:,} planted people "
                   "(fingerprint {fingerprint})".format(**summary.planted))  # fmt: skip
    click.echo(
        f"send  {outputs['encoded']}  (schema {summary.schema_digest[:12]}, key fingerprint "
        f"{summary.key_fingerprint})"
    )
    if "events" in outputs and summary.events is not None:
        click.echo(
            "may   {0}  ({passed:,} events of {records:,} records: year and type; {rare:,} held "
            "back as rare)".format(outputs["events"], **summary.events)
        )
    click.echo(f"keep  {outputs['ids']}  (your own ids; never send it)")
    if "plants" in outputs:
        click.echo(f"hold  {outputs['plants']}  (send it when all is linked, and not before)")
    if "rejects" in outputs:
        click.echo(f"look  {outputs['rejects']}  (rows left out, and why)")
