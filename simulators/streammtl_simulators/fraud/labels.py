"""What becomes known of each event, and when.

Three messages may follow an event: the verdict (is it a fraud, which kind, and for cleared events the loss of 0), the
settlement of a fraud (the final loss), and the spend of the next day. Nothing here depends on the label except what
really does: customers complain about frauds only, so frauds are known sooner; and only frauds are settled. What is
never labelled is left out by chance alone, so that the labelled events stay a fair sample.

Shape suffixes: E events of a batch, K kinds, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import Field

from streammtl.component import Settings
from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.fraud.concept import FEE_K, KINDS, LOSS_SPREAD, draw_kinds, lost_if
from streammtl_simulators.fraud.purchases import Purchases
from streammtl_simulators.history import NextDay
from streammtl_simulators.pending import lognormal_s, milliseconds

#: Codes for "not in this message".
NO_FRAUD_LABEL: Final = 2
NO_KIND_LABEL: Final = len(KINDS)


class Delays(Settings):
    """How long labels take. All delays but the next day's spend are lognormal."""

    complaint_share: float = Field(
        default=0.4, ge=0.0, le=1.0, description="Share of frauds that the customer notices before any investigation."
    )
    complaint_median_s: float = Field(default=28_800.0, gt=0.0, description="Median delay of a complaint: 8 hours.")
    complaint_sigma: float = Field(default=0.8, ge=0.0, le=3.0, description="Spread of the log of that delay.")
    verdict_median_s: float = Field(default=345_600.0, gt=0.0, description="Median delay of an investigation: 4 days.")
    verdict_sigma: float = Field(default=0.5, ge=0.0, le=3.0, description="Spread of the log of that delay.")
    settlement_median_s: float = Field(
        default=259_200.0, gt=0.0, description="Median time from the verdict on a fraud to its final loss: 3 days."
    )
    settlement_sigma: float = Field(default=0.5, ge=0.0, le=3.0, description="Spread of the log of that time.")


class NeverLabelled(Settings):
    """Shares of events whose label never comes, drawn independently of everything else."""

    verdict: float = Field(
        default=0.05, ge=0.0, le=1.0, description="Never investigated: neither is_fraud nor fraud_kind nor loss_amount."
    )
    fraud_kind: float = Field(
        default=0.1, ge=0.0, le=1.0, description="Investigated, but without a word about the kind (none included)."
    )
    loss_amount: float = Field(
        default=0.05, ge=0.0, le=1.0, description="Investigated, but without a word about the loss (0 included)."
    )
    next_day_spend: float = Field(default=0.01, ge=0.0, le=1.0, description="The card left the bank's books.")


@dataclass(frozen=True, slots=True)
class Truth:
    """What really was the case with the events of a batch, and what of it becomes known."""

    kind_E: Ints
    loss_E: Floats  # in currency units, to the cent
    is_investigated_E: Bools
    has_kind_E: Bools
    has_loss_E: Bools
    has_spend_E: Bools
    verdict_ms_E: Ints
    settlement_ms_E: Ints


@dataclass(frozen=True, slots=True)
class Labels:
    """Messages with labels."""

    ms_L: Ints
    number_L: Ints
    fraud_L: Ints  # 0, 1 or NO_FRAUD_LABEL
    kind_L: Ints  # index into KINDS, or NO_KIND_LABEL
    loss_L: Floats  # NaN: not in this message
    spend_L: Floats  # NaN: not in this message

    def __len__(self) -> int:
        return len(self.ms_L)

    def rows(self, chosen: Bools | Ints | slice) -> Labels:
        """Some of the messages."""
        return Labels(
            self.ms_L[chosen], self.number_L[chosen], self.fraud_L[chosen],
            self.kind_L[chosen], self.loss_L[chosen], self.spend_L[chosen],
        )  # fmt: skip


