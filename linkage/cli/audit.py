"""The agency's command audit: attack your own encodings, and read what would be found out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    NEW_PATH,
    Share,
    console,
    naming,
    print_json,
    print_table,
    shared_options,
)

if TYPE_CHECKING:
    from linkage.audit.agency import Listed, Own
    from linkage.audit.finding import Finding
    from linkage.audit.plan import Scope
    from linkage.audit.records import Records

_WIDTH = 78
_SHOWN_SENTENCES, _SHOWN_VALUES = 3, 8
_SHOWN_GROUPS = 24
_NAME_WIDTH = 24
_SHORT = {"frequency rank": "rank", "values by similarity": "similarity"}


class _Percent(click.ParamType[float]):
    """A share, written as 20% or 0.2."""

    name = "share"

    def convert(self, value: Any, parameter: Any, context: Any) -> float:
        text = str(value).strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = -1.0
        if not 0 < share <= 1:
            self.fail(f"{text!r} is no share; write it as 20% or 0.2", parameter, context)
        return share


@click.command()
@click.argument("file", type=EXISTING_FILE)
@click.option("--schema", "schema_file", type=EXISTING_FILE, required=True, help="The schema.")
@click.option("--key", "key_file", type=EXISTING_FILE, required=True, help="The project key.")
@click.option("-o", "--output", type=NEW_PATH, help="Folder for audit.json and audit.html.")
@click.option("--reference", type=EXISTING_FILE, help="A list that the attacker holds, as a table.")
@click.option("--encoded", type=EXISTING_FILE, help="The encoded file as you send it.")
@click.option("--ids", type=EXISTING_FILE, help="Its ids table; goes with --encoded.")
@click.option("--identity", type=EXISTING_FILE, help="An identity, if the encoded file is sealed.")
@click.option(
    "--overlap",
    "overlaps",
    type=_Percent(),
    multiple=True,
    metavar="SHARE",
    help="Share of your people on the attacker's list, as 20%; repeatable.",
)
@click.option(
    "--errors",
    type=_Percent(),
    multiple=True,
    metavar="SHARE",
    help="Share of characters that differ between file and list; repeatable.",
)
@click.option(
    "--known",
    type=click.IntRange(min=2),
    multiple=True,
    help="Number of people whose records the attacker knows; repeatable.",
)
@click.option("--quick", is_flag=True, help="Fewer people, situations and attempts; a minute.")
@click.option("--people", type=click.IntRange(min=20), help="Draw at most so many people.")
@click.option("--restarts", type=click.IntRange(min=1, max=1000), help="Of graph matching, each.")
@click.option("--id-column", help="Column of your own record ids.")
@click.option("--aliases", type=EXISTING_FILE, help="A table of aliases by record id.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of chance.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads; all cores if not given.")
@click.option(
    "--fail-above", type=Share(), help="End with exit code 5 if more than this share is named."
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def audit(
    file: Path,
    schema_file: Path,
    key_file: Path,
    output: Path | None,
    reference: Path | None,
    encoded: Path | None,
    ids: Path | None,
    identity: Path | None,
    id_column: str | None,
    aliases: Path | None,
    seed: int,
    threads: int | None,
    fail_above: float | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Attack your own encodings: how many of your people would somebody name, and how.

    FILE is your table in clear text; it is encoded in memory, or given as you send it with
    --encoded. Part of your people stand for the file, part for the list that an attacker holds,
    so that it is known who is who. Nothing that is shown or written holds a value of a person.

    An attack that fails proves nothing: the answer is "not broken by N attempts".

    \b
    Example: linkage audit police.csv --schema schema.toml --key project.key -o audit/
             linkage audit police.csv ... --quick --overlap 20% --fail-above 0.01
    """
    from linkage.audit.agency import audit as attack
    from linkage.errors import UsageError
    from linkage.io.outputs import check_output
    from linkage.schema import LinkageSchema

    if (encoded is None) != (ids is None):
        raise UsageError("--encoded and --ids go together: the file you send, and its ids table")
    given = [one for one in (file, schema_file, key_file, reference, encoded, ids, aliases) if one]
    if output is not None:
        check_output(output, given, folder=True)
    scope = _scope(asked)
    with naming(schema_file):
        own = _own(LinkageSchema.load(schema_file), key_file, id_column, aliases)
    _warn_of_weak_key(own)
    records = _records(file, own)
    listed = _listed(own, reference, encoded, ids, identity)
    with naming(file), console().progress("attacking") as progress:
        findings, content = attack(
            own,
            records,
            scope,
            listed=listed,
            seed=seed,
            threads=threads or os.cpu_count() or 1,
            progress=progress,
        )
    content = {"file": file.name} | content
    if output is not None:
        _write(output, content)
    if as_json:
        print_json(content)
    elif console().level:
        _print(content, output)
    if fail_above is not None:
        _gate(findings, fail_above)


