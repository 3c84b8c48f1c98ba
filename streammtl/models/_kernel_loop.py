"""Text of the kernel's loop: PREDICT and LEARN in the order of the records, and the functions that count steps.

Tasks `t` are numbered by name; `column_T` is a task's place in the configuration.
"""

from __future__ import annotations

from streammtl.models._kernel_heads import HEAD
from streammtl.models._kernel_records import read_embeddings
from streammtl.models._kernel_spec import RAW_ROWS, KernelSpec, Places, padded_raws
from streammtl.models._kernel_steps import Lines, indented

#: Arguments of the compiled loop, in order, with their numba types. `streammtl.models._network` hands them over.
ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("row_N", "i8[::1]"),
    ("labels_NT", "f8[:, ::1]"),
    ("place_N", "i8[::1]"),
    ("x_ND", "f8[:, ::1]"),
    ("category_RC", "i4[:, ::1]"),
    ("weights_ST", "f8[:, ::1]"),
    ("stop_S", "i8[::1]"),
    ("raw_PK", "f8[:, ::1]"),
    ("mixing_LT", "f8[:, ::1]"),
    ("p", "REAL[::1]"),
    ("s0", "REAL[::1]"),
    ("s1", "REAL[::1]"),
    ("n_steps_G", "i8[::1]"),
    ("scale_6T", "f8[:, ::1]"),
    ("unit_3T", "f8[:, ::1]"),
    ("seen_K", "b1[::1]"),
    ("n_labels_T", "i8[::1]"),
    ("losses_T", "f8[::1]"),
    ("after_T", "f8[::1]"),
    ("averages_TW", "f8[:, ::1]"),
    ("n_averaged_T", "i8[::1]"),
    ("column_T", "i8[::1]"),
    ("code_T", "i8[::1]"),
    ("is_scaled_T", "b1[::1]"),
    ("first_raw_T", "i8[::1]"),
    ("size_C", "i8[::1]"),
    ("table_C", "i8[::1]"),
    ("bias_C", "i8[::1]"),
    ("head_places", "i8[::1]"),
    ("limits", "f8[::1]"),
    ("hyper", "f8[::1]"),
    ("wants", "b1[::1]"),
    ("loss_T3", "f8[:, ::1]"),
    ("is_plain_T", "b1[::1]"),
    ("class_weight_K", "f8[::1]"),
    ("a", "REAL[::1]"),
    ("raw_K", "f8[::1]"),
    ("slope_K", "f8[::1]"),
    ("loss_T", "f8[::1]"),
    ("has_label_T", "b1[::1]"),
    ("label_T", "f8[::1]"),
    ("table_row_C", "i8[::1]"),
    ("bias_row_C", "i8[::1]"),
    ("active_I", "i8[::1]"),
)

_ACTIVE = "active_I, n_present, n_active"


