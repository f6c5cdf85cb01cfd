"""Commands of the agency: keygen, schema, encode, resolve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    from linkage.agency.encode import FieldCount


@click.command()
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The key file to make.")
@shared_options
def keygen(output: Path) -> None:
    """Make a project key: one for all agencies of a project, none for the linker.

    The file is readable by you alone and is never overwritten. Agencies compare fingerprints,
    by telephone for instance, to be sure that they hold the same key.

    \b
    Example: linkage keygen -o project.key
    """
    from linkage.agency.keys import ProjectKey
    from linkage.io.outputs import check_output

    check_output(output)
    key = ProjectKey.generate()
    key.save(output)
    console().say(
        f"{output}: new project key, fingerprint {key.fingerprint()}. Hand it to the other "
        "agencies on a safe way; never to the linker.",
        fingerprint=key.fingerprint(),
    )


@click.group()
def schema() -> None:
    """Draft and check the linkage schema that all agencies share.

    \b
    Example: linkage schema init police.csv court.csv -o schema.toml
    """


@schema.command("check")
@click.argument("file", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def schema_check(file: Path, as_json: bool) -> None:
    """Check a schema and print its digest. Parties whose digests differ can't be linked.

    \b
    Example: linkage schema check schema.toml
    """
    from linkage.schema import LinkageSchema

    loaded = LinkageSchema.load(file)
    if as_json:
        print_json({"name": loaded.name, "level": loaded.level, "digest": loaded.digest()})
        return
    if not console().level:
        return
    click.echo(f"{file}: good. {loaded.name}, {loaded.level} level, digest {loaded.digest()}")
    print_table(
        ["field", "type", "columns"],
        [[one.name, one.type, ", ".join(one.columns)] for one in loaded.field],
    )
    print_table(
        ["blocking pass", "on"], [[one.name, " + ".join(one.on)] for one in loaded.blocking]
    )


@schema.command("init")
@click.argument("files", type=EXISTING_FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The schema file to write.")
@click.option(
    "--level",
    type=click.Choice(["record", "field"]),
    default="field",
    show_default=True,
    help="One filter for the record, or one for each field (links better).",
)
@shared_options
def schema_init(files: tuple[Path, ...], output: Path, level: str) -> None:
    """Draft a schema from the columns of one or more files. Look it over, then share it.

    Files of several agencies may call the same thing by different headers.

    \b
    Example: linkage schema init police.csv court.csv -o schema.toml
    """
    from linkage.agency.draft import FileSample, draft_schema
    from linkage.io.outputs import check_output, new_file
    from linkage.io.tables import sample_columns
    from linkage.schema import LinkageSchema

    check_output(output, files)
    text = draft_schema([FileSample(one.name, *sample_columns(one)) for one in files], level)
    drafted = LinkageSchema.parse(text)
    with new_file(output) as draft:
        draft.write_text(text, encoding="utf-8")
    console().say(
        f"{output}: {level}-level schema with the fields "
        f"{', '.join(one.name for one in drafted.field)}. Look it over; then every agency runs "
        "`linkage encode` with the same file."
    )


@click.command()
@click.argument("file", type=EXISTING_FILE)
@click.option("--schema", "schema_file", type=EXISTING_FILE, required=True, help="The schema.")
@click.option("--key", "key_file", type=EXISTING_FILE, required=True, help="The project key.")
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The encoded file to write.")
@click.option("--dataset", help="Name of the data set; the file's name if not given.")
@click.option("--id-column", help="Column of your own record ids.")
@click.option("--keep-ids", is_flag=True, help="Keep your record ids (synthetic data only).")
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
    as_json: bool,
) -> None:
    """Encode a CSV or Parquet file for the linker.

    Writes the encoded file, which you send, and beside it NAME.ids.parquet, which says which
    record is which of yours and stays with you.

    \b
    Example: linkage encode police.csv --schema schema.toml --key project.key \\
               --dataset police -o police.enc.parquet
    """
    from linkage.agency.encode import Encoder
    from linkage.agency.keys import ProjectKey
    from linkage.errors import InputError
    from linkage.io.encoded import encodings_writer
    from linkage.io.ids import ids_path, ids_writer
    from linkage.io.outputs import check_output
    from linkage.io.tables import read_batches
    from linkage.model import check_dataset_name
    from linkage.schema import LinkageSchema

    own = ids_path(output)
    for one in (output, own):
        check_output(one, (file, schema_file, key_file))
    loaded = LinkageSchema.load(schema_file)
    name = check_dataset_name(dataset or file.name.split(".")[0])
    key = ProjectKey.load(key_file)
    encoder = Encoder(loaded, key, name, id_column=id_column, keep_ids=keep_ids)
    counts: list[dict[str, FieldCount]] = []
    done = 0
    with (
        console().progress("encoding") as progress,
        ids_writer(own) as ids,
        encodings_writer(output) as encoded,
    ):
        for batch in read_batches(file):
            try:
                chunk = encoder.encode(batch)
            except InputError as error:
                raise InputError(f"{file}: {error}") from None
            encoded.write(chunk.encodings)
            ids.write(chunk.encodings.records, chunk.own_ids)
            counts.append(chunk.counts)
            done += batch.num_rows
            progress("records", done, 0)
    manifest = encoded.manifest
    totals = {
        field.name: {
            part: sum(getattr(one[field.name], part) for one in counts)
            for part in ("empty", "discarded", "encoded")
        }
        for field in loaded.field
    }
    if as_json:
        print_json(
            {
                "dataset": name,
                "records": manifest.records,
                "fields": totals,
                "schema_digest": manifest.schema_digest,
                "key_fingerprint": manifest.key_fingerprint,
                "encoded": str(output),
                "ids": str(own),
            }
        )
        return
    if console().level:
        click.echo(f"{name}: {manifest.records:,} rows read, {manifest.records:,} records encoded")
        header = ["field", "empty", "placeholder or unreadable", "encoded"]
        print_table(header, [[one, *parts.values()] for one, parts in totals.items()])
        click.echo(f"send  {output}  (schema {manifest.schema_digest[:12]}, key fingerprint "
                   f"{manifest.key_fingerprint})")  # fmt: skip
        click.echo(f"keep  {own}  (your own ids; never send it)")


@click.command()
@click.argument("share", type=EXISTING_FILE)
@click.option("--ids", type=EXISTING_FILE, required=True, help="The ids table of `encode`.")
@click.option("-o", "--output", type=NEW_PATH, required=True, help="CSV or Parquet to write.")
@shared_options
def resolve(share: Path, ids: Path, output: Path) -> None:
    """Put the linker's person ids to your own record ids.

    \b
    Example: linkage resolve results/police.parquet --ids police.ids.parquet \\
               -o police_persons.csv
    """
    from linkage.errors import MismatchError
    from linkage.io.ids import read_ids
    from linkage.io.outputs import check_output, new_file
    from linkage.io.results import read_share
    from linkage.io.tables import write_table

    check_output(output, (share, ids))
    own_ids, persons = read_ids(ids), read_share(share)
    if own_ids.keys() != persons.keys():
        shared = len(own_ids.keys() & persons.keys())
        raise MismatchError(
            f"{share} has {len(persons)} records and {ids} {len(own_ids)}, of which {shared} are "
            "the same: they are not of one encode run. Use the ids table written with the file "
            "that you sent"
        )
    rows = sorted((own_ids[record], person) for record, person in persons.items())
    with new_file(output) as draft:
        columns = {"record_id": [row[0] for row in rows], "person_id": [row[1] for row in rows]}
        write_table(draft, columns, parquet=output.suffix == ".parquet")
    console().say(
        f"{output}: {len(rows):,} records of yours, {len(set(persons.values())):,} persons"
    )
