"""Linear layers and their backward pass, written out. Imports torch.

At the size of an online network autograd's bookkeeping costs several times the arithmetic; a test holds the two equal.

Shape suffixes: B rows, M inputs of a layer, N outputs of a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, final

import torch
from torch.nn import functional

from streammtl.models._parameters import Group

#: The input and the output before the activation, of each layer of one forward pass.
Trace: TypeAlias = list[tuple[torch.Tensor, torch.Tensor]]

Activation: TypeAlias = Literal["relu", "silu"]

_FORWARD: dict[Activation, Callable[[torch.Tensor], torch.Tensor]] = {"relu": torch.relu, "silu": functional.silu}


@final
class Layers:
    """The layers of one `Group`, whose tensors are weight, bias, weight, bias, ..., with an activation after each.

    With `ends_linear` the last one has none.
    """

    def __init__(self, group: Group, activation: Activation, ends_linear: bool) -> None:
        tensors, gradients = list(group.tensors.values()), list(group.gradients.values())
        self._layers = list(zip(tensors[0::2], tensors[1::2], strict=True))
        self._gradients = list(zip(gradients[0::2], gradients[1::2], strict=True))
        self._activation = activation
        self._n_activated = len(self._layers) - ends_linear

    @property
    def last(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the last layer."""
        return self._layers[-1]

    def forward(self, x_BM: torch.Tensor, trace: Trace | None = None) -> torch.Tensor:
        """Outputs; notes in `trace` what `backward` needs."""
        activate = _FORWARD[self._activation]
        for layer, (weight, bias) in enumerate(self._layers):
            z_BN = functional.linear(x_BM, weight, bias)
            if trace is not None:
                trace.append((x_BM, z_BN))
            x_BM = activate(z_BN) if layer < self._n_activated else z_BN
        return x_BM

    def backward(self, trace: Trace, gradient_BN: torch.Tensor) -> torch.Tensor:
        """Write the gradients of all parameters; returns that of the input."""
        for layer in reversed(range(len(trace))):
            x_BM, z_BN = trace[layer]
            if layer < self._n_activated:
                gradient_BN = self._through_activation(gradient_BN, z_BN)
            into_weight, into_bias = self._gradients[layer]
            torch.mm(gradient_BN.t(), x_BM, out=into_weight)
            torch.sum(gradient_BN, dim=0, out=into_bias)
            gradient_BN = torch.mm(gradient_BN, self._layers[layer][0])
        return gradient_BN

    def last_weight_gradient(self, trace: Trace, gradient_BN: torch.Tensor) -> torch.Tensor:
        """The gradient of the last weight alone, written nowhere."""
        x_BM, z_BN = trace[-1]
        if self._n_activated == len(trace):
            gradient_BN = self._through_activation(gradient_BN, z_BN)
        return torch.mm(gradient_BN.t(), x_BM)

    def _through_activation(self, gradient_BN: torch.Tensor, z_BN: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor
        if self._activation == "relu":
            result = torch.ops.aten.threshold_backward(gradient_BN, z_BN, 0)
        else:
            result = torch.ops.aten.silu_backward(gradient_BN, z_BN)
        return result
