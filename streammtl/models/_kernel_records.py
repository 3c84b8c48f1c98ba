"""Text of what a kernel does with a record before any layer: its row becomes inputs, its labels are taken in.

See `streammtl.models._kernel_loop`, whose functions these are.
"""

from __future__ import annotations

from streammtl.models._kernel_math import LOSS_CODES
from streammtl.models._kernel_spec import N_SLOTS, KernelSpec, Places
from streammtl.models._kernel_steps import Lines, function, indented


def prepare_function(spec: KernelSpec, at: Places) -> Lines:
    """`prepare`: a feature row becomes the network's input, and the list of its inputs that matter."""
    body = [
        f"for d in range({spec.n_dense}):",
        "    x = x_ND[place, d]",
        f"    a[{at.dense} + d] = real(x if x == x else 0.0)",
        "n_present = 0",
        f"for d in range({spec.n_dense}):",
        "    active_I[n_present] = d",
        f"    n_present += 1 if a[{at.dense} + d] != zero else 0",
        "n_active = n_present",
        "n_missing = 0  # which is so of most rows, and found out faster than which are",
        f"for d in range({spec.n_dense}):",
        "    n_missing += 0 if x_ND[place, d] == x_ND[place, d] else 1",
        "if n_missing > 0:",
        f"    for d in range({spec.n_dense}):",
        f"        active_I[n_active] = {spec.n_unmarked} + d",
        "        n_active += 0 if x_ND[place, d] == x_ND[place, d] else 1",
        f"for c in range({spec.n_categories}):",
        "    category = category_RC[row, c]",
        "    if category < 0 or category >= size_C[c]:",
        "        category = 0",
        f"    table_row_C[c] = table_C[c] + category * {spec.embedding_dim}",
        "    bias_row_C[c] = bias_C[c] + category * n_padded",
        *indented(_fetch(spec)),
        *read_embeddings(spec, at),
        "return n_present, n_active",
    ]
    arguments = "place, x_ND, row, next_row, category_RC, p, s0, a, size_C, table_C, bias_C, table_row_C, bias_row_C"
    return function(f"prepare({arguments}, active_I, n_padded)", body)


def _fetch(spec: KernelSpec) -> Lines:
    """Ask early for what tables hold of a category, which is seldom in the cache: of the next row, its parameters.

    Of this row, what the optimizer keeps beside them, which is read only when it is learned.
    """
    rows = ["table_row_C[c]"] if spec.n_embedded else []
    lines = [f"fetch(s0, {row})" for row in [*rows, "bias_row_C[c]"]] if N_SLOTS[spec.optimizer] else []
    lines += [
        "category = category_RC[next_row, c]",
        "if category < 0 or category >= size_C[c]:",
        "    category = 0",
        "fetch(p, bias_C[c] + category * n_padded)",
    ]
    if spec.n_embedded:
        lines += [f"fetch(p, table_C[c] + category * {spec.embedding_dim})"]
    return lines


def read_embeddings(spec: KernelSpec, at: Places) -> Lines:
    if not spec.n_embedded:
        return []
    return [
        f"for c in range({spec.n_categories}):",
        f"    for e in range({spec.embedding_dim}):",
        f"        a[{at.embedded} + c * {spec.embedding_dim} + e] = p[U(table_row_C[c] + e)]",
    ]


def label_function(spec: KernelSpec) -> Lines:
    """`take_labels`: scales and seen classes learn of the labels, heads keep their function.

    Writes the labels as losses read them. Returns whether there is one, and whether a head was corrected.
    """
    stride, n_dense = spec.head_stride, spec.n_dense
    body = [
        "is_any = is_moved = False",
        "for t in range(len(column_T)):",
        "    k0, k1 = first_raw_T[t], first_raw_T[t + 1]",
        "    label = labels_NT[n, column_T[t]]",
        "    has_label_T[t] = math.isfinite(label)",
        "    if not has_label_T[t]:",
        "        continue",
        "    label_T[t] = label",
        "    if code_T[t] == 1:",
        "        has_label_T[t] = 0.0 <= label < k1 - k0",
        "        if has_label_T[t]:",
        "            seen_K[k0 + int(label)] = True",
        "    elif is_scaled_T[t]:",
        "        ratio, shift = take_label(scale_6T, unit_3T, t, label, memory_rows)",
        "        if ratio != 1.0 or shift != 0.0:",
        "            is_moved = True",
        "            for k in range(k0, k1):",
        f"                for j in range({stride}):",
        f"                    w = head_places[0] + k * {stride} + j",
        "                    p[w] = real(corrected(p[w], ratio, 0.0))",
        f"                for d in range({n_dense}):",
        f"                    w = head_places[1] + k * {n_dense} + d",
        "                    p[w] = real(corrected(p[w], ratio, 0.0))",
        "                w = head_places[2] + k",
        "                p[w] = real(corrected(p[w], ratio, shift))",
        f"                for c in range({spec.n_categories}):",
        "                    for category in range(size_C[c]):",
        "                        w = bias_C[c] + category * n_padded + k",
        "                        p[w] = real(corrected(p[w], ratio, 0.0))",
        "        label_T[t] = standardised(unit_3T, t, label)",
        f"    elif code_T[t] == {LOSS_CODES.index('count')}:",
        "        label_T[t] = take_count(scale_6T, t, label, memory_rows)",
        "    is_any = is_any or has_label_T[t]",
        "return is_any, is_moved",
    ]
    arguments = (
        "n, labels_NT, p, scale_6T, unit_3T, seen_K, has_label_T, label_T, column_T, code_T, is_scaled_T, first_raw_T, "
        "size_C, bias_C, head_places, memory_rows, n_padded"
    )
    return ["", "", "@plain_math", f"def take_labels({arguments}):", *indented(body)]
