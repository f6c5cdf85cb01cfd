"""PNC, CRO, NOMS and CRN numbers: unique, well formed, with valid check letters."""

from __future__ import annotations

import numpy as np

from linkage.errors import InputError
from linkage.synth.draws import Bytes, Ints, Longs, Shorts, Texts, permute

CHECK_LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"
_CHECK = np.frombuffer(CHECK_LETTERS.encode(), np.uint8)
_NOMS_LETTERS = np.frombuffer(b"ABCDEFGHJKLMNPQRSTUVWXYZ", np.uint8)
_PNC_SERIALS, _CRO_SERIALS = 10_000_000, 1_000_000
_RECORD_DIGITS = 8


def serials(year: Ints | Shorts, per_year: int, key: int) -> Longs:
    """Give serial numbers int64[n] in range(per_year), unique within a year, in no visible order.

    Raises
    ------
    InputError
        More people in one year than it has serial numbers.
    """
    order = np.argsort(year, kind="stable")
    ordered = year[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    if ordered.size and np.diff(np.append(starts, ordered.size)).max() > per_year:
        raise InputError(f"more than {per_year} people in one year of identifiers: ask for fewer")
    first = np.repeat(starts, np.diff(np.append(starts, ordered.size)))
    rank = np.empty(year.size, np.int64)
    rank[order] = np.arange(year.size) - first
    # Each year starts elsewhere, or the first people of all years would share their serials.
    return (permute(rank, per_year, key) + year.astype(np.int64) * 48_271) % per_year


def pnc_serials(year: Ints | Shorts, key: int) -> Ints:
    """Give the serial number of the PNC id of each of n people."""
    return serials(year, _PNC_SERIALS, key).astype(np.int32)


def pnc_numbers(year: Ints | Shorts, key: int) -> Texts:
    """Police National Computer ids `YYYY/NNNNNNNL` of n people."""
    return pnc_text(year, pnc_serials(year, key))


def pnc_text(year: Ints | Shorts, serial: Ints) -> Texts:
    """Write PNC ids of a year and a serial number each."""
    short_year = year.astype(np.int64) % 100
    letter = _CHECK[(short_year * _PNC_SERIALS + serial) % _CHECK.size]
    return _joined(_digits(year, 4), b"/", _digits(serial, 7), letter[:, None])


def short_pnc(numbers: Texts) -> Texts:
    """Write PNC ids without the century: `YY/NNNNNNNL`."""
    return _joined(_chars(numbers.astype("S"))[:, 2:]) if numbers.size else numbers


def cro_serials(year: Ints | Shorts, key: int) -> Ints:
    """Give the serial number of the CRO number of each of n people."""
    # A file number is not padded, so its serial has to have six digits; 1995 to now as they come.
    return (serials(year, _CRO_SERIALS - 100_000, key) + 100_000).astype(np.int32)


def cro_numbers(year: Ints | Shorts, key: int) -> Texts:
    """Criminal Records Office numbers `NNNNNN/YYL`; before 1995 file numbers `SFYY/NNNNNNL`."""
    return cro_text(year, cro_serials(year, key))


def cro_text(year: Ints | Shorts, serial: Ints) -> Texts:
    """Write CRO numbers of a year and a serial number each."""
    short_year = year.astype(np.int64) % 100
    letter = _CHECK[(short_year * _CRO_SERIALS + serial) % _CHECK.size][:, None]
    standard = _joined(_digits(serial, 6), b"/", _digits(short_year, 2), letter)
    file_number = _joined(b"SF", _digits(short_year, 2), b"/", _digits(serial, 6), letter)
    return np.where(year < 1995, file_number, standard)


def noms_numbers(person: Longs, key: int) -> Texts:
    """Prison numbers `A1234BC` of people, who are counted from 0."""
    base = _NOMS_LETTERS.size
    number = permute(person, base**3 * 10_000, key)
    number, last = np.divmod(number, base)
    number, middle = np.divmod(number, base)
    first, digits = np.divmod(number, 10_000)
    letters = [_NOMS_LETTERS[i][:, None] for i in (first, middle, last)]
    return _joined(letters[0], _digits(digits, 4), letters[1], letters[2])


def crn_numbers(person: Longs, key: int) -> Texts:
    """Probation case reference numbers `X123456` of people, who are counted from 0."""
    number = permute(person, _NOMS_LETTERS.size * 1_000_000, key)
    first, digits = np.divmod(number, 1_000_000)
    return _joined(_NOMS_LETTERS[first][:, None], _digits(digits, 6))


def record_ids(prefix: str, number: Longs, key: int) -> Texts:
    """Ids of records that are counted from 0: unique, and telling nothing of their order."""
    return _joined(
        prefix.encode(), _digits(permute(number, 10**_RECORD_DIGITS, key), _RECORD_DIGITS)
    )


def wrong_digit(rng: np.random.Generator, numbers: Texts) -> Texts:
    """Change the last digit of the serial of each `.../NNNNNNNL`, so that its letter is wrong."""
    return with_last_digit_off(numbers, digits_off(rng, numbers.size))


def digits_off(rng: np.random.Generator, count: int) -> Bytes:
    """Draw by how much a digit is off, 1 to 9."""
    return rng.integers(1, 10, count).astype(np.int8)


def with_last_digit_off(numbers: Texts, off: Bytes) -> Texts:
    """Add to the last digit of the serial of each `.../NNNNNNNL`; nothing is carried."""
    if not numbers.size:
        return numbers
    chars = _chars(numbers.astype("S")).copy()
    last = np.count_nonzero(chars, axis=1) - 2
    rows = np.arange(numbers.size)
    digit = chars[rows, last] - ord("0")
    chars[rows, last] = (digit + off) % 10 + ord("0")
    return chars.view(f"S{chars.shape[1]}").ravel().astype("U").astype(object)


def _chars(text: np.ndarray) -> np.ndarray:
    return text.view(np.uint8).reshape(text.size, text.dtype.itemsize)


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """Decimal digits uint8[n, width], padded with zeros."""
    powers = 10 ** np.arange(width - 1, -1, -1)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _joined(*pieces: np.ndarray | bytes) -> Texts:
    """Strings object[n] from fixed texts and matrices of characters side by side."""
    count = next(len(piece) for piece in pieces if not isinstance(piece, bytes))
    if not count:
        return np.empty(0, object)
    columns = [
        np.broadcast_to(np.frombuffer(p, np.uint8), (count, len(p))) if isinstance(p, bytes) else p
        for p in pieces
    ]
    chars = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return chars.view(f"S{chars.shape[1]}").ravel().astype("U").astype(object)
