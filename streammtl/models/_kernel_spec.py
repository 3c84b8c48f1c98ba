"""What a kernel is compiled for, and where everything lies in its flat arrays.

The tasks are no part of it: they are data of the kernel. So one compiled kernel serves every set of tasks, and adding
a task cannot change how the others are computed, not even in the last bit.

Shape suffixes: D dense columns, C categorical columns, E embedding width, H outputs of the last shared layer, M inputs
and N outputs of a layer, T tasks, K raw outputs of all tasks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

OptimizerKind: TypeAlias = Literal["sgd", "momentum", "adam", "adagrad", "rmsprop", "factored"]
Activation: TypeAlias = Literal["relu", "silu"]

#: Every tensor starts on a multiple of 64 bytes: whole cache lines for whole vectors.
_ALIGNMENT = 16

#: Raw outputs lie side by side in multiples of this: whole vectors.
_RAWS = 8

#: Rows of K numbers at the end of the scratch array: slopes of the losses; directions of the biases' steps under
#: `factored`; sums of what categories add to the outputs; lengths of the steps.
RAW_ROWS = ("slopes", "steps", "sums", "paces")

#: Arrays that an optimizer keeps beside each parameter.
N_SLOTS: dict[OptimizerKind, int] = {
    "sgd": 0,
    "momentum": 1,
    "adagrad": 1,
    "rmsprop": 1,
    "adam": 2,
    "factored": 1,
}


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """Everything that is a constant of the compiled kernel; what is not here may vary without compiling anew."""

    n_dense: int
    n_categories: int
    embedding_dim: int
    hidden: tuple[int, ...]
    head_hidden: tuple[int, ...]
    activation: Activation
    optimizer: OptimizerKind
    dtype: Literal["float32", "float64"] = "float32"
    has_after: bool = False  # whether losses after the step are collected too
    has_gradients: bool = False  # whether gradients at the last shared layer are

    @property
    def n_embedded(self) -> int:
        """Embeddings of all columns side by side; none where no hidden layer reads them."""
        return self.n_categories * self.embedding_dim if self.hidden else 0

    @property
    def n_shared(self) -> int:
        """H, width of the last shared layer; 0 for a linear model, which has none."""
        return self.hidden[-1] if self.hidden else 0

    @property
    def n_last_hidden(self) -> int:
        """Width of the layer that the raw outputs read."""
        return self.head_hidden[-1] if self.head_hidden else self.n_shared

    @property
    def head_width(self) -> int:
        """Inputs of a raw output: the last hidden layer and the dense values."""
        return self.n_last_hidden + self.n_dense

    @property
    def head_stride(self) -> int:
        """From the weights of one raw output to those of the next: whole vectors, the rest of them 0."""
        return aligned_size(self.head_width)

    @property
    def n_unmarked(self) -> int:
        """Rows of the first layer's weight before those of the marks of missing values."""
        return self.n_dense + self.n_embedded

    @property
    def skips_zeros(self) -> bool:
        """Whether a gradient of zero moves no parameter: then inputs that are zero cost nothing.

        Weight decay counts as a move; it compiles as `momentum`.
        """
        return self.optimizer in ("sgd", "adagrad", "factored")


@dataclass(frozen=True, slots=True)
class Dense:
    """A dense layer: offsets of its parameters, and of its values in the scratch array.

    They count from the beginning for a shared layer, and from the beginning of a task's block for a private one.
    """

    n_in: int
    n_out: int
    weight: int  # (M, N): row i holds what input i adds to every output
    bias: int
    x: int  # input
    z: int  # output before the activation function, then that function's derivative
    h: int  # output
    dz: int  # gradient at z
    dx: int  # gradient at x
    x_step: int = 0  # by the `factored` optimizer: direction of a step is the outer product of these two
    g_step: int = 0
    is_private: bool = False
    reads_shared: bool = False  # private, with its input in the shared part


@dataclass(frozen=True, slots=True)
class Places:
    """Offsets of what is the same for every set of tasks.

    Parameters: the trunk, then a block of private layers per task, then what `table_places` places. Scratch: what is
    named here, then a block per task, then by raw output what `RAW_ROWS` says. The last shared layer's output lies
    right before the dense values, so the heads' input (hidden, dense) is in one piece, with zeros behind it up to whole
    vectors. Marks of missing values are 0 or 1 and lie nowhere.
    """

    trunk: tuple[Dense, ...]
    private: tuple[Dense, ...]
    n_trunk: int  # parameters
    n_private: int  # parameters per task
    shared: int  # H outputs of the trunk
    dense: int
    embedded: int
    into_embedded: int
    into_shared: int
    n_scratch: int  # before the blocks
    n_block: int  # scratch per task; it begins with the task's gradient at the last shared layer's output
    private_output: int  # in the block: the last private layer's output, then the dense values
    into_last: int  # in the block: gradient at the last hidden layer's output
    x_step: int  # in the block: direction of a head's step, as a layer's


