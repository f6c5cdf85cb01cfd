"""The command `explain`: why two records are a link, or are none."""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    EXISTING_FOLDER,
    NEW_PATH,
    console,
    print_json,
    print_table,
    shared_options,
)

if TYPE_CHECKING:
    from linkage.io.results import Results
    from linkage.linker.explain import Explanation
    from linkage.model import Encodings, Pairs

    #: Of the pair, the numbers of its two data sets, or those of its two records in one of them.
    Two = tuple[int, int]

_WIDTH, _BAR = 78, 20
_LONGEST_NAME, _LONGEST_ID = 29, 128
_SHOWN_RIVALS = 5
_STATUS = {"link": "a link", "review": "to review", "none": "not in the results"}


def _end(context: click.Context, option: click.Parameter, given: str) -> tuple[str, str]:
    """Read `DATASET:RECORD`; a record id may hold a colon itself."""
    name, _, record = given.partition(":")
    if not name or not record:
        raise click.BadParameter("write DATASET:RECORD, as police:5d2148039ab018b7d0ea")
    return name, record


@click.command()
@click.argument("results", type=EXISTING_FOLDER)
@click.option("--left", metavar="DATASET:RECORD", required=True, callback=_end, help="A record.")
@click.option("--right", metavar="DATASET:RECORD", required=True, callback=_end, help="Another.")
@click.option("--identity", type=EXISTING_FILE, help="Your identity, for sealed files.")
@click.option(
    "--encoded",
    multiple=True,
    type=EXISTING_FILE,
    help="Where an encoded file lies now, if it was moved since `link`; repeat for each.",
)
@click.option("--html", type=NEW_PATH, help="Write a page with a waterfall chart.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def explain(
    results: Path,
    left: tuple[str, str],
    right: tuple[str, str],
    identity: Path | None,
    encoded: tuple[Path, ...],
    html: Path | None,
    as_json: bool,
) -> None:
    """Show what each field of two records weighs, for any pair of records of a run.

    Weights are log2 of odds: with 0 a match is as likely as not, and each bit more doubles the
    odds. They add up to the match weight of the run. It shows levels of agreement, no values.

    \b
    Example: linkage explain results/ --left police:5d2148039ab018b7d0ea \\
               --right court:002ce943f54432919333
    """
    from linkage.io.outputs import check_output
    from linkage.io.results import read_results

    if html is not None:
        check_output(html, encoded)
    found = read_results(results)
    places, records = _pair(found, results, left, right)
    answer = _answer(found, results, places, records, _encodings(found, results, encoded, identity))
    if html is not None:
        _write_page(html, answer)
        answer["html"] = str(html)
    if as_json:
        print_json(answer)
    elif console().level:
        _print_answer(answer)


def _pair(
    found: Results, results: Path, left: tuple[str, str], right: tuple[str, str]
) -> tuple[Two, Two]:
    """Give data sets and records of the pair, in the order of the run."""
    import numpy as np

    from linkage.errors import UsageError, shown

    ends = []
    for option, (name, record) in (("--left", left), ("--right", right)):
        if name not in found.datasets:
            raise UsageError(
                f"{option}: there is no data set '{shown(name)}' in these results; there are "
                f"{', '.join(found.datasets)}"
            )
        place = found.datasets.index(name)
        at = np.flatnonzero(found.records[place] == record)
        if not len(at):
            raise UsageError(
                f"{option}: '{name}' has no record '{shown(record)}'; its "
                f"{len(found.records[place]):,} records stand in {results / f'{name}.parquet'}"
            )
        ends.append((place, int(at[0])))
    if ends[0] == ends[1]:
        raise UsageError("--left and --right are the same record; give two")
    (a, i), (b, j) = sorted(ends)
    return (a, b), (i, j)


def _encodings(
    found: Results, results: Path, moved: tuple[Path, ...], identity: Path | None
) -> list[Encodings]:
    """Read the encoded files of all data sets: how common a value is, all of them tell."""
    from linkage.errors import InputError
    from linkage.io.encoded import read_encodings
    from linkage.io.results import encoded_files

    encodings = []
    files = encoded_files(found.manifest, results, moved)
    for one, path in zip(found.manifest["inputs"], files, strict=True):
        if path is None:
            raise InputError(
                f"{one['file']}, the encoded file of '{one['dataset']}', is not there or has "
                "changed since the run; say where it is now with --encoded"
            )
        encodings.append(read_encodings(path, identity))
    return encodings