def loop_functions(spec: KernelSpec, at: Places, is_cached: bool) -> Lines:
    """`advance`: the loop. Returns steps taken and steps skipped."""
    prepare = (
        "prepare(place, x_ND, row_N[n], row_N[min(n + 1, len(row_N) - 1)], category_RC, p, s0, a, size_C, table_C, "
        "bias_C, table_row_C, bias_row_C, active_I, n_padded)"
    )
    take_labels = (
        "take_labels(n, labels_NT, p, scale_6T, unit_3T, seen_K, has_label_T, label_T, column_T, code_T, is_scaled_T, "
        "first_raw_T, size_C, bias_C, head_places, memory_rows, n_padded)"
    )
    body: Lines = [
        "memory_rows, clip_norm, clip_task_norm, average_share, cap = "
        "limits[0], limits[1], limits[2], limits[3], limits[4]",
        "scales_heads = wants[0]",
        "heads, marks, biases = head_places[0], head_places[1], head_places[2]",
        "n_tasks, n_raw = len(column_T), len(raw_K)",
        f"n_padded = (n_raw + {padded_raws(1) - 1}) // {padded_raws(1)} * {padded_raws(1)}",
        f"slopes = {at.n_scratch} + n_tasks * {at.n_block}",
        f"{', '.join(RAW_ROWS[1:])} = {', '.join(f'slopes + {n} * n_padded' for n in range(1, len(RAW_ROWS)))}",
        "n_taken = n_skipped = done = n_present = n_active = segment = 0",
        "learned = -1",
        "ready = -1  # the place of the row whose outputs, by the parameters as they are, lie in `a` and `raw_K`",
        "for n in range(len(row_N)):",
        "    place, is_learn = place_N[n], is_learn_N[n]",
        "    segment += 1 if n >= stop_S[segment] else 0",
        "    if is_learn:",
        "        learned += 1",
        f"        is_any, is_moved = {take_labels}",
        "        if is_moved:",
        "            ready = -1",
        "        if not is_any:",
        "            n_skipped += 1",
        "            continue",
        "    if place != ready:",
        f"        n_present, n_active = {prepare}",
        *indented(_outputs(at), 2),
        "        ready = place",
        "    if not is_learn:",
        *indented(_publish(), 2),
        "        done += 1",
        "        continue",
        "    n_missing = n_active - n_present",
        *indented(_losses(at)),
        "    is_fine = square <= 1e300",
        "    if is_fine:",
        "        square += backward_trunk(p, a, n_missing)",
        "        # The square of a gradient, summed over any stream, must fit float32. NaN is not fine either.",
        "        is_fine = square <= 1e24",
        "    if not is_fine:",
        "        n_skipped += 1",
        "        continue",
        *indented(_update(spec, at)),
        "    n_taken += 1",
        "    ready = -1",
        "return n_taken, n_skipped",
    ]
    names = ", ".join(name for name, _ in ARGUMENTS)
    types = ", ".join(kind for _, kind in ARGUMENTS)
    return [
        *_pace(spec),
        "",
        "",
        f"@njit(({types},), nogil=True, cache={is_cached}, error_model='numpy', _nrt=False, no_cfunc_wrapper=True)",
        f"def advance({names}):",
        *indented(body),
    ]


def _for_each_task(at: Places) -> Lines:
    return [
        "for t in range(n_tasks):",
        "    k0, k1 = first_raw_T[t], first_raw_T[t + 1]",
        f"    p0, a0 = {at.n_trunk} + t * {at.n_private}, {at.n_scratch} + t * {at.n_block}",
        "    column = column_T[t]",
    ]


def _outputs(at: Places) -> Lines:
    """Raw outputs of all tasks."""
    return [
        f"forward_trunk(p, a, {_ACTIVE})",
        "sum_biases(p, a, bias_row_C, sums, n_padded)",
        *_for_each_task(at),
        f"    forward_head(p, a, {HEAD}, {_ACTIVE}, raw_K)",
    ]


def _losses(at: Places) -> Lines:
    """Losses of the labelled tasks, and the gradients into the trunk."""
    return [
        "square = 0.0  # of the gradient's norm; infinite where a loss is not finite",
        "promise = room = 0.0  # what the heads' steps promise to take of the losses; the losses",
        f"for j in range({at.trunk[-1].n_out if at.trunk else 0}):",
        f"    a[{at.into_shared} + j] = zero",
        "for k in range(n_padded):",
        "    a[U(slopes + k)] = a[U(paces + k)] = zero",
        "inputs = input_norm(a)",
        *_for_each_task(at),
        "    if not has_label_T[t]:",
        "        continue",
        "    loss_T[t] = task_loss(",
        "        code_T[t], label_T[t], raw_K, slope_K, seen_K, k0, k1, loss_T3[t], class_weight_K",
        "    )",
        "    if is_plain_T[t] and math.isfinite(loss_T[t]):",
        "        mixing_LT[learned, t] = min(loss_T[t], 20.0)",
        "    else:",
        "        mixing_LT[learned, t] = mixing_loss(code_T[t], label_T[t], raw_K, seen_K, k0, k1, loss_T3[t])",
        "    if math.isfinite(loss_T[t]):",
        "        factor = weights_ST[segment, column] if scales_heads else 1.0",
        f"        found, promised = backward_head(p, s0, a, {HEAD}, inputs, n_missing, slope_K, "
        "weights_ST[segment, column], clip_task_norm, loss_T[t], cap, n_steps_G[2 + t], hyper)",
        "        square += factor * factor * found",
        "        promise += factor * promised",
        "        room += loss_T[t] * max(weights_ST[segment, column], factor)",
        "    else:",
        "        square = np.inf",
    ]


