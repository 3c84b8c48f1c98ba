"""The mixture of the `mlp` model's experts: per task, by their discounted losses.

Shape suffixes as in `streammtl.types`; E experts, K raw outputs of all tasks, F = E + 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from streammtl.models._kernel_math import LOSS_CODES
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Ints, State


@final
class Mixture:
    """`share_e ~ exp(-sharpness S_e)`, `S_e <- decay S_e + loss_e` with each label, for each task by itself.

    A Bayesian mixture whose memory fades (Raftery, Karny, Ettler, Online Prediction under Model Uncertainty via Dynamic
    Model Averaging, Technometrics, 2010), tempered. Losses are log loss for yes or no and classes, and squared error in
    standard deviations of the label, bounded by 4, for values (see `streammtl.models._kernel_math.mixing_loss`).
    Probabilities and rates are averaged, and so are values.
    """

    def __init__(self, names: tuple[str, ...], tasks: tuple[Task, ...], decay: float, sharpness: float) -> None:
        from streammtl.models._kernel_build import build_passes

        self._mix: Any = build_passes().mix
        self._names, self._tasks = names, tasks
        self._settings: Floats = np.array([decay, sharpness])
        self._sharpness = sharpness
        self._code_T: Ints = np.array([LOSS_CODES.index(task.kernel_loss().code) for task in tasks], dtype=np.int64)
        self._first_raw_T: Ints = np.array([0, *itertools.accumulate(task.n_raw for task in tasks)])
        self._loss_TF: Floats = np.zeros((len(tasks), len(names) + 1))
        self._share_E: Floats = np.zeros(len(names))

    def advance(self, is_learn_N: Bools, raw_EPK: Floats, mixing_ELT: Floats) -> Floats:
        """The mixed raw outputs `(P, K)`; the losses of LEARN operations count from the next PREDICT on."""
        out_PK = np.empty(raw_EPK.shape[1:])
        tables = (self._code_T, self._first_raw_T, self._settings)
        self._mix(is_learn_N, raw_EPK, mixing_ELT, *tables, self._loss_TF, self._share_E, out_PK)
        return out_PK

    def shares(self) -> dict[str, dict[str, float]]:
        """By task and expert, in sum 1."""
        shares = {}
        for t, task in enumerate(self._tasks):
            loss_E = self._loss_TF[t, :-1]
            share_E = np.exp(-self._sharpness * (loss_E - loss_E.min()))
            shares[task.name] = dict(zip(self._names, (share_E / share_E.sum()).tolist(), strict=True))
        return shares

    def losses(self) -> dict[str, dict[str, float]]:
        """By task and expert, the discounted mean loss; of a task without a label so far, no expert."""
        losses = {}
        for t, task in enumerate(self._tasks):
            n = self._loss_TF[t, -1]
            mean_E = self._loss_TF[t, :-1] / n if n > 0.0 else self._loss_TF[t, :0]
            losses[task.name] = dict(zip(self._names, mean_E.tolist(), strict=False))
        return losses

    def state(self) -> State:
        """By task, the sums of the experts' losses, and last of the labels."""
        return {task.name: self._loss_TF[t].copy() for t, task in enumerate(self._tasks)}

    def load(self, state: Mapping[str, Floats]) -> None:
        """Take over a `state`."""
        for t, task in enumerate(self._tasks):
            self._loss_TF[t] = state[task.name]