def _answer(
    found: Results, results: Path, places: Two, records: Two, encodings: list[Encodings]
) -> dict[str, Any]:
    import numpy as np

    from linkage.linker.explain import most_similar, place_of, rivals_of

    one, other = encodings[places[0]], encodings[places[1]]
    own = _number(one, found, places[0], records[0]), _number(other, found, places[1], records[1])
    status, placed, others = "none", None, []
    for name, tables in (("link", found.links), ("review", found.review)):
        for pairs in tables:
            if (pairs.left_dataset, pairs.right_dataset) == places:
                at = place_of(pairs, records)
                if at is not None:
                    status, placed = name, pairs.take(np.array([at]))
                others += _rivals(found, rivals_of(pairs, records), name)
    if one.schema.level == "record":
        rows, weights = most_similar(one, other, own), _nothing()
    else:
        explained = _explained(results, encodings, places, own, placed)
        rows, weights = explained.rows, _weights(explained, placed)
    numbers = (rows.left_row, rows.left), (rows.right_row, rows.right)
    ends = zip(("left", "right"), places, records, numbers, strict=True)
    answer: dict[str, Any] = {
        side: {
            "dataset": found.datasets[place],
            "record": str(found.records[place][record]),
            "row": row,
            "rows": count,
        }
        for side, place, record, (row, count) in ends
    }
    answer |= {"status": status, "decided": _is_decided(placed), "similarity": rows.similarity}
    answer |= weights | {"passes": _passes(found, results, one, other, own), "rivals": others}
    answer["why_not"] = None if status != "none" else _why_not(found, places, answer)
    return answer


def _is_decided(placed: Pairs | None) -> bool:
    """Tell whether a person decided on the pair: the run weighs such pairs as certain."""
    from linkage.model import DECIDED_BITS

    return placed is not None and abs(float(placed.weight[0])) == DECIDED_BITS


def _number(encodings: Encodings, found: Results, place: int, record: int) -> int:
    """Give the number of a record in the encoded file; in the results they are sorted."""
    import numpy as np

    text = str(found.records[place][record]).encode()
    return int(np.flatnonzero(encodings.records == text)[0])


def _explained(
    results: Path, encodings: list[Encodings], places: Two, own: Two, placed: Pairs | None
) -> Explanation:
    """Explain by the model of the run, up to the weight that it gave the pair in the end."""
    from linkage.errors import InputError, MismatchError
    from linkage.io.results import read_model
    from linkage.linker.explain import Weigher

    path = results / "model.json"
    if not path.is_file():
        raise InputError(f"{path} is missing: put it back, or link again")
    content = read_model(path)
    try:
        weigher = Weigher.of(encodings, content)
    except (InputError, MismatchError) as error:
        raise type(error)(f"{path}: {error}") from None
    similarity = None if placed is None else float(placed.similarity[0])
    explained = weigher.explain(places, own, similarity)
    if placed is None or _is_decided(placed):
        return explained
    return explained.settled(float(placed.weight[0]))


def _weights(explained: Explanation, placed: Pairs | None) -> dict[str, Any]:
    """Give the weights; steps add up to the match weight, or the own one if a person decided."""
    totals = list(accumulate(one.weight for one in explained.steps))
    own = sum(one.weight for one in explained.steps if one.kind != "rivals")
    if placed is None:
        weight, chance = own, 1 / (1 + 2.0 ** min(-own, 1000.0))
    else:
        weight, chance = float(placed.weight[0]), float(placed.probability[0])
    return {
        "match_weight": weight,
        "match_probability": chance,
        "own_weight": own,
        "steps": [
            {"kind": one.kind, "name": one.name, "weight": one.weight, "total": total}
            | ({"level": one.level, "rarity": one.rarity} if one.kind == "field" else {})
            for one, total in zip(explained.steps, totals, strict=True)
        ],
        "most_like_non_matches_with": list(explained.likeliest),
    }


def _nothing() -> dict[str, Any]:
    figures = dict.fromkeys(("match_weight", "match_probability", "own_weight"))
    return figures | {"steps": [], "most_like_non_matches_with": []}


def _rivals(found: Results, pairs: Pairs, status: str) -> list[dict[str, Any]]:
    from math import isnan

    left, right = found.records[pairs.left_dataset], found.records[pairs.right_dataset]
    columns = (pairs.left, pairs.right, pairs.similarity, pairs.weight)
    return [
        {
            "left_record": str(left[i]),
            "right_record": str(right[j]),
            "status": status,
            "similarity": similarity,
            "match_weight": None if isnan(weight) else weight,
        }
        for i, j, similarity, weight in zip(*(one.tolist() for one in columns), strict=True)
    ]


def _passes(found: Results, results: Path, one: Encodings, other: Encodings, own: Two) -> list[str]:
    from linkage.errors import InputError
    from linkage.linker.block import Blocking
    from linkage.linker.explain import meeting_passes

    try:
        blocking = Blocking.from_summary(found.manifest["blocking"])
        return list(meeting_passes(blocking, one, other, own))
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{results}: the manifest is damaged; link again") from None


