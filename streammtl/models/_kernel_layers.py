"""Text of the kernel's dense layers and its trunk, forward, backward and update, with constant sizes.

Every loop runs over contiguous memory. Of the inputs, dense values that are zero add nothing and move nothing, and most
marks of missing values are zero: so `prepare` lists the rows of the first layer's weight that matter, in `active_I`,
the dense values up to `n_present` and behind them, to before `n_active`, marks of missing ones.

In the generated text `p` are the parameters, `s0` and `s1` the optimizer's arrays beside them, `a` the scratch array,
all flat, in the type `real`; `p0` and `a0` are where a task's private layers begin in them. `U` makes an index
unsigned, which spares the compiler the thought of negative ones; where it is not needed the index is a constant beside
a loop variable.
"""

from __future__ import annotations

from streammtl.models._kernel_spec import Dense, KernelSpec, Places
from streammtl.models._kernel_steps import (
    Element,
    Lines,
    add_squares,
    direction,
    element_step,
    function,
    indented,
    norm,
    plain_at,
    prepare_update,
    row_step,
    vector_step,
)

#: Rows of a matrix that are added up between loading and storing an output. Hides the latency of the additions.
_ROWS_AT_ONCE = 8
#: The same of rows that are listed.
_LISTED_AT_ONCE = 4
_SUMS_AT_ONCE = 4

_ACTIVE = "active_I, n_present, n_active"


def trunk_functions(spec: KernelSpec, at: Places) -> Lines:
    """`forward_trunk`; `backward_trunk`, which returns the squared norm of the gradient; `update_trunk`.

    For the `factored` optimizer also `direct_trunk`, which returns how much of the loss a step promises to take away.
    A linear model has no trunk: then they do nothing.
    """
    forward: Lines = []
    backward: Lines = ["total = 0.0"]
    direct: Lines = ["promise = 0.0"]
    update: Lines = prepare_update(spec)
    if at.trunk:
        first, *others = at.trunk
        inputs = [(plain_at(at.dense), spec.n_dense), (plain_at(at.embedded), spec.n_embedded)]
        forward = _forward_first(spec, at)
        for layer in others:
            forward += forward_layer(spec, layer)
        for layer in reversed(others):
            backward += [*through_activation(layer), *into_inputs(layer, 0, layer.n_in)]
        backward += through_activation(first)
        backward += into_inputs(first, spec.n_dense, spec.n_unmarked)
        backward += [*norm("embedded", [(plain_at(at.into_embedded), spec.n_embedded)]), "total += embedded"]
        backward += [*norm("inputs", inputs), *_square(first, "inputs + float(n_missing)")]
        backward += [line for layer in others for line in square(layer)]
        direct += prepare_directions()
        direct += direct_layer(first, inputs)
        direct += [line for layer in others for line in direct_layer(layer)]
        update += _update_first(spec, at, inputs)
        for layer in others:
            update += update_layer(spec, layer)
    functions = [
        *function(f"forward_trunk(p, a, {_ACTIVE})", forward),
        *function("backward_trunk(p, a, n_missing)", [*backward, "return total"]),
        *function(f"update_trunk(p, s0, s1, a, {_ACTIVE}, scale, rate, correction, hyper)", update),
    ]
    if spec.optimizer == "factored":
        functions += function("direct_trunk(s0, a, n_steps, hyper)", [*direct, "return promise"])
    return functions


def _forward_first(spec: KernelSpec, at: Places) -> Lines:
    """The layer that reads the inputs: all embeddings, and the listed rows."""
    first = at.trunk[0]
    lines = _start(first)
    lines += _add_rows(first, first.weight + spec.n_dense * first.n_out, plain_at(at.embedded), spec.n_embedded)
    if spec.n_dense:
        some = range(_LISTED_AT_ONCE)
        lines += [f"n_whole = n_present - n_present % {_LISTED_AT_ONCE}"]
        lines += [f"for s in range(0, n_whole, {_LISTED_AT_ONCE}):"]
        lines += indented([line for r in some for line in _listed(at, first, f"s + {r}", str(r))])
        lines += indented(_add(first, [f"x{r} * p[U(w{r} + j)]" for r in some]))
        lines += ["for s in range(n_whole, n_present):"]
        lines += indented([*_listed(at, first, "s", "0"), *_add(first, ["x0 * p[U(w0 + j)]"])])
        lines += ["for s in range(n_present, n_active):", f"    w0 = {_row(first, 'active_I[s]')}"]
        lines += indented(_add(first, ["p[U(w0 + j)]"]))
    return lines + _activate(spec, first)


def _row(first: Dense, index: str) -> str:
    return f"{first.weight} + {index} * {first.n_out}"


