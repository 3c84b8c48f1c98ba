"""Text of the kernel's heads, forward, backward and update, with constant sizes; see `streammtl.models._kernel_layers`.

Each raw output of a task, `k0` to before `k1`, is linear in the last hidden layer and the dense values, side by side in
the scratch array. What a category adds to each of the K raw outputs of all tasks lies in one row.
"""

from __future__ import annotations

from streammtl.models._kernel_layers import (
    forward_layer,
    into_inputs,
    prepare_directions,
    square,
    through_activation,
    update_layer,
    value_in,
)
from streammtl.models._kernel_spec import Dense, KernelSpec, Places
from streammtl.models._kernel_steps import (
    Lines,
    add_squares,
    direction,
    element_step,
    function,
    indented,
    norm,
    prepare_update,
    vector_step,
)

#: Arguments that say where a task's head lies.
HEAD = "p0, a0, k0, k1, heads, marks, biases, slopes, steps, sums, paces"

_CATEGORIES_AT_ONCE = 8
_RAWS_AT_ONCE = 8


def head_functions(spec: KernelSpec, at: Places) -> Lines:
    """`sum_biases`, what the categories of a row add to all raw outputs; `forward_head`; `input_norm`, of what all
    heads read; `backward_head`, which returns the gradient's squared norm and what its step promises; `update_head`;
    `update_biases`, what categories add.
    """
    missing = "active_I, n_present, n_active"
    return [
        *function("sum_biases(p, a, bias_row_C, sums, n_padded)", _sum_biases(spec)),
        *function(f"forward_head(p, a, {HEAD}, {missing}, raw_K)", _forward_head(spec, at)),
        *function("input_norm(a)", _input_norm(spec, at)),
        *function(
            f"backward_head(p, s0, a, {HEAD}, inputs, n_missing, slope_K, weight, clip_task_norm, loss, cap, n_steps, "
            "hyper)",
            _backward_head(spec, at),
        ),
        *function(
            f"update_head(p, s0, s1, a, {HEAD}, {missing}, bias_row_C, scale, rate, correction, hyper)",
            _update_head(spec, at),
        ),
        *function("update_biases(p, s0, a, bias_row_C, slopes, paces, n_padded, hyper)", _update_biases(spec)),
    ]


def _head_input(spec: KernelSpec, at: Places, j: str) -> str:
    return f"a[U(a0 + {at.private_output} + {j})]" if spec.head_hidden else f"a[{at.shared} + {j}]"


def _sum_biases(spec: KernelSpec) -> Lines:
    lines = ["for k in range(n_padded):", "    a[U(sums + k)] = zero"]
    if not spec.n_categories:
        return lines
    n_whole = spec.n_categories - spec.n_categories % _CATEGORIES_AT_ONCE
    some = _add_categories("column", _CATEGORIES_AT_ONCE)
    lines += [f"for b in range(0, n_padded, {_RAWS_AT_ONCE}):"]
    if n_whole:
        lines += [f"    for column in range(0, {n_whole}, {_CATEGORIES_AT_ONCE}):", *indented(some, 2)]
    if n_whole < spec.n_categories:
        lines += indented(_add_categories(str(n_whole), spec.n_categories - n_whole))
    return lines


def _add_categories(first: str, n: int) -> Lines:
    terms = [f"p[U(r{c} + j)]" for c in range(n)]
    half = n // 2
    total = f"(a[U(sums + b + j)] + {' + '.join(terms[half:])})"
    total += f" + ({' + '.join(terms[:half])})" if half else ""
    return [
        *(f"r{c} = bias_row_C[{first} + {c}] + b" for c in range(n)),
        f"for j in range({_RAWS_AT_ONCE}):",
        f"    a[U(sums + b + j)] = {total}",
    ]


