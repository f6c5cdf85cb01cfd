"""What `link --plan` shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import console, print_json, print_table

if TYPE_CHECKING:
    from linkage.engine.plan import Plan
    from linkage.model import Encodings


def read_files(files: tuple[Path, ...], identity: Path | None) -> list[Encodings]:
    """Read encoded files, two at a time: each takes the memory of a batch besides its content."""
    from concurrent.futures import ThreadPoolExecutor
    from importlib import import_module

    from linkage.io.encoded import read_encodings

    with ThreadPoolExecutor(2) as pool:
        reading = pool.map(lambda file: read_encodings(file, identity), files)
        import_module("linkage.engine.local")  # takes a second, in which the files are read
        return list(reading)


def show_plan(
    encodings: list[Encodings],
    chosen: dict[str, Any],
    settings: dict[str, Any],
    as_json: bool,
) -> None:
    """Plan a run, and show what it would do."""
    from linkage.engine.plan import plan
    from linkage.linker.memory import Size, in_gib, needed
    from linkage.linker.setup import Choices

    made = plan(encodings, Choices(**chosen), **settings)
    memory = needed([Size.of_encodings(one) for one in encodings])
    if as_json:
        print_json(_plan_summary(made) | {"memory_bytes": memory})
    elif console().level:
        _print_plan(made)
        click.echo(f"memory: about {in_gib(memory)}, and 24 bytes a pair found")


def _plan_summary(made: Plan) -> dict[str, Any]:
    whole = made.completeness
    seconds, met, alone = made.seconds, whole.by_pass, whole.alone
    passes = [
        vars(one) | {"seconds": round(s, 3), "links_met": m, "links_met_alone": a}
        for one, s, m, a in zip(made.passes, seconds, met, alone, strict=True)
    ]
    completeness = {
        "estimate": whole.share if whole.links else None,
        "interval": list(whole.interval),
        "sampled_links": whole.links,
    }
    return {
        "passes": passes,
        "comparisons": sum(one.comparisons for one in made.passes),
        "all_pairs": made.all_pairs,
        "seconds": round(sum(seconds), 3),
        "pairs_completeness": completeness,
    }


def _print_plan(made: Plan) -> None:
    whole = made.completeness
    capped = any(one.skipped_blocks for one in made.passes)
    header = ["pass", "blocks", "largest", "comparisons", "seconds", "of links", "alone"]
    rows: list[list[Any]] = []
    for one, seconds, met, alone in zip(
        made.passes, made.seconds, whole.by_pass, whole.alone, strict=True
    ):
        row = [one.name, one.blocks, one.largest_block, one.comparisons, f"{seconds:.1f}"]
        row += [f"{met / max(1, whole.links):.3f}", f"{alone / max(1, whole.links):.3f}"]
        rows.append(row + ([one.skipped_blocks, round(one.lost_links)] if capped else []))
    print_table(header + (["skipped", "lost links"] if capped else []), rows)
    comparisons = sum(one.comparisons for one in made.passes)
    share = comparisons / max(1, made.all_pairs)
    click.echo(f"{comparisons:,} comparisons, {share:.2%} of all pairs; comparing them")
    click.echo(
        f"takes about {sum(made.seconds):.0f} seconds, and training and files as much as now"
    )
    if not whole.links:
        click.echo("pairs completeness: unknown, for no sample compared in full holds a link")
        return
    low, high = whole.interval
    click.echo(
        f"pairs completeness: about {whole.share:.3f} ({low:.3f} to {high:.3f}), from "
        f"{whole.links:,} links of rows compared with all others"
    )