def _listed(at: Places, first: Dense, s: str, number: str) -> Lines:
    """The value and the beginning of the weights of a listed input that is a dense value."""
    return [
        f"i{number} = active_I[{s}]",
        f"x{number} = a[U({at.dense} + i{number})]",
        f"w{number} = {_row(first, f'i{number}')}",
    ]


def _update_first(spec: KernelSpec, at: Places, inputs: list[tuple[Element, int]]) -> Lines:
    first = at.trunk[0]
    if not spec.skips_zeros:
        return [*_bias(spec, first), *_update_all_rows(spec, at, first)]
    dense: Lines
    if spec.optimizer == "factored":
        lines = _factored_sums(first, inputs)
        dense = [f"c = reach * a[U({first.x_step} + i)]", *_factored_row(first, f"U({_row(first, 'i')} + j)")]
        lines += [f"for i in range({spec.n_dense}, {spec.n_unmarked}):", f"    c = reach * a[{first.x_step} + i]"]
        lines += indented(_factored_row(first, f"{_row(first, 'i')} + j"))
    else:
        lines = _bias(spec, first)
        dense = [f"c = step * a[U({at.dense} + i)]", *_listed_step(spec, first)]
        lines += _outer(spec, first, spec.n_dense, plain_at(at.embedded), spec.n_embedded)
    if spec.n_dense:
        lines += ["for s in range(n_present):", "    i = active_I[s]", *indented(dense)]
        lines += ["c = step", "for s in range(n_present, n_active):", "    i = active_I[s]"]
        lines += indented(_listed_step(spec, first))
    return lines


def _listed_step(spec: KernelSpec, first: Dense) -> Lines:
    return ["w0 = " + _row(first, "i"), *vector_step(spec, "w0", first.n_out, plain_at(first.dz))]


def _update_all_rows(spec: KernelSpec, at: Places, first: Dense) -> Lines:
    """Where a gradient of zero moves a parameter too."""
    lines = _outer(spec, first, 0, plain_at(at.dense), spec.n_dense)
    lines += _outer(spec, first, spec.n_dense, plain_at(at.embedded), spec.n_embedded)
    if spec.n_dense:
        lines += [f"for d in range({spec.n_dense}):", "    c = zero", "    for s in range(n_present, n_active):"]
        lines += [f"        c = step if active_I[s] == {spec.n_unmarked} + d else c"]
        lines += [f"    w0 = {_row(first, f'({spec.n_unmarked} + d)')}"]
        lines += indented(vector_step(spec, "w0", first.n_out, plain_at(first.dz)))
    return lines


def table_function(spec: KernelSpec, at: Places) -> Lines:
    """`update_tables`: the embedding row of each column's category."""
    update: Lines = [*prepare_update(spec), "c = step"]
    if spec.n_embedded:
        step = row_step(spec, "row", spec.embedding_dim, f"{at.into_embedded} + column * {spec.embedding_dim}")
        update += [f"for column in range({spec.n_categories}):", "    row = table_row_C[column]", *indented(step)]
    return function("update_tables(p, s0, s1, a, table_row_C, scale, rate, correction, hyper)", update)


def average_function(spec: KernelSpec, at: Places) -> Lines:
    """`average_gradient`: of one task, at the last shared layer's weight."""
    head = f"average_gradient(a, a0, averages_TW, column, share, {_ACTIVE})"
    if not at.trunk:
        return function(head, [])
    last, is_first = at.trunk[-1], len(at.trunk) == 1
    body = [f"for j in range({last.n_out}):", f"    a[U(a0 + j)] *= {value_in(last, last.z, 'j')}"]
    if not is_first:
        return function(head, body + _averages(last, 0, last.n_in, plain_at(last.x)))
    body += _averages(last, 0, spec.n_dense, plain_at(at.dense))
    body += _averages(last, spec.n_dense, spec.n_embedded, plain_at(at.embedded))
    body += _averages(last, spec.n_unmarked, spec.n_dense, lambda _: "zero")
    body += [
        "for s in range(n_present, n_active):",
        f"    for j in range({last.n_out}):",
        f"        averages_TW[column, active_I[s] * {last.n_out} + j] += share * a[U(a0 + j)]",
    ]
    return function(head, body)


def _averages(last: Dense, first_row: int, n_rows: int, x: Element) -> Lines:
    w = f"({first_row} + i) * {last.n_out} + j"
    return [
        f"for i in range({n_rows}):",
        f"    x = {x('i')}",
        f"    for j in range({last.n_out}):",
        f"        old = averages_TW[column, {w}]",
        f"        averages_TW[column, {w}] = old + share * (x * a[U(a0 + j)] - old)",
    ]


# -- a layer, of the trunk or a task's own