class _Space:
    """Hands out aligned pieces of a flat array."""

    def __init__(self) -> None:
        self.used = 0

    def take(self, size: int, aligned: bool = True) -> int:
        if aligned:
            self.used = aligned_size(self.used)
        start = self.used
        self.used += size
        return start


def aligned_size(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def padded_raws(n_raw: int) -> int:
    """K, in whole vectors."""
    return -(-n_raw // _RAWS) * _RAWS


def places(spec: KernelSpec) -> Places:
    """Where everything lies."""
    values, scratch = _Space(), _Space()
    is_factored = spec.optimizer == "factored"
    n_inputs = spec.n_unmarked + spec.n_dense
    shared = scratch.take(spec.head_stride)
    dense = shared + spec.n_shared
    embedded = scratch.take(spec.n_embedded)
    # The gradient at the trunk's input is wanted for the embeddings only.
    into_embedded = scratch.take(spec.n_embedded)
    into_shared = scratch.take(spec.n_shared)
    trunk: list[Dense] = []
    if spec.hidden:
        trunk = _layers((n_inputs, *spec.hidden), values, scratch, dense, shared, into_embedded, is_factored)
        trunk[-1] = replace(trunk[-1], dz=into_shared)

    own_values, block = _Space(), _Space()
    into_last = block.take(spec.n_shared)
    # Behind the direction: the share of it that the cap leaves.
    x_step = block.take(spec.head_stride + 1 if is_factored else 0)
    output = 0
    private: list[Dense] = []
    if spec.head_hidden:
        output = block.take(spec.head_stride)
        widths = (spec.n_shared, *spec.head_hidden)
        private = [
            replace(layer, is_private=True, reads_shared=number == 0)
            for number, layer in enumerate(_layers(widths, own_values, block, shared, output, 0, False))
        ]
        into_last = private[-1].dz
    return Places(
        trunk=tuple(trunk),
        private=tuple(private),
        n_trunk=aligned_size(values.used),
        n_private=aligned_size(own_values.used),
        shared=shared,
        dense=dense,
        embedded=embedded,
        into_embedded=into_embedded,
        into_shared=into_shared,
        n_scratch=aligned_size(scratch.used),
        n_block=aligned_size(block.used),
        private_output=output,
        into_last=into_last,
        x_step=x_step,
    )


def _layers(
    widths: tuple[int, ...], values: _Space, scratch: _Space, x: int, last_h: int, dx: int, has_steps: bool
) -> list[Dense]:
    """Layers of these widths; the first reads `x` and writes the gradient `dx`, the last writes `last_h`."""
    layers: list[Dense] = []
    for number, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        h = last_h if number == len(widths) - 2 else scratch.take(n_out)
        weight, bias = values.take(n_in * n_out), values.take(n_out)
        z, dz = scratch.take(n_out), scratch.take(n_out)
        x_step, g_step = (scratch.take(size) for size in ((n_in, n_out) if has_steps else (0, 0)))
        layers.append(Dense(n_in, n_out, weight, bias, x, z, h, dz, dx, x_step, g_step))
        x, dx = h, layers[-1].dz
    return layers


@dataclass(frozen=True, slots=True)
class TablePlaces:
    """Offsets of parameters that depend on the tasks and on the sizes of the tables; all at run time."""

    heads: int  # (K, M + D) in rows of whole vectors: the last hidden layer, then the dense values
    marks: int  # (K, D): the marks of missing values
    biases: int  # K
    table_C: tuple[int, ...]  # by column (S, E), the embeddings
    bias_C: tuple[int, ...]  # by column (S, K) in rows of whole vectors, what a category adds to each raw output
    n_values: int


def table_places(spec: KernelSpec, n_tasks: int, n_raw: int, table_sizes: tuple[int, ...]) -> TablePlaces:
    """Where the rest of the parameters lies."""
    at, values = places(spec), _Space()
    values.take(at.n_trunk + n_tasks * at.n_private)
    heads = values.take(n_raw * spec.head_stride)
    marks = values.take(n_raw * spec.n_dense)
    biases = values.take(n_raw)
    tables = tuple(values.take(size * spec.embedding_dim if spec.hidden else 0) for size in table_sizes)
    category_biases = tuple(values.take(size * padded_raws(n_raw)) for size in table_sizes)
    return TablePlaces(heads, marks, biases, tables, category_biases, values.used)
