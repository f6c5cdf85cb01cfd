"""The command of the agency that matters most: encode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    NEW_PATH,
    console,
    print_json,
    print_table,
    shared_options,
)

if TYPE_CHECKING:
    from linkage.agency.encode import Encoder, FieldCount
    from linkage.io.rejects import Rejects
    from linkage.model import Manifest

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
    on_error: str,
    max_bad_rows: int,
    as_json: bool,
) -> None:
    """Encode a CSV or Parquet file for the linker.

    Writes the encoded file, which you send, and beside it NAME.ids.parquet, which says which
    record is which of yours and stays with you. Rows left out by --on-error skip are listed in
    NAME.rejects.csv, with the reason.

    \b
    Example: linkage encode police.csv --schema schema.toml --key project.key \\
               --dataset police -o police.enc.parquet
    """
    from linkage.agency.aliases import alias_table
    from linkage.agency.encode import Encoder, refuse_row
    from linkage.agency.keys import ProjectKey
    from linkage.io.ids import ids_path
    from linkage.io.outputs import check_output
    from linkage.io.rejects import Rejects, rejects_path
    from linkage.io.sealed import read_recipients
    from linkage.io.tables import read_table
    from linkage.model import check_dataset_name
    from linkage.schema import LinkageSchema

    outputs = [output, ids_path(output)]
    if on_error == "skip":
        outputs.append(rejects_path(output))
    inputs = [one for one in (file, schema_file, key_file, aliases) if one]
    for one in outputs:
        check_output(one, inputs)
    read_recipients(recipients)
    loaded = LinkageSchema.load(schema_file)
    name = check_dataset_name(dataset or file.name.split(".")[0])
    key = ProjectKey.load(key_file)
    rejects = Rejects(max_bad_rows) if on_error == "skip" else None
    with _naming(aliases or file):
        table = alias_table(read_table(aliases), loaded, id_column) if aliases else None
    encoder = Encoder(
        loaded,
        key,
        name,
        id_column=id_column,
        keep_ids=keep_ids,
        aliases=table,
        on_bad_row=rejects.add if rejects is not None else refuse_row,
    )
    manifest, counts = _encode(file, encoder, output, recipients, rejects)
    if rejects is not None:
        rejects.write(outputs[2])
    if as_json:
        print_json(_facts(manifest, counts, outputs))
    elif console().level:
        _print_summary(manifest, counts, outputs)


def _encode(
    file: Path,
    encoder: Encoder,
    output: Path,
    recipients: Sequence[str],
    rejects: Rejects | None,
) -> tuple[Manifest, dict[str, dict[str, int]]]:
    """Encode the file chunk by chunk; gives the manifest and counts by field."""
    from linkage.io.encoded import encodings_writer
    from linkage.io.ids import ids_path, ids_writer
    from linkage.io.tables import read_batches

    totals: dict[str, dict[str, int]] = {}
    done = 0
    with (
        _naming(file),
        console().progress("encoding") as progress,
        ids_writer(ids_path(output)) as ids,
        encodings_writer(output, recipients) as encoded,
    ):
        for batch, rows in read_batches(file, rejects.add if rejects is not None else None):
            chunk = encoder.encode(batch, rows)
            encoded.write(chunk.encodings)
            ids.write(chunk.encodings.records, chunk.own_ids)
            _add(totals, chunk.counts)
            done += batch.num_rows
            progress("records", done, 0)
        encoded.rejected = len(rejects) if rejects is not None else 0
    return encoded.manifest, totals


def _add(totals: dict[str, dict[str, int]], counts: dict[str, FieldCount]) -> None:
    for field, count in counts.items():
        total = totals.setdefault(field, dict.fromkeys(_PARTS, 0))
        for part in _PARTS:
            total[part] += getattr(count, part)


def _facts(
    manifest: Manifest, counts: dict[str, dict[str, int]], outputs: Sequence[Path]
) -> dict[str, Any]:
    return {
        "dataset": manifest.dataset,
        "rows_read": manifest.records + manifest.rejected,
        "rejected": manifest.rejected,
        "records": manifest.records,
        "alias_rows": manifest.rows,
        "fields": counts,
        "schema_digest": manifest.schema_digest,
        "key_fingerprint": manifest.key_fingerprint,
    } | dict(zip(("encoded", "ids", "rejects"), map(str, outputs), strict=False))


def _print_summary(
    manifest: Manifest, counts: dict[str, dict[str, int]], outputs: Sequence[Path]
) -> None:
    read = manifest.records + manifest.rejected
    aliases = f" in {manifest.rows:,} alias rows" if manifest.rows > manifest.records else ""
    click.echo(
        f"{manifest.dataset}: {read:,} rows read = {manifest.records:,} records encoded{aliases} "
        f"+ {manifest.rejected:,} rejected"
    )
    header = ["field", "empty", "placeholder or unreadable", "encoded"]
    print_table(header, [[one, *parts.values()] for one, parts in counts.items()])
    click.echo(
        f"send  {outputs[0]}  (schema {manifest.schema_digest[:12]}, key fingerprint "
        f"{manifest.key_fingerprint})"
    )
    click.echo(f"keep  {outputs[1]}  (your own ids; never send it)")
    if len(outputs) > 2:
        click.echo(f"look  {outputs[2]}  (rows left out, and why)")


class _naming:  # noqa: N801 - reads as a statement: with _naming(file)
    """Put the name of a file before what was wrong with it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from linkage.errors import InputError

        if isinstance(error, InputError) and str(self.file) not in str(error):
            raise InputError(f"{self.file}: {error}") from None
