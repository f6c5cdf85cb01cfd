"""Eight rows side by side: vectors of eight 64-bit lanes for kernels.

Rows to compare with are laid in tiles, `uint64[tiles, words, 8]`: for each word, that word of
eight rows. A kernel then counts the common bits of one row with eight others without a sum across
a vector. LLVM lowers the vectors to what the machine has (AVX-512, AVX2, NEON, plain words), so
one source serves all. With the JIT off, lanes are NumPy arrays of eight numbers.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model
from numpy.typing import NDArray

#: Rows of a tile.
LANES = 8

Lanes = NDArray[np.int64]

_BIT, _BYTE, _INDEX, _WORD = (ir.IntType(bits) for bits in (1, 8, 32, 64))
_VECTOR = ir.VectorType(_WORD, LANES)
#: Bytes that memory hands over at once.
_LINE = 64
_MASK = ir.VectorType(_BIT, LANES)
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_POPCOUNT = ir.FunctionType(_VECTOR, [_VECTOR])


def spread(number: int | np.int64) -> Lanes:
    """Give a number in all lanes."""
    return np.full(LANES, number, np.int64)


def load(tiles: NDArray[Any], tile: int, word: int) -> Lanes:
    """Read the lanes `tiles[tile, word]` of a C-contiguous array of 64-bit `[tiles, words, 8]`."""
    lanes: Lanes = tiles[tile, word].view(np.int64)
    return lanes


def add_common(common: Lanes, lanes: Lanes, word: np.uint64) -> Lanes:
    """Add to each lane of `common` the number of bits that the lane shares with `word`."""
    shared: Lanes = np.bitwise_count(lanes.view(np.uint64) & word).astype(np.int64)
    return common + shared


def scaled(lanes: Lanes, factor: int) -> Lanes:
    """Multiply each lane by a factor; both are at least 0 and below 2^32."""
    return lanes * factor


def shifted(lanes: Lanes, places: int) -> Lanes:
    """Shift the bits of each lane up."""
    return lanes << places


def ratio(top: Lanes, bottom: Lanes, scale: int) -> Lanes:
    """Give top / bottom * scale in each lane, rounded down; a bottom of 0 counts as 1."""
    share: NDArray[np.float64] = top / np.maximum(bottom, 1)
    return (share * scale).astype(np.int64)


def lowest(left: Lanes, right: Lanes) -> Lanes:
    """Give the lower number of each lane."""
    return np.minimum(left, right)


def choose(left: Lanes, right: Lanes, reached: Lanes, missed: Lanes) -> Lanes:
    """Give the lane of `reached` where left >= right, and else that of `missed`."""
    return np.where(left >= right, reached, missed)


def reaching(left: Lanes, right: Lanes) -> int:
    """Give a number whose bit `k` says that in lane `k` left >= right."""
    return int(np.packbits(left >= right, bitorder="little")[0])


def store(array: NDArray[np.int64], place: int, lanes: Lanes, chosen: int) -> int:
    """Write the lanes that bits of `chosen` name side by side; give the place behind them.

    The array must have room for all lanes: what lies behind the chosen ones is overwritten.
    """
    kept = lanes[np.flatnonzero([chosen >> lane & 1 for lane in range(LANES)])]
    array[place : place + len(kept)] = kept
    return place + len(kept)


def fetch(matrix: NDArray[Any], row: int | np.int64) -> None:
    """Ask for a row of a C-contiguous matrix to be brought to the cache; don't wait for it."""