def _scope(asked: dict[str, Any]) -> Scope:
    """Take the default or the quick scope, with what the options ask for instead."""
    from dataclasses import replace

    from linkage.audit.plan import QUICK, Scope

    scope = QUICK if asked["quick"] else Scope()
    given: dict[str, Any] = {}
    for name in ("overlaps", "errors", "known"):
        if asked[name]:
            given[name] = tuple(dict.fromkeys(asked[name]))
    if asked["overlaps"]:
        # Who asks for some overlaps asks for no others.
        given |= {"near_overlaps": (), "ten_times": False, "varied_at": asked["overlaps"][0]}
    for name in ("people", "restarts"):
        if asked[name] is not None:
            given[name] = asked[name]
    return replace(scope, **given)


def _own(schema: Any, key_file: Path, id_column: str | None, aliases: Path | None) -> Own:
    from linkage.agency.aliases import alias_table
    from linkage.agency.keys import ClkhashSecret, ProjectKey
    from linkage.audit.agency import Own
    from linkage.errors import UsageError
    from linkage.io.tables import read_table

    if schema.clkhash is not None:
        if aliases:
            raise UsageError("clkhash knows no aliases; leave --aliases out")
        return Own(schema, ClkhashSecret.load(key_file), id_column)
    table = None
    if aliases:
        with naming(aliases):
            table = alias_table(read_table(aliases), schema, id_column)
    return Own(schema, ProjectKey.load(key_file), id_column, table)


def _warn_of_weak_key(own: Own) -> None:
    from linkage.agency.keys import ClkhashSecret
    from linkage.audit.agency import weak_secret

    if isinstance(own.key, ClkhashSecret) and weak_secret(own.key.secret):
        console().say(
            "warning: the clkhash secret looks made up: its bytes repeat more than random ones. "
            "Draw it at random, for whoever guesses it names everybody"
        )


def _records(file: Path, own: Own) -> Records:
    """Read a table; rows that `encode` would refuse are left out and counted."""
    from linkage.io.tables import read_batches

    bad: list[int] = []
    with naming(file):
        records = own.read(read_batches(file), lambda row, problem: bad.append(row))
    if bad:
        rows = "row" if len(bad) == 1 else "rows"
        console().say(
            f"note: {len(bad):,} {rows} of {file.name} can't be encoded and are left out, the "
            f"first of them row {bad[0]} (`linkage profile` tells more)"
        )
    return records


def _listed(
    own: Own,
    reference: Path | None,
    encoded: Path | None,
    ids: Path | None,
    identity: Path | None,
) -> Listed:
    from linkage.audit.agency import Listed
    from linkage.io.encoded import read_encodings
    from linkage.io.ids import read_ids

    other = None if reference is None else _records(reference, own)
    if encoded is None or ids is None:
        return Listed(reference=other)
    return Listed(read_encodings(encoded, identity), read_ids(ids), other)


def _write(output: Path, content: dict[str, Any]) -> None:
    import json

    from linkage.io.outputs import new_folder
    from linkage.report.audit import render_audit

    with new_folder(output) as folder:
        text = json.dumps(content, indent=2) + "\n"
        (folder / "audit.json").write_text(text, encoding="utf-8")
        (folder / "audit.html").write_text(render_audit(content), encoding="utf-8")


