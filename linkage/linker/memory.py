"""What a run needs of memory, told before it starts, and how much of it found pairs may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from linkage.errors import UsageError
from linkage.model import Encodings, Manifest, Slice

#: Interpreter, libraries and compiled kernels, in bytes.
_PROGRAM = 400 << 20
#: Bytes of a row besides its bits, tokens and popcounts: owner, record id, person, orders of rows.
_ROW_BYTES = 120
#: The share of what is left that found pairs may take before they go to disk.
_FOUND_SHARE = 0.25
_LEAST_LEFT = 64 << 20


@dataclass(frozen=True)
class Size:
    """The size of one encoded data set."""

    rows: int
    words: int
    slices: int
    passes: int

    @classmethod
    def of(cls, manifest: Manifest) -> Size:
        """Take it from a manifest, before the file is read."""
        slices, passes = len(manifest.slices), len(manifest.passes)
        return cls(manifest.rows, _copies(manifest.slices) * manifest.words, slices, passes)

    @classmethod
    def of_encodings(cls, encodings: Encodings) -> Size:
        """Take it from encodings in memory."""
        rows, words = encodings.bits.shape
        copies = _copies(encodings.slices)
        return cls(rows, copies * words, len(encodings.slices), encodings.tokens.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the data set takes while it is linked.

        Every pass orders the rows; the passes of one pair of data sets are planned together.
        """
        return self.rows * (8 * self.words + 2 * self.slices + 20 * self.passes + _ROW_BYTES)


def _copies(slices: Sequence[Slice]) -> int:
    """Anchored codes, which are called after their passes, are laid side by side for each pass."""
    return 2 if any("." in one.name for one in slices) else 1


def pairs_budget(sizes: Sequence[Size], limit: int) -> int:
    """Give the bytes that found pairs may take in memory under a limit for the whole run.

    Raises `UsageError` if the data sets alone need more than the limit.
    """
    left = limit - needed(sizes)
    if left < _LEAST_LEFT:
        raise UsageError(
            f"these files need about {in_gib(needed(sizes) + _LEAST_LEFT)} of memory and the limit "
            f"is {in_gib(limit)}: raise --memory-limit, or link fewer data sets at a time"
        )
    return int(left * _FOUND_SHARE)


def needed(sizes: Sequence[Size]) -> int:
    """Give the bytes that a run needs besides the pairs it finds."""
    return _PROGRAM + sum(one.nbytes for one in sizes)


def hold_to(limit: int) -> None:
    """Let the system refuse this process more memory than the limit.

    So it ends with a message, instead of being killed or slowing down its neighbours.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def in_gib(size: float) -> str:
    """Show a number of bytes."""
    return f"{size / (1 << 30):.2f} GiB"
