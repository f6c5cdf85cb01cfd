"""What the encoded files of a run tell of its true matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linkage.cli.console import console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linkage.evaluate.blocking import Rows
    from linkage.evaluate.fairness import Fill
    from linkage.evaluate.judged import Judged
    from linkage.io.results import Results
    from linkage.linker.block import Blocking
    from linkage.linker.missed import Kept
    from linkage.model import Encodings

#: Found matches that missed ones are compared with.
_SAMPLED = 20_000


@dataclass(frozen=True)
class Seen:
    """What the encoded files tell.

    `met` `bool[matches, passes]` are the passes in which each true match met, `strong`
    `bool[missing]` which of those that are neither link nor for review are strong enough for it,
    `fill` how full the filters of each record are, `agreement` by field on what missed matches
    agree, and on what found ones. `passes` have name and comparisons.
    """

    met: NDArray[np.bool_]
    passes: list[dict[str, Any]]
    strong: NDArray[np.bool_] | None
    fill: Fill
    agreement: list[dict[str, Any]]


@dataclass(frozen=True)
class _File:
    """What stays of an encoded file when it has been read: rows stand by record of the results."""

    rows: Rows
    kept: Kept
    fill: NDArray[np.float32]
    passes: tuple[str, ...]
    slices: tuple[str, ...]


def look_into(
    found: Results, results: Path, moved: tuple[Path, ...], identity: Path | None, judged: Judged
) -> Seen | None:
    """Read the encoded files, one after the other; None where one is gone or has changed."""
    import numpy as np

    from linkage.evaluate.fairness import Fill
    from linkage.io.encoded import read_encodings
    from linkage.io.results import encoded_files
    from linkage.linker.block import Blocking

    paths = encoded_files(found.manifest, results, moved)
    for one, path in zip(found.manifest["inputs"], paths, strict=True):
        if path is None:
            console().say(
                f"note: {one['file']} is not there or has changed, so pairs completeness and why "
                "matches were missed are not measured; say where it is now with --encoded"
            )
            return None
    blocking = Blocking.from_summary(found.manifest["blocking"])
    wanted, competed = _wanted(judged, found), _competed(found)
    files = [
        _read(read_encodings(path, identity), place, found, blocking, wanted, competed)
        for place, path in enumerate(paths)
        if path is not None
    ]
    met = _met(judged, _compared(judged, files, blocking))
    kept = [one.kept for one in files]
    return Seen(
        met,
        _passes(found, files[0].passes),
        _strong(found, results, judged, kept, met),
        Fill(files[0].slices, np.concatenate([one.fill for one in files])),
        _agreement(judged, kept),
    )


def _competed(found: Results) -> bool:
    """Tell whether candidates could take each other's place in this run."""
    decision = found.manifest.get("decision", {})
    return bool(
        decision.get("one_record_a_person")
        or decision.get("assignment", "many-to-many") != "many-to-many"
    )


def _wanted(judged: Judged, found: Results) -> list[NDArray[np.bool_]]:
    """Choose the records whose rows are looked at: those of missed matches, and of some found."""
    import numpy as np

    chosen = judged.match & ~judged.linked
    chosen[_sample(judged)] = True
    sizes = [len(one) for one in found.records]
    wanted = np.zeros(sum(sizes), bool)
    wanted[judged.left[chosen]] = wanted[judged.right[chosen]] = True
    return np.split(wanted, np.cumsum(sizes)[:-1])


def _sample(judged: Judged) -> NDArray[np.int64]:
    import numpy as np

    linked = np.flatnonzero(judged.match & judged.linked)
    random = np.random.default_rng(0)
    return np.sort(random.choice(linked, min(_SAMPLED, len(linked)), replace=False))


def _read(
    encodings: Encodings,
    place: int,
    found: Results,
    blocking: Blocking,
    wanted: Sequence[NDArray[np.bool_]],
    competed: bool,
) -> _File:
    """Keep of an encoded file what is needed."""
    import numpy as np

    from linkage.evaluate.blocking import Rows
    from linkage.io.ids import find_records
    from linkage.kernels.bits import popcounts
    from linkage.linker.missed import Kept

    records = found.records[place]
    owner = find_records(records, encodings.records)[encodings.owner]
    keys = blocking.keys(encodings)
    order = np.argsort(owner, kind="stable")
    rows = Rows.of(keys[order], owner[order], len(records))
    bits = 64 * np.array([one.words for one in encodings.slices], np.float32)
    shares = popcounts(encodings.bits, encodings.slice_ends)[order] / bits
    starts, counts = rows.ends[:-1], np.diff(rows.ends)[:, None]
    fill = np.add.reduceat(shares, starts, axis=0) / counts
    kept = Kept.of(encodings, owner, keys, wanted[place], frequencies=competed)
    slices = tuple(one.name for one in encodings.slices)
    return _File(rows, kept, fill.astype(np.float32), blocking.names(encodings), slices)


