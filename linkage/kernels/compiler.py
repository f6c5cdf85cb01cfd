"""The one place for numba's options.

Kernels release the GIL, so threads run them side by side, and are cached on disk, so only the
first run on a machine compiles. Floating-point reassociation stays off: a result must not depend
on the machine's vector width.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function on its first call, with the GIL released and the result cached."""
    compiled: Callable[P, R] = numba.njit(nogil=True, cache=True)(function)
    return compiled


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a small function into each kernel that calls it.

    A call would hand over every array of its arguments with a count of references, at more cost
    than the work of most.
    """
    compiled: Callable[P, R] = numba.njit(nogil=True, inline="always")(function)
    return compiled