def _forward_head(spec: KernelSpec, at: Places) -> Lines:
    stride, n_dense = spec.head_stride, spec.n_dense
    lines: Lines = [line for layer in at.private for line in forward_layer(spec, layer)]
    if at.private:
        copied = _head_input(spec, at, f"{spec.n_last_hidden} + d")
        lines += [f"for d in range({n_dense}):", f"    {copied} = a[{at.dense} + d]"]
    lines += [
        "for k in range(k0, k1):",
        "    total = zero",
        f"    for j in range({stride}):",
        f"        total += p[U(heads + k * {stride} + j)] * {_head_input(spec, at, 'j')}",
        "    total += p[U(biases + k)] + a[U(sums + k)]",
        "    for s in range(n_present, n_active):",
        f"        total += p[U(marks + k * {n_dense} + active_I[s] - {spec.n_unmarked})]",
        "    raw_K[k] = total",
    ]
    return lines


def _input_norm(spec: KernelSpec, at: Places) -> Lines:
    if at.private:
        return ["return 0.0"]
    return [*norm("inputs", [(lambda j: _head_input(spec, at, j), spec.head_stride)]), "return inputs"]


def _backward_head(spec: KernelSpec, at: Places) -> Lines:
    """The gradient at the last shared layer's output too, clipped, weighted, and added to that of other tasks."""
    n_shared, into = spec.n_shared, f"a[U(a0 + {at.into_last} + j)]"
    lines: Lines = [
        f"for j in range({spec.n_last_hidden}):",
        f"    {into} = zero",
        "slope_sum = zero",
        "for k in range(k0, k1):",
        "    slope = real(slope_K[k])",
        "    a[U(slopes + k)] = slope",
        "    slope_sum += slope * slope",
        f"    for j in range({spec.n_last_hidden}):",
        f"        {into} += slope * p[U(heads + k * {spec.head_stride} + j)]",
    ]
    if at.private:
        lines += norm("inputs", [(lambda j: _head_input(spec, at, j), spec.head_stride)])
    lines += [f"total = (inputs + n_missing + {1 + spec.n_categories}.0) * float(slope_sum)"]
    for layer in reversed(at.private):
        lines += [*through_activation(layer), *into_inputs(layer, 0, layer.n_in)]
    lines += [line for layer in at.private for line in square(layer)]
    lines += _cap_head(spec, at)
    lines += [
        "factor = weight * share",
        "if clip_task_norm < np.inf:",
        *indented(norm("shared", [(lambda j: f"a[U(a0 + {j})]", n_shared)])),
        "    factor *= min(1.0, clip_task_norm / max(math.sqrt(shared), 1e-30))",
        "part = real(factor)",
        f"for j in range({n_shared}):",
        f"    a[{at.into_shared} + j] += part * a[U(a0 + j)]",
        "return total, promise",
    ]
    return lines


def _cap_head(spec: KernelSpec, at: Places) -> Lines:
    """`share`, what the cap leaves of the head's step, and `promise`: what of the loss the rest promises to take."""
    share = "share = min(1.0, cap * max(loss, 1e-300) / max(promise, 1e-300))"
    if spec.optimizer == "sgd":
        shrink = [line for layer in at.private for line in _scaled(layer, "part")]
        return [
            "promise = hyper[0] * total",
            share,
            "if share < 1.0:",
            "    part = real(share)",
            "    for k in range(k0, k1):",
            "        a[U(slopes + k)] *= part",
            *indented(shrink),
            "total *= share * share",
            "promise *= share * share",
        ]
    if spec.optimizer == "factored":
        keep = [f"a[U(a0 + {at.x_step + spec.head_stride})] = real(share)", "promise *= share"]
        return [*_direct_head(spec, at), share, *keep]
    return ["promise = 0.0", "share = 1.0"]


def _scaled(layer: Dense, factor: str) -> Lines:
    return [f"for j in range({layer.n_out}):", f"    {value_in(layer, layer.dz, 'j')} *= {factor}"]


