"""Text of the kernel's vector functions: trunk and heads, forward, backward and update, with constant sizes.

Every loop runs over contiguous memory. A step learns from one row, so the gradient of a weight matrix is the outer
product of the layer's input and the gradient at its output: it is never stored, its norm is the product of two norms,
and the update writes it into the parameters on the fly.

In the generated text `p` are the parameters, `s0` and `s1` the optimizer's arrays beside them, `a` the scratch array,
all flat, in the type `real`; `p0` and `a0` are where a task's private layers begin in them, `k0` and `k1` its first
raw output and the one after its last. `U` makes an index unsigned, which spares the compiler the thought of negative
ones; where it is not needed the index is a constant beside a loop variable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from streammtl.models._kernel_spec import Dense, KernelSpec, Places

Lines: TypeAlias = list[str]
#: The text of element number j of a piece of the scratch array.
_Element: TypeAlias = Callable[[str], str]

#: Rows of a matrix that are added up between loading and storing an output. Hides the latency of the additions.
_ROWS_AT_ONCE = 8
_SUMS_AT_ONCE = 4


def indented(lines: Lines, levels: int = 1) -> Lines:
    """The lines, further to the right."""
    return ["    " * levels + line for line in lines]


def function(head: str, body: Lines) -> Lines:
    """A compiled function of vector arithmetic."""
    return ["", "", "@vector_math", f"def {head}:", *indented(body or ["pass"])]


def trunk_functions(spec: KernelSpec, at: Places) -> Lines:
    """`forward_trunk`; `backward_trunk`, which returns the squared norm of the gradient; `update_trunk`.

    For the `factored` optimizer also `direct_trunk`, which returns how much of the loss a step promises to take away.
    A linear model has no trunk: then they do nothing.
    """
    forward: Lines = []
    backward: Lines = ["total = 0.0"]
    direct: Lines = ["promise = 0.0"]
    update: Lines = _prepare_update(spec)
    if at.trunk:
        first, *others = at.trunk
        forward = _forward_first(spec, at)
        for layer in others:
            forward += _forward(spec, layer)
        for layer in reversed(others):
            backward += [*_through_activation(layer), *_into_inputs(layer, 0, layer.n_in)]
        backward += _through_activation(first)
        backward += _into_inputs(first, spec.n_dense, spec.n_dense + spec.n_embedded)
        backward += [*_norm("embedded", _plain_at(at.into_embedded), spec.n_embedded), "total += embedded"]
        backward += [line for layer in at.trunk for line in _square(layer)]
        direct += ["root = real(math.sqrt(n_steps + 1.0))", "epsilon = real(hyper[1])"]
        direct += _direct(first, first.n_in - spec.n_dense)
        direct += [line for layer in others for line in _direct(layer, layer.n_in)]
        update += _update_first(spec, at)
        for layer in others:
            update += _update(spec, layer)
    functions = [
        *function("forward_trunk(p, a, n_missing)", forward),
        *function("backward_trunk(p, a)", [*backward, "return total"]),
        *function("update_trunk(p, s0, s1, a, n_missing, scale, rate, correction, hyper)", update),
    ]
    if spec.optimizer == "factored":
        functions += function("direct_trunk(s0, a, n_steps, hyper)", [*direct, "return promise"])
    return functions


def _forward_first(spec: KernelSpec, at: Places) -> Lines:
    """The layer that reads the inputs; marks of missing values only where there are any."""
    first = at.trunk[0]
    n_unmarked = first.n_in - spec.n_dense
    lines = [*_start(first), *_add_rows(first, str(first.weight), str(first.x), n_unmarked)]
    if spec.n_dense:
        mark_weight = str(first.weight + n_unmarked * first.n_out)
        lines += ["if n_missing > 0:", *indented(_add_rows(first, mark_weight, str(at.marks), spec.n_dense))]
    return lines + _activate(spec, first)


def _update_first(spec: KernelSpec, at: Places) -> Lines:
    first = at.trunk[0]
    n_unmarked = first.n_in - spec.n_dense
    lines = _update_rows(spec, first, n_unmarked)
    if spec.n_dense:
        mark_weight = f"{first.weight + n_unmarked * first.n_out}"
        marks = _outer(spec, mark_weight, spec.n_dense, first.n_out, _plain_at(at.marks), _plain_at(first.dz))
        lines += ["if n_missing > 0:", *indented(marks)] if spec.skips_zeros else marks
    return lines


def head_functions(spec: KernelSpec, at: Places) -> Lines:
    """`forward_head`; `backward_head`, which returns the gradient's squared norm and what its step promises;
    `update_head`.
    """
    names = "p0, a0, k0, k1, heads, marks, biases, slopes, steps"
    return [
        *function(f"forward_head(p, a, {names}, n_missing, bias_row_C, raw_K)", _forward_head(spec, at)),
        *function(
            f"backward_head(p, s0, a, {names}, slope_K, weight, clip_task_norm, loss, cap, n_steps, hyper)",
            _backward_head(spec, at),
        ),
        *function(
            f"update_head(p, s0, s1, a, {names}, n_missing, bias_row_C, scale, rate, correction, hyper)",
            _update_head(spec, at),
        ),
    ]


def _head_input(spec: KernelSpec, at: Places, j: str) -> str:
    return f"a[U(a0 + {at.private_output} + {j})]" if spec.head_hidden else f"a[{at.shared} + {j}]"


def _forward_head(spec: KernelSpec, at: Places) -> Lines:
    width, n_dense = spec.head_width, spec.n_dense
    lines: Lines = [line for layer in at.private for line in _forward(spec, layer)]
    if at.private:
        copied = _head_input(spec, at, f"{spec.n_last_hidden} + d")
        lines += [f"for d in range({n_dense}):", f"    {copied} = a[{at.dense} + d]"]
    lines += [
        "for k in range(k0, k1):",
        "    total = zero",
        f"    for j in range({width}):",
        f"        total += p[U(heads + k * {width} + j)] * {_head_input(spec, at, 'j')}",
        "    total += p[U(biases + k)]",
        "    if n_missing > 0:",
        f"        for d in range({n_dense}):",
        f"            total += p[U(marks + k * {n_dense} + d)] * a[{at.marks} + d]",
        f"    for c in range({spec.n_categories}):",
        "        total += p[U(bias_row_C[c] + k)]",
        "    raw_K[k] = total",
    ]
    return lines


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
        f"        {into} += slope * p[U(heads + k * {spec.head_width} + j)]",
        *_norm("inputs", lambda j: _head_input(spec, at, j), spec.head_width),
        *_norm("absent", _plain_at(at.marks), spec.n_dense),
        f"total = (inputs + absent + {1 + spec.n_categories}.0) * float(slope_sum)",
    ]
    for layer in reversed(at.private):
        lines += [*_through_activation(layer), *_into_inputs(layer, 0, layer.n_in)]
    lines += [line for layer in at.private for line in _square(layer)]
    lines += _cap_head(spec, at)
    lines += [
        "factor = weight * share",
        "if clip_task_norm < np.inf:",
        *indented(_norm("shared", lambda j: f"a[U(a0 + {j})]", n_shared)),
        "    factor *= min(1.0, clip_task_norm / max(math.sqrt(shared), 1e-30))",
        "part = real(factor)",
        f"for j in range({n_shared}):",
        f"    a[{at.into_shared} + j] += part * a[U(a0 + j)]",
        "return total, promise",
    ]
    return lines


def _cap_head(spec: KernelSpec, at: Places) -> Lines:
    """`share`, what the cap leaves of the head's step, and `promise`: what of the loss the rest promises to take."""
    if spec.optimizer == "sgd":
        shrink = [line for layer in at.private for line in _scaled(layer, "part")]
        return [
            "promise = hyper[0] * total",
            "share = min(1.0, cap * max(loss, 1e-300) / max(promise, 1e-300))",
            "if share < 1.0:",
            "    part = real(share)",
            "    for k in range(k0, k1):",
            "        a[U(slopes + k)] *= part",
            *indented(shrink),
            "total *= share * share",
            "promise *= share * share",
        ]
    if spec.optimizer == "factored":
        share = "share = min(1.0, cap * max(loss, 1e-300) / max(promise, 1e-300))"
        return [*_direct_head(spec, at), share, *_keep_share(spec, at)]
    return ["promise = 0.0", "share = 1.0"]