def value_in(layer: Dense, start: int, index: str) -> str:
    """A value of the layer in the scratch array."""
    return f"a[U(a0 + {start} + {index})]" if layer.is_private else f"a[{start} + {index}]"


def _input(layer: Dense, index: str) -> str:
    return f"a[{layer.x} + {index}]" if layer.reads_shared else value_in(layer, layer.x, index)


def _weight(layer: Dense, index: str) -> str:
    return f"U(p0 + {index})" if layer.is_private else index


def forward_layer(spec: KernelSpec, layer: Dense) -> Lines:
    """The output, and in the place of z the derivative."""
    rows = _add_rows(layer, layer.weight, lambda i: _input(layer, i), layer.n_in)
    return [*_start(layer), *rows, *_activate(spec, layer)]


def _start(layer: Dense) -> Lines:
    bias = _weight(layer, f"{layer.bias} + j")
    return [f"for j in range({layer.n_out}):", f"    {value_in(layer, layer.z, 'j')} = p[{bias}]"]


def _add_rows(layer: Dense, weight: int, x: Element, n_rows: int) -> Lines:
    """`z += x W`, several rows of W at a time."""
    n_whole = n_rows - n_rows % _ROWS_AT_ONCE
    lines: Lines = []
    if n_whole:
        lines.append(f"for i in range(0, {n_whole}, {_ROWS_AT_ONCE}):")
        lines += indented(
            _add_some_rows(layer, f"{weight} + i * {layer.n_out}", lambda r: x(f"i + {r}"), _ROWS_AT_ONCE)
        )
    if n_rows > n_whole:
        rest = f"{weight + n_whole * layer.n_out}"
        lines += _add_some_rows(layer, rest, lambda r: x(f"{n_whole} + {r}"), n_rows - n_whole)
    return lines


def _add_some_rows(layer: Dense, weight: str, x: Element, n_rows: int) -> Lines:
    inputs = [f"x{r} = {x(str(r))}" for r in range(n_rows)]
    terms = [f"x{r} * p[{_weight(layer, f'{weight} + {r * layer.n_out} + j')}]" for r in range(n_rows)]
    return inputs + _add(layer, terms)


def _add(layer: Dense, terms: Lines) -> Lines:
    """Add the terms to z: half of them to each of two sums, which the processor computes side by side."""
    half = (len(terms) + 1) // 2
    z = value_in(layer, layer.z, "j")
    total = f"({z} + {' + '.join(terms[:half])})"
    if terms[half:]:
        total += f" + ({' + '.join(terms[half:])})"
    return [f"for j in range({layer.n_out}):", f"    {z} = {total}"]


def _activate(spec: KernelSpec, layer: Dense) -> Lines:
    """The output, and in the place of z the activation function's derivative, which is all that is wanted of z."""
    z, h = value_in(layer, layer.z, "j"), value_in(layer, layer.h, "j")
    if spec.activation == "relu":
        lines = [f"z = {z}", f"{h} = max(z, zero)", f"{z} = one if z > zero else zero"]
    else:
        lines = [f"z = {z}", "share = gate(z)", f"{h} = z * share", f"{z} = share * (one + z * (one - share))"]
    return [f"for j in range({layer.n_out}):", *indented(lines)]


def through_activation(layer: Dense) -> Lines:
    """From the gradient at the output to that at z."""
    dz, z = value_in(layer, layer.dz, "j"), value_in(layer, layer.z, "j")
    return [f"for j in range({layer.n_out}):", f"    {dz} *= {z}"]


def into_inputs(layer: Dense, first: int, last: int) -> Lines:
    """The gradient at the inputs from number `first` to before `last`, several sums at a time."""
    n_whole = (last - first) // _SUMS_AT_ONCE * _SUMS_AT_ONCE
    lines: Lines = []
    if n_whole:
        lines.append(f"for i in range({first}, {first + n_whole}, {_SUMS_AT_ONCE}):")
        lines += indented(_some_sums(layer, first, "i", _SUMS_AT_ONCE))
    if first + n_whole < last:
        lines += _some_sums(layer, first, str(first + n_whole), last - first - n_whole)
    return lines


def _some_sums(layer: Dense, first: int, i: str, n_sums: int) -> Lines:
    n = layer.n_out
    weights = [f"p[{_weight(layer, f'{layer.weight + r * n} + {i} * {n} + j')}]" for r in range(n_sums)]
    return [
        *(f"y{r} = zero" for r in range(n_sums)),
        f"for j in range({n}):",
        f"    slope = {value_in(layer, layer.dz, 'j')}",
        *(f"    y{r} += {weight} * slope" for r, weight in enumerate(weights)),
        *(f"{value_in(layer, layer.dx - first, f'{r} + {i}')} = y{r}" for r in range(n_sums)),
    ]


