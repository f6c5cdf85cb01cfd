"""What `schema check` says of a schema's hardening."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import print_table

if TYPE_CHECKING:
    from linkage.schema import LinkageSchema

#: Strangers among this many pairs are told apart at record level; at field level two deviations.
_PAIRS = 1e9


def hardening_facts(loaded: LinkageSchema) -> dict[str, Any]:
    """Say what hardening makes of bits, thresholds, and of noise; similarities by slice."""
    from linkage.hardening import Q_GRAMS, epsilon

    graded = [one.name for one in loaded.compared_fields if one.type != "sex"]
    slices = graded if loaded.level == "field" else ["clk"]
    facts: dict[str, Any] = {
        "hardening": loaded.hardening_texts,
        "slice_bits": loaded.slice_bits,
        "similarity": {name: _similarity(loaded, name) for name in slices},
    }
    steps, bits = loaded.hardening, loaded.filter.bits
    if epsilon(steps, bits, 1) is not None:
        facts["epsilon"] = {
            one.name: {
                "q_gram": epsilon(steps, bits, one.bits_per_feature / Q_GRAMS),
                "value": epsilon(steps, bits, one.bits_per_feature),
            }
            for one in loaded.compared_fields
        }
    return facts


def _similarity(loaded: LinkageSchema, name: str) -> dict[str, Any]:
    """Say what Dice of plain filters become in a slice, above what strangers reach by noise."""
    from linkage.transfer import LEVEL_DEVIATIONS, deviations_of

    transfer, decision = loaded.transfer(name), loaded.decision
    record = loaded.level == "record"
    floor = transfer.floor(deviations_of(_PAIRS) if record else LEVEL_DEVIATIONS)
    wanted = (decision.threshold, decision.review_threshold) if record else decision.agreement
    return {
        "fill": round(transfer.fill, 4),
        "noise_below": floor,
        "dice": {f"{plain:g}": max(transfer.dice(plain), floor) for plain in wanted},
    }


def print_hardening(loaded: LinkageSchema) -> None:
    """Print the steps, what they make of thresholds, and what noise promises, in 80 columns."""
    from linkage.hardening import Q_GRAMS

    facts = hardening_facts(loaded)
    click.echo(f"hardening, which makes slices of {facts['slice_bits']:,} bits:")
    for text in facts["hardening"]:
        click.echo(click.wrap_text(text, 78, initial_indent="  ", subsequent_indent="    "))
    rows = facts["similarity"]
    if rows:
        _print_similarity(rows)
    if "epsilon" in facts:
        print_table(
            ["epsilon of noise", f"a q-gram (of {Q_GRAMS})", "a value"],
            [
                [name, f"{one['q_gram']:.1f}", f"{one['value']:.0f}"]
                for name, one in facts["epsilon"].items()
            ],
        )
        click.echo("  above 1 or so it promises little, and above 10 nothing")


def _print_similarity(rows: dict[str, Any]) -> None:
    bounds = list(next(iter(rows.values()))["dice"])
    print_table(
        ["plain Dice", "fill", *bounds],
        [
            [name, f"{one['fill']:.2f}", *(f"{value:.3f}" for value in one["dice"].values())]
            for name, one in rows.items()
        ],
    )
    if any(one["noise_below"] in list(one["dice"].values())[:-1] for one in rows.values()):
        click.echo("  figures that are the same are one level: noise covers what is below")
