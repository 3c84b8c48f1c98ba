"""What makes a purchase a fraud, what a fraud costs, and what a card spends next: the probabilities behind the labels.

One multinomial logit over the kinds, with "none" as its zero, gives both whether a purchase is a fraud and which kind
it is. It depends on nothing but what is visible: the event itself and the identity of the merchant (some collude).

Shape suffixes: E events, K kinds of fraud ("none" first), O published columns of all tasks.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streammtl.types import Floats, Ints
from streammtl_simulators.fraud.calendar import DAY_S, Calendar
from streammtl_simulators.fraud.cast import (
    APP,
    CHIP,
    ELECTRONICS,
    GAMING,
    GIFT_CARDS,
    JEWELRY,
    TRANSFER,
    USUAL_LOG_AMOUNT_K,
    Cast,
)
from streammtl_simulators.fraud.purchases import (
    AWAY_PRICE,
    DEPOSIT,
    EXPRESS,
    GIFT,
    LEAVE_SHARE,
    RETURN_SHARE,
    SPREE_SHARE,
    Purchases,
)
from streammtl_simulators.history import Known

KINDS: Final = ("none", "stolen_card", "account_takeover", "merchant_collusion", "sim_swap")
TASKS: Final = ("is_fraud", "fraud_kind", "loss_amount", "next_day_spend")
N_OUTPUTS: Final = 1 + len(KINDS) + 1 + 1

#: What a fraud finally costs: a share of the amount by kind, and a fee by kind.
LOST_SHARE_K: Final[Floats] = np.array([0.0, 0.8, 0.9, 1.0, 0.7])
FEE_K: Final[Floats] = np.array([0.0, 15.0, 40.0, 25.0, 30.0])
#: With the chip the bank of the merchant carries part of the loss.
_CHIP_SHARE: Final = 0.5
#: The lost share varies about its mean by up to this factor, evenly.
LOSS_SPREAD: Final = 0.4

_NEVER: Final = -1e9  # a logit of probability zero


def kind_probabilities(batch: Purchases, known: Known, calendar: Calendar, cast: Cast) -> Floats:
    """P(kind | what is visible), `(E, K)`."""
    hidden_E = calendar.hidden_share(batch.time_s_E)
    logits_EK = _logits(batch, known, calendar, cast, hides=False)
    if not hidden_E.any():
        return _softmax(logits_EK)
    hiding_EK = _softmax(_logits(batch, known, calendar, cast, hides=True))
    if hidden_E.min() == 1.0:
        return hiding_EK
    return (1.0 - hidden_E[:, None]) * _softmax(logits_EK) + hidden_E[:, None] * hiding_EK


def _logits(batch: Purchases, known: Known, calendar: Calendar, cast: Cast, hides: bool) -> Floats:
    """Logits of the kinds; `hides`: fraudsters who appear to be where the customer lives."""
    time_s = batch.time_s_E
    amount = batch.cents_E / 100.0
    is_digital = batch.is_digital_E
    far = np.maximum(np.log1p(batch.distance_km_E) - 3.5, 0.0)
    night = np.mod(time_s, DAY_S) < 6 * 3600.0
    above_category = np.log(amount) - USUAL_LOG_AMOUNT_K[batch.category_E]
    has_past = known.count_7d_E > 0
    mean_7d = np.where(has_past, known.amount_7d_E, batch.cents_E) / np.maximum(known.count_7d_E, 1) / 100.0
    above_usual = np.clip(np.log(amount / mean_7d), -2.0, 2.5)
    is_rapid = (known.since_last_ms_E >= 0) & (known.since_last_ms_E < 300_000)
    youth = np.maximum(5.5 - np.log(account_age_days(batch, cast)), 0.0)
    valuable = np.isin(batch.category_E, (ELECTRONICS, JEWELRY, GIFT_CARDS))
    liquid = np.isin(batch.category_E, (GIFT_CARDS, TRANSFER, GAMING))
    device = batch.device_EV
    scripted = np.where(is_digital, np.abs(device[:, 0] - device[:, 1]) - 1.0, 0.0)

    logits_EK = np.zeros((len(batch), len(KINDS)))
    logits_EK[:, 1] = (
        -9.8
        + (0.0 if hides else 1.7) * far * np.where(is_digital, 0.2, 1.0)
        + (1.8 * youth + 2.4 * (batch.channel_E == APP) if hides else 0.0)
        + valuable * (1.8 + 2.0 * np.maximum(above_category, 0.0))
        + night * (0.6 + 1.6 * np.maximum(above_usual, 0.0))
        + 1.2 * np.maximum(above_usual, 0.0)
        + 2.4 * is_rapid
        + 1.5 * (batch.modifier_E == GIFT)
        + 3.6 * calendar.in_wave(time_s) * valuable * is_digital
    )
    logits_EK[:, 2] = (
        -9.3
        + is_digital * 1.2 * scripted
        + batch.is_new_device_E * (4.2 + 1.6 * liquid + 0.8 * youth + 1.0 * above_usual)
        + (0.0 if hides else 1.0) * is_digital * far
        + 1.2 * (batch.modifier_E == EXPRESS)
        + 0.6 * night
    )
    logits_EK[:, 3] = (
        -9.6
        + cast.is_colluding_M[batch.merchant_E] * (5.2 + 1.8 * above_category + 1.0 * is_rapid)
        + 0.15 * np.minimum(known.count_24h_E, 10)
    )
    # Small sums by app, in daylight, to accounts whose number was taken over: no other attack looks like this.
    logits_EK[:, 4] = np.where(
        calendar.new_attack_known(time_s) & (batch.channel_E == APP),
        -5.6 - 1.8 * above_category + 2.0 * liquid + 2.2 * (batch.modifier_E == DEPOSIT) - 1.5 * night,
        _NEVER,
    )
    return logits_EK


def account_age_days(batch: Purchases, cast: Cast) -> Floats:
    """Days since the account was opened, rounded down."""
    return np.floor(batch.time_s_E / DAY_S - cast.opened_day_C[batch.card_E])


def lost_if(batch: Purchases) -> Floats:
    """Expected loss without fees if the purchase is a fraud of each kind, `(E, K)`; 0 for "none"."""
    amount_E = batch.cents_E / 100.0 * np.where(batch.channel_E == CHIP, _CHIP_SHARE, 1.0)
    lost_EK: Floats = amount_E[:, None] * LOST_SHARE_K
    return lost_EK


def expected_next_day(batch: Purchases, calendar: Calendar, cast: Cast) -> Floats:
    """Expected spend of the card in the 24 hours after each purchase, from its true activity, level and journey."""
    time_s = batch.time_s_E
    midnight_s = (np.floor(time_s / DAY_S) + 1.0) * DAY_S
    price_now = np.where(batch.is_away_E, AWAY_PRICE, 1.0)
    away_tomorrow = np.where(batch.is_away_E, 1.0 - RETURN_SHARE, LEAVE_SHARE)
    price_tomorrow = 1.0 + (AWAY_PRICE - 1.0) * away_tomorrow
    activity = cast.activity_C[batch.card_E]
    purchases = activity * (
        calendar.spending(time_s, midnight_s) * price_now
        + calendar.spending(midnight_s, time_s + DAY_S) * price_tomorrow
    )
    # The spree that may follow at once; the other sprees are part of the activity.
    spree = (1.0 - activity) * SPREE_SHARE / (1.0 - SPREE_SHARE) * calendar.price(time_s) * price_now
    return cast.mean_amount_C[batch.card_E] * (purchases + spree)


def best_outputs(probabilities_EK: Floats, batch: Purchases, calendar: Calendar, cast: Cast) -> Floats:
    """The best possible published outputs of all tasks, `(E, O)`."""
    best_EO = np.empty((len(batch), N_OUTPUTS))
    best_EO[:, 0] = 1.0 - probabilities_EK[:, 0]
    best_EO[:, 1:6] = probabilities_EK
    best_EO[:, 6] = (probabilities_EK * (lost_if(batch) + FEE_K)).sum(axis=1)
    best_EO[:, 7] = expected_next_day(batch, calendar, cast)
    return best_EO


def draw_kinds(probabilities_EK: Floats, uniform_E: Floats) -> Ints:
    """A kind for each event."""
    steps_EK = np.cumsum(probabilities_EK, axis=1)
    kind_E: Ints = (uniform_E[:, None] >= steps_EK).sum(axis=1)
    return np.minimum(kind_E, len(KINDS) - 1)  # the last step may be an ulp below 1


def _softmax(logits_EK: Floats) -> Floats:
    exponentials_EK = np.exp(logits_EK - logits_EK.max(axis=1, keepdims=True))
    probabilities_EK: Floats = exponentials_EK / exponentials_EK.sum(axis=1, keepdims=True)
    return probabilities_EK