def _keep_share(spec: KernelSpec, at: Places) -> Lines:
    return [f"a[U(a0 + {at.x_step + spec.head_width})] = real(share)", "promise *= share"]


def _direct_head(spec: KernelSpec, at: Places) -> Lines:
    width = spec.head_width
    return [
        "root, epsilon = real(math.sqrt(n_steps + 1.0)), real(hyper[1])",
        "gain_x = gain_g = zero",
        f"for j in range({width}):",
        f"    x = {_head_input(spec, at, 'j')}",
        f"    u = x / (np.sqrt(s0[U(heads + k0 * {width} + j)] + x * x) + epsilon)",
        f"    a[U(a0 + {at.x_step} + j)] = u",
        "    gain_x += x * u",
        "for k in range(k0, k1):",
        "    g = a[U(slopes + k)]",
        "    u = g / (np.sqrt(s0[U(biases + k)] + g * g) + epsilon)",
        "    a[U(steps + k)] = u",
        "    gain_g += g * u",
        f"promise = hyper[0] * float(gain_g * (root * gain_x + real({1 + spec.n_categories})))",
    ]


def _scaled(layer: Dense, factor: str) -> Lines:
    return [f"for j in range({layer.n_out}):", f"    {_in(layer, layer.dz, 'j')} *= {factor}"]


