"""Short vectors for the kernels: steps of a few neighbouring parameters, and what fetches them into the cache.

The compiler makes vector instructions of loops over arrays only where the loops are long: it must first make sure that
the arrays do not overlap. The rows of tables, of 4, 8 or 16 numbers, are too short for that.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

#: Rows of this many numbers, or of multiples of the last, are stepped as vectors.
WIDTHS = (4, 8, 16)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return cgutils.gep(builder, data, index)  # type: ignore[no-untyped-call]


def _vector(kind: Any, n: int) -> ir.VectorType:
    return ir.VectorType(ir.FloatType() if kind.bitwidth == 32 else ir.DoubleType(), n)


def _load(builder: Any, address: Any, vector: ir.VectorType, item: int) -> Any:
    return builder.load(builder.bitcast(address, vector.as_pointer()), align=item)


def _store(builder: Any, value: Any, address: Any, item: int) -> None:
    builder.store(value, builder.bitcast(address, value.type.as_pointer()), align=item)


def _spread(builder: Any, value: Any, vector: ir.VectorType) -> Any:
    """The number in every place."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), places)


def _square_root(builder: Any, vector: ir.VectorType) -> Any:
    name = f"llvm.sqrt.v{vector.count}f{32 if isinstance(vector.element, ir.FloatType) else 64}"
    return _function(builder, ir.FunctionType(vector, [vector]), name)


def _function(builder: Any, kind: ir.FunctionType, name: str) -> Any:
    return cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]


@intrinsic(prefer_literal=True)
def sgd_row(typing: Any, p: Any, w: Any, a: Any, gradient: Any, c: Any, n: Any) -> Any:
    """`p[w + j] -= c * a[gradient + j]` for j below n; where `c` is an index, `a[c + j]` in its place."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, item = _vector(p.dtype, n.literal_value), p.dtype.bitwidth // 8
        at = _address(context, builder, p, arguments[0], arguments[1])
        g = _load(builder, _address(context, builder, a, arguments[2], arguments[3]), vector, item)
        if isinstance(c, types.Float):
            factor = _spread(builder, arguments[4], vector)
        else:
            factor = _load(builder, _address(context, builder, a, arguments[2], arguments[4]), vector, item)
        _store(builder, builder.fsub(_load(builder, at, vector, item), builder.fmul(factor, g)), at, item)
        return context.get_dummy_value()

    return types.void(p, w, a, gradient, c, n), generate


@intrinsic(prefer_literal=True)
def adagrad_row(
    typing: Any, p: Any, s0: Any, w: Any, a: Any, gradient: Any, c: Any, pace: Any, epsilon: Any, n: Any
) -> Any:
    """AdaGrad's step on `p[w + j]` for j below n, of the gradient `c * a[gradient + j]`.

    Where `pace` is an index, `a[pace + j]` in its place.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, item = _vector(p.dtype, n.literal_value), p.dtype.bitwidth // 8
        at = _address(context, builder, p, arguments[0], arguments[2])
        total_at = _address(context, builder, s0, arguments[1], arguments[2])
        g = _load(builder, _address(context, builder, a, arguments[3], arguments[4]), vector, item)
        g = builder.fmul(_spread(builder, arguments[5], vector), g)
        if isinstance(pace, types.Float):
            length = _spread(builder, arguments[6], vector)
        else:
            length = _load(builder, _address(context, builder, a, arguments[3], arguments[6]), vector, item)
        total = builder.fadd(_load(builder, total_at, vector, item), builder.fmul(g, g))
        root = builder.call(_square_root(builder, vector), [total])
        below = builder.fadd(root, _spread(builder, arguments[7], vector))
        step = builder.fmul(length, builder.fdiv(g, below))
        moved = builder.fsub(_load(builder, at, vector, item), step)
        _store(builder, total, total_at, item)
        _store(builder, moved, at, item)
        return context.get_dummy_value()

    return types.void(p, s0, w, a, gradient, c, pace, epsilon, n), generate


@intrinsic
def fetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of `array[index]`, for reading and writing, and go on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = _address(context, builder, array, *arguments)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = _function(builder, kind, "llvm.prefetch.p0")
        builder.call(ask, [builder.bitcast(at, byte), *(ir.Constant(number, n) for n in (1, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, index), generate
