"""Break many texts into q-grams, or into letters with their places, at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel
from linkage.kernels.texts import Spans


@kernel
def word_qgrams(texts: Spans, q: int, pad: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Give the q-grams of every word of every text, each once per text, in order.

    Words are parted by spaces. A word has `q - 1` bytes `pad` before and behind it. A q-gram is
    a number with its first byte on top, so `q` is at most 4. Returns the q-grams `uint32[all]` and
    `int64[texts + 1]`, where those of each end.
    """
    text, starts, ends = texts
    space, mask = np.uint8(32), np.uint32((1 << (8 * q)) - 1 if q < 4 else 0xFFFFFFFF)
    found = np.empty(((ends - starts) * q + 2 * q).sum(), np.uint32)
    stops = np.zeros(ends.size + 1, np.int64)
    count = 0
    for one in range(ends.size):
        start = count
        gram = np.uint32(0)
        for _ in range(q - 1):
            gram = (gram << np.uint32(8)) | np.uint32(pad)
        fresh, inside = gram, False
        for place in range(starts[one], ends[one] + 1):
            is_end = place == ends[one] or text[place] == space
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


@kernel
def placed_letters(
    texts: Spans, outer: NDArray[np.int64], inner: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give every byte of every text with its place, as `place << 8 | byte`.

    From byte `outer[text]` on, if that is not 0, places are counted anew from `inner`. Returns the
    codes `int64[all]` and `int64[texts + 1]`, where those of each end.
    """
    data, starts, stops = texts
    ends = np.zeros(starts.size + 1, np.int64)
    ends[1:] = np.cumsum(stops - starts)
    codes = np.empty(ends[-1], np.int64)
    for text in range(starts.size):
        for place in range(stops[text] - starts[text]):
            is_inner = outer[text] > 0 and place >= outer[text]
            tag = inner + place - outer[text] if is_inner else place
            codes[ends[text] + place] = tag << 8 | np.int64(data[starts[text] + place])
    return codes, ends
