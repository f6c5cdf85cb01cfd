"""Show what `evaluate` measured, as tables of at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from linkage.cli.console import clean, print_table

_FIGURES = ("precision", "recall", "f1")
_LONGEST_NAME = 14
_CURVE_ROWS = 9
_FATES = {
    "linked": "linked",
    "in_review": "to review",
    "assigned_elsewhere": "strong enough, but rivals took its place",
    "scored_low": "too weak for review",
    "never_blocked": "never in one block",
    "not_told": "not kept; why, the encoded files would tell",
}
_FALSE_KINDS = {
    "instead_of_a_match": "instead of a match that was missed",
    "beside_a_match": "beside a match that was found",
    "no_match_there": "where neither record has a match",
}


def print_answer(answer: Mapping[str, Any], *, whole: bool) -> None:
    """Print all tables; with `whole`, groups in full."""
    _print_figures(answer)
    _print_blocking(answer["blocking"])
    _print_causes(answer["causes"])
    _print_curve(answer["curve"], answer["best_threshold"])
    if answer["fairness"] is not None:
        _print_fairness(answer["fairness"], whole=whole)
    for note in answer["notes"]:
        click.echo(f"note: {clean(note)}")


def _print_figures(answer: Mapping[str, Any]) -> None:
    persons, intervals = answer["persons"], answer["intervals"]
    rows = [
        _row(f"{one['left']} - {one['right']}", [one[name] for name in _FIGURES])
        for one in answer["by_data_sets"]
    ]
    rows.append(_row("all pairs", [answer["pairwise"][name] for name in _FIGURES]))
    rows += _bounds(intervals and intervals["pairwise"])
    best = answer["best_threshold"]
    if best["threshold"] is not None:
        rows.append(
            _row(f"at best cut-off {best['threshold']:.3f}", [best[name] for name in _FIGURES])
        )
    if persons is not None:
        rows.append(_row("persons (B-cubed)", [persons[name] for name in _FIGURES]))
        rows += _bounds(intervals and intervals["persons"])
        rows.append(_row("pairs within persons", [persons[f"pair_{name}"] for name in _FIGURES]))
    print_table(["", "precision", "recall", "F1"], rows)
    if persons is not None:
        click.echo(
            f"{persons['exact']:.1%} of {persons['persons']:,} true persons have all their "
            "records, and no other, under one person id"
        )


def _row(name: str, figures: Sequence[float]) -> list[Any]:
    return [name, *(f"{figure:.4f}" for figure in figures)]


def _bounds(intervals: Mapping[str, Any] | None) -> list[list[Any]]:
    """Give a row of intervals, if there are any."""
    if not intervals:
        return []
    return [["  95 % interval", *(_between(intervals[name], 4) for name in _FIGURES)]]


def _between(bounds: Mapping[str, float] | None, digits: int) -> str:
    if bounds is None:
        return "-"
    return f"{bounds['lower']:.{digits}f}-{bounds['upper']:.{digits}f}"


def _print_blocking(blocking: Mapping[str, Any]) -> None:
    if blocking["pairs_completeness"] is None:
        return
    click.echo(
        f"pairs completeness {blocking['pairs_completeness']:.4f}, "
        f"reduction ratio {blocking['reduction_ratio']:.5f}"
    )
    rows = [
        [
            one["name"],
            "" if one["comparisons"] is None else one["comparisons"],
            one["pairs_completeness"],
            one["alone"],
        ]
        for one in blocking["passes"]
    ]
    click.echo()
    print_table(["blocking pass", "comparisons", "matches met", "met by no other"], rows)


def _print_causes(causes: Mapping[str, Any]) -> None:
    click.echo()
    held = causes["clustered_apart"] is not None
    rows = [
        [_FATES[one["fate"]], one["pairs"], one["share"]] + ([one["one_person"]] if held else [])
        for one in causes["by_fate"]
        if one["pairs"] or one["fate"] != "assigned_elsewhere"
    ]
    print_table(["true matches", "pairs", "share", *(["one person"] if held else [])], rows)
    if causes["clustered_apart"]:
        click.echo(f"{causes['clustered_apart']:,} linked matches ended in different persons")
    for one in causes["unlinked_repeats"] or ():
        click.echo(
            f"{one['data_set']}: {one['pairs']:,} more matches lie within it, where the run did "
            f"not link; {one['one_person']:,} of them are one person by other links"
        )
    if any(one["pairs"] for one in causes["by_fate"] if one["fate"] != "linked"):
        _print_agreement(causes["agreement"])
    _print_false_links(causes["false_links"])


def _print_agreement(agreement: Sequence[Mapping[str, Any]] | None) -> None:
    """Show on what missed matches agree, beside found ones."""
    if not agreement or len(agreement) < 2:
        return
    kinds = ("missing", "differs", "similar")
    rows = [
        [one["field"], *(_share(one["missed"][kind]) for kind in kinds), "|"]
        + [_share(one["found"][kind]) for kind in kinds]
        for one in agreement
    ]
    click.echo("\non what missed matches agree, and on what found ones (right)")
    print_table(["", *kinds, "", *kinds], rows)


def _share(share: float) -> str:
    return f"{share:.3f}"


def _print_false_links(false: Mapping[str, Any]) -> None:
    if not false["false_links"]:
        return
    click.echo()
    if false["by_kind"] is not None:
        total = max(1, sum(false["by_kind"].values()))
        rows = [
            [_FALSE_KINDS[name], count, count / total] for name, count in false["by_kind"].items()
        ]
        print_table(["false links", "pairs", "share"], rows)
    same = {name: one for name, one in false["same_group"].items() if one is not None}
    if same:
        rows = [[name, one["share"], one["by_chance"]] for name, one in same.items()]
        print_table(["false links of one and the same", "share", "by chance"], rows)


def _print_curve(curve: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> None:
    if len(curve) < 2:
        return
    step = max(1, -(-len(curve) // _CURVE_ROWS))
    rows = [
        [
            f"{one['threshold']:.4g}"
            + (" (best)" if one["threshold"] == best["threshold"] else ""),
            one["true_positives"] + one["false_positives"],
            *(one[name] for name in _FIGURES),
        ]
        for place, one in enumerate(curve)
        if place % step == 0 or one["threshold"] == best["threshold"] or place == len(curve) - 1
    ]
    click.echo()
    print_table(["cut-off", "links", "precision", "recall", "F1"], rows)


def _print_fairness(fairness: Mapping[str, Any], *, whole: bool) -> None:
    if whole:
        for one in fairness["columns"]:
            _print_groups(one)
    rows = [
        [
            *map(_short, (one["column"], gap["lowest"], gap["highest"])),
            gap["gap"],
            _between(gap["interval"], 4) + ("*" if gap["significant"] else ""),
        ]
        for one in fairness["columns"]
        if (gap := one["gap"]) is not None
    ]
    if rows:
        click.echo()
        print_table(["groups by", "lowest recall", "highest", "gap", "95 % interval"], rows)
    if not whole:
        click.echo("(--group COLUMN shows the groups of a column)")
    for warning in fairness["warnings"]:
        click.echo(f"warning: {clean(warning)}")
    for one in fairness["columns"]:
        for note in one["notes"]:
            click.echo(f"note: {clean(note)}")


def _print_groups(column: Mapping[str, Any]) -> None:
    rows = []
    for one in column["groups"]:
        name = _short(one["group"])
        if one["withheld"]:
            rows.append([name, "", "withheld", "", "", "", ""])
            continue
        ratio = _with_bounds(one["missed_ratio"], one["missed_ratio_interval"], 1)
        rows.append(
            [name, one["people"], _with_bounds(one["recall"], one["recall_interval"], 3)]
            + ["largest" if one["group"] == column["largest"] else ratio + _mark(one["differs"])]
            + [_plain(one[figure]) for figure in ("precision", "review_share", "fill")]
        )
    click.echo()
    header = ["people", "recall (95 %)", "missed, times", "prec.", "review", "fill"]
    print_table([_short(column["column"]), *header], rows)


def _with_bounds(value: float | None, bounds: Mapping[str, Any] | None, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}f}" + ("" if bounds is None else f" ({_between(bounds, digits)})")


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mark(differs: bool | None) -> str:
    return "*" if differs else ""


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
