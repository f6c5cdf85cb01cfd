"""Many texts in one buffer, for kernels to work on; to Python, a sequence of texts.

Raw values go through here by the million; nothing of them stays when a chunk is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.texts import Spans, number_texts, pad_texts

# A text of a data frame may hold half of a surrogate pair, which strict UTF-8 has no bytes for.
_ERRORS = "surrogatepass"
_OFFSETS = {"string": np.int32, "large_string": np.int64}


class Texts(Sequence[str]):
    """A sequence of texts that are slices of one buffer of UTF-8; its repr shows none of them."""

    def __init__(
        self, data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]
    ) -> None:
        """Take the buffer, and where in it each text starts and stops."""
        data = data.view()
        data.flags.writeable = False  # kernels are compiled for one kind of buffer
        self.spans = Spans(data, starts, stops)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Pack texts into a buffer."""
        if isinstance(texts, Texts):
            return texts
        encoded = [text.encode("utf-8", _ERRORS) for text in texts]
        ends = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=ends[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends[:-1], ends[1:])

    @classmethod
    def of_arrow(cls, array: Any) -> Texts | None:
        """Take the buffers of an Arrow array of texts, with nulls as empty; None for another."""
        kind = str(getattr(array, "type", ""))
        if kind not in _OFFSETS or not hasattr(array, "buffers"):
            return None
        if array.null_count:
            array = array.fill_null("")
        _, offsets, data = array.buffers()
        ends = np.zeros(1, np.int64) if offsets is None else np.frombuffer(offsets, _OFFSETS[kind])
        ends = ends[array.offset : array.offset + len(array) + 1].astype(np.int64)
        return cls(np.frombuffer(data or b"", np.uint8), ends[:-1], ends[1:])

    @classmethod
    def of_rows(cls, cells: NDArray[np.uint8], sizes: NDArray[np.int64]) -> Texts:
        """Take the first bytes of each row of `uint8[texts, width]`."""
        starts = np.arange(len(cells)) * cells.shape[1]
        return cls(cells.reshape(-1), starts, starts + sizes)

    def __len__(self) -> int:
        return len(self.spans.starts)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Texts: ...
    def __getitem__(self, place: int | slice) -> str | Texts:
        if isinstance(place, slice):
            return self.take(place)
        return self.bytes_of(place).decode("utf-8", _ERRORS)

    def __iter__(self) -> Iterator[str]:
        data, starts, stops = self.spans
        whole = data.tobytes()
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            yield whole[start:stop].decode("utf-8", _ERRORS)

    def __repr__(self) -> str:
        return f"<{len(self)} texts>"

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of bytes of each text."""
        return self.spans.stops - self.spans.starts

    def bytes_of(self, place: int) -> bytes:
        """Give the bytes of one text."""
        data, starts, stops = self.spans
        return data[starts[place] : stops[place]].tobytes()

    def hold(self, sign: str) -> bool:
        """Tell whether any of the texts may hold an ASCII sign."""
        return bool(np.any(self.spans.data == ord(sign)))

    def take(self, places: NDArray[Any] | slice) -> Texts:
        """Give some of the texts, by place or by mask."""
        data, starts, stops = self.spans
        return Texts(data, starts[places], stops[places])

    def cut(self, first: int, last: int | NDArray[np.int64] | None) -> Texts:
        """Give `text[first:last]` of each, in bytes."""
        data, starts, stops = self.spans
        begin = np.minimum(starts + first, stops)
        return Texts(data, begin, stops if last is None else np.minimum(starts + last, stops))

    def replaced(self, places: NDArray[np.int64], texts: Iterable[str]) -> Texts:
        """Give the texts with others in some places."""
        if not len(places):
            return self
        data, starts, stops = self.spans
        new_data, new_starts, new_stops = Texts.of(texts).spans
        starts, stops = starts.copy(), stops.copy()
        starts[places], stops[places] = new_starts + len(data), new_stops + len(data)
        return Texts(np.concatenate([data, new_data]), starts, stops)

    def emptied(self, places: NDArray[np.bool_]) -> Texts:
        """Give the texts with nothing where the mask is true."""
        data, starts, stops = self.spans
        return Texts(data, starts, np.where(places, starts, stops))

    def distinct(self) -> tuple[NDArray[np.int64], Texts]:
        """Give the number of each text, -1 for an empty one, and the distinct texts."""
        numbers, firsts = number_texts(self.spans)
        return numbers, self.take(firsts)

    def padded(self) -> NDArray[np.bytes_]:
        """Give the texts as an array of bytes, `S[texts]`; they must not end with NUL."""
        width = max(1, int(self.sizes.max(initial=0)))
        return pad_texts(self.spans, width).view(f"S{width}")[:, 0]
