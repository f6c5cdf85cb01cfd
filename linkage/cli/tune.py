"""`schema tune`: choose the hardening on an agency's own records, on its own machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linkage.cli.anchors import read_file
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
    from linkage.agency.choices import Choice
    from linkage.agency.neighbours import Rows
    from linkage.cli.tuning import Measured, Trial
    from linkage.schema import LinkageSchema

_OVERLAPS = (1.0, 0.2)
#: Bounds on visible neighbours that anchored codes are tried with.
_NEIGHBOURS = (0.1, 0.02)


@click.command("tune")
@click.argument("files", type=EXISTING_FILE, nargs=-1, required=True)
@click.option("--schema", "schema_file", type=EXISTING_FILE, required=True, help="The schema.")
@click.option("-o", "--output", type=NEW_PATH, help="Write the schema with what is proposed.")
@click.option(
    "--below",
    type=Share(ends=False),
    default=0.01,
    show_default=True,
    help="Propose what names less than this share of people.",
)
@click.option(
    "--overlap",
    "overlaps",
    type=click.FloatRange(0, 1, min_open=True),
    multiple=True,
    help="Share of the people whom the attacker's list has; repeat.  [default: 1, 0.2]",
)
@click.option(
    "--records",
    type=click.IntRange(min=100),
    default=2000,
    show_default=True,
    help="People to sample at most.",
)
@click.option(
    "--restarts", type=click.IntRange(1, 64), default=2, show_default=True, help="Of matching."
)
@click.option(
    "--only", multiple=True, metavar="WORD", help="Try plain and encodings named so; repeat."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads; all cores if not given.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def schema_tune(
    files: tuple[Path, ...],
    schema_file: Path,
    output: Path | None,
    below: float,
    overlaps: tuple[float, ...],
    records: int,
    restarts: int,
    only: tuple[str, ...],
    seed: int,
    threads: int | None,
    as_json: bool,
) -> None:
    """Choose the hardening on your own records: what each encoding costs, and gives away.

    Draws a sample of people, writes a part of them anew with errors, and for each encoding links
    both and attacks one, without the key. Proposes the one that costs least among those that named
    fewer people than --below in every attack. That means not broken by these attempts, and no more.
    Nothing but the schema is written.

    \b
    Example: linkage schema tune police.csv --schema schema.toml -o tuned.toml
             linkage schema tune police.csv court.csv --schema schema.toml --overlap 0.2
    """
    from linkage.cli.tuning import Trial, closest, draw_sample, facts, proposed
    from linkage.io.outputs import check_output, new_file
    from linkage.schema import LinkageSchema

    if output is not None:
        check_output(output, [*files, schema_file])
    loaded = LinkageSchema.load(schema_file)
    _check(loaded, schema_file)
    text = schema_file.read_text(encoding="utf-8-sig")
    rows = [read_file(one, loaded) for one in files]
    sample = draw_sample(rows, loaded, records, seed)
    tried = overlaps or _OVERLAPS
    trial = Trial(sample, tried, restarts, seed, threads or os.cpu_count() or 1)
    wanted = list(_choices(loaded, rows, only))
    found = _measured(trial, wanted, text, schema_file)
    best = proposed(found, below)
    if output is not None and best is not None:
        with new_file(output) as draft:
            draft.write_text(best.text, encoding="utf-8")
    if as_json:
        print_json(
            {
                "people": len(sample),
                "below": below,
                "overlaps": list(tried),
                "encodings": [facts(one, found[0]) for one in found],
                "proposed": best.choice.name if best else None,
                "closest": closest(found).choice.name,
                "written": str(output) if output and best else None,
            }
        )
    elif console().level:
        _print(found, tried, len(sample))
        _print_proposal(found, best, below, output)


def _check(loaded: LinkageSchema, file: Path) -> None:
    from linkage.errors import InputError

    if loaded.clkhash is not None:
        raise InputError(f"{file}: a clkhash schema has no hardening of ours to choose")
    if loaded.anchored:
        raise InputError(
            f"{file}: has anchored codes already; give the schema that `linkage schema init` "
            "drafts without --anchored, and they are tried beside others"
        )


def _named(name: str, words: Sequence[str]) -> bool:
    return not words or name == "plain" or any(word in name for word in words)


def _choices(loaded: LinkageSchema, rows: Sequence[Rows], only: Sequence[str]) -> Iterator[Choice]:
    """Give what is tried: plain first, and anchored codes where passes show so few people."""
    from linkage.agency.anchors import as_passes, choose_anchors
    from linkage.agency.choices import Choice, choices
    from linkage.errors import InputError

    yield from (one for one in choices(loaded) if _named(one.name, only))
    total = sum(one.rows for one in rows)
    for bound in _NEIGHBOURS if loaded.level == "field" else ():
        name = f"anchored, {bound} neighbours"
        if not _named(name, only):
            continue
        try:
            chosen = choose_anchors(loaded, rows, records=total, neighbours=bound)
        except InputError:
            console().say(f"note: no passes show only {bound} people, so no anchored codes of that")
            continue
        yield Choice(name, anchors=tuple(as_passes(chosen.anchors)))


def _measured(trial: Trial, wanted: Sequence[Choice], text: str, file: Path) -> list[Measured]:
    from linkage.agency.choices import with_choice
    from linkage.cli.console import naming

    found = []
    with console().progress("tuning") as progress:
        for place, choice in enumerate(wanted, 1):
            with naming(file):
                edited = with_choice(text, choice)
            found.append(trial.measure(choice, edited))
            progress("encodings", place, len(wanted))
            console().detail(f"{place} of {len(wanted)}: {choice.name} is done")
    return found


def _print(found: Sequence[Measured], overlaps: Sequence[float], people: int) -> None:
    plain = found[0]
    click.echo(f"{people:,} people; F1 of pairs without labels, and the share of people named")
    print_table(
        ["encoding", "F1", "cost", *(f"list {one:.0%}" for one in overlaps), "worst by", "bytes"],
        [
            [
                one.choice.name,
                one.f1,
                f"{100 * (plain.f1 - one.f1):.2f}",
                *(_share(one.named(overlap)) for overlap in overlaps),
                "structure" if one.worst.attack != "graph matching" else "matching",
                one.bytes,
            ]
            for one in found
        ],
    )
    click.echo("  cost in points of F1; an attack that named half is not restarted")


def _share(named: float) -> str:
    return "-" if named != named else f"{named:.1%}"


def _print_proposal(
    found: Sequence[Measured], best: Measured | None, below: float, output: Path | None
) -> None:
    from linkage.cli.tuning import closest

    near = best or closest(found)
    worst = near.worst
    tells = (
        f"{worst.named:.2%} named at most, by {worst.attack} with a list of "
        f"{worst.setting.overlap:.0%}"
    )
    cost = f"{100 * (found[0].f1 - near.f1):.2f} points of F1"
    if best is None:
        said = (
            f"None stays below {below:.1%} in every attack. {near.choice.name} comes closest: "
            f"{tells}, in {near.attempts} attempts, for {cost}."
        )
        if output is not None:
            said += f" {output} is not written."
    else:
        said = (
            f"Proposed: {near.choice.name}, which {near.attempts} attempts did not bring to "
            f"{below:.1%}: {tells}, for {cost}."
        )
        if output is not None:
            said += f" Written: {output}. Audit it on the whole file (linkage audit)."
    click.echo(click.wrap_text(said, 78))
