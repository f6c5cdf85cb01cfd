"""Encode as clkhash 0.18.3 does, bit for bit, under its own linkage schemas (versions 1 to 3).

For projects that already run on clkhash: one filter per record (a CLK), keys derived from a
shared secret, fields encoded as their columns hold them. New projects should use a linkage
schema of this library: it normalises, treats missing values as missing, and names its keys.

Limits: as for every Bloom filter, whoever has the secret can encode a guess and look for it, and
similarity alone lets a capable attacker with a reference list name people. `doubleHash` is broken
by pattern attacks on top; `bitsPerToken` shows the length of values.
"""

from linkage.agency.clkhash.columns import read_raw_column
from linkage.agency.clkhash.encode import encode_clks
from linkage.agency.clkhash.encoder import ClkhashEncoder
from linkage.agency.clkhash.problems import Problem, find_problems
from linkage.agency.clkhash.schema import ClkhashSchema

__all__ = [
    "ClkhashEncoder",
    "ClkhashSchema",
    "Problem",
    "encode_clks",
    "find_problems",
    "read_raw_column",
]
