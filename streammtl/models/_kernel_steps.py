"""Text of the kernel's steps: what an optimizer does to a parameter, and the pieces of loops that all layers use.

Formulas as in `streammtl.models.optimizers`. A step learns from one row, so the gradient of a weight matrix is the
outer product of the layer's input and the gradient at its output: it is never stored, its norm is the product of two
norms, and the update writes it into the parameters on the fly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from streammtl.models._kernel_spec import KernelSpec

Lines: TypeAlias = list[str]
#: Rows of so many parameters are stepped as a vector: see `streammtl.models._kernel_vectors`.
ROW_WIDTHS = (4, 8, 16)

#: The text of element number j of a piece of an array.
Element: TypeAlias = Callable[[str], str]


def indented(lines: Lines, levels: int = 1) -> Lines:
    """The lines, further to the right."""
    return ["    " * levels + line for line in lines]


def function(head: str, body: Lines) -> Lines:
    """A compiled function of vector arithmetic."""
    return ["", "", "@vector_math", f"def {head}:", *indented(body or ["pass"])]


def plain_at(start: int) -> Element:
    """Elements of the scratch array from a place that is a constant."""
    return lambda j: f"a[{start} + {j}]"


def norm(name: str, pieces: list[tuple[Element, int]]) -> Lines:
    """The squared norm of pieces of so many numbers, in float64."""
    lines = [f"{name}_sum = zero"]
    for element, n in pieces:
        lines += [f"for j in range({n}):", f"    {name}_sum += {element('j')} * {element('j')}"]
    return [*lines, f"{name} = float({name}_sum)"]


def prepare_update(spec: KernelSpec) -> Lines:
    """What the formulas read: `step` is the gradient's factor; `hyper` is as the model hands it over."""
    lines = {
        "sgd": ["step = real(rate * scale)"],
        "momentum": ["step, pace = real(scale), real(rate)", "kept, decay = real(hyper[1]), real(hyper[2])"],
        "adagrad": ["step, pace = real(scale), real(rate)", "epsilon = real(hyper[1])"],
        "rmsprop": [
            "step, pace = real(scale), real(rate)",
            "epsilon, kept, fresh = real(hyper[1]), real(hyper[2]), real(1.0 - hyper[2])",
        ],
        "adam": [
            "step, pace, undo = real(scale), real(rate), real(correction)",
            "epsilon, fresh1, fresh2 = real(hyper[1]), real(1.0 - hyper[2]), real(1.0 - hyper[3])",
        ],
    }
    # Where a parameter stands alone, `factored` is AdaGrad; a cap shortens the step, and is no part of the gradient.
    lines["factored"] = ["step, pace = one, real(rate * scale)", "epsilon = real(hyper[1])"]
    return lines[spec.optimizer]


def element_step(spec: KernelSpec, w: str, gradient: str) -> Lines:
    """The change of the parameter at `w`; `gradient` holds everything but the factor, which is in `c`."""
    lines = {
        "sgd": [f"p[{w}] -= c * {gradient}"],
        "momentum": [
            f"m = kept * s0[{w}] + (c * {gradient} + decay * p[{w}])",
            f"s0[{w}] = m",
            f"p[{w}] -= pace * m",
        ],
        "adagrad": [
            f"g = c * {gradient}",
            f"v = s0[{w}] + g * g",
            f"s0[{w}] = v",
            f"p[{w}] -= pace * (g / (np.sqrt(v) + epsilon))",
        ],
        "rmsprop": [
            f"g = c * {gradient}",
            f"v = kept * s0[{w}] + fresh * (g * g)",
            f"s0[{w}] = v",
            f"p[{w}] -= pace * (g / (np.sqrt(v) + epsilon))",
        ],
        "adam": [
            f"g = c * {gradient}",
            f"m = s0[{w}] + fresh1 * (g - s0[{w}])",
            f"v = s1[{w}] + fresh2 * (g * g - s1[{w}])",
            f"s0[{w}] = m",
            f"s1[{w}] = v",
            f"p[{w}] -= pace * m / (np.sqrt(v) * undo + epsilon)",
        ],
    }
    lines["factored"] = lines["adagrad"]
    return lines[spec.optimizer]


def vector_step(spec: KernelSpec, weight: str, n: int, gradient: Element) -> Lines:
    """One step on `n` parameters that begin at a place known at run time; the factor is in `c`."""
    return [f"for j in range({n}):", f"    w = U({weight} + j)", *indented(element_step(spec, "w", gradient("j")))]


def row_step(spec: KernelSpec, weight: str, n: int, gradient: str) -> Lines:
    """One step on a table's row of `n` parameters; the gradient lies in `a`, the factor is in `c`."""
    if n in ROW_WIDTHS and spec.optimizer == "sgd":
        return [f"sgd_row(p, U({weight}), a, U({gradient}), c, {n})"]
    if n in ROW_WIDTHS and spec.optimizer in ("adagrad", "factored"):
        return [f"adagrad_row(p, s0, U({weight}), a, U({gradient}), c, pace, epsilon, {n})"]
    return vector_step(spec, weight, n, lambda j: f"a[{gradient} + {j}]")


# -- the factored optimizer: `streammtl.models.optimizers.Factored` has the formula
#
# Sums of squares of a layer's inputs lie in `s0` where the weight begins in `p`, those of the gradient at its outputs
# where its bias lies; of a head, likewise, by task.


def direction(gain: str, value: Element, total: Element, into: Element, n: int | str) -> Lines:
    """One side of a step's direction, and its product with the value itself, added to `gain`."""
    loop = n if isinstance(n, str) else f"for j in range({n}):"
    return [
        loop,
        f"    x = {value('j')}",
        f"    u = x / (np.sqrt(s0[{total('j')}] + x * x) + epsilon)",
        f"    {into('j')} = u",
        f"    {gain} += x * u",
    ]


def add_squares(value: Element, total: Element, n: int) -> Lines:
    """Take values into their sums of squares."""
    return [f"for j in range({n}):", f"    x = {value('j')}", f"    s0[{total('j')}] += x * x"]