def _direct_head(spec: KernelSpec, at: Places) -> Lines:
    stride = spec.head_stride
    return [
        *prepare_directions(),
        "gain_x = gain_g = zero",
        *direction(
            "gain_x",
            lambda j: _head_input(spec, at, j),
            lambda j: f"U(heads + k0 * {stride} + {j})",
            lambda j: f"a[U(a0 + {at.x_step} + {j})]",
            stride,
        ),
        *direction(
            "gain_g",
            lambda j: f"a[U(slopes + {j})]",
            lambda j: f"U(biases + {j})",
            lambda j: f"a[U(steps + {j})]",
            "for j in range(k0, k1):",
        ),
        f"promise = hyper[0] * float(gain_g * (root * gain_x + real({1 + spec.n_categories})))",
    ]


def _update_head(spec: KernelSpec, at: Places) -> Lines:
    stride, n_dense = spec.head_stride, spec.n_dense
    lines: Lines = []
    if spec.optimizer == "factored":
        lines += [f"scale *= float(a[U(a0 + {at.x_step + stride})])"]
    lines += [*prepare_update(spec), *(line for layer in at.private for line in update_layer(spec, layer))]
    if spec.optimizer == "factored":
        lines += _factored_head(spec, at)
        weights: Lines = []
    else:
        weights = vector_step(spec, f"heads + k * {stride}", stride, lambda j: _head_input(spec, at, j))
        weights += element_step(spec, "U(biases + k)", "one")
    lines += ["for k in range(k0, k1):", "    c = step * a[U(slopes + k)]", *indented(weights)]
    if spec.skips_zeros:
        mark = f"U(marks + k * {n_dense} + active_I[s] - {spec.n_unmarked})"
        lines += ["    for s in range(n_present, n_active):", *indented(element_step(spec, mark, "one"), 2)]
        lines += [f"    a[U(paces + k)] = {'pace' if spec.optimizer == 'factored' else 'step'}"]
        return lines
    lines += [
        f"    for d in range({n_dense}):",
        "        is_missing = zero",
        "        for s in range(n_present, n_active):",
        f"            is_missing = one if active_I[s] == {spec.n_unmarked} + d else is_missing",
        *indented(element_step(spec, f"U(marks + k * {n_dense} + d)", "is_missing"), 2),
        f"    for column in range({spec.n_categories}):",
        *indented(element_step(spec, "U(bias_row_C[column] + k)", "one"), 2),
    ]
    return lines


def _factored_head(spec: KernelSpec, at: Places) -> Lines:
    stride = spec.head_stride
    return [
        "reach = pace * real(math.sqrt(correction))",
        "for k in range(k0, k1):",
        "    g = a[U(slopes + k)]",
        "    s0[U(biases + k)] += g * g",
        "    p[U(biases + k)] -= pace * a[U(steps + k)]",
        "    c = reach * a[U(steps + k)]",
        f"    for j in range({stride}):",
        f"        p[U(heads + k * {stride} + j)] -= c * a[U(a0 + {at.x_step} + j)]",
        *add_squares(lambda j: _head_input(spec, at, j), lambda j: f"U(heads + k0 * {stride} + {j})", stride),
    ]


def _update_biases(spec: KernelSpec) -> Lines:
    """What categories add, of all tasks at once: tasks without a label have slopes of zero, which move nothing."""
    if not spec.skips_zeros or not spec.n_categories:
        return []  # `update_head` did it
    lines, step = {
        "sgd": ([], [f"sgd_row(p, U(row), a, U(slopes + b), U(paces + b), {_RAWS_AT_ONCE})"]),
        "factored": (
            ["epsilon = real(hyper[1])"],
            [f"adagrad_row(p, s0, U(row), a, U(slopes + b), one, U(paces + b), epsilon, {_RAWS_AT_ONCE})"],
        ),
        "adagrad": (
            ["pace, epsilon = real(hyper[0]), real(hyper[1])"],
            [
                f"for j in range({_RAWS_AT_ONCE}):",
                "    c = a[U(paces + b + j)]",
                "    w = U(row + j)",
                *indented(element_step(spec, "w", "a[U(slopes + b + j)]")),
            ],
        ),
    }[spec.optimizer]
    return [
        *lines,
        f"for column in range({spec.n_categories}):",
        f"    for b in range(0, n_padded, {_RAWS_AT_ONCE}):",
        "        row = bias_row_C[column] + b",
        *indented(step, 2),
    ]