def _compared(
    judged: Judged, files: Sequence[_File], blocking: Blocking
) -> list[tuple[Rows, Rows]]:
    """Give the rows of each two data sets with the keys by which they were compared."""
    from dataclasses import replace

    from linkage.linker.block import BlockKeys, compared_keys

    sides = []
    for left, right in judged.places:
        one, other = files[left].rows, files[right].rows
        if blocking.caps:
            whole = BlockKeys(files[left].passes, one.keys, other.keys)
            passes = range(len(whole.names))
            plans = [blocking.plan(whole, number, within=left == right) for number in passes]
            whole = compared_keys(whole, plans)
            one, other = replace(one, keys=whole.left), replace(other, keys=whole.right)
        sides.append((one, other))
    return sides


def _met(judged: Judged, sides: Sequence[tuple[Rows, Rows]]) -> NDArray[np.bool_]:
    """Tell in which passes each true match met."""
    import numpy as np

    from linkage.evaluate.blocking import meeting_passes

    match = judged.take(judged.match)
    met = np.zeros((len(match.match), max(1, sides[0][0].keys.shape[1])), bool)
    for number, rows in enumerate(sides):
        here = np.flatnonzero(match.place == number)
        met[here] = meeting_passes(*rows, *_records(judged, match, here, number))
    return met


def _records(
    judged: Judged, some: Judged, here: NDArray[Any], number: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the records of pairs, numbered in their own data sets."""
    left, right = judged.places[number]
    return some.left[here] - judged.starts[left], some.right[here] - judged.starts[right]


def _strong(
    found: Results,
    results: Path,
    judged: Judged,
    kept: Sequence[Kept],
    met: NDArray[np.bool_],
) -> NDArray[np.bool_] | None:
    """Tell which matches that are neither link nor for review are strong enough for review.

    Where nothing competes none is: it would be there.
    """
    import numpy as np

    missing = judged.take(judged.missing)
    strong = np.zeros(len(missing.match), bool)
    blocked = met[judged.missing[judged.match]].any(axis=1)
    if not _competed(found) or not blocked.any():
        return strong
    weigher = _weigher(found, results, kept)
    if weigher is None:
        return None
    for number, place in enumerate(judged.places):
        here = np.flatnonzero(blocked & (missing.place == number))
        strong[here] = weigher.strong(place, *_records(judged, missing, here, number))
    return strong


def _weigher(found: Results, results: Path, kept: Sequence[Kept]) -> Any:
    from linkage.io.results import read_model
    from linkage.linker.missed import ByModel, ByThreshold

    decision = found.manifest["decision"]
    if decision["method"] == "threshold":
        return ByThreshold(kept, decision["review_threshold"])
    path = results / "model.json"
    if not path.is_file():
        console().say(
            f"note: {path} is missing, so what weak and what rivals cost is not told apart"
        )
        return None
    return ByModel(kept, read_model(path), decision["review_probability"])


def _agreement(judged: Judged, kept: Sequence[Kept]) -> list[dict[str, Any]]:
    """Tell field by field on what missed matches agree, and on what found ones do."""
    import numpy as np

    from linkage.linker.levels import SWAPPED
    from linkage.linker.missed import AGREEMENTS, agreements

    if kept[0].encodings.schema.level == "record":
        return []  # a CLK says nothing of single fields
    sides: dict[str, NDArray[np.float64]] = {}
    names: tuple[str, ...] = ()
    sample = np.zeros(len(judged.match), bool)
    sample[_sample(judged)] = True
    for what, chosen in (("missed", judged.match & ~judged.linked), ("found", sample)):
        some, totals = judged.take(chosen), []
        for number, (left, right) in enumerate(judged.places):
            here = np.flatnonzero(some.place == number)
            records = _records(judged, some, here, number)
            names, counts = agreements(kept[left], kept[right], *records)
            totals.append(counts)
        sides[what] = np.sum(totals, axis=0) / max(1, len(some.match))
    return [
        {"field": name}
        | {
            what: dict(zip(AGREEMENTS, shares[place].tolist(), strict=True))
            for what, shares in sides.items()
        }
        for place, name in enumerate(names)
        if name != SWAPPED
    ]


def _passes(found: Results, names: Sequence[str]) -> list[dict[str, Any]]:
    """Give the name and the comparisons of each pass."""
    made = {one["name"]: one["comparisons"] for one in found.manifest.get("passes", [])}
    return [{"name": name, "comparisons": made.get(name)} for name in names]
