"""Running, fading and windowed statistics of one task's labels, for its published predictions and for no-change.

Shape suffixes: B labelled rows, O published columns, S statistics, M terms of a scorer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import final

import numpy as np

from streammtl.blocks import BlockBuffer, Rows
from streammtl.errors import CheckpointMismatchError
from streammtl.metrics.base import Scorer, add_in_order, by_row
from streammtl.types import Floats, Ints, State

# Weights of the fading sums double with every half-life; at 2**64, far below the largest float, all are scaled back.
RENEW_AFTER_HALF_LIVES = 64


@dataclass(frozen=True, slots=True)
class Views:
    """The scores of one prediction over three stretches of the stream."""

    running: dict[str, float]
    fading: dict[str, float]
    windowed: dict[str, float]


@final
class Tally:
    """Statistics of the scored labels of one task, kept for the published and for the no-change prediction.

    Rows are added in blocks of `block` rows counted along the task's labels. Running: all labels alike. Fading: the
    weight of a label halves with every `half_life` later labels. Windowed: the last `window` labels; computed from the
    rows themselves when asked, so that nothing is ever subtracted. `scores` covers every label, also those of the
    incomplete block.

    >>> from streammtl.metrics.regression import RegressionScorer
    >>> from streammtl.tasks.regression import RegressionTask
    >>> task = RegressionTask.Config().build("loss")
    >>> tally = Tally(RegressionScorer.Config().build(task), n_outputs=1, block=2, window=2, half_life=10.0)
    >>> tally.add(np.array([1.0, 2.0, 4.0]), np.array([[1.0], [2.0], [1.0]]), np.array([np.nan, 1.0, 2.0]))
    >>> published, no_change = tally.scores()
    >>> published.running["mae"], published.windowed["mae"], no_change.running["mae"]
    (1.0, 1.5, 1.5)
    """

    def __init__(self, scorer: Scorer, n_outputs: int, block: int, window: int, half_life: float) -> None:
        assert window % block == 0
        self._scorer = scorer
        self._window = window
        self._block = block
        self._n_outputs = n_outputs
        self._sums = _Sums(scorer, half_life)
        self._buffer = self._empty_buffer()
        self._recent: deque[Rows] = deque(maxlen=window // block)

    def add(self, label_B: Floats, outputs_BO: Floats, baseline_B: Floats) -> None:
        """Add rows in stream order; a row without a baseline (NaN) does not count for no-change."""
        blocks = self._buffer.push(label_B, outputs_BO, baseline_B)
        if blocks:
            self._sums.add(*_joined(blocks))
            self._recent.extend(blocks)

    def scores(self) -> tuple[Views, Views]:
        """The scores of the published and of the no-change prediction."""
        rest = self._buffer.rest()
        sums = self._sums.copy()
        sums.add(*_joined([rest]))
        label_B, outputs_BO, baseline_B = (rows[-self._window :] for rows in _joined([*self._recent, rest]))
        is_known_B = ~np.isnan(baseline_B)
        again_BO = self._scorer.no_change(baseline_B[is_known_B])
        return (
            self._views(sums, sums.published, self._windowed(label_B, outputs_BO)),
            self._views(sums, sums.no_change, self._windowed(label_B[is_known_B], again_BO)),
        )

    def now(self) -> tuple[dict[str, float], dict[str, float]]:
        """The running and the windowed scores of the published prediction, in a third of the time of `scores`."""
        rest = self._buffer.rest()
        label_B, outputs_BO, _ = (rows[-self._window :] for rows in _joined([*self._recent, rest]))
        running_S = self._sums.running_with(*_joined([rest])[:2])
        return self._scorer.values(running_S), self._scorer.values(self._windowed(label_B, outputs_BO))

    def _windowed(self, label_B: Floats, outputs_BO: Floats) -> Floats:
        # A window is its own sum, so squares can be summed around its own first label.
        reference = float(label_B[0]) if len(label_B) else 0.0
        return self._scorer.statistics(label_B, outputs_BO, reference)

    def _views(self, sums: _Sums, pair: _Pair, windowed_S: Floats) -> Views:
        stretches = (pair.running_S, sums.faded(pair.fading_S), windowed_S)
        return Views(*(self._scorer.values(statistics_S) for statistics_S in stretches))

    def state(self) -> State:
        """Sums, incomplete block and window."""
        recent = [np.concatenate(parts) for parts in zip(*self._recent, strict=True)]
        return {
            "sums": self._sums.state(),
            "rest": self._buffer.state(),
            "recent": {str(part): rows for part, rows in enumerate(recent)},
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._sums.load(state["sums"])
        self._buffer.load(state["rest"])
        recent = [np.asarray(state["recent"][str(part)]) for part in range(len(state["recent"]))]
        n_recent = len(recent[0]) if recent else 0
        widths = (1, self._n_outputs, 1) if recent else ()
        has_shapes = [rows.shape for rows in recent] == [(n_recent, width) for width in widths]
        if not has_shapes or n_recent > self._window or n_recent % self._block:
            raise CheckpointMismatchError(
                f"a window of {self._window} labels in blocks of {self._block} with {self._n_outputs} published "
                f"columns cannot take over rows of shapes {[rows.shape for rows in recent]}"
            )
        self._recent.clear()
        self._recent.extend(self._empty_buffer().push(*recent) if recent else [])

    def _empty_buffer(self) -> BlockBuffer:
        return BlockBuffer(self._block, (1, self._n_outputs, 1))


def _joined(blocks: list[Rows]) -> tuple[Floats, Floats, Floats]:
    label_B1, outputs_BO, baseline_B1 = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return label_B1[:, 0], outputs_BO, baseline_B1[:, 0]


@final
class _Sums:
    """The running and the fading sums of the published and of the no-change prediction.

    Fading sums are kept multiplied by 2**(age / half_life), `age` being the labels since the last renewal: a new label
    comes in with a larger weight, and the many statistics it does not touch need not be multiplied each time.
    """

    def __init__(self, scorer: Scorer, half_life: float) -> None:
        self._scorer = scorer
        self._half_life = half_life
        self._renew_after = int(RENEW_AFTER_HALF_LIVES * half_life)
        self._age = 0
        self._reference: float | None = None
        self.published = _Pair(np.zeros(scorer.n_statistics), np.zeros(scorer.n_statistics))
        self.no_change = _Pair(np.zeros(scorer.n_statistics), np.zeros(scorer.n_statistics))

    def add(self, label_B: Floats, outputs_BO: Floats, baseline_B: Floats) -> None:
        """Add rows, cut where the fading sums are to be renewed."""
        if self._reference is None and len(label_B):
            self._reference = float(label_B[0])
        start = 0
        while start < len(label_B):
            piece = slice(start, start + self._renew_after - self._age)
            self._add_piece(label_B[piece], outputs_BO[piece], baseline_B[piece])
            start = piece.stop

    def _add_piece(self, label_B: Floats, outputs_BO: Floats, baseline_B: Floats) -> None:
        ages_B = np.arange(self._age + 1, self._age + len(label_B) + 1)
        weight_B = np.exp2(ages_B / self._half_life)
        self._add_to(self.published, label_B, outputs_BO, weight_B)
        is_known_B = ~np.isnan(baseline_B)
        if not is_known_B.all():
            label_B, baseline_B, weight_B = label_B[is_known_B], baseline_B[is_known_B], weight_B[is_known_B]
        self._add_to(self.no_change, label_B, self._scorer.no_change(baseline_B), weight_B)
        self._age += len(ages_B)
        if self._age == self._renew_after:
            self.published.fading_S = self.faded(self.published.fading_S)
            self.no_change.fading_S = self.faded(self.no_change.fading_S)
            self._age = 0

    def _add_to(self, pair: _Pair, label_B: Floats, outputs_BO: Floats, weight_B: Floats) -> None:
        assert self._reference is not None
        terms = self._scorer.terms(label_B, outputs_BO, self._reference)
        place_BM, amount_BM = by_row(terms, len(label_B))
        add_in_order(pair.running_S, place_BM, amount_BM)
        add_in_order(pair.fading_S, place_BM, amount_BM * weight_B[:, None])

    def faded(self, fading_S: Floats) -> Floats:
        """Fading sums in which the last label weighs 1."""
        return fading_S * float(np.exp2(-self._age / self._half_life))

    def running_with(self, label_B: Floats, outputs_BO: Floats) -> Floats:
        """The running sums of the published prediction with these rows."""
        running_S = self.published.running_S.copy()
        if len(label_B):
            reference = float(label_B[0]) if self._reference is None else self._reference
            add_in_order(running_S, *by_row(self._scorer.terms(label_B, outputs_BO, reference), len(label_B)))
        return running_S

    def copy(self) -> _Sums:
        """Sums that go on by themselves."""
        other = _Sums(self._scorer, self._half_life)
        other._age, other._reference = self._age, self._reference
        other.published, other.no_change = self.published.copy(), self.no_change.copy()
        return other

    def state(self) -> State:
        """Ages and sums."""
        return {
            "age": self._age,
            "reference": self._reference,
            "published": self.published.state(),
            "no_change": self.no_change.state(),
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._age = int(state["age"])
        self._reference = None if state["reference"] is None else float(state["reference"])
        self.published = _Pair.from_state(state["published"], self._scorer.n_statistics)
        self.no_change = _Pair.from_state(state["no_change"], self._scorer.n_statistics)


@final
@dataclass(slots=True)
class _Pair:
    running_S: Floats
    fading_S: Floats

    def copy(self) -> _Pair:
        return _Pair(self.running_S.copy(), self.fading_S.copy())

    def state(self) -> State:
        return {"running": _sparse(self.running_S), "fading": _sparse(self.fading_S)}

    @staticmethod
    def from_state(state: State, size: int) -> _Pair:
        return _Pair(_dense(state["running"], size), _dense(state["fading"], size))


def _sparse(statistics_S: Floats) -> State:
    # A score grid is mostly empty. The sign of a zero is lost; adding to either zero gives the same.
    at = np.flatnonzero(statistics_S).astype(np.int64)
    return {"size": len(statistics_S), "at": at, "sum": statistics_S[at]}


def _dense(state: State, size: int) -> Floats:
    if state["size"] != size:
        raise CheckpointMismatchError(f"a scorer with {size} statistics cannot take over {state['size']}")
    statistics_S = np.zeros(size)
    at: Ints = state["at"]
    statistics_S[at] = state["sum"]
    return statistics_S
