"""Optimizers: how a gradient becomes a change of the parameters.

Each works element by element on flat float32 arrays, in place: so the same code updates a whole layer, or only those
rows of an embedding table that occurred. Symbols: p parameter, g gradient, a rate, t how many steps this group has
taken.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, final

import numpy as np
from pydantic import BeforeValidator, Field

from streammtl.component import Settings
from streammtl.types import Floats32

_Epsilon: TypeAlias = Annotated[
    # Far enough from what float32 takes for zero.
    float, Field(ge=1e-30, le=1.0, description="Added to the divisor, so that it is never zero.")
]


class Optimizer(Settings):
    """Settings of an optimizer, and its formula."""

    #: Names of the arrays that it keeps beside each parameter array, all zero at first.
    slots: ClassVar[tuple[str, ...]]

    @abstractmethod
    def step(self, value: Floats32, gradient: Floats32, slots: dict[str, Floats32], n_steps: int) -> None:
        """Change `value` and `slots` in place; `n_steps` counts this step too. `gradient` may be overwritten."""


@final
class Sgd(Optimizer):
    """Stochastic gradient descent: `m = momentum m + g + weight_decay p; p -= a m`.

    >>> import numpy as np
    >>> p = np.ones(1, dtype=np.float32)
    >>> Sgd(rate=0.5).step(p, np.ones(1, dtype=np.float32), {"momentum": np.zeros(1, dtype=np.float32)}, 1)
    >>> p
    array([0.5], dtype=float32)
    """

    slots: ClassVar[tuple[str, ...]] = ("momentum",)
    kind: Literal["sgd"] = "sgd"
    rate: float = Field(default=0.01, gt=0.0, le=10.0, description="Step size.")
    momentum: float = Field(default=0.0, ge=0.0, le=0.999, description="How much of the last change is kept.")
    weight_decay: float = Field(default=0.0, ge=0.0, le=1.0, description="Pull of every parameter towards zero.")

    def step(self, value: Floats32, gradient: Floats32, slots: dict[str, Floats32], n_steps: int) -> None:
        """One step."""
        if self.weight_decay:
            gradient += self.weight_decay * value
        if self.momentum:
            memory = slots["momentum"]
            memory *= self.momentum
            memory += gradient
            gradient = memory
        value -= self.rate * gradient


@final
class Adam(Optimizer):
    """`m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= a m' / (sqrt(v') + eps)`, with m', v' bias-corrected.

    Kingma, Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, algorithm 1.
    """

    slots: ClassVar[tuple[str, ...]] = ("mean", "square")
    kind: Literal["adam"] = "adam"
    rate: float = Field(default=0.001, gt=0.0, le=10.0, description="Step size.")
    beta1: float = Field(default=0.9, ge=0.0, lt=1.0, description="Memory of the mean gradient.")
    beta2: float = Field(default=0.999, ge=0.0, lt=1.0, description="Memory of the squared gradient.")
    epsilon: _Epsilon = 1e-8

    def step(self, value: Floats32, gradient: Floats32, slots: dict[str, Floats32], n_steps: int) -> None:
        """One step."""
        mean, square = slots["mean"], slots["square"]
        mean += (1.0 - self.beta1) * (gradient - mean)
        gradient *= gradient
        square += (1.0 - self.beta2) * (gradient - square)
        divisor = np.sqrt(square)
        divisor *= 1.0 / (1.0 - self.beta2**n_steps) ** 0.5
        divisor += self.epsilon
        value -= (self.rate / (1.0 - self.beta1**n_steps)) * mean / divisor


@final
class AdaGrad(Optimizer):
    """`s += g^2; p -= a g / (sqrt(s) + eps)`.

    Duchi, Hazan, Singer, Adaptive Subgradient Methods, Journal of Machine Learning Research, 2011.
    """

    slots: ClassVar[tuple[str, ...]] = ("sum",)
    kind: Literal["adagrad"] = "adagrad"
    rate: float = Field(default=0.03, gt=0.0, le=10.0, description="Step size.")
    epsilon: _Epsilon = 1e-10

    def step(self, value: Floats32, gradient: Floats32, slots: dict[str, Floats32], n_steps: int) -> None:
        """One step."""
        total = slots["sum"]
        total += gradient * gradient
        gradient /= np.sqrt(total) + self.epsilon
        value -= self.rate * gradient


@final
class RmsProp(Optimizer):
    """`v = d v + (1 - d) g^2; p -= a g / (sqrt(v) + eps)`, d the decay.

    Tieleman, Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012.
    """

    slots: ClassVar[tuple[str, ...]] = ("square",)
    kind: Literal["rmsprop"] = "rmsprop"
    rate: float = Field(default=0.003, gt=0.0, le=10.0, description="Step size.")
    decay: float = Field(default=0.99, ge=0.0, lt=1.0, description="Memory of the squared gradient.")
    epsilon: _Epsilon = 1e-8

    def step(self, value: Floats32, gradient: Floats32, slots: dict[str, Floats32], n_steps: int) -> None:
        """One step."""
        square = slots["square"]
        square *= self.decay
        square += (1.0 - self.decay) * (gradient * gradient)
        gradient /= np.sqrt(square) + self.epsilon
        value -= self.rate * gradient


def _expand_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


#: A setting that holds one of the optimizers; its kind alone is enough (`optimizer: adam`).
AnyOptimizer: TypeAlias = Annotated[
    Annotated[Sgd | Adam | AdaGrad | RmsProp, Field(discriminator="kind")], BeforeValidator(_expand_kind)
]


@final
class Factored(Settings):
    """AdaGrad for layers that learn from one row at a time, at the price of plain gradient descent.

    The gradient of a weight matrix is then an outer product `x g^T`, input times gradient at the output. AdaGrad keeps
    a sum of squares per weight; this keeps one per input, `r = sum x^2`, and one per output, `c = sum g^2`, and takes
    `sum (x_i g_j)^2` for `r_i c_j / t`, which it is on average where inputs and gradients vary independently:

        P -= a sqrt(t) u v^T,  u = x / (sqrt(r) + eps),  v = g / (sqrt(c) + eps),  t the number of steps so far

    Where they do not (an outlier is large in both) such a step can be too long: the model's `cap` shortens it. Biases
    and rows of tables, which stand alone, take AdaGrad's step, and so do a head's own layers. As in Shazeer, Stern,
    Adafactor, ICML 2018, the second moments are factored; unlike there they are sums, so rates fall as the stream goes
    on, and they are those of the two factors, not marginals of their product.
    """

    kind: Literal["factored"] = "factored"
    rate: float = Field(default=0.06, gt=0.0, le=10.0, description="Step size.")
    epsilon: _Epsilon = 1e-10


#: A setting that holds one of the optimizers of the compiled network.
KernelOptimizer: TypeAlias = Annotated[
    Annotated[Sgd | Adam | AdaGrad | RmsProp | Factored, Field(discriminator="kind")], BeforeValidator(_expand_kind)
]
