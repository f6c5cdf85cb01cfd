"""Scan all rows of one side against all tiles of the other for pairs that reach a threshold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import inlined, kernel
from linkage.kernels.lanes import (
    LANES,
    Lanes,
    add_common,
    load,
    lowest,
    ratio,
    reaching,
    shifted,
    spread,
    store,
)
from linkage.kernels.measures import COSINE, HAMMING, JACCARD

#: More common bits than there are.
NEVER = 1 << 40
#: Room for found pairs: more than a sample foretells, and never less or more than so many.
_ROOM, _LEAST_ROOM, _MOST_ROOM = 1.2, 1 << 14, 1 << 26


class Rows(NamedTuple):
    """Left-hand rows in order of popcount.

    `bits` is `uint64[n, words]`; `order` `int64[n]` are the numbers of the rows by popcount;
    `rest` is the popcount behind the first words by number; `groups` of equal popcount
    `int64[g, 3]` are start and stop in the order, and the popcount's place in `Scan.least`.
    """

    bits: NDArray[np.uint64]
    order: NDArray[np.int64]
    rest: NDArray[np.int64]
    groups: NDArray[np.int64]

    def part(self, start: int, stop: int) -> Rows:
        """Give a range of the rows in order of popcount."""
        groups = self.groups.copy()
        groups[:, :2] = groups[:, :2].clip(start, stop)
        return self._replace(groups=groups[groups[:, 0] < groups[:, 1]])


class Tiles(NamedTuple):
    """Right-hand rows in tiles, in order of popcount.

    `bits` is `uint64[t, words, 8]`; the others are `int64[t, 1, 8]` for each lane: the number of
    the row (-1 for none), the place of its popcount in `Scan.least`, its popcount behind the first
    words, and its whole popcount.
    """

    bits: NDArray[np.uint64]
    order: NDArray[np.int64]
    place: NDArray[np.int64]
    rest: NDArray[np.int64]
    counts: NDArray[np.int64]


class Scan(NamedTuple):
    """What to look for, and how.

    `least` common bits `int64[left popcounts, right popcounts]` are wanted, for the distinct
    popcounts of both sides (`NEVER` where no pair can have so many). A tile is looked at after
    `early` words; `chunk` tiles are compared with all rows in turn; about a `share` of all pairs
    passes. A pair becomes one number that sorts: its rank by `measure` (similarity times `scale`,
    falling), then the row numbers in `left_bits` and `right_bits`. A scale of 0 leaves the rank
    out.
    """

    least: NDArray[np.int64]
    left_counts: NDArray[np.int64]
    measure: int
    bits: int
    early: int
    chunk: int
    share: float
    scale: int
    left_bits: int
    right_bits: int


def scan_tiles(rows: Rows, tiles: Tiles, scan: Scan) -> NDArray[np.int64]:
    """Give the pairs that pass, each as one number, in no order."""
    pairs = int((rows.groups[:, 1] - rows.groups[:, 0]).sum()) * LANES * len(tiles.bits)
    # NumPy asks for huge pages, so that room that isn't used costs nothing, and room that is
    # costs a fraction of what it would inside a kernel.
    least = _LEAST_ROOM + 4 * LANES * (scan.chunk + 1)
    room = min(int(pairs * scan.share * _ROOM), _MOST_ROOM) + least
    at = np.zeros(3, np.int64)
    parts = []
    while at[0] < len(tiles.bits):
        keys = np.empty(room, np.int64)
        parts.append(keys[: _scan(rows, tiles, scan, at, keys)])
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


@kernel
def _scan(
    rows: Rows, tiles: Tiles, scan: Scan, at: NDArray[np.int64], keys: NDArray[np.int64]
) -> int:
    """Write the pairs that pass from `at` on: tile, group, place in the group.

    Returns how many were written. If `keys` is full before the end, `at` says where to go on;
    else its tile is behind the last.
    """
    # Taken apart once: in the loop, each look into a tuple of arrays costs more than a comparison.
    bits, order, rest, groups = rows
    right, right_order, places, right_rest, right_counts = tiles
    least, left_counts, measure, length, early, chunk, _, scale, left_bits, right_bits = scan
    words = bits.shape[1]
    need = np.empty((chunk, 1, LANES), np.int64)
    found = 0
    while at[0] < right.shape[0]:
        begin, end = at[0], min(at[0] + chunk, right.shape[0])
        while at[1] < groups.shape[0]:
            group = at[1]
            kind = groups[group, 2]
            first, last = _reachable(need, least[kind], right_order, places, begin, end)
            stop = groups[group, 1]
            for n in range(groups[group, 0] + at[2], stop, 4):
                if found + 4 * LANES * (last - first + 1) > keys.size:
                    at[2] = n - groups[group, 0]
                    return found
                # Four rows at a time share the loads of a tile. The last row stands in for those
                # behind it, and is looked at once only.
                i0, i1 = order[n], order[min(n + 1, stop - 1)]
                i2, i3 = order[min(n + 2, stop - 1)], order[min(n + 3, stop - 1)]
                for tile in range(first, last):
                    c0 = c1 = c2 = c3 = spread(0)
                    for word in range(early):
                        lanes = load(right, tile, word)
                        c0 = add_common(c0, lanes, bits[i0, word])
                        c1 = add_common(c1, lanes, bits[i1, word])
                        c2 = add_common(c2, lanes, bits[i2, word])
                        c3 = add_common(c3, lanes, bits[i3, word])
                    wanted, behind = load(need, tile - begin, 0), load(right_rest, tile, 0)
                    a0 = reaching(c0 + lowest(spread(rest[i0]), behind), wanted)
                    a1 = reaching(c1 + lowest(spread(rest[i1]), behind), wanted)
                    a2 = reaching(c2 + lowest(spread(rest[i2]), behind), wanted)
                    a3 = reaching(c3 + lowest(spread(rest[i3]), behind), wanted)
                    if a0 | a1 | a2 | a3 == 0:
                        continue
                    for k in range(min(4, stop - n)):
                        common, i, alive = c0, i0, a0
                        if k == 1:
                            common, i, alive = c1, i1, a1
                        elif k == 2:
                            common, i, alive = c2, i2, a2
                        elif k == 3:
                            common, i, alive = c3, i3, a3
                        if alive == 0:
                            continue
                        for word in range(early, words):
                            common = add_common(common, load(right, tile, word), bits[i, word])
                        passed = reaching(common, wanted)
                        if passed == 0:
                            continue
                        key = spread(i << right_bits) + load(right_order, tile, 0)
                        if scale > 0:
                            b = load(right_counts, tile, 0)
                            rank = _rank(common, left_counts[kind], b, measure, length, scale)
                            key = key + shifted(spread(scale) - rank, left_bits + right_bits)
                        found = store(keys, found, key, passed)
            at[1], at[2] = group + 1, 0
        at[0], at[1] = end, 0
    return found


@inlined
def _rank(common: Lanes, left: int, right: Lanes, measure: int, length: int, scale: int) -> Lanes:
    """Give whole numbers in the order of the similarities, equal for equal ones."""
    if measure == COSINE:
        return ratio(common * common, spread(left) * right, scale)
    if measure == JACCARD:
        return ratio(common, spread(left) + right - common, scale)
    if measure == HAMMING:
        return ratio(spread(length - left) - right + common + common, spread(length), scale)
    return ratio(common + common, spread(left) + right, scale)


@kernel
def _reachable(
    need: NDArray[np.int64],
    least: NDArray[np.int64],
    order: NDArray[np.int64],
    places: NDArray[np.int64],
    begin: int,
    end: int,
) -> tuple[int, int]:
    """Look up the common bits that each lane of a chunk needs.

    Gives the range of tiles in which one can have so many.
    """
    first, last = end, begin
    for tile in range(begin, end):
        for k in range(LANES):
            wanted = NEVER if order[tile, 0, k] < 0 else least[places[tile, 0, k]]
            need[tile - begin, 0, k] = wanted
            if wanted < NEVER:
                first, last = min(first, tile), tile + 1
    return first, last