def _update_head(spec: KernelSpec, at: Places) -> Lines:
    width, n_dense = spec.head_width, spec.n_dense
    missing = _vector(spec, f"marks + k * {n_dense}", n_dense, _plain_at(at.marks))
    lines: Lines = []
    if spec.optimizer == "factored":
        lines += [f"scale *= float(a[U(a0 + {at.x_step + width})])"]
    lines += [*_prepare_update(spec), *(line for layer in at.private for line in _update(spec, layer))]
    if spec.optimizer == "factored":
        lines += _factored_head(spec, at)
        dense: Lines = []
        bias: Lines = []
    else:
        dense = _vector(spec, f"heads + k * {width}", width, lambda j: _head_input(spec, at, j))
        bias = _element(spec, "U(biases + k)", "one")
    lines += [
        "for k in range(k0, k1):",
        "    c = step * a[U(slopes + k)]",
        *indented(dense),
        *indented(["if n_missing > 0:", *indented(missing)] if spec.skips_zeros else missing),
        *indented(bias),
        f"    for column in range({spec.n_categories}):",
        *indented(_element(spec, "U(bias_row_C[column] + k)", "one"), 2),
    ]
    return lines


def _factored_head(spec: KernelSpec, at: Places) -> Lines:
    width = spec.head_width
    return [
        "reach = pace * real(math.sqrt(correction))",
        "for k in range(k0, k1):",
        "    g = a[U(slopes + k)]",
        "    s0[U(biases + k)] += g * g",
        "    p[U(biases + k)] -= pace * a[U(steps + k)]",
        "    c = reach * a[U(steps + k)]",
        f"    for j in range({width}):",
        f"        p[U(heads + k * {width} + j)] -= c * a[U(a0 + {at.x_step} + j)]",
        f"for j in range({width}):",
        f"    x = {_head_input(spec, at, 'j')}",
        f"    s0[U(heads + k0 * {width} + j)] += x * x",
    ]


def table_function(spec: KernelSpec, at: Places) -> Lines:
    """`update_tables`: the embedding row of each column's category."""
    update: Lines = [*_prepare_update(spec), "c = step"]
    for column in range(spec.n_categories if spec.n_embedded else 0):
        here = at.into_embedded + column * spec.embedding_dim
        update += _vector(spec, f"table_row_C[{column}]", spec.embedding_dim, _plain_at(here))
    return function("update_tables(p, s0, s1, a, table_row_C, scale, rate, correction, hyper)", update)


def average_function(spec: KernelSpec, at: Places) -> Lines:
    """`average_gradient`: of one task, at the last shared layer's weight."""
    if not at.trunk:
        return function("average_gradient(a, a0, averages_TW, column, share)", [])
    last = at.trunk[-1]
    body = [
        f"for j in range({last.n_out}):",
        f"    a[U(a0 + j)] *= {_in(last, last.z, 'j')}",
        f"for i in range({last.n_in}):",
        f"    x = a[{last.x} + i]",
        f"    for j in range({last.n_out}):",
        f"        old = averages_TW[column, i * {last.n_out} + j]",
        f"        averages_TW[column, i * {last.n_out} + j] = old + share * (x * a[U(a0 + j)] - old)",
    ]
    return function("average_gradient(a, a0, averages_TW, column, share)", body)


# -- pieces


def _plain_at(start: int) -> _Element:
    return lambda j: f"a[{start} + {j}]"


def _in(layer: Dense, start: int, index: str) -> str:
    """A value of the layer in the scratch array."""
    return f"a[U(a0 + {start} + {index})]" if layer.is_private else f"a[{start} + {index}]"


