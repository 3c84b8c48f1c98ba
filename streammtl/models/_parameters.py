"""Parameters with their gradients and optimizer slots, in flat buffers. Imports torch.

A `Group` is what one optimizer step touches as a whole: the trunk, or the head of one task. A `Table` is an embedding
table, of which a step touches the rows that occurred.

Shape suffixes: U different rows of a step, E embedding width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import numpy as np
import torch

from streammtl.models.optimizers import Optimizer
from streammtl.types import Floats32, Ints, State

#: Every tensor starts on a multiple of 64 bytes: matrix products may round differently at another alignment, and a
#: resumed run must not depend on where its memory happens to lie.
_ALIGNMENT = 16


@final
class Group:
    """Named tensors side by side in one buffer; so is their gradient."""

    def __init__(self, initial: Mapping[str, Floats32], optimizer: Optimizer) -> None:
        sizes = [-(-array.size // _ALIGNMENT) * _ALIGNMENT for array in initial.values()]
        self._optimizer = optimizer
        value = torch.zeros(sum(sizes))
        gradient = torch.zeros(sum(sizes))
        self.tensors: dict[str, torch.Tensor] = {}
        self.gradients: dict[str, torch.Tensor] = {}
        start = 0
        for (name, array), size in zip(initial.items(), sizes, strict=True):
            here = slice(start, start + array.size)
            self.tensors[name] = value[here].view(array.shape)
            self.tensors[name].copy_(torch.from_numpy(array))
            self.gradients[name] = gradient[here].view(array.shape)
            start += size
        self._gradient = gradient
        self._value_np: Floats32 = value.numpy()
        self._gradient_np: Floats32 = gradient.numpy()
        self._slots = {slot: np.zeros_like(self._value_np) for slot in optimizer.slots}
        self._n_steps = 0

    def square(self) -> float:
        """Squared norm of the gradient."""
        return float(torch.dot(self._gradient, self._gradient))

    def scale_gradient(self, factor: float) -> None:
        """Multiply the gradient."""
        if factor != 1.0:
            self._gradient_np *= factor

    def step(self) -> None:
        """One optimizer step."""
        self._n_steps += 1
        self._optimizer.step(self._value_np, self._gradient_np, self._slots, self._n_steps)

    def state(self) -> State:
        """The tensors by name, the slots as they lie."""
        return {
            "n_steps": self._n_steps,
            "tensors": {name: tensor.numpy().copy() for name, tensor in self.tensors.items()},
            "slots": {name: slot.copy() for name, slot in self._slots.items()},
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._n_steps = int(state["n_steps"])
        for name, tensor in self.tensors.items():
            tensor.numpy()[...] = state["tensors"][name]
        for name, slot in self._slots.items():
            slot[...] = state["slots"][name]


@final
class Table:
    """The embedding tables of all categorical columns, one below the other.

    Rows that do not occur in a step are not touched by it, nor are their slots: what a step costs does not depend on
    the size of the table. (Adam's moments of such a row stand still, where the textbook would let them decay.)
    """

    def __init__(self, initial: Mapping[str, Floats32], optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._names = tuple(initial)
        sizes = [len(array) for array in initial.values()]
        #: First row of each column's table.
        self.first_C: Ints = np.cumsum([0, *sizes[:-1]], dtype=np.int64)[: len(sizes)]
        self._sizes = sizes
        self.value_np: Floats32 = np.concatenate(list(initial.values()))
        self._slots = {slot: np.zeros_like(self.value_np) for slot in optimizer.slots}
        self._n_steps = 0

    def step(self, row_U: Ints, gradient_UE: Floats32) -> None:
        """One optimizer step of these rows, each named once."""
        self._n_steps += 1
        value_UE = self.value_np[row_U]
        slots = {name: slot[row_U] for name, slot in self._slots.items()}
        self._optimizer.step(value_UE, gradient_UE, slots, self._n_steps)
        self.value_np[row_U] = value_UE
        for name, slot in self._slots.items():
            slot[row_U] = slots[name]

    def state(self) -> State:
        """Tables and slots, by column."""
        return {
            "n_steps": self._n_steps,
            "tensors": self._by_column(self.value_np),
            "slots": {name: self._by_column(slot) for name, slot in self._slots.items()},
        }

    def _by_column(self, array: Floats32) -> dict[str, Floats32]:
        starts = zip(self._names, self.first_C.tolist(), self._sizes, strict=True)
        return {name: array[start : start + size].copy() for name, start, size in starts}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._n_steps = int(state["n_steps"])
        self.value_np = self._stacked(state["tensors"])
        self._slots = {name: self._stacked(state["slots"][name]) for name in self._slots}

    def _stacked(self, tables: State) -> Floats32:
        return np.concatenate([np.asarray(tables[name], dtype=np.float32) for name in self._names])