def _print(content: dict[str, Any], output: Path | None) -> None:
    """Print the findings in 80 columns."""
    found = content["findings"]
    text = (
        f"{content['file']}: {content['records']:,} records, level {content['level']}, "
        f"{content['attempts']} attempts at naming people without the key"
    )
    click.echo(click.wrap_text(text, _WIDTH, subsequent_indent="  "))
    attacks = [one for one in found if one["attempts"]]
    people = [one for one in attacks if one["what"] == "people"]
    _print_attacks("people", people)
    values = sorted((one for one in attacks if one not in people), key=lambda one: -one["named"])
    _print_attacks("values", values[:_SHOWN_VALUES])
    if len(values) > _SHOWN_VALUES:
        click.echo(f"  and {len(values) - _SHOWN_VALUES} more, which named fewer")
    groups = [one for one in found if not one["attempts"]]
    click.echo()
    click.echo("what anybody sees")
    # The first are of whole records, the last tells of neighbours; parts that stand out least go.
    if len(groups) > _SHOWN_GROUPS:
        parts = sorted(groups[3:-1], key=lambda one: -one["named"])[: _SHOWN_GROUPS - 4]
        shown = [one for one in groups if one in parts or one in groups[:3] or one is groups[-1]]
    else:
        shown = groups
    print_table(["records by", "alone", "in groups below 5"], [_group(one) for one in shown])
    if len(groups) > len(shown):
        click.echo(f"  and {len(groups) - len(shown)} more, by which fewer are alone")
    _print_worst(attacks)
    if output is not None:
        click.echo()
        click.echo(f"read  {output / 'audit.html'}  (every finding in a sentence, with curves)")


def _print_attacks(what: str, found: Sequence[dict[str, Any]]) -> None:
    if found:
        click.echo()
        click.echo(f"{what} named")
        print_table(["by", "situation", "named", "95 % interval", "tries"], list(map(_row, found)))


def _row(one: dict[str, Any]) -> list[str]:
    name = one["attack"]
    if one["what"] != "people":
        name = f"{one['what'].replace('block key ', 'key ')}, {_SHORT.get(name, name)}"
    return [
        _short(name),
        one["situation"],
        _percent(one["named"]),
        f"{_percent(one['low'])} - {_percent(one['high'])}",
        f"{one['attempts']}",
    ]


def _short(name: str) -> str:
    """Cut a long name in its middle: it ends with the field and the attack."""
    if len(name) <= _NAME_WIDTH:
        return name
    half = (_NAME_WIDTH - 2) // 2
    return f"{name[: _NAME_WIDTH - 2 - half]}..{name[-half:]}"


def _group(one: dict[str, Any]) -> list[str]:
    small = one["facts"].get("in_small_groups")
    return [one["what"], _percent(one["named"]), "" if small is None else _percent(small)]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%".rjust(6)


def _print_worst(attacks: Sequence[dict[str, Any]]) -> None:
    """Say the worst findings in sentences, one for each attack."""
    counted = sorted(
        (one for one in attacks if one["counts"]), key=lambda one: -float(one["named"])
    )
    worst = list({one["attack"]: one for one in reversed(counted)}.values())[::-1]
    for one in worst[:_SHOWN_SENTENCES]:
        click.echo()
        click.echo(click.wrap_text(one["sentence"], _WIDTH, subsequent_indent="  "))
        if one["advice"]:
            click.echo(click.wrap_text(one["advice"], _WIDTH, "  ", "  "))


def _gate(findings: Sequence[Finding], limit: float) -> None:
    from linkage.audit.words import situation
    from linkage.errors import GateError

    above = [one for one in findings if one.counts and one.named > limit]
    if above:
        worst = max(above, key=lambda one: one.named)
        raise GateError(
            f"{worst.attack} named {worst.named:.4f} of the people ({situation(worst.setting)}), "
            f"which is above --fail-above {limit:g}; so did {len(above) - 1} other findings"
        )
