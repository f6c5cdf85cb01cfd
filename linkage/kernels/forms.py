"""Read the usual forms of dates, police numbers and postcodes, a whole column at once.

A kernel here says of every text whether it has a usual form. What it says no to may still be
good; the rules for one text, in `linkage.agency`, are asked then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import inlined, kernel
from linkage.kernels.texts import Spans, same

_SLASH, _ZERO, _NINE, _A, _Z = (np.uint8(ord(one)) for one in "/09AZ")
_S, _F = np.uint8(ord("S")), np.uint8(ord("F"))
_SPACE = np.uint8(32)
_OUTSIDE = 8


@inlined
def is_digit(byte: np.uint8) -> bool:
    """Tell whether a byte is a digit."""
    return bool(byte >= _ZERO and byte <= _NINE)


@inlined
def is_letter(byte: np.uint8) -> bool:
    """Tell whether a byte is a capital letter."""
    return bool(byte >= _A and byte <= _Z)


@inlined
def number_at(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Read a whole number; -1 if a byte is no digit."""
    number = 0
    for place in range(start, stop):
        if not is_digit(data[place]):
            number = -1
            break
        number = number * 10 + int(data[place] - _ZERO)
    return number


@inlined
def write_number(cells: NDArray[np.uint8], row: int, start: int, stop: int, number: int) -> None:
    """Write a number with leading zeros."""
    for place in range(stop - 1, start - 1, -1):
        cells[row, place] = _ZERO + np.uint8(number % 10)
        number //= 10


@kernel
def odd_words(texts: Spans, known: Spans) -> NDArray[np.bool_]:
    """Find the texts of several words, one of which is a single letter or one of the known words.

    Words are parted by one space. Returns `bool[texts]`.
    """
    data, starts, stops = texts
    known_data, known_starts, known_stops = known
    odd = np.zeros(starts.size, np.bool_)
    for text in range(starts.size):
        begin = starts[text]
        for place in range(starts[text], stops[text] + 1):
            if place < stops[text] and data[place] != _SPACE:
                continue
            size = place - begin
            if size == stops[text] - starts[text]:
                break
            odd[text] |= size == 1
            for one in range(known_starts.size):
                if known_stops[one] - known_starts[one] == size:
                    odd[text] |= same(data, begin, known_data, known_starts[one], size)
            begin = place + 1
    return odd


@kernel
def read_dates(
    texts: Spans, templates: NDArray[np.uint8], sizes: NDArray[np.int64], least: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read dates by the first template that fits: `uint8[texts, 8]`, and which were read.

    `templates` is `uint8[templates, width]`; template `t` is `sizes[t]` long. A number below 8 is
    the place of a digit in `YYYYMMDD`, another stands for itself. A text of `least[t]` bytes or
    more, but shorter than the template, may fit in a way that isn't looked at, and is not read.
    """
    data, starts, stops = texts
    cells = np.zeros((starts.size, 8), np.uint8)
    was_read = np.zeros(starts.size, np.bool_)
    for text in range(starts.size):
        size = stops[text] - starts[text]
        for one in range(sizes.size):
            if size < sizes[one] and size >= least[one]:
                break
            fits = size == sizes[one]
            k = 0
            while fits and k < size:
                byte, wanted = data[starts[text] + k], templates[one, k]
                if wanted < _OUTSIDE:
                    fits = is_digit(byte)
                    cells[text, wanted] = byte
                else:
                    fits = byte == wanted
                k += 1
            if fits:
                was_read[text] = True
                break
    return cells, was_read


@kernel
def read_pnc(
    texts: Spans, letters: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Read `CCYY/NNNNNNNL` and `YY/NNNNNNNL` as `YYNNNNNNNL`.

    Letter `L` must be `letters[YYNNNNNNN % letters.size]`. Returns `uint8[texts, 10]`, the sizes,
    0 for a wrong letter, and which texts have the form.
    """
    data, starts, stops = texts
    cells = np.zeros((starts.size, 10), np.uint8)
    sizes = np.zeros(starts.size, np.int64)
    was_read = np.zeros(starts.size, np.bool_)
    for text in range(starts.size):
        start, size = starts[text], stops[text] - starts[text]
        if size == 13:
            century = number_at(data, start, start + 2)
            start += 2
            size = 11 if century == 19 or century == 20 else 0
        if size != 11 or data[start + 2] != _SLASH or not is_letter(data[start + 10]):
            continue
        year = number_at(data, start, start + 2)
        serial = number_at(data, start + 3, start + 10)
        if year < 0 or serial < 0:
            continue
        was_read[text] = True
        number = year * 10_000_000 + serial
        if letters[number % letters.size] == data[start + 10]:
            write_number(cells, text, 0, 9, number)
            cells[text, 9] = data[start + 10]
            sizes[text] = 10
    return cells, sizes, was_read


@kernel
def read_cro(
    texts: Spans, letters: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Read `NNNNNN/YYL` as `NNNNNNYYL`, and `SFYY/NL`, with up to six N, as `SFYYNNNNNNL`.

    Letter `L` must be `letters[YYNNNNNN % letters.size]`. Returns `uint8[texts, 11]`, the sizes,
    0 for a wrong letter or the number 0, and which texts have one of the forms.
    """
    data, starts, stops = texts
    cells = np.zeros((starts.size, 11), np.uint8)
    sizes = np.zeros(starts.size, np.int64)
    was_read = np.zeros(starts.size, np.bool_)
    for text in range(starts.size):
        start, stop = starts[text], stops[text]
        size = stop - start
        if size < 7 or size > 12 or not is_letter(data[stop - 1]):
            continue
        filed = data[start] == _S and data[start + 1] == _F
        slash = start + 4 if filed else start + 6
        if data[slash] != _SLASH or not (filed or size == 10):
            continue
        first = number_at(data, start + 2 if filed else start, slash)
        second = number_at(data, slash + 1, stop - 1)
        if first < 0 or second < 0:
            continue
        was_read[text] = True
        year, serial = (first, second) if filed else (second, first)
        if letters[(year * 1_000_000 + serial) % letters.size] != data[stop - 1]:
            continue
        if filed:
            cells[text, 0], cells[text, 1] = _S, _F
            write_number(cells, text, 2, 10, year * 1_000_000 + serial)
            cells[text, 10] = data[stop - 1]
            sizes[text] = 11
        elif serial > 0:
            write_number(cells, text, 0, 8, serial * 100 + year)
            cells[text, 8] = data[stop - 1]
            sizes[text] = 9
    return cells, sizes, was_read


@kernel
def outer_lengths(texts: Spans) -> NDArray[np.int64]:
    """Give the length of the outcode of British postcodes without space; 0 for other texts.

    Their form is `[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}`. Returns `int64[texts]`.
    """
    data, starts, stops = texts
    lengths = np.zeros(starts.size, np.int64)
    for text in range(starts.size):
        start, inner = starts[text], stops[text] - 3
        outer = inner - start
        if outer < 2 or outer > 4 or not is_letter(data[start]) or not is_digit(data[inner]):
            continue
        if not is_letter(data[inner + 1]) or not is_letter(data[inner + 2]):
            continue
        digit = start + 2 if is_letter(data[start + 1]) else start + 1
        last = data[inner - 1]
        ends_well = digit == inner - 1 or is_letter(last) or is_digit(last)
        if digit < inner and digit >= inner - 2 and is_digit(data[digit]) and ends_well:
            lengths[text] = outer
    return lengths
