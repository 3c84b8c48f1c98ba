"""Settings that the models made of networks have in common."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from streammtl.models.base import Model

Width: TypeAlias = Annotated[int, Field(ge=1, le=8192)]
#: With another default in one of the models, which then names the type again.
Activation: TypeAlias = Annotated[
    Literal["relu", "silu"],
    Field(description="What follows each hidden layer: max(x, 0), or x / (1 + exp(-x))."),
]
ClipNorm: TypeAlias = Annotated[
    Annotated[float, Field(gt=0.0)] | None,
    Field(description="Largest norm of the gradient of all parameters together; null: no limit."),
]


class NeuralConfig(Model.Config):
    """Settings of every model with a trunk of hidden layers and a head per task."""

    hidden: tuple[Width, ...] = Field(
        default=(64, 64), min_length=1, max_length=16, description="Widths of the shared layers."
    )
    head_hidden: tuple[Width, ...] = Field(
        default=(), max_length=16, description="Widths of the hidden layers of each head; none by default."
    )
    activation: Activation = "silu"
    embedding_dim: int = Field(
        default=8, ge=1, le=1024, description="Width of the embedding of each categorical column."
    )
    clip_norm: ClipNorm = None
    clip_task_norm: float | None = Field(
        default=None,
        gt=0.0,
        description="Largest norm of each task's gradient at the last shared layer's output, before its weight; "
        "null: no limit.",
    )
    clip_input: float = Field(
        default=8.0,
        gt=0.0,
        le=1000.0,
        description="Dense inputs are clipped to plus or minus this, standardised ones after standardising.",
    )
    memory_rows: int = Field(
        default=100_000,
        ge=2,
        description="Rows after which the running mean and deviation of features and labels begin to forget.",
    )