class Labelling:
    """Draws the truth of each batch."""

    def __init__(self, seed: int, delays: Delays, never: NeverLabelled) -> None:
        self._rng = named_rng(seed, "fraud", "labels")
        self._delays, self._never = delays, never

    def draw(self, batch: Purchases, probabilities_EK: Floats) -> Truth:
        """The truth of the events of a batch."""
        n, delays, never = len(batch), self._delays, self._never
        uniform = self._rng.random((7, n))
        normal = self._rng.standard_normal((3, n))
        kind_E = draw_kinds(probabilities_EK, uniform[0])
        is_fraud_E = kind_E > 0
        spread_E = 1.0 + LOSS_SPREAD * (2.0 * uniform[1] - 1.0)
        loss_E = FEE_K[kind_E] + lost_if(batch)[np.arange(n), kind_E] * spread_E
        complains_E = is_fraud_E & (uniform[2] < delays.complaint_share)
        verdict_s_E = np.where(
            complains_E,
            lognormal_s(delays.complaint_median_s, delays.complaint_sigma, normal[0]),
            lognormal_s(delays.verdict_median_s, delays.verdict_sigma, normal[1]),
        )
        settled_s_E = verdict_s_E + lognormal_s(delays.settlement_median_s, delays.settlement_sigma, normal[2])
        is_investigated_E = uniform[3] >= never.verdict
        return Truth(
            kind_E=kind_E,
            loss_E=np.round(loss_E, 2),
            is_investigated_E=is_investigated_E,
            has_kind_E=is_investigated_E & (uniform[4] >= never.fraud_kind),
            has_loss_E=is_investigated_E & (uniform[5] >= never.loss_amount),
            has_spend_E=uniform[6] >= never.next_day_spend,
            verdict_ms_E=batch.ms_E + milliseconds(verdict_s_E),
            settlement_ms_E=batch.ms_E + milliseconds(settled_s_E),
        )


def verdicts(batch: Purchases, truth: Truth) -> Labels:
    """The verdicts on the events of a batch."""
    is_fraud_E = truth.kind_E > 0
    chosen_E = truth.is_investigated_E
    labels = Labels(
        ms_L=truth.verdict_ms_E,
        number_L=batch.number_E,
        fraud_L=is_fraud_E.astype(np.int64),
        kind_L=np.where(truth.has_kind_E, truth.kind_E, NO_KIND_LABEL),
        loss_L=np.where(truth.has_loss_E & ~is_fraud_E, 0.0, np.nan),
        spend_L=np.full(len(batch), np.nan),
    )
    return labels.rows(chosen_E)


def settlements(batch: Purchases, truth: Truth) -> Labels:
    """The settlements of the frauds of a batch."""
    chosen_E = truth.has_loss_E & (truth.kind_E > 0)
    return _only(truth.settlement_ms_E[chosen_E], batch.number_E[chosen_E], loss_L=truth.loss_E[chosen_E], spend_L=None)


def next_day_spends(next_day: NextDay, has_spend_by_number: Bools) -> Labels:
    """The next-day spends that have become known; not those of purchases outside the stream."""
    chosen = next_day.number >= 0
    chosen[chosen] = has_spend_by_number[next_day.number[chosen]]
    return _only(
        next_day.known_ms[chosen], next_day.number[chosen], loss_L=None, spend_L=next_day.amount[chosen] / 100.0
    )


def concatenate(parts: list[Labels]) -> Labels:
    """All messages of several parts."""
    if not parts:
        return _only(_NOTHING, _NOTHING, None, None)
    return Labels(
        np.concatenate([part.ms_L for part in parts]),
        np.concatenate([part.number_L for part in parts]),
        np.concatenate([part.fraud_L for part in parts]),
        np.concatenate([part.kind_L for part in parts]),
        np.concatenate([part.loss_L for part in parts]),
        np.concatenate([part.spend_L for part in parts]),
    )


_NOTHING: Final = np.zeros(0, dtype=np.int64)


def _only(ms_L: Ints, number_L: Ints, loss_L: Floats | None, spend_L: Floats | None) -> Labels:
    n, absent_L = len(ms_L), np.full(len(ms_L), np.nan)
    return Labels(
        ms_L,
        number_L,
        np.full(n, NO_FRAUD_LABEL),
        np.full(n, NO_KIND_LABEL),
        absent_L if loss_L is None else loss_L,
        absent_L if spend_L is None else spend_L,
    )