def _publish() -> Lines:
    """Raw outputs within bounds, in the units of the labels, -inf for classes never seen."""
    return [
        "for t in range(n_tasks):",
        "    for k in range(first_raw_T[t], first_raw_T[t + 1]):",
        "        value = published(raw_K[k])",
        "        if is_scaled_T[t]:",
        "            value = value * unit_3T[1, t] + unit_3T[0, t]",
        "        raw_PK[done, k] = value if seen_K[k] else -np.inf",
    ]


def _update(spec: KernelSpec, at: Places) -> Lines:
    """The step, and the signals."""
    return [
        "norm = math.sqrt(square)",
        "scale = 1.0 if norm <= clip_norm else clip_norm / norm",
        *_cap(spec),
        "rate, correction = pace(0, n_steps_G, hyper)",
        f"update_trunk(p, s0, s1, a, {_ACTIVE}, scale, rate, correction, hyper)",
        "rate, correction = pace(1, n_steps_G, hyper)",
        "update_tables(p, s0, s1, a, table_row_C, scale, rate, correction, hyper)",
        *_for_each_task(at),
        "    if has_label_T[t]:",
        "        n_labels_T[column] += 1",
        "        losses_T[column] += loss_T[t]",
        "        rate, correction = pace(2 + t, n_steps_G, hyper)",
        "        factor = scale * weights_ST[segment, column] if scales_heads else scale",
        f"        update_head(p, s0, s1, a, {HEAD}, {_ACTIVE}, bias_row_C, factor, rate, correction, hyper)",
        *(_average_gradients() if spec.has_gradients else []),
        "update_biases(p, s0, a, bias_row_C, slopes, paces, n_padded, hyper)",
        *(_losses_after(spec, at) if spec.has_after else []),
    ]


def _average_gradients() -> Lines:
    """Within the loop over tasks, of one that has a label."""
    return indented(
        ["n_averaged_T[column] += 1", f"average_gradient(a, a0, averages_TW, column, average_share, {_ACTIVE})"],
        2,
    )


def _losses_after(spec: KernelSpec, at: Places) -> Lines:
    """The losses of the same row once more."""
    return [
        *read_embeddings(spec, at),
        *_outputs(at),
        *_for_each_task(at),
        "    if has_label_T[t]:",
        "        after = task_loss(",
        "            code_T[t], label_T[t], raw_K, slope_K, seen_K, k0, k1, loss_T3[t], class_weight_K",
        "        )",
        "        after_T[column] += after if math.isfinite(after) else loss_T[t]",
    ]


def _cap(spec: KernelSpec) -> Lines:
    """A step promises, to first order, at most `cap` times the loss."""
    if spec.optimizer == "sgd":
        return ["scale = min(scale, cap * max(room, 1e-300) / max(hyper[0] * square, 1e-300))"]
    if spec.optimizer == "factored":
        return [
            "promise += direct_trunk(s0, a, n_steps_G[0], hyper)",
            "scale = min(scale, cap * max(room, 1e-300) / max(promise, 1e-300))",
        ]
    return []


def _pace(spec: KernelSpec) -> Lines:
    """`pace`: count a step of a group of parameters; its rate, and what else its formula reads.

    That is Adam's correction of the squares, or how many steps there were.
    """
    body = ["n_steps_G[group] += 1"]
    if spec.optimizer == "adam":
        body += [
            "n = float(n_steps_G[group])",
            "return hyper[0] / (1.0 - hyper[2] ** n), 1.0 / math.sqrt(1.0 - hyper[3] ** n)",
        ]
    elif spec.optimizer == "factored":
        body += ["return hyper[0], float(n_steps_G[group])"]
    else:
        body += ["return hyper[0], 1.0"]
    return ["", "", "@plain_math", "def pace(group, n_steps_G, hyper):", *indented(body)]
