"""What the peers' comparison scripts share.

Each runs in its peer's own interpreter, as a script:

    python dice_PEER.py FOLDER ROWS THRESHOLD [KEEP]

It compares the first rows of FOLDER/left.npy and right.npy (`uint64[rows, words]`) once for warmth
on a few rows and once for time, and prints the seconds and the number of pairs as JSON. Start-up,
reading and putting rows into the peer's own form are not timed. With KEEP, the pairs are written to
FOLDER/pairs.npz.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

FEW = 50


def run(version, prepare, find):
    """Time `find(*prepare(left, right), threshold)`, which gives left, right and similarity."""
    folder, rows, threshold = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    sides = [np.load(folder / f"{side}.npy")[:rows] for side in ("left", "right")]
    find(*prepare(*(side[:FEW] for side in sides)), threshold)
    prepared = prepare(*sides)
    start = time.perf_counter()
    found = find(*prepared, threshold)
    seconds = time.perf_counter() - start
    if len(sys.argv) > 4:
        left, right, similarity = map(np.asarray, found)
        np.savez(folder / "pairs.npz", left=left, right=right, similarity=similarity)
    print(json.dumps({"version": version, "seconds": seconds, "pairs": len(found[0])}))
