"""CLKs in the text form that clkhash and its services exchange, and packed as here.

Packed, bit `i` of a filter is bit `i % 64` of word `i // 64`, least significant first, with zero
bits up to a whole word. In text, bit 0 is the most significant bit of the first byte, with zero
bits up to a whole byte, in base64 with padding and without line breaks.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.io.outputs import new_file
from linkage.model import UNKNOWN, Encodings, check_dataset_name, expected_slices
from linkage.schema import MAX_FILTER_BITS, LinkageSchema

_REVERSED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], np.uint8)


@contextmanager
def clks_writer(path: Path) -> Iterator[ClksWriter]:
    """Open a file `{"clks": [...]}`, as clkhash's clients write it, whole or not at all."""
    with new_file(path) as draft, open(draft, "w", encoding="ascii") as file:
        writer = ClksWriter(file.write)
        file.write('{"clks": [')
        yield writer
        file.write("]}\n")


class ClksWriter:
    """Writes CLKs in the order of the agency's rows; the form has no place for ids."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self.count = 0

    def write(self, bits: NDArray[np.uint64], length: int) -> None:
        """Add CLKs of `length` bits."""
        texts = [f'"{text}"' for text in to_base64(bits, length)]
        if texts:
            self._write((", " if self.count else "") + ", ".join(texts))
        self.count += len(texts)


def read_clks(path: Path) -> Encodings:
    """Read a file of CLKs in text form.

    It says nothing of its data set, schema and key: the data set gets the file's name, a record
    the number of its CLK from 0, and the fingerprint is `UNKNOWN`. Raises `InputError`.
    """
    try:
        content = json.loads(path.read_bytes())
        texts = content["clks"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f'{path}: not a file of CLKs: {{"clks": [...]}}') from None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path}: its clks are not a list of texts")
    if not texts:
        raise InputError(f"{path}: holds no CLK")
    try:
        bits, length = from_base64(texts)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not 1 <= length <= MAX_FILTER_BITS:
        raise InputError(f"{path}: its CLKs have {length} bits; at most {MAX_FILTER_BITS} are read")
    schema = LinkageSchema.from_clkhash({"clkConfig": {"l": length}}, "clkhash-unknown")
    return Encodings(
        dataset=check_dataset_name(path.name.split(".")[0]),
        schema=schema,
        key_fingerprint=UNKNOWN,
        records=np.arange(len(texts)).astype(np.bytes_),
        owner=np.arange(len(texts)),
        bits=bits,
        slices=expected_slices(schema),
        tokens=np.zeros((len(texts), 0), np.uint64),
    )


def to_base64(bits: NDArray[np.uint64], length: int) -> list[str]:
    """Write filters of `length` bits, `uint64[rows, words]`, as clkhash 0.18.3 writes them."""
    rows, size = len(bits), -(-length // 8)
    padding = -size % 3
    content = np.zeros((rows, size + padding), np.uint8)
    packed = np.ascontiguousarray(bits, "<u8").view(np.uint8)
    content[:, :size] = _REVERSED[packed[:, :size]]
    width = (size + padding) // 3 * 4
    text = binascii.b2a_base64(content.tobytes(), newline=False).decode("ascii")
    end = width - padding
    return [
        text[start : start + end] + "=" * padding for start in range(0, rows * width, width or 1)
    ]


def from_base64(texts: list[str]) -> tuple[NDArray[np.uint64], int]:
    """Read filters in text form: packed words `uint64[rows, words]`, and their length in bits.

    The text form holds whole bytes, so the length is a multiple of 8: of filters of 1001 bits it
    is 1008, with zero bits at the end.

    Raises
    ------
    InputError
        For a text that isn't base64, or is of another length than the first one, with its row
        number from 1.
    """
    if not texts:
        return np.zeros((0, 0), np.uint64), 0
    width = len(texts[0])
    for row, text in enumerate(texts, 1):
        if len(text) != width:
            raise InputError(f"CLK {row} has another length than CLK 1; they aren't of one schema")
    try:
        content = _decode(texts)
    except ValueError:
        raise InputError(f"CLK {_first_bad(texts)} isn't base64, or is cut short") from None
    packed = np.zeros((len(texts), -(-content.shape[1] // 8) * 8), np.uint8)
    packed[:, : content.shape[1]] = _REVERSED[content]
    return packed.view("<u8").astype(np.uint64), content.shape[1] * 8


def _decode(texts: list[str]) -> NDArray[np.uint8]:
    """Decode texts of one length together. Raises `ValueError` if any is wrong."""
    width = len(texts[0])
    padding = width - len(texts[0].rstrip("="))
    if width % 4 or padding > 2:
        raise ValueError("not base64")
    letters = np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(-1, width).copy()
    if (letters[:, width - padding :] != ord("=")).any():
        raise ValueError("not base64")
    letters[:, width - padding :] = ord("A")
    raw = binascii.a2b_base64(letters.tobytes(), strict_mode=True)
    content = np.frombuffer(raw, np.uint8).reshape(len(texts), width // 4 * 3)
    size = content.shape[1] - padding
    if content[:, size:].any():
        raise ValueError("bits after the end")
    return content[:, :size]


def _first_bad(texts: list[str]) -> int:
    for row, text in enumerate(texts, 1):
        try:
            _decode([text])
        except ValueError:
            return row
    return 1  # each is base64, but the padding of one is not that of the first