def _why_not(found: Results, places: Two, answer: dict[str, Any]) -> str:
    """Say why a pair is neither a link nor for review."""
    linked = [(one.left_dataset, one.right_dataset) for one in found.links]
    if places not in linked:
        return f"the run did not link the records within '{found.datasets[places[0]]}'"
    if not answer["passes"]:
        return "no blocking pass compares these records (see linkage link --plan)"
    decision = found.manifest.get("decision", {})
    least = decision.get("review_probability", decision.get("review"))
    own = answer["match_probability"]
    if least is not None and (answer["similarity"] if own is None else own) < least:
        return f"it is less likely than what goes to review ({least:g} and more)"
    return "other candidates of these records won, or a person decided that it is no match"


def _print_answer(answer: dict[str, Any]) -> None:
    """Print in 80 columns; bars are drawn in signs, so that no colour is needed."""
    from linkage.errors import shown

    for side in ("left", "right"):
        one = answer[side]
        row = f", row {one['row']} of {one['rows']}" if one["rows"] > 1 else ""
        click.echo(f"{side:6} {one['dataset']}:{shown(one['record'], _LONGEST_ID)}{row}")
    said = [_STATUS[answer["status"]]]
    if answer["decided"]:
        said.append("decided by a person")
    elif answer["steps"]:
        own = " of its own" if answer["status"] == "none" else ""
        said.append(f"match weight{own} {answer['match_weight']:.2f}")
        said.append(f"match probability {answer['match_probability']:.4f}")
    said.append(f"Dice {answer['similarity']:.4f}")
    _wrapped(", ".join(said))
    if answer["why_not"]:
        _wrapped(answer["why_not"])
    if answer["passes"]:
        _wrapped(f"compared by the passes {', '.join(answer['passes'])}")
    if answer["steps"]:
        _print_steps(answer)
    else:
        _wrapped("these encodings are record-level: Dice of the whole is all there is")
    common = answer["most_like_non_matches_with"]
    if common:
        _wrapped(
            f"of pairs that are no match, most like those with {' and '.join(common)} in common"
        )
    _print_rivals(answer)


def _print_steps(answer: dict[str, Any]) -> None:
    """Print the parts of the weight, each with a bar from the sum before it to that after it."""
    steps = answer["steps"]
    rows = [
        (
            _cut(one["name"]),
            one.get("level", ""),
            _signed(one["rarity"]) if one.get("rarity") else "",
            _signed(one["weight"]),
        )
        for one in steps
    ]
    rows.append(("match weight", "", "", _signed(steps[-1]["total"])))
    width = max(len(row[0]) for row in rows)
    click.echo(f"\n  {'':{width}}  agrees   rarity   weight")
    bars = _bars([one["total"] for one in steps])
    for (name, level, rarity, figure), bar in zip(rows, bars, strict=True):
        click.echo(f"  {name:{width}}  {level:7}  {rarity:>6}  {figure:>7}  {bar}".rstrip())
    click.echo()


def _print_rivals(answer: dict[str, Any]) -> None:
    from linkage.errors import shown

    rivals = answer["rivals"]
    if not rivals:
        return
    many = f"{len(rivals):,} other pairs" if len(rivals) > 1 else "another pair"
    more = f"; the first {_SHOWN_RIVALS}" if len(rivals) > _SHOWN_RIVALS else ""
    click.echo(f"in the results too: {many} of these records{more}")
    print_table(
        ["left", "right", "", "weight" if answer["steps"] else "Dice"],
        [
            [
                shown(one["left_record"], 24),
                shown(one["right_record"], 24),
                one["status"],
                f"{one['similarity']:.4f}"
                if one["match_weight"] is None
                else _signed(one["match_weight"]),
            ]
            for one in rivals[:_SHOWN_RIVALS]
        ],
    )


def _bars(totals: list[float]) -> list[str]:
    """Draw each step in signs: + for more, - for less, and = for the sum; 0 is a |."""
    low, high = min(0.0, *totals), max(0.0, *totals)
    places = [round((one - low) / max(high - low, 1e-9) * (_BAR - 1)) for one in (0.0, *totals)]
    zero = places[0]
    spans = [*pairwise(places), (zero, places[-1])]
    signs = ["+" if after >= before else "-" for before, after in pairwise((0.0, *totals))]
    drawn = []
    for (start, stop), sign in zip(spans, [*signs, "="], strict=True):
        cells = ["|" if place == zero else " " for place in range(_BAR)]
        first, last = min(start, stop), max(start, stop)
        cells[first : last + 1] = sign * (last + 1 - first)
        drawn.append("".join(cells))
    return drawn


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _signed(weight: float) -> str:
    """Write with two digits, and without a sign before 0."""
    return f"{weight:+.2f}" if round(weight, 2) else "0.00"


def _wrapped(text: str) -> None:
    click.echo(click.wrap_text(text, _WIDTH, subsequent_indent="  "))


def _write_page(html: Path, answer: dict[str, Any]) -> None:
    from linkage.io.outputs import new_file
    from linkage.report.waterfall import render_waterfall

    with new_file(html) as draft:
        draft.write_text(render_waterfall(answer), encoding="utf-8")
