"""Where misses and false links come from, so that an engineer knows what to fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.judged import LINK, REVIEW, Judged
from linkage.evaluate.pairs import plain, ratio
from linkage.evaluate.truth import UNKNOWN, Truth, count_matches

#: What became of a true match. `not_told` is one of the three before it, where nobody can tell.
FATES = ("linked", "in_review", "assigned_elsewhere", "scored_low", "never_blocked", "not_told")
_LINKED, _IN_REVIEW, _ELSEWHERE, _LOW, _UNBLOCKED, _NOT_TOLD = range(len(FATES))
#: What else is known of the records of a false link, by which it is told apart.
FALSE_KINDS = ("instead_of_a_match", "beside_a_match", "no_match_there")


def match_causes(
    judged: Judged,
    together: NDArray[np.bool_] | None,
    met: NDArray[np.bool_] | None,
    strong: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    """Tell what became of the true matches.

    A match is linked or in review; or it never met in a block; or by its own weight it is too weak
    even for review; or it is strong enough and others took its place, by competition of candidates
    or by one-to-one assignment.

    Parameters
    ----------
    together
        `bool[pairs]`, whether the run gave the two records one person; None if there are none.
    met
        Of the pairs that are `judged.missing`, whether they met in a block; None if nobody knows.
    strong
        Of the same pairs, whether they are strong enough for review by their own weight; None if
        nobody knows.

    Returns
    -------
    dict
        `by_fate`: for each of `FATES` that occurs `pairs`, `share` of all true matches, and
        `one_person`, how many of them have one person all the same. `clustered_apart` are linked
        matches in different persons. `by_data_sets` has the pairs by fate.
    """
    fate = _fates(judged, met, strong)[judged.match]
    worth, place = judged.worth[judged.match], judged.place[judged.match]
    held = None if together is None else together[judged.match]
    total = float(worth.sum())
    by_fate = []
    for number, name in enumerate(FATES):
        here = fate == number
        if here.any() or number != _NOT_TOLD:
            pairs = float(worth[here].sum())
            one = None if held is None else plain(float(worth[here & held].sum()))
            by_fate.append(
                {"fate": name, "pairs": plain(pairs), "share": ratio(pairs, total)}
                | {"one_person": one}
            )
    cells = np.bincount(place * len(FATES) + fate, worth, len(judged.places) * len(FATES))
    apart = None if held is None else plain(float(worth[(fate == _LINKED) & ~held].sum()))
    return {
        "true_matches": plain(total),
        "by_fate": by_fate,
        "clustered_apart": apart,
        "by_data_sets": [
            {"left": left, "right": right}
            | {name: plain(count) for name, count in zip(FATES, row, strict=True)}
            for (left, right), row in zip(
                judged.places, cells.reshape(-1, len(FATES)).tolist(), strict=True
            )
        ],
    }


def _fates(
    judged: Judged, met: NDArray[np.bool_] | None, strong: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    fate = np.full(len(judged.match), _NOT_TOLD)
    fate[judged.status == LINK] = _LINKED
    fate[judged.status == REVIEW] = _IN_REVIEW
    if met is not None:
        missing = np.full(len(met), _NOT_TOLD)
        if strong is not None:
            missing[met] = np.where(strong[met], _ELSEWHERE, _LOW)
        missing[~met] = _UNBLOCKED
        fate[judged.missing] = missing
    return fate


def unlinked_repeats(
    persons: Sequence[NDArray[np.int64]], truth: Truth, places: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """Count the true matches within data sets that the run did not link within.

    They are no pairs of the run, but records of one person all the same: `one_person` are those
    that links to other data sets brought together.
    """
    made = []
    for place, true in enumerate(truth.person):
        if (place, place) in places:
            continue
        both = np.where(true != UNKNOWN, persons[place] * truth.people + true, UNKNOWN)
        made.append({
            "data_set": place,
            "pairs": count_matches([true], 0, 0),
            "one_person": count_matches([both], 0, 0),
        })  # fmt: skip
    return [one for one in made if one["pairs"]]


def false_causes(
    judged: Judged,
    together: NDArray[np.bool_] | None,
    truth: Truth | None,
    labels: Mapping[str, NDArray[np.int64]],
) -> dict[str, Any]:
    """Tell what is known of the false links.

    `by_kind` needs a truth: a false link stands *instead of a match* if one of its records has true
    matches in the other data set and none is linked; else *beside a match* if one of them is
    linked; else there is *no match there* for either. `one_person` are the false links whose
    records ended in one person.

    `labels` `int64[records]` are columns of groups, `UNKNOWN` where there is none. `same_group`
    has, by column, the `share` of false links whose ends have one label, and `by_chance`, the share
    that ends at random would have: much more than that is a cause.
    """
    false = judged.take(judged.linked & ~judged.match)
    worth = false.worth
    held = None if together is None else together[judged.linked & ~judged.match]
    answer: dict[str, Any] = {
        "false_links": plain(float(worth.sum())),
        "one_person": None if held is None else plain(float(worth[held].sum())),
        "by_kind": None,
        "same_group": {name: _same(false, worth, label) for name, label in labels.items()},
    }
    if truth is not None:
        kinds = _false_kinds(judged, false, truth)
        answer["by_kind"] = {
            name: plain(float(worth[kinds == number].sum()))
            for number, name in enumerate(FALSE_KINDS)
        }
    return answer


def _false_kinds(judged: Judged, false: Judged, truth: Truth) -> NDArray[np.int64]:
    """Tell false links apart by the matches and the right links that their records have."""
    records, places = int(truth.starts[-1]), len(judged.places)
    # A record's matches count by pair of data sets: the false link lies in one of these.
    match = judged.take(judged.match)
    right = match.take(match.linked)
    matches, linked = (
        np.bincount(
            np.concatenate([one.left, one.right]) * places + np.tile(one.place, 2),
            minlength=records * places,
        )
        for one in (match, right)
    )
    ends = [end * places + false.place for end in (false.left, false.right)]
    instead = np.any([(matches[end] > 0) & (linked[end] == 0) for end in ends], axis=0)
    beside = np.any([linked[end] > 0 for end in ends], axis=0)
    return np.where(instead, 0, np.where(beside, 1, 2))


def _same(
    false: Judged, worth: NDArray[np.float64], label: NDArray[np.int64]
) -> dict[str, float] | None:
    """Give the share of false links whose ends have one label, of those where both have one."""
    one, other = label[false.left], label[false.right]
    known = (one != UNKNOWN) & (other != UNKNOWN)
    total = float(worth[known].sum())
    if not total:
        return None
    ends = np.concatenate([one[known], other[known]])
    marginal = np.bincount(ends, np.tile(worth[known], 2)) / (2 * total)
    same = float(worth[known & (one == other)].sum())
    return {"share": same / total, "by_chance": float(marginal @ marginal)}