def _input(layer: Dense, index: str) -> str:
    return f"a[{layer.x} + {index}]" if layer.reads_shared else _in(layer, layer.x, index)


def _weight(layer: Dense, index: str) -> str:
    return f"U(p0 + {index})" if layer.is_private else index


def _start(layer: Dense) -> Lines:
    bias = _weight(layer, f"{layer.bias} + j")
    return [f"for j in range({layer.n_out}):", f"    {_in(layer, layer.z, 'j')} = p[{bias}]"]


def _add_rows(layer: Dense, weight: str, x: str, n_rows: int) -> Lines:
    """`z += x W`, several rows of W at a time."""
    n_whole = n_rows - n_rows % _ROWS_AT_ONCE
    lines: Lines = []
    if n_whole:
        lines.append(f"for i in range(0, {n_whole}, {_ROWS_AT_ONCE}):")
        lines += indented(_add_some_rows(layer, f"{weight} + i * {layer.n_out}", f"{x} + i", _ROWS_AT_ONCE))
    if n_rows > n_whole:
        rest = f"{weight} + {n_whole * layer.n_out}"
        lines += _add_some_rows(layer, rest, f"{x} + {n_whole}", n_rows - n_whole)
    return lines


def _add_some_rows(layer: Dense, weight: str, x: str, n_rows: int) -> Lines:
    is_far = layer.is_private and not layer.reads_shared
    inputs = [f"x{r} = a[U(a0 + {x} + {r})]" if is_far else f"x{r} = a[{x} + {r}]" for r in range(n_rows)]
    terms = [f"x{r} * p[{_weight(layer, f'{weight} + {r * layer.n_out} + j')}]" for r in range(n_rows)]
    half = (n_rows + 1) // 2
    z = _in(layer, layer.z, "j")
    total = f"({z} + {' + '.join(terms[:half])})"
    if terms[half:]:
        total += f" + ({' + '.join(terms[half:])})"
    return [*inputs, f"for j in range({layer.n_out}):", f"    {z} = {total}"]


def _forward(spec: KernelSpec, layer: Dense) -> Lines:
    return [
        *_start(layer),
        *_add_rows(layer, str(layer.weight), str(layer.x), layer.n_in),
        *_activate(spec, layer),
    ]


def _activate(spec: KernelSpec, layer: Dense) -> Lines:
    """The output, and in the place of z the activation function's derivative, which is all that is wanted of z."""
    z, h = _in(layer, layer.z, "j"), _in(layer, layer.h, "j")
    if spec.activation == "relu":
        lines = [f"z = {z}", f"{h} = max(z, zero)", f"{z} = one if z > zero else zero"]
    else:
        lines = [f"z = {z}", "share = gate(z)", f"{h} = z * share", f"{z} = share * (one + z * (one - share))"]
    return [f"for j in range({layer.n_out}):", *indented(lines)]


def _through_activation(layer: Dense) -> Lines:
    return [f"for j in range({layer.n_out}):", f"    {_in(layer, layer.dz, 'j')} *= {_in(layer, layer.z, 'j')}"]


def _into_inputs(layer: Dense, first: int, last: int) -> Lines:
    """The gradient at the inputs from number `first` to before `last`, several sums at a time."""
    n_whole = (last - first) // _SUMS_AT_ONCE * _SUMS_AT_ONCE
    lines: Lines = []
    if n_whole:
        lines.append(f"for i in range({first}, {first + n_whole}, {_SUMS_AT_ONCE}):")
        lines += indented(_some_sums(layer, "i", _SUMS_AT_ONCE))
    if first + n_whole < last:
        lines += _some_sums(layer, str(first + n_whole), last - first - n_whole)
    return lines


def _some_sums(layer: Dense, i: str, n_sums: int) -> Lines:
    n = layer.n_out
    weights = [f"p[{_weight(layer, f'{layer.weight + r * n} + {i} * {n} + j')}]" for r in range(n_sums)]
    return [
        *(f"y{r} = zero" for r in range(n_sums)),
        f"for j in range({n}):",
        f"    slope = {_in(layer, layer.dz, 'j')}",
        *(f"    y{r} += {weight} * slope" for r, weight in enumerate(weights)),
        *(f"{_in(layer, layer.dx, f'{r} + {i}')} = y{r}" for r in range(n_sums)),
    ]


