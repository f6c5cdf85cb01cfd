"""The command `demo`: the whole story on synthetic data, every command shown as it runs."""

from __future__ import annotations

import os
import shlex
import time
from contextlib import chdir
from pathlib import Path

import click

from linkage.cli.console import NEW_PATH, console, shared_options

_AGENCIES = ("police", "court", "prison")
#: Among fewer, every event is so rare that it may be held back.
_ENOUGH_FOR_PATHWAYS = 200


@click.command()
@click.argument("folder", type=NEW_PATH)
@click.option("--people", type=click.IntRange(min=10), default=5000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@shared_options
def demo(folder: Path, people: int, seed: int) -> None:
    """Play all three roles on synthetic data: three agencies' files in, linked persons out.

    Shows every command before it runs it. Nothing in it is about a real person.

    \b
    Example: linkage demo my-first-linkage
    """
    from linkage.io.outputs import check_output

    check_output(folder, folder=True)
    folder.mkdir(exist_ok=True)
    start = time.perf_counter()
    with chdir(folder):
        _story(people, seed)
    if not console().level:
        return
    click.echo(f"\nDone in {time.perf_counter() - start:.0f} seconds. Look into {folder}{os.sep}:")
    for name, what in (
        (f"results{os.sep}", "what the linker found"),
        ("pathways.html", "how persons go through the agencies, in numbers to be published"),
        ("police_persons.csv", "what the police get back: a person id for each of their records"),
        ("police.enc.parquet", "all that the linker saw of the police to link their records"),
        ("police.events.parquet", "all that was passed along beside: years and types of events"),
        ("schema.toml", "what the agencies agreed on"),
    ):
        if Path(folder, name).exists():
            click.echo(f"  {name:<22} {what}")


def _story(people: int, seed: int) -> None:
    _chapter("An engineer makes synthetic data of three agencies, with the truth about it.")
    _run(f"synth --people {people} --seed {seed} -o raw")
    _chapter("The agencies agree on a schema and share a key. The linker never gets the key.")
    _run(f"schema init {' '.join(f'raw/{one}.csv' for one in _AGENCIES)} --events -o schema.toml")
    _run("keygen -o project.key")
    for agency in _AGENCIES:
        _chapter(f"{agency.capitalize()}, on their own machine, encode their records.")
        _run(
            f"encode raw/{agency}.csv --schema schema.toml --key project.key "
            f"--dataset {agency} -o {agency}.enc.parquet"
        )
    _chapter("The linker gets the three encoded files, and nothing else.")
    encoded = " ".join(f"{agency}.enc.parquet" for agency in _AGENCIES)
    _run("inspect police.enc.parquet")
    _run(f"link {encoded} --deduplicate -o results")
    _chapter("Each agency gets person ids for its own records.")
    for agency in _AGENCIES:
        _run(f"resolve results/{agency}.parquet --ids {agency}.ids.parquet -o {agency}_persons.csv")
    if people >= _ENOUGH_FOR_PATHWAYS:
        _chapter(
            "The agencies pass years and types of events along: who goes from one to another, and "
            "who comes back?"
        )
        _run("pathways results -o pathways.html")
    _chapter("How good was it? Only synthetic data can tell, as only there the truth is known.")
    ids = " ".join(f"--ids {agency}={agency}.ids.parquet" for agency in _AGENCIES)
    _run(f"evaluate results --truth raw/truth.csv {ids}")


def _chapter(text: str) -> None:
    if console().level:
        click.secho(f"\n{text}", bold=True)


def _run(command: str) -> None:
    """Show a command of `linkage` and run it; stop the story where it fails."""
    from linkage.cli.main import linkage

    arguments = shlex.split(command)
    if console().level:
        click.echo(f"$ linkage {command}")
    else:
        arguments.append("--quiet")
    linkage.main(arguments, prog_name="linkage", standalone_mode=False)
