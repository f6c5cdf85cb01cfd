"""The options of `encode` that plant people, and what they make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import Command, Share, console

if TYPE_CHECKING:
    from linkage.agency.clkhash import ClkhashEncoder
    from linkage.agency.encode import Encoder
    from linkage.agency.plant import Planter
    from linkage.schema import LinkageSchema

_ROUND, _PROFILE = "1", "default"


def _is_name(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    if given is not None and not (given.isascii() and given.isalnum() and len(given) <= 40):
        raise click.BadParameter("use up to 40 letters and digits")
    return given


def plant_options(command: Command) -> Command:
    """Add the options; the command gets them all as `**planting`."""
    options = (
        click.option(
            "--plant",
            type=click.IntRange(1, 100_000),
            metavar="PEOPLE",
            help="Hide fictional people among yours, so that quality can be measured.",
        ),
        click.option("--plant-share", type=Share(), help="The share of them that you have; 1."),
        click.option(
            "--plant-repeats", is_flag=True, help="Some have several records, as your people do."
        ),
        click.option("--plant-profile", help="Their errors, as `synth --profile`; default."),
        click.option(
            "--plant-round", metavar="NAME", callback=_is_name, help="New people by a new name; 1."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def check_planting(schema: LinkageSchema, planting: Mapping[str, Any], *, keep_ids: bool) -> None:
    """Raise `UsageError` for options that exclude each other."""
    from linkage.errors import UsageError

    if planting["plant"] is None:
        if any(one not in (None, False) for one in planting.values()):
            raise UsageError("--plant-... says how to plant; say how many people with --plant")
    elif keep_ids:
        raise UsageError("--keep-ids would show which records --plant hides; leave one of them out")
    elif schema.clkhash is not None:
        raise UsageError("--plant needs a schema of ours; leave it out for a clkhash schema")


def make_planter(
    encoder: Encoder | ClkhashEncoder, key_file: Path, file: Path, planting: Mapping[str, Any]
) -> Planter | None:
    """Make planted people from the key, and this agency's records of them."""
    from linkage.agency.encode import Encoder
    from linkage.agency.keys import ProjectKey
    from linkage.agency.plant import Planter, Seeds
    from linkage.io.tables import column_names
    from linkage.synth.planted import record_people
    from linkage.synth.profile import Profile

    if planting["plant"] is None:
        return None
    assert isinstance(encoder, Encoder)
    key = ProjectKey.load(key_file)
    profile = planting["plant_profile"] or _PROFILE
    rates = (
        Profile.from_toml(Path(profile)) if profile.endswith(".toml") else Profile.named(profile)
    )
    seeds = Seeds.derive(key, encoder.dataset, planting["plant_round"] or _ROUND)
    fictional = record_people(
        planting["plant"],
        seeds.people,
        rates,
        encoder.dataset,
        seeds.records,
        repeats=planting["plant_repeats"],
    )
    share = 1.0 if planting["plant_share"] is None else planting["plant_share"]
    planter = Planter(encoder, key, column_names(file), fictional, seeds, share=share)
    if planter.unfilled:
        console().say(
            f"note: planted people have no {', '.join(planter.unfilled)}, so what it does for the "
            "quality is not measured"
        )
    return planter