def square(layer: Dense) -> Lines:
    """Adds the squared norm of a layer's gradient, the bias's included."""
    return [*norm("inputs", [(lambda j: _input(layer, j), layer.n_in)]), *_square(layer, "inputs")]


def _square(layer: Dense, inputs: str) -> Lines:
    outputs = norm("outputs", [(lambda j: value_in(layer, layer.dz, j), layer.n_out)])
    return [*outputs, f"total += ({inputs} + 1.0) * outputs"]


def update_layer(spec: KernelSpec, layer: Dense) -> Lines:
    """One step on weight and bias. Private layers take AdaGrad's under `factored`: its own made their tasks worse."""
    inputs = [(_inputs_of(layer), layer.n_in)]
    if spec.optimizer != "factored" or layer.is_private:
        return [*_bias(spec, layer), *_outer(spec, layer, 0, _inputs_of(layer), layer.n_in)]
    weight = _weight(layer, f"{layer.weight} + i * {layer.n_out} + j")
    return [
        *_factored_sums(layer, inputs),
        f"for i in range({layer.n_in}):",
        f"    c = reach * {value_in(layer, layer.x_step, 'i')}",
        *indented(_factored_row(layer, weight)),
    ]


def _inputs_of(layer: Dense) -> Element:
    return lambda j: _input(layer, j)


def _bias(spec: KernelSpec, layer: Dense) -> Lines:
    element = element_step(spec, _weight(layer, f"{layer.bias} + j"), value_in(layer, layer.dz, "j"))
    return ["c = step", f"for j in range({layer.n_out}):", *indented(element)]


def _outer(spec: KernelSpec, layer: Dense, first: int, x: Element, n_rows: int) -> Lines:
    """One step on rows of a weight, whose gradient is the outer product of `x` and the gradient at the output."""
    w = _weight(layer, f"{layer.weight + first * layer.n_out} + i * {layer.n_out} + j")
    return [
        f"for i in range({n_rows}):",
        f"    c = step * {x('i')}",
        f"    for j in range({layer.n_out}):",
        *indented(element_step(spec, w, value_in(layer, layer.dz, "j")), 2),
    ]


# -- under the factored optimizer


def prepare_directions() -> Lines:
    """What directions read: steps of this group so far, this one included."""
    return ["root, epsilon = real(math.sqrt(n_steps + 1.0)), real(hyper[1])"]


def direct_layer(layer: Dense, inputs: list[tuple[Element, int]] | None = None) -> Lines:
    """The direction of the layer's step, and how much of the loss it promises to take away, added to `promise`."""
    lines = ["gain_x = gain_g = zero"]
    for value, total, into, n in _sides(layer, inputs or [(_inputs_of(layer), layer.n_in)]):
        lines += direction("gain_x", value, total, into, n)
    gradient, bias = (lambda j: value_in(layer, layer.dz, j)), (lambda j: _weight(layer, f"{layer.bias} + {j}"))
    lines += direction("gain_g", gradient, bias, lambda j: value_in(layer, layer.g_step, j), layer.n_out)
    return [*lines, "promise += hyper[0] * float(gain_g * (root * gain_x + one))"]


def _sides(layer: Dense, inputs: list[tuple[Element, int]]) -> list[tuple[Element, Element, Element, int]]:
    """Of each piece of the inputs: values, places of their sums of squares, directions, and how many."""
    sides, start = [], 0
    for value, n in inputs:
        sides.append((value, _total_at(layer, start), _direction_at(layer, start), n))
        start += n
    return sides


def _total_at(layer: Dense, start: int) -> Element:
    return lambda j: _weight(layer, f"{layer.weight + start} + {j}")


def _direction_at(layer: Dense, start: int) -> Element:
    return lambda j: value_in(layer, layer.x_step + start, j)


def _factored_sums(layer: Dense, inputs: list[tuple[Element, int]]) -> Lines:
    """The step of the bias; all sums of squares; and `reach`, the length of the weight's step."""
    bias = _weight(layer, f"{layer.bias} + j")
    lines = [
        "reach = pace * real(math.sqrt(correction))",
        f"for j in range({layer.n_out}):",
        f"    g = {value_in(layer, layer.dz, 'j')}",
        f"    s0[{bias}] += g * g",
        f"    p[{bias}] -= pace * {value_in(layer, layer.g_step, 'j')}",
    ]
    for value, total, _, n in _sides(layer, inputs):
        lines += add_squares(value, total, n)
    return lines


def _factored_row(layer: Dense, w: str) -> Lines:
    return [f"for j in range({layer.n_out}):", f"    p[{w}] -= c * {value_in(layer, layer.g_step, 'j')}"]
