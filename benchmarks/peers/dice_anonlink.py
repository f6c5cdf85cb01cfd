"""anonlink's accelerated Dice; see worker.py."""

from importlib.metadata import version

import worker
from anonlink.similarities import dice_coefficient_accelerated
from bitarray import bitarray


def prepare(left, right):
    """Put the rows into bit arrays."""
    sides = []
    for side in (left, right):
        sides.append([])
        for row in side:
            sides[-1].append(bitarray(endian="little"))
            sides[-1][-1].frombytes(row.tobytes())
    return sides


def find(left, right, threshold):
    """Find the pairs, all of them: without `k`."""
    similarity, (one, other) = dice_coefficient_accelerated((left, right), threshold)
    return one, other, similarity


if __name__ == "__main__":
    worker.run(version("anonlink"), prepare, find)