class _LanesType(types.Type):
    """The type of eight signed 64-bit integers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = _LanesType()
# Numba types an intrinsic with its first argument, the typing context, which calls don't have.
_intrinsic: Any = intrinsic


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _splat(builder: Any, number: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INDEX(0))
    nowhere = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), nowhere)


@_intrinsic
def _spread(typing: Any, number: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _splat(builder, values[0])

    return _LANES(types.int64), build


@_intrinsic
def _load(typing: Any, tiles: Any, tile: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        words = cgutils.unpack_tuple(builder, array.shape)[1]
        row = builder.add(builder.mul(values[1], words), values[2])
        first = builder.gep(array.data, [builder.mul(row, _WORD(LANES))])
        return builder.load(builder.bitcast(first, _VECTOR.as_pointer()), align=8)

    return _LANES(tiles, types.int64, types.int64), build


@_intrinsic
def _add_common(typing: Any, common: Any, lanes: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count = cgutils.get_or_insert_function(builder.module, _POPCOUNT, "llvm.ctpop.v8i64")
        shared = builder.and_(values[1], _splat(builder, values[2]))
        return builder.add(values[0], builder.call(count, [shared]))

    return _LANES(_LANES, _LANES, types.uint64), build


@_intrinsic
def _shifted(typing: Any, lanes: Any, places: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.shl(values[0], _splat(builder, values[1]))

    return _LANES(_LANES, types.int64), build


@_intrinsic
def _scaled(typing: Any, lanes: Any, factor: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        # Told that the upper halves are empty, LLVM picks the fast product of lower halves.
        half = _splat(builder, _WORD(0xFFFFFFFF))
        pair = [builder.and_(one, half) for one in (values[0], _splat(builder, values[1]))]
        return builder.mul(*pair)

    return _LANES(_LANES, types.int64), build


@_intrinsic
def _lowest(typing: Any, left: Any, right: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.icmp_signed("<", *values), *values)

    return _LANES(_LANES, _LANES), build


@_intrinsic
def _choose(typing: Any, left: Any, right: Any, reached: Any, missed: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.icmp_signed(">=", *values[:2]), *values[2:])

    return _LANES(_LANES, _LANES, _LANES, _LANES), build


@_intrinsic
def _reaching(typing: Any, left: Any, right: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        reached = builder.icmp_signed(">=", *values)
        return builder.zext(builder.bitcast(reached, _BYTE), _WORD)

    return types.int64(_LANES, _LANES), build


@_intrinsic
def _store(typing: Any, array: Any, place: Any, lanes: Any, chosen: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        mask = builder.bitcast(builder.trunc(values[3], _BYTE), _MASK)
        kind = ir.FunctionType(_VECTOR, [_VECTOR, _MASK, _VECTOR])
        name = "llvm.experimental.vector.compress.v8i64"
        compress = cgutils.get_or_insert_function(builder.module, kind, name)
        kept = builder.call(compress, [values[2], mask, ir.Constant(_VECTOR, ir.Undefined)])
        place = builder.bitcast(builder.gep(data, [values[1]]), _VECTOR.as_pointer())
        builder.store(kept, place, align=8)
        return builder.add(values[1], builder.ctpop(values[3]))

    return types.int64(array, types.int64, _LANES, types.int64), build


@_intrinsic
def _ratio(typing: Any, top: Any, bottom: Any, scale: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        one = _splat(builder, _WORD(1))
        bottom = builder.select(builder.icmp_signed(">", values[1], one), values[1], one)
        numbers = [values[0], bottom, _splat(builder, values[2])]
        top, bottom, scale = (builder.sitofp(one, _DOUBLES) for one in numbers)
        return builder.fptosi(builder.fmul(builder.fdiv(top, bottom), scale), _VECTOR)

    return _LANES(_LANES, _LANES, types.int64), build


@_intrinsic
def _sum(typing: Any, left: Any, right: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.add(*values)

    return _LANES(_LANES, _LANES), build


@_intrinsic
def _difference(typing: Any, left: Any, right: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.sub(*values)

    return _LANES(_LANES, _LANES), build


@_intrinsic
def _product(typing: Any, left: Any, right: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.mul(*values)

    return _LANES(_LANES, _LANES), build


@_intrinsic
def _fetch(typing: Any, matrix: Any, row: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        width = cgutils.unpack_tuple(builder, array.strides)[0]
        data = builder.bitcast(array.data, _BYTE.as_pointer())
        first = builder.mul(values[1], width)
        kind = ir.FunctionType(ir.VoidType(), [data.type, _INDEX, _INDEX, _INDEX])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        lines = builder.udiv(builder.add(width, _WORD(2 * _LINE - 2)), _WORD(_LINE))
        with cgutils.for_range(builder, lines) as line:
            place = builder.add(first, builder.mul(line.index, _WORD(_LINE)))
            # To read, to keep in all levels, as data.
            how = [_INDEX(0), _INDEX(3), _INDEX(1)]
            builder.call(ask, [builder.gep(data, [place]), *how])
        return context.get_dummy_value()

    return types.void(matrix, types.int64), build


# Each function above as kernels call it. Numba wants it without annotations, argument by argument.
overload(spread)(lambda number: lambda number: _spread(number))
overload(load)(lambda tiles, tile, word: lambda tiles, tile, word: _load(tiles, tile, word))
overload(add_common)(
    lambda common, lanes, word: lambda common, lanes, word: _add_common(common, lanes, word)
)
overload(scaled)(lambda lanes, factor: lambda lanes, factor: _scaled(lanes, factor))
overload(shifted)(lambda lanes, places: lambda lanes, places: _shifted(lanes, places))
overload(ratio)(lambda top, bottom, scale: lambda top, bottom, scale: _ratio(top, bottom, scale))
overload(lowest)(lambda left, right: lambda left, right: _lowest(left, right))
overload(choose)(
    lambda left, right, reached, missed: (
        lambda left, right, reached, missed: _choose(left, right, reached, missed)
    )
)
overload(reaching)(lambda left, right: lambda left, right: _reaching(left, right))
overload(store)(
    lambda array, place, lanes, chosen: (
        lambda array, place, lanes, chosen: _store(array, place, lanes, chosen)
    )
)
overload(fetch)(lambda matrix, row: lambda matrix, row: _fetch(matrix, row))


def _operator(symbol: Any, made: Any) -> None:
    overload(symbol)(
        lambda left, right: (
            (lambda left, right: made(left, right)) if left == right == _LANES else None
        )
    )


_operator(operator.add, _sum)
_operator(operator.sub, _difference)
_operator(operator.mul, _product)
