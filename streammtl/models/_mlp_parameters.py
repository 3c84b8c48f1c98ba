"""The parameters of one network of the `mlp` model: one flat array, with a name for every piece of it.

Shape suffixes: D dense columns, C categorical columns, E embedding width, S rows of a table, M inputs and N outputs of
a layer, K raw outputs of a task.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

from streammtl.models._kernel_spec import N_SLOTS, Dense, KernelSpec, TablePlaces, padded_raws, places, table_places
from streammtl.seeds import named_rng
from streammtl.types import RowLayout, State

Reals: TypeAlias = npt.NDArray[Any]

#: A cache line: vectors that do not straddle two are loaded faster.
_LINE_BYTES = 64


@final
class Parameters:
    """Parameters and the optimizer's arrays beside them, flat, and views of them by name.

    `trunk/0/weight` is `(M, N)`: row i holds what input i adds to every output. Inputs of the trunk are the D dense
    values, the embeddings column by column, then D marks of missing values. `heads/<task>/weight` is `(K, M + D)`,
    the last hidden layer before the dense values, beside `marks` `(K, D)`; `heads/<task>/categories/<column>` `(S, K)`
    adds to the raw outputs where a category occurs. `embeddings/<column>` is `(S, E)`.
    """

    def __init__(self, spec: KernelSpec, layout: RowLayout, n_raw_of: Mapping[str, int], seed: int) -> None:
        self.places = table_places(spec, len(n_raw_of), sum(n_raw_of.values()), layout.table_sizes)
        size = self.places.n_values
        self.value = aligned_zeros(size, spec.dtype)
        n_slots = N_SLOTS[spec.optimizer]
        self.slots = [aligned_zeros(size if s < n_slots else 0, spec.dtype) for s in range(2)]
        self.n_steps_G = np.zeros(2 + len(n_raw_of), dtype=np.int64)  # of the trunk, of the tables, of each head
        self._n_slots = n_slots
        self._places = list(_named_places(spec, layout, n_raw_of, self.places))
        self.named: dict[str, Reals] = dict(self._views(self.value))
        _initialise(self.named, seed)

    def _views(self, flat: Reals) -> Iterator[tuple[str, Reals]]:
        for name, start, shape, stride in self._places:
            if stride == shape[-1]:  # one piece
                yield name, flat[start : start + math.prod(shape)].reshape(shape)
            else:  # some columns of a wider table
                item = flat.itemsize
                yield name, np.lib.stride_tricks.as_strided(flat[start:], shape, (stride * item, item))

    def has_shape_of(self, other: Parameters) -> bool:
        """Whether the other has the same parameters, of the same shapes."""
        shapes = {name: view.shape for name, view in self.named.items()}
        return shapes == {name: view.shape for name, view in other.named.items()}

    def state(self) -> State:
        """Everything by name."""
        slots = {str(s): dict(_copies(self._views(self.slots[s]))) for s in range(self._n_slots)}
        return {"values": dict(_copies(self.named.items())), "slots": slots, "n_steps": self.n_steps_G.copy()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        _fill(self.named, state["values"])
        for s in range(self._n_slots):
            _fill(dict(self._views(self.slots[s])), state["slots"][str(s)])
        self.n_steps_G[...] = state["n_steps"]


def aligned_zeros(size: int, dtype: str) -> Reals:
    """Zeros that begin on a cache line."""
    item = np.dtype(dtype).itemsize
    raw = np.zeros(size + _LINE_BYTES // item, dtype=dtype)
    start = -raw.ctypes.data % _LINE_BYTES // item
    return raw[start : start + size]


def _copies(pieces: Any) -> Iterator[tuple[str, Reals]]:
    for name, view in pieces:
        yield name, view.copy()


def _fill(views: Mapping[str, Reals], values: Mapping[str, Reals]) -> None:
    for name, view in views.items():
        view[...] = values[name]


def _named_places(
    spec: KernelSpec, layout: RowLayout, n_raw_of: Mapping[str, int], tables: TablePlaces
) -> Iterator[tuple[str, int, tuple[int, ...], int]]:
    """Name, first element, shape, and elements from one row to the next."""
    at, n_raw, first = places(spec), sum(n_raw_of.values()), 0
    yield from _layer_places("trunk", at.trunk, 0)
    for t, (task, n_own) in enumerate(n_raw_of.items()):
        head, width = f"heads/{task}", spec.head_width
        yield from _layer_places(head, at.private, at.n_trunk + t * at.n_private)
        yield f"{head}/weight", tables.heads + first * spec.head_stride, (n_own, width), spec.head_stride
        yield f"{head}/marks", tables.marks + first * spec.n_dense, (n_own, spec.n_dense), spec.n_dense
        yield f"{head}/bias", tables.biases + first, (n_own,), n_own
        for column, size, start in zip(layout.category_names, layout.table_sizes, tables.bias_C, strict=True):
            yield f"{head}/categories/{column}", start + first, (size, n_own), padded_raws(n_raw)
        first += n_own
    if not spec.hidden:
        return  # nothing would read them
    for column, size, start in zip(layout.category_names, layout.table_sizes, tables.table_C, strict=True):
        yield f"embeddings/{column}", start, (size, spec.embedding_dim), spec.embedding_dim


def _layer_places(owner: str, layers: tuple[Dense, ...], start: int) -> Iterator[tuple[str, int, tuple[int, ...], int]]:
    for number, layer in enumerate(layers):
        yield f"{owner}/{number}/weight", start + layer.weight, (layer.n_in, layer.n_out), layer.n_out
        yield f"{owner}/{number}/bias", start + layer.bias, (layer.n_out,), layer.n_out


def _initialise(named: Mapping[str, Reals], seed: int) -> None:
    """Hidden weights as He, Zhang, Ren, Sun, Delving Deep into Rectifiers, ICCV 2015, eq. 10; small embeddings.

    All else is zero: a task's first predictions say nothing, whatever the features are.
    """
    for name, view in named.items():
        family, *_, last = name.split("/")
        if family == "embeddings":
            # Of about the size of a standardised feature's share in the first layer.
            view[...] = 0.1 * named_rng(seed, *name.split("/", 1)).standard_normal(view.shape)
        elif last == "weight" and not _is_output(named, name):
            view[...] = named_rng(seed, name).standard_normal(view.shape) * math.sqrt(2.0 / max(len(view), 1))


def _is_output(named: Mapping[str, Reals], name: str) -> bool:
    """Whether it is the weight of a head's last layer, which alone has marks beside it."""
    return f"{name.removesuffix('weight')}marks" in named
