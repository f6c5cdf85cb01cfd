"""CLKs in the text form that clkhash and its services exchange, and packed as here.

Packed, bit `i` of a filter is bit `i % 64` of word `i // 64`, least significant first, with zero
bits up to a whole word. In text, bit 0 is the most significant bit of the first byte, with zero
bits up to a whole byte, in base64 with padding and without line breaks.
"""

from __future__ import annotations

import binascii

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError

_REVERSED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], np.uint8)


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
