"""Time our comparison against that of peers, on one core, on CLKs of names with errors.

    python -m benchmarks.compare_speed [--small] [--environments FOLDER]

Each peer runs in an interpreter of its own (`.venv-PEER`, made by `make`), in turn with ours, and
reports its own seconds without start-up; ours and theirs start from rows in memory and end with a
list of pairs. Pairs are checked against each other. Then, without peers: the cost of small blocks
through the engine's compare path, and two threads against one. Writes
`benchmarks/results/compare_speed.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import (
    ROOT,
    ask,
    in_turn,
    machine,
    on_all_cores,
    on_one_core,
    peer_python,
    ratio,
    rounded,
    seconds_of,
    write_results,
)
from benchmarks.people import draft_schema, encode_files, make_files
from linkage.engine.local import link
from linkage.kernels.dice import find_pairs
from linkage.linker.compare import compare_task, side
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import data_pairs
from linkage.model import Encodings, Task
from linkage.schema import LinkageSchema

SCRIPTS = Path(__file__).with_name("peers")


class Peer(NamedTuple):
    """A peer's environment and script, the most rows a side that it is given, and how it finds.

    A peer that finds other pairs than those of a Dice threshold isn't checked against ours.
    """

    environment: str
    script: str
    rows: int = 10_000
    finds_dice: bool = True


PEERS = {
    "anonlink": Peer("anonlink", "dice_anonlink.py"),
    "anonlink candidates": Peer("anonlink", "candidates_anonlink.py"),
    "faiss": Peer("faiss", "dice_faiss.py", finds_dice=False),
    "numkong": Peer("numkong", "dice_numkong.py"),
    "duckdb": Peer("duckdb", "dice_duckdb.py", rows=3_000),
}
#: Dice at which many pairs stand exactly: fractions of small numbers.
BOUNDARIES = (0.65, 0.75, 0.95)
RUNS = 5
LEAST_SECONDS = 0.5
BLOCK_SIZES = np.arange(1, 8)  # of each side, equally often: 4 in the mean

Pairs = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]
Figures = dict[str, Any]


def find(
    left: NDArray[np.uint64], right: NDArray[np.uint64], threshold: float, threads: int
) -> Pairs:
    """Find pairs with our kernel."""
    return find_pairs(left, right, threshold, threads=threads)


def main() -> None:
    """Measure everything and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="few rows, nothing written")
    parser.add_argument("--environments", type=Path, default=ROOT)
    options = parser.parse_args()
    rows, many, runs = (2_000, 20_000, 2) if options.small else (10_000, 500_000, RUNS)
    results: Figures = machine() | {"bits": 1024, "data": "police and court CLKs, record level"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = {level: encodings(folder / level, level, rows) for level in ("record", "field")}
        results["fill"] = fill(data["record"])
        for side_name, one in zip(("left", "right"), data["record"], strict=True):
            np.save(folder / f"{side_name}.npy", one.bits)
        on_one_core()
        results["find_pairs"] = against_peers(folder, options.environments, rows, runs)
        results["boundary"] = at_boundaries(folder, options.environments)
        results["small_blocks"] = [
            small_blocks(level, data[level], size, runs) for level in data for size in (rows, many)
        ]
        on_all_cores()
        results["threads"] = threads(data["record"], runs)
        linked = encodings(folder / "linked", "field", 10 * rows)
        results["threads"] |= threads_of_link(linked, runs)
    print(json.dumps(results["threads"], indent=1))
    if not options.small:
        write_results("compare_speed", results)


def encodings(folder: Path, level: str, rows: int) -> list[Encodings]:
    """Make and encode files of people."""
    make_files(folder, rows)
    return encode_files(folder, LinkageSchema.load(draft_schema(folder, level)))


def fill(data: list[Encodings]) -> float:
    """Give the mean share of set bits."""
    return round(float(np.mean([np.bitwise_count(one.bits).mean() / 64 for one in data])), 3)


def against_peers(folder: Path, environments: Path, rows: int, runs: int) -> list[Figures]:
    """Time all peers at all thresholds; at 0.5 on half of the rows, for there half of all pass."""
    found = []
    for threshold, most in ((0.8, rows), (0.9, rows), (0.5, rows // 2)):
        for name, peer in PEERS.items():
            size = min(most, peer.rows)
            one = {"peer": name} | against_peer(folder, environments, peer, size, threshold, runs)
            print(
                f"{name} {one['version']}, Dice {threshold}, {size:,} x {size:,}: "
                f"{one['peer_per_second'] / 1e6:,.1f} million a second, "
                f"linkage {one['per_second'] / 1e6:,.1f}: {one['ratio']} times"
            )
            found.append(one)
    return found


def against_peer(
    folder: Path, environments: Path, peer: Peer, rows: int, threshold: float, runs: int
) -> Figures:
    """Time one peer in turn with ours, and compare what both find."""
    left, right = (np.load(folder / f"{name}.npy")[:rows] for name in ("left", "right"))
    python = peer_python(environments, peer.environment)
    command = [python, SCRIPTS / peer.script, folder, rows, threshold]
    found = find(left, right, threshold, 1)  # also compiles
    answer = ask([*command, "keep"])
    path = folder / "pairs.npz"
    agreement = compare_pairs(found, path, threshold) if peer.finds_dice else {}
    ours, theirs = in_turn(
        runs,
        lambda: seconds_of(lambda: find(left, right, threshold, 1), LEAST_SECONDS),
        lambda: float(ask(command)["seconds"]),
    )
    return {
        "version": answer["version"],
        "threshold": threshold,
        "rows": rows,
        "pairs": len(found[0]),
        "peer_pairs": answer["pairs"],
        "seconds": rounded(ours),
        "peer_seconds": rounded(theirs),
        "per_second": round(rows * rows / statistics.median(ours)),
        "peer_per_second": round(rows * rows / statistics.median(theirs)),
        "ratio": round(ratio(theirs, ours), 1),
    } | agreement


def compare_pairs(ours: Pairs, path: Path, threshold: float) -> Figures:
    """Count what one side has and the other lacks, and what of it stands at the threshold."""
    theirs = np.load(path)
    codes = ours[1] << 32 | ours[2]
    their_codes = theirs["left"].astype(np.int64) << 32 | theirs["right"].astype(np.int64)
    lost = ~np.isin(codes, their_codes)
    order, their_order = np.argsort(codes[~lost]), np.argsort(their_codes)
    kept = their_order[np.isin(their_codes[their_order], codes)]
    apart = np.abs(ours[0][~lost][order] - theirs["similarity"][kept])
    return {
        "peer_lacks": int(np.count_nonzero(lost)),
        "peer_lacks_at_threshold": int(np.count_nonzero(ours[0][lost] == threshold)),
        "peer_adds": len(their_codes) - len(kept),
        "similarity_differs_by": float(f"{apart.max(initial=0):.2g}"),
    }


def at_boundaries(folder: Path, environments: Path) -> list[Figures]:
    """Look for pairs that peers lose where Dice is exactly the threshold."""
    found = []
    for threshold in BOUNDARIES:
        made = folder / str(threshold)
        made.mkdir()
        left, right = boundary_filters(Fraction(str(threshold)))
        np.save(made / "left.npy", left)
        np.save(made / "right.npy", right)
        ours = find(left, right, threshold, 1)
        at_threshold = int(np.count_nonzero((ours[0] == threshold) & (ours[1] == ours[2])))
        assert at_threshold == len(left)
        for name, peer in PEERS.items():
            if not peer.finds_dice:
                continue
            command = [peer_python(environments, peer.environment), SCRIPTS / peer.script, made]
            version = ask([*command, len(left), threshold, "keep"])["version"]
            about = {
                "peer": name,
                "version": version,
                "threshold": threshold,
                "pairs": len(ours[0]),
            }
            found.append(about | compare_pairs(ours, made / "pairs.npz", threshold))
            print(found[-1])
    return found


def boundary_filters(dice: Fraction) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Make filters of 1024 bits such that row `i` of both sides has exactly this Dice.

    Half of the left filters lie wholly within the right ones, the others are as large as them.
    """
    random = np.random.default_rng(3)
    sides: tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]] = ([], [])
    for common in range(dice.numerator, 600, dice.numerator):
        total = int(2 * common / dice)
        for ones in {common, total // 2}:
            if total - common > 1024:
                continue
            places = random.permutation(1024)
            for side_bits, start, stop in zip(
                sides, (0, ones - common), (ones, total - common), strict=True
            ):
                bits = np.zeros(1024, bool)
                bits[places[start:stop]] = True
                side_bits.append(bits)
    left, right = (np.packbits(side_bits, axis=1).view(np.uint64) for side_bits in sides)
    return left, right


def small_blocks(level: str, data: list[Encodings], rows: int, runs: int) -> Figures:
    """Cost of a comparison in blocks of mean size 4 against one large block.

    Each row stands in one small block; rows and blocks are in random order, as in a pass.
    """
    compare, orders = compare_path(data, rows)
    small = small_task(orders)
    large = large_task(orders, min(rows, 5_000))
    for task in (small, large):
        compare(task)
    taken = in_turn(
        runs,
        lambda: seconds_of(partial(compare, small), LEAST_SECONDS),
        lambda: seconds_of(partial(compare, large), LEAST_SECONDS),
    )
    costs = [
        1e9 * statistics.median(one) / task.comparisons
        for one, task in zip(taken, (small, large), strict=True)
    ]
    figures = {
        "level": level,
        "rows": rows,
        "blocks": len(small.blocks),
        "comparisons": small.comparisons,
        "nanoseconds_small": round(costs[0], 2),
        "nanoseconds_large": round(costs[1], 2),
        "ratio": round(costs[0] / costs[1], 2),
    }
    print(figures)
    return figures


def compare_path(
    data: list[Encodings], rows: int
) -> tuple[Callable[[Task], object], list[NDArray[np.int32]]]:
    """Give the engine's comparison of a task, over so many rows, and the rows in random order.

    The rule is the one that a run over the data would use.
    """
    how, _ = set_up(data, data_pairs(data, deduplicate=False), Choices(), seed=0)
    rule = how.link_rule()
    random = np.random.default_rng(1)
    sides = [side(repeat_rows(one, rows)) for one in data]
    orders = [random.permutation(rows).astype(np.int32) for _ in sides]
    return lambda task: compare_task(task, *sides, rule), orders


def repeat_rows(data: Encodings, rows: int) -> Encodings:
    """Repeat the rows of a data set until there are so many."""
    chosen = np.arange(rows) % len(data.owner)
    return Encodings(
        data.dataset,
        data.schema,
        data.key_fingerprint,
        np.array([b"%d" % row for row in range(rows)]),
        np.arange(rows),
        data.bits[chosen],
        data.slices,
        data.tokens[chosen],
    )


def small_task(orders: list[NDArray[np.int32]]) -> Task:
    """Cut both sides into blocks of 1 to 7 rows."""
    random = np.random.default_rng(2)
    rows = len(orders[0])
    ends = [np.cumsum(random.choice(BLOCK_SIZES, rows)) for _ in orders]
    count = min(int(np.searchsorted(one, rows, side="right")) for one in ends)
    starts = [np.append(0, one[: count - 1]) for one in ends]
    blocks = np.column_stack([starts[0], ends[0][:count], starts[1], ends[1][:count]])
    return Task(0, orders[0], orders[1], np.ascontiguousarray(blocks), within=False)


def large_task(orders: list[NDArray[np.int32]], rows: int) -> Task:
    """Put so many rows of each side into one block."""
    return Task(0, orders[0], orders[1], np.array([[0, rows, 0, rows]]), within=False)


def threads(data: list[Encodings], runs: int) -> Figures:
    """Two threads against one, in `find_pairs` over all pairs."""
    work = partial(find, data[0].bits, data[1].bits, 0.8)
    one, two = in_turn(
        runs,
        lambda: seconds_of(lambda: work(1), LEAST_SECONDS),
        lambda: seconds_of(lambda: work(2), LEAST_SECONDS),
    )
    return {
        "find_pairs": {"one": rounded(one), "two": rounded(two), "ratio": round(ratio(one, two), 2)}
    }


def threads_of_link(data: list[Encodings], runs: int) -> Figures:
    """Two threads against one, in `link`: its comparison, and all of it."""
    stages: dict[int, list[dict[str, float]]] = {1: [], 2: []}

    def work(count: int) -> float:
        stages[count].append(link(data, threads=count).seconds)
        return sum(stages[count][-1].values())

    work(2)  # compiles
    stages[2].clear()
    one, two = in_turn(runs, partial(work, 1), partial(work, 2))
    compared = [[stage["compare"] for stage in stages[count]] for count in (1, 2)]
    return {
        "link": {"one": rounded(one), "two": rounded(two), "ratio": round(ratio(one, two), 2)},
        "link_compare": {
            "one": rounded(compared[0]),
            "two": rounded(compared[1]),
            "ratio": round(ratio(*compared), 2),
        },
    }


if __name__ == "__main__":
    main()
