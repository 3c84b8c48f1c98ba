"""Many signals side by side, each with a detector of the same settings.

Shape suffixes: B records of a block, S signals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from streammtl.drift.base import Detector
from streammtl.drift.history import History
from streammtl.drift.scaling import Scaling
from streammtl.errors import CheckpointMismatchError
from streammtl.seeds import named_seed
from streammtl.types import Bools, Floats, Ints, State


@dataclass(frozen=True, slots=True)
class Change:
    """A detector found a change of a signal."""

    signal: int
    before: float  # mean of the signal from its start to the change; NaN: all of it lies in one block
    after: float  # mean of the signal since the change


@final
class Panel:
    """Feeds each signal's detector, block by block. After a change its signal starts anew.

    A detector sees the values of its signal in standard deviations of a reference, the signal's first `n_reference`
    values, which it does not see (`Scaling`). With `feed: values` it sees each value z, with `feed: mean` one number
    sum(z) / sqrt(n) per block, over the n values that are present. Both have a variance of about 1 while the records
    are independent and nothing changes, so that a detector's thresholds mean the same for all signals, units and
    sizes of blocks. Binary-only detectors see the bare values, from the first on.

    >>> from streammtl.drift.adwin import Adwin
    >>> panel = Panel(Adwin.Config(), ("amount",), n_reference=20, seed=0)
    >>> calm_BS = np.array([[1.0], [2.0], [3.0], [2.0]])
    >>> [change for _ in range(50) for change in panel.take(calm_BS)]
    []
    >>> [change for _ in range(10) for change in panel.take(calm_BS + 5.0)]
    [Change(signal=0, before=2.0, after=7.0)]
    """

    def __init__(self, config: Detector.Config, names: tuple[str, ...], n_reference: int, seed: int) -> None:
        assert names
        self._names = names
        self._detectors = [config.build(named_seed(seed, name)) for name in names]
        self._is_bare = self._detectors[0].binary_only
        self._feeds_means = config.feed == "mean"
        self._scaling = Scaling(len(names), n_reference)
        self._history = History(len(names))
        self._full_block_S: Ints = np.ones(len(names), dtype=np.int64)

    # Overflow is for the limits of the scaling to bring back; a sum that overflows is infinite in an alarm.
    @np.errstate(over="ignore", invalid="ignore")
    def take(self, values_BS: Floats) -> list[Change]:
        """Take one block of all signals, NaN where a value is missing; the changes found, in order of the signals.

        A signal without any value in the block takes no part in it.
        """
        n_S, sum_S = self._full_block_S * len(values_BS), values_BS.sum(axis=0)
        is_present_BS = None  # all of them
        if not np.isfinite(sum_S).all():
            is_present_BS = np.isfinite(values_BS)
            values_BS = np.where(is_present_BS, values_BS, 0.0)
            n_S, sum_S = is_present_BS.sum(axis=0), values_BS.sum(axis=0)
        self._history.append(n_S, sum_S)
        changed = [signal for signal, is_found in enumerate(self._feed(values_BS, is_present_BS, n_S)) if is_found]
        return [self._change(signal) for signal in changed]

    def _feed(self, values_BS: Floats, is_present_BS: Bools | None, n_S: Ints) -> list[bool]:
        """For each signal: was a change found in this block? `is_present_BS` None: every value is present."""
        is_fed_S, fed_BS = n_S > 0, values_BS
        if not self._is_bare:
            is_fed_S &= self._scaling.is_ready_S  # before this block can complete a reference
            if not self._scaling.is_ready_S.all():
                self._scaling.extend_references(values_BS, is_present_BS, n_S)
            fed_BS = self._scaling.apply(values_BS)
            if is_present_BS is not None:
                fed_BS[~is_present_BS] = 0.0
        if self._feeds_means:
            means_S = fed_BS.sum(axis=0) / np.sqrt(np.maximum(n_S, 1))
            return [
                is_fed and detector.take(mean)
                for detector, is_fed, mean in zip(self._detectors, is_fed_S.tolist(), means_S.tolist(), strict=True)
            ]
        return [
            is_fed
            and detector.update(
                fed_BS[:, signal] if is_present_BS is None else fed_BS[is_present_BS[:, signal], signal]
            )
            for signal, (detector, is_fed) in enumerate(zip(self._detectors, is_fed_S.tolist(), strict=True))
        ]

    def _change(self, signal: int) -> Change:
        before, after = self._history.means(signal)
        self._history.restart(signal)
        self._scaling.restart(signal)
        return Change(signal, before, after)

    def state(self) -> State:
        """Everything about every signal."""
        return {
            "names": list(self._names),
            "scaling": self._scaling.state(),
            "history": self._history.state(),
            "detectors": {str(signal): detector.state() for signal, detector in enumerate(self._detectors)},
        }

    def load(self, state: State) -> None:
        """Take over a `state` of a panel of the same signals and settings."""
        if tuple(state["names"]) != self._names:
            raise CheckpointMismatchError(
                f"the signals watched are {', '.join(self._names)}, but those of the checkpoint are "
                f"{', '.join(state['names'])}"
            )
        self._scaling.load(state["scaling"])
        self._history.load(state["history"])
        for signal, detector in enumerate(self._detectors):
            detector.load(state["detectors"][str(signal)])
