"""Commands of the agency: keygen, schema, resolve. `encode` has a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from linkage.cli.anchors import (
    anchor_options,
    anchors_shown,
    check_anchoring,
    chosen_anchors,
    print_anchors,
    print_shown,
)
from linkage.cli.console import (
    EXISTING_FILE,
    NEW_PATH,
    console,
    naming,
    print_json,
    print_table,
    shared_options,
)
from linkage.cli.hardening import hardening_facts, print_hardening
from linkage.cli.tune import schema_tune

if TYPE_CHECKING:
    from linkage.schema import LinkageSchema


@click.command()
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The key file to make.")
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Also write OUTPUT.age, a copy sealed for another agency (age1...); repeat for more.",
)
@click.option("--from", "sealed", type=EXISTING_FILE, help="Take the key from a sealed copy.")
@click.option("--identity", type=EXISTING_FILE, help="Your identity, which opens the copy.")
@click.option("--as-identity", is_flag=True, help="Make an age identity instead of a key.")
@shared_options
def keygen(
    output: Path,
    recipients: tuple[str, ...],
    sealed: Path | None,
    identity: Path | None,
    as_identity: bool,
) -> None:
    """Make a project key: one for all agencies of a project, none for the linker.

    The file is readable by you alone and is never overwritten. Agencies compare fingerprints,
    by telephone for instance, to be sure that they hold the same key. With --as-identity it makes
    an age identity, for someone who is to receive sealed files, and shows its recipient.

    \b
    Example: linkage keygen -o project.key
             linkage keygen --as-identity -o court.identity
             linkage keygen -o project.key --recipient age1...
             linkage keygen --from project.key.age --identity court.identity -o project.key
    """
    from linkage.errors import UsageError
    from linkage.io.outputs import check_output

    copy = output.with_name(f"{output.name}.age")
    for one in (output, *([copy] if recipients else [])):
        check_output(one, [one for one in (sealed, identity) if one])
    if bool(sealed) != bool(identity) or (as_identity and (sealed or recipients)):
        raise UsageError(
            "--from and --identity go together, and --as-identity goes with neither of them nor "
            "with --recipient"
        )
    if as_identity:
        _make_identity(output)
    else:
        _make_key(output, recipients, copy, sealed, identity)


def _make_identity(output: Path) -> None:
    from linkage.io.outputs import write_secret
    from linkage.io.sealed import new_identity

    text, recipient = new_identity()
    write_secret(output, text)
    console().say(
        f"{output}: new identity. Others seal files for you with --recipient {recipient}",
        recipient=recipient,
    )


def _make_key(
    output: Path,
    recipients: tuple[str, ...],
    copy: Path,
    sealed: Path | None,
    identity: Path | None,
) -> None:
    from linkage.agency.keys import ProjectKey
    from linkage.io.outputs import new_file, write_secret
    from linkage.io.sealed import opened, read_recipients, seal

    read_recipients(recipients)
    if sealed is None:
        key = ProjectKey.generate()
    else:
        with opened(sealed, identity) as file:
            key = ProjectKey.from_text(file.read(), str(sealed))
    write_secret(output, key.text())
    if recipients:
        with new_file(copy) as draft:
            seal(output, draft, recipients)
    how = f" {copy} is a copy for its recipients alone." if recipients else ""
    console().say(
        f"{output}: project key, fingerprint {key.fingerprint()}.{how} Every agency needs this "
        "key, the linker never gets it; compare fingerprints by telephone.",
        fingerprint=key.fingerprint(),
    )


@click.group()
def schema() -> None:
    """Draft and check the linkage schema that all agencies share.

    \b
    Example: linkage schema init police.csv court.csv -o schema.toml
    """


schema.add_command(schema_tune)


@schema.command("check")
@click.argument("file", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def schema_check(file: Path, as_json: bool) -> None:
    """Check a schema and print its digest. Parties whose digests differ can't be linked.

    \b
    Example: linkage schema check schema.toml
    """
    from linkage.errors import shown
    from linkage.schema import LinkageSchema

    loaded = LinkageSchema.load(file)
    if loaded.clkhash is not None:
        with naming(file):
            _clkhash_columns(loaded)
    if as_json:
        facts = {"name": loaded.name, "level": loaded.level, "digest": loaded.digest()}
        print_json(facts | (hardening_facts(loaded) if loaded.hardening else {}))
        return
    if not console().level:
        return
    click.echo(f"{file}: good. {loaded.name}, {loaded.level} level, digest {loaded.digest()}")
    if loaded.clkhash is not None:
        rows = [[name, "no" if ignored else "yes"] for name, ignored in _clkhash_columns(loaded)]
        print_table(["feature", "encoded"], rows)
        return
    print_table(
        ["field", "type", "columns"],
        [[one.name, one.type, ", ".join(one.headers)] for one in loaded.field],
    )
    print_table(
        ["blocking pass", "on"], [[one.name, " + ".join(one.on)] for one in loaded.blocking]
    )
    if loaded.hardening:
        print_hardening(loaded)
    if loaded.events is not None:
        said = (
            f"may be passed along, by year: {', '.join(loaded.events.types)}; from the columns "
            f"{', '.join(map(shown, loaded.events.headers))}"
        )
        click.echo(click.wrap_text(said, 78, initial_indent="  ", subsequent_indent="    "))


def _clkhash_columns(loaded: LinkageSchema) -> tuple[tuple[str, bool], ...]:
    from linkage.agency.clkhash import ClkhashSchema

    return ClkhashSchema.parse(loaded.clkhash or {}).columns


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
@click.option(
    "--events",
    is_flag=True,
    help="Let years and types of events be passed along, for `linkage pathways`.",
)
@anchor_options
@shared_options
def schema_init(
    files: tuple[Path, ...],
    output: Path,
    level: str,
    events: bool,
    anchored: bool,
    records: int | None,
    neighbours: float | None,
) -> None:
    """Draft a schema from the columns of one or more files. Look it over, then share it.

    Files of several agencies may call the same thing by different headers. With --anchored the
    linker can compare records within blocks alone; the passes are chosen on the records of the
    files, so that few people are visible to each other (docs/anchored.md).

    \b
    Example: linkage schema init police.csv court.csv -o schema.toml
             linkage schema init police.csv --anchored --records 60000 -o schema.toml
    """
    from linkage.agency.anchors import as_passes
    from linkage.agency.draft import FileSample, draft_schema
    from linkage.io.outputs import check_output, new_file
    from linkage.io.tables import sample_columns
    from linkage.schema import LinkageSchema

    check_output(output, files)
    check_anchoring(level, anchored=anchored, records=records, neighbours=neighbours)
    samples = [FileSample(one.name, *sample_columns(one)) for one in files]
    text = draft_schema(samples, level, events=events)
    drafted = LinkageSchema.parse(text)
    chosen = None
    if anchored:
        chosen = chosen_anchors(files, drafted, records, neighbours)
        passes = as_passes(chosen.anchors)
        text = draft_schema(samples, level, events=events, anchors=passes)
        drafted = LinkageSchema.parse(text)
    with new_file(output) as draft:
        draft.write_text(text, encoding="utf-8")
    console().say(
        f"{output}: {level}-level schema with the fields "
        f"{', '.join(one.name for one in drafted.field)}. Look it over; every agency uses the same "
        f"file.\nnext: linkage profile {files[0]} --schema {output}"
    )
    if chosen is not None:
        print_anchors(chosen)


@schema.command("anchors")
@click.argument("file", type=EXISTING_FILE)
@click.option("--schema", "schema_file", type=EXISTING_FILE, required=True, help="The schema.")
@click.option("--records", type=click.IntRange(min=1), help="Records of all files together.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def schema_anchors(file: Path, schema_file: Path, records: int | None, as_json: bool) -> None:
    """Count, on your own records, which people anchored codes make visible to each other.

    Do so before you agree to a schema that others drafted: your records may have more families.

    \b
    Example: linkage schema anchors police.csv --schema schema.toml --records 60000
    """
    found = anchors_shown(file, schema_file, records)
    if as_json:
        print_json(found)
    else:
        print_shown(found)


@click.command()
@click.argument("share", type=EXISTING_FILE)
@click.option("--ids", type=EXISTING_FILE, required=True, help="The ids table of `encode`.")
@click.option("-o", "--output", type=NEW_PATH, required=True, help="CSV or Parquet to write.")
@shared_options
def resolve(share: Path, ids: Path, output: Path) -> None:
    """Put the linker's person ids to your own record ids. Planted people are left out.

    \b
    Example: linkage resolve results/police.parquet --ids police.ids.parquet \\
               -o police_persons.csv
    """
    from linkage.errors import MismatchError
    from linkage.io.ids import read_ids, read_planted
    from linkage.io.outputs import check_output, new_file
    from linkage.io.results import read_share
    from linkage.io.tables import write_table

    check_output(output, (share, ids))
    own_ids, persons = read_ids(ids), read_share(share)
    planted = read_planted(ids)
    if own_ids.keys() != persons.keys():
        shared = len(own_ids.keys() & persons.keys())
        raise MismatchError(
            f"{share} has {len(persons)} records and {ids} {len(own_ids)}, of which {shared} are "
            "the same: they are not of one encode run. Use the ids table written with the file "
            "that you sent"
        )
    rows = sorted(
        (own_ids[record], person) for record, person in persons.items() if record not in planted
    )
    with new_file(output) as draft:
        columns = {"record_id": [row[0] for row in rows], "person_id": [row[1] for row in rows]}
        write_table(draft, columns, parquet=output.suffix == ".parquet")
    left_out = f"; {len(planted):,} planted records left out" if planted else ""
    console().say(
        f"{output}: {len(rows):,} records of yours, {len({row[1] for row in rows}):,} persons"
        f"{left_out}"
    )
