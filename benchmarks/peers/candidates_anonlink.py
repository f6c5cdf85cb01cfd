"""anonlink's `find_candidate_pairs`, which its users call, on accelerated Dice; see worker.py."""

from importlib.metadata import version

import worker
from anonlink.candidate_generation import find_candidate_pairs
from anonlink.similarities import dice_coefficient_accelerated
from dice_anonlink import prepare


def find(left, right, threshold):
    """Find the pairs without blocking, all of them."""
    found = find_candidate_pairs([left, right], dice_coefficient_accelerated, threshold)
    similarity, _, (one, other) = found
    return one, other, similarity


worker.run(version("anonlink"), prepare, find)
