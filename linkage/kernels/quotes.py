"""Follow the quotes of a CSV file, which readers take in different ways where they are wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel

# Where in a cell the last byte was.
START, PLAIN, QUOTED, CLOSED, WRONG = range(5)


@kernel
def follow_quotes(data: NDArray[np.uint8], delimiter: int, state: int) -> int:
    """Follow bytes from a state, and give the state behind them; `WRONG` is for good.

    Begin with `START`. A quoted cell must end with its quote; a quote within it is doubled
    (RFC 4180). A file that ends in `QUOTED` has a quote that nothing closes.
    """
    quote, line_feed, carriage_return = 34, 10, 13
    for byte in data:
        is_end = byte in (delimiter, line_feed, carriage_return)
        if state == QUOTED:
            state = CLOSED if byte == quote else QUOTED
        elif is_end:
            state = START
        elif state == CLOSED:
            if byte != quote:
                return WRONG
            state = QUOTED
        elif state == START:
            state = QUOTED if byte == quote else PLAIN
    return state
