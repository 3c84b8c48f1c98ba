"""Optimizers against those of torch."""

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from streammtl.models.optimizers import AdaGrad, Adam, AnyOptimizer, Optimizer, RmsProp, Sgd


@pytest.mark.slow  # the first step of a torch optimizer imports torch's compiler
@pytest.mark.parametrize(
    ("ours", "theirs", "settings"),
    [
        (Sgd(rate=0.1), torch.optim.SGD, {"lr": 0.1}),
        (
            Sgd(rate=0.1, momentum=0.9, weight_decay=0.01),
            torch.optim.SGD,
            {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        ),
        (Adam(rate=0.1), torch.optim.Adam, {"lr": 0.1}),
        (AdaGrad(rate=0.1), torch.optim.Adagrad, {"lr": 0.1}),
        (RmsProp(rate=0.1, decay=0.9), torch.optim.RMSprop, {"lr": 0.1, "alpha": 0.9}),
    ],
)
def test_same_steps_as_torch(ours: Optimizer, theirs: Any, settings: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(size=20).astype(np.float32)
    slots = {name: np.zeros_like(value) for name in ours.slots}
    tensor = torch.tensor(value, requires_grad=True)
    optimizer = theirs([tensor], **settings)
    for n_steps in range(1, 20):
        gradient = rng.normal(size=20).astype(np.float32)
        tensor.grad = torch.tensor(gradient)
        optimizer.step()
        ours.step(value, gradient, slots, n_steps)
        np.testing.assert_allclose(value, tensor.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_the_kind_alone_is_enough() -> None:
    assert TypeAdapter[Optimizer](AnyOptimizer).validate_python("adagrad") == AdaGrad()


def test_settings_of_another_optimizer_are_refused() -> None:
    with pytest.raises(ValidationError, match="momentum"):
        TypeAdapter[Optimizer](AnyOptimizer).validate_python({"kind": "adam", "momentum": 0.9})
