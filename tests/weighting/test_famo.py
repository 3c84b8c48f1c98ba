from __future__ import annotations

import numpy as np
import pytest
import torch

from streammtl.testing.weighting import random_history, segment
from streammtl.types import Signals
from streammtl.weighting.famo import Famo

NAMES = ("a", "b", "c")


def _torch_step(logits: list[torch.Tensor], optimizers: list[torch.optim.Adam], signals: Signals) -> None:
    """The authors' update of the logits, with one torch Adam per task, for the tasks with labels."""
    active = np.flatnonzero(signals.n_labels_T > 0)
    assert signals.losses_after_T is not None
    delta_A = torch.from_numpy(np.log(signals.losses_T[active]) - np.log(signals.losses_after_T[active]))
    xi_A = torch.cat([logits[k] for k in active]).detach().requires_grad_()
    (gradient_A,) = torch.autograd.grad(torch.softmax(xi_A, 0), xi_A, grad_outputs=delta_A)
    for k, gradient in zip(active, gradient_A, strict=True):
        logits[k].grad = gradient.reshape(1)
        optimizers[k].step()


def test_logits_follow_torch_adam_also_when_tasks_are_absent() -> None:
    weighting = Famo.Config(rate=0.05, weight_decay=0.1).build(NAMES)
    logits = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in NAMES]
    optimizers = [torch.optim.Adam([logit], lr=0.05, weight_decay=0.1) for logit in logits]
    for signals in random_history(n_segments=100):
        if not signals.n_labels_T.any():
            continue
        _torch_step(logits, optimizers, signals)
        weighting.update(signals)
        np.testing.assert_allclose(
            weighting.state()["logit"], [logit.item() for logit in logits], rtol=1e-9, atol=1e-12
        )


def test_one_torch_adam_over_all_tasks_is_the_same_when_none_is_absent() -> None:
    weighting = Famo.Config().build(NAMES)
    xi_T = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([xi_T], lr=0.025, weight_decay=0.01)  # the authors' settings, our defaults
    for i in range(50):
        drop = [0.9 + 0.002 * i, 0.8, 1.1 - 0.004 * i]
        (xi_T.grad,) = torch.autograd.grad(
            torch.softmax(xi_T, 0), xi_T, grad_outputs=-torch.log(torch.tensor(drop, dtype=torch.float64))
        )
        optimizer.step()
        weighting.update(segment([1, 1, 1], [1.0, 2.0, 3.0], drop=drop))
    np.testing.assert_allclose(weighting.state()["logit"], xi_T.detach().numpy(), rtol=1e-9)


def test_weights_are_the_softmax_over_the_average_losses() -> None:
    weighting = Famo.Config(half_life=1.0).build(("a", "b"))
    weighting.update(segment([1, 1], [4.0, 1.0], drop=[0.5, 0.9]))
    weights_T = weighting.update(segment([1, 1], [1.0, 4.0], drop=[0.5, 0.9]))
    raw_T = np.exp(weighting.state()["logit"]) / np.array([2.0, 3.0])  # averages as in the scale-invariant test
    np.testing.assert_allclose(weights_T, 2 * raw_T / raw_T.sum(), rtol=1e-13)


def test_equal_progress_leaves_the_logits_alone() -> None:
    weighting = Famo.Config(weight_decay=0.0).build(("a", "b"))
    for _ in range(20):
        weighting.update(segment([1, 1], [1.0, 100.0], drop=[0.5, 0.5]))
    np.testing.assert_allclose(weighting.state()["logit"], [0.0, 0.0], atol=1e-6)


def test_task_that_improves_least_gains_weight() -> None:
    weighting = Famo.Config().build(("stuck", "improves"))
    for _ in range(20):
        stuck, improves = weighting.update(segment([1, 1], [1.0, 1.0], drop=[1.0, 0.5]))
    assert stuck > improves + 0.4


def test_segment_without_losses_after_the_step_is_a_programmers_error() -> None:
    weighting = Famo.Config().build(("a",))
    with pytest.raises(AssertionError, match="LOSSES_AFTER"):
        weighting.update(Signals(n_labels_T=np.array([1]), losses_T=np.array([1.0])))