def _norm(name: str, element: _Element, n: int) -> Lines:
    """The squared norm of `n` numbers, in float64."""
    return [
        f"{name}_sum = zero",
        f"for j in range({n}):",
        f"    {name}_sum += {element('j')} * {element('j')}",
        f"{name} = float({name}_sum)",
    ]


def _square(layer: Dense) -> Lines:
    """Adds the squared norm of a layer's gradient, the bias's included."""
    return [
        *_norm("inputs", lambda j: _input(layer, j), layer.n_in),
        *_norm("outputs", lambda j: _in(layer, layer.dz, j), layer.n_out),
        "total += (inputs + 1.0) * outputs",
    ]


# -- optimizers: formulas as in `streammtl.models.optimizers`


def _prepare_update(spec: KernelSpec) -> Lines:
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


def _element(spec: KernelSpec, w: str, gradient: str) -> Lines:
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


def _outer(spec: KernelSpec, weight: str, n_rows: int, n_columns: int, x: _Element, g: _Element) -> Lines:
    """One step on a shared matrix whose gradient is the outer product of `x` and `g`."""
    return [
        f"for i in range({n_rows}):",
        f"    c = step * {x('i')}",
        f"    for j in range({n_columns}):",
        *indented(_element(spec, f"{weight} + i * {n_columns} + j", g("j")), 2),
    ]


def _vector(spec: KernelSpec, weight: str, n_columns: int, g: _Element) -> Lines:
    """One step on a vector that begins at a place known at run time; the factor is in `c`."""
    return [f"for j in range({n_columns}):", f"    w = U({weight} + j)", *indented(_element(spec, "w", g("j")))]


def _bias(spec: KernelSpec, layer: Dense) -> Lines:
    element = _element(spec, _weight(layer, f"{layer.bias} + j"), _in(layer, layer.dz, "j"))
    return ["c = step", f"for j in range({layer.n_out}):", *indented(element)]


def _update(spec: KernelSpec, layer: Dense) -> Lines:
    return _update_rows(spec, layer, layer.n_in)


def _update_rows(spec: KernelSpec, layer: Dense, n_rows: int) -> Lines:
    """One step on the bias and the first rows of the weight."""
    if spec.optimizer == "factored" and not layer.is_private:
        return _factored(layer, n_rows)
    element = _element(spec, _weight(layer, f"{layer.weight} + i * {layer.n_out} + j"), _in(layer, layer.dz, "j"))
    return [
        *_bias(spec, layer),
        f"for i in range({n_rows}):",
        f"    c = step * {_input(layer, 'i')}",
        f"    for j in range({layer.n_out}):",
        *indented(element, 2),
    ]


# -- the factored optimizer: `streammtl.models.optimizers.Factored` has the formula
#
# Sums of squares of a layer's inputs lie in `s0` where the weight begins in `p`, those of the gradient at its
# outputs where its bias lies; of a head, likewise, by task.


def _direct(layer: Dense, n_rows: int) -> Lines:
    """The direction of the layer's step, and how much of the loss it promises to take away, added to `promise`."""
    return [
        "gain_x = gain_g = zero",
        f"for i in range({n_rows}):",
        f"    x = a[{layer.x} + i]",
        f"    u = x / (np.sqrt(s0[{layer.weight} + i] + x * x) + epsilon)",
        f"    a[{layer.x_step} + i] = u",
        "    gain_x += x * u",
        f"for j in range({layer.n_out}):",
        f"    g = a[{layer.dz} + j]",
        f"    u = g / (np.sqrt(s0[{layer.bias} + j] + g * g) + epsilon)",
        f"    a[{layer.g_step} + j] = u",
        "    gain_g += g * u",
        "promise += hyper[0] * float(gain_g * (root * gain_x + one))",
    ]


def _factored(layer: Dense, n_rows: int) -> Lines:
    return [
        "reach = pace * real(math.sqrt(correction))",
        f"for j in range({layer.n_out}):",
        f"    g = a[{layer.dz} + j]",
        f"    s0[{layer.bias} + j] += g * g",
        f"    p[{layer.bias} + j] -= pace * a[{layer.g_step} + j]",
        f"for i in range({n_rows}):",
        f"    x = a[{layer.x} + i]",
        f"    s0[{layer.weight} + i] += x * x",
        f"for i in range({n_rows}):",
        f"    c = reach * a[{layer.x_step} + i]",
        f"    for j in range({layer.n_out}):",
        f"        p[{layer.weight} + i * {layer.n_out} + j] -= c * a[{layer.g_step} + j]",
    ]
