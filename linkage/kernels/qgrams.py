"""Break many texts into q-grams at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def word_qgrams(
    text: NDArray[np.uint8], ends: NDArray[np.int64], q: int, pad: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Give the q-grams of every word of every text, each once per text, in order.

    Text `t` is the bytes `text[ends[t]:ends[t + 1]]`, words parted by spaces. A word has `q - 1`
    bytes `pad` before and behind it. A q-gram is a number with its first byte on top, so `q` is
    at most 4. Returns the q-grams `uint32[all]` and `int64[texts + 1]`, where those of each end.
    """
    space, mask = np.uint8(32), np.uint32((1 << (8 * q)) - 1 if q < 4 else 0xFFFFFFFF)
    found = np.empty(text.size * q + 2 * q * ends.size, np.uint32)
    stops = np.zeros(ends.size, np.int64)
    count = 0
    for one in range(ends.size - 1):
        start = count
        gram = np.uint32(0)
        for _ in range(q - 1):
            gram = (gram << np.uint32(8)) | np.uint32(pad)
        fresh, inside = gram, False
        for place in range(ends[one], ends[one + 1] + 1):
            is_end = place == ends[one + 1] or text[place] == space
            if is_end and not inside:
                continue
            for _ in range(q - 1 if is_end else 1):
                byte = np.uint32(pad) if is_end else np.uint32(text[place])
                gram = ((gram << np.uint32(8)) | byte) & mask
                known = False
                for earlier in range(start, count):
                    known = known or found[earlier] == gram
                if not known:
                    found[count] = gram
                    count += 1
            inside = not is_end
            if is_end:
                gram = fresh
        stops[one + 1] = count
    return found[:count], stops
