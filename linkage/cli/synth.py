"""The engineer's command `synth`: a synthetic population and what agencies hold about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linkage.cli.console import NEW_PATH, console, print_json, shared_options

if TYPE_CHECKING:
    from linkage.synth.blocks import AgencyFile, Columns
    from linkage.synth.population import Population
    from linkage.synth.profile import Profile


def _print_profile(context: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is None or context.resilient_parsing:
        return
    from linkage.synth.listing import list_rates

    click.echo(list_rates(_profile(value)), nl=False)
    context.exit()


@click.command()
@click.option("--people", type=click.IntRange(min=1), required=True, help="How many people.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--profile",
    default="default",
    show_default=True,
    help="default, hard, clean, or a TOML file of rates.",
)
@click.option(
    "--print-profile",
    metavar="PROFILE",
    is_eager=True,
    expose_value=False,
    callback=_print_profile,
    help="Print every rate of a profile, with comments, as a TOML file to start from.",
)
@click.option("-o", "--output", type=NEW_PATH, required=True, help="The folder to make.")
@click.option("--probation", is_flag=True, help="Make probation's file too.")
@click.option("--aliases", is_flag=True, help="Write agencies' tables of aliases too.")
@click.option("--register", is_flag=True, help="Write who everyone is, and all aliases, too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="Form of every file.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="How many to draw people on.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def synth(
    people: int,
    seed: int,
    profile: str,
    output: Path,
    probation: bool,
    aliases: bool,
    register: bool,
    form: str,
    threads: int,
    as_json: bool,
) -> None:
    """Make a synthetic population and what police, courts and prisons hold about it.

    Writes police.csv, court.csv, prison.csv, and truth.csv with the true person of each record and
    the groups that the person belongs to. The same people, seed and rates give the same bytes on
    any number of threads.

    With --aliases, NAME_aliases.csv is what `linkage encode --aliases` takes beside NAME.csv. With
    --register, people.csv has a row a person, with household and true names, and people_aliases.csv
    the kind of every alias.

    \b
    Example: linkage synth --people 10000 --seed 1 -o data/
             linkage synth --print-profile hard > mine.toml
             linkage synth --people 1000000 --profile mine.toml -o data/
    """
    from linkage.io.outputs import check_output
    from linkage.synth.population import populate
    from linkage.synth.profile import AGENCIES

    check_output(output, folder=True)
    rates = _profile(profile)
    views = AGENCIES if probation else AGENCIES[:3]
    with console().progress("synthetic") as progress:
        population = populate(
            people,
            seed,
            rates,
            threads=threads,
            views=views,
            progress=lambda done, total: progress("people", done, total),
        )
        rows = _write(population, output, form, progress, aliases=aliases, register=register)
    if as_json:
        facts = {"folder": str(output), "people": people, "seed": seed, "profile": rates.name}
        print_json(facts | {"rows": rows})
    else:
        counts = ", ".join(f"{name} {count:,}" for name, count in rows.items())
        console().say(f"{output}/: {people:,} people; rows: {counts}")
    if aliases and not any(f"{view}_aliases.{form}" in rows for view in views):
        console().say("note: under these rates no agency lists an alias, so there is no such table")


def _profile(name: str) -> Profile:
    """Load a profile by its name or from a file."""
    from linkage.errors import UsageError
    from linkage.synth.profile import Profile

    if not name.endswith(".toml"):
        return Profile.named(name)
    if not Path(name).is_file():
        raise UsageError(f"--profile: there is no file {name}")
    return Profile.from_toml(Path(name))


def _write(
    population: Population,
    output: Path,
    form: str,
    progress: Callable[[str, int, int], None],
    *,
    aliases: bool,
    register: bool,
) -> dict[str, int]:
    """Write every file, and count the rows of each."""
    from linkage.io.growing import GrowingTable
    from linkage.io.outputs import new_folder
    from linkage.synth.blocks import AgencyFile, alias_blocks, register_blocks
    from linkage.synth.listed import AliasFile

    rows: dict[str, int] = {}
    total = sum(one.person.size for one in population.rows.values())
    with new_folder(output) as folder:

        def fill(name: str, blocks: Iterable[Columns]) -> None:
            with GrowingTable(folder / f"{name}.{form}", parquet=form == "parquet") as table:
                for block in blocks:
                    table.write(block)
            if table.rows or name in population.rows:
                rows[f"{name}.{form}"] = table.rows

        with GrowingTable(folder / f"truth.{form}", parquet=form == "parquet") as truth:

            def told(file: AgencyFile) -> Iterator[Columns]:
                for block in file.blocks():
                    yield block.columns
                    truth.write(block.truth)
                    progress("rows", truth.rows, total)

            for view in population.rows:
                file = AgencyFile.of(population, view)
                fill(view, told(file))
                if aliases:
                    fill(f"{view}_aliases", AliasFile.of(file).blocks())
        if register:
            fill("people", register_blocks(population))
            fill("people_aliases", alias_blocks(population))
    return {**rows, f"truth.{form}": truth.rows}
