"""blocklib's P-Sig, from rows of text to the blocks of two parties.

    python block_blocklib.py FOLDER

FOLDER/given.json has the blocking schema, the header and the rows of both sides. Prints the seconds
of both steps as JSON, the parties' own (signatures) and the common one (blocks). Writes
FOLDER/blocks.npz: for both sides the number of the block and the row, for every row in a block.
"""

import json
import logging
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from blocklib import generate_blocks, generate_candidate_blocks

logging.disable()
folder = Path(sys.argv[1])
given = json.loads((folder / "given.json").read_text())
sides = [[tuple(row) for row in rows] for rows in given["sides"]]

start = time.perf_counter()
candidates = [generate_candidate_blocks(rows, given["schema"], given["header"]) for rows in sides]
middle = time.perf_counter()
blocks = generate_blocks(candidates, K=2)
stop = time.perf_counter()

numbers = {key: number for number, key in enumerate(blocks[0], 1)}
members = {}
for name, side in zip(("left", "right"), blocks, strict=True):
    pairs = [(numbers[key], row) for key, rows in side.items() for row in rows]
    members[name] = np.array(pairs, np.int64)
np.savez(folder / "blocks.npz", **members)
answer = {"version": version("blocklib"), "keys": middle - start, "blocks": stop - middle}
print(json.dumps(answer))
