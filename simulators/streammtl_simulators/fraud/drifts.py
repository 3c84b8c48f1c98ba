"""The ground truth of the fraud world's drifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from streammtl.types import Floats
from streammtl.worlds.base import TrueDrift
from streammtl_simulators.fraud.calendar import START_S, DriftName, Window

_FRAUD_TASKS: Final = ("is_fraud", "fraud_kind", "loss_amount")
_HISTORY: Final = ("count_24h", "mean_24h", "count_7d", "mean_7d", "since_last_s")

#: Per drift: tasks whose relation to the features changes, features whose distribution changes, what happens.
_CHANGES: Final[dict[DriftName, tuple[tuple[str, ...], tuple[str, ...], str]]] = {
    "fraud_waves": (_FRAUD_TASKS, (), "A gang buys valuables online with stolen cards; then it stops."),
    "new_attack": (_FRAUD_TASKS, (), "Fraudsters take over phone numbers (sim_swap): small sums by app, by day."),
    "season": (("next_day_spend",), ("amount", *_HISTORY), "More purchases, and dearer ones, up to a peak and back."),
    "merchant_codes": (_FRAUD_TASKS, ("category",), "Half of the merchants get the category code of another trade."),
    "hidden_location": (
        _FRAUD_TASKS,
        (),
        "More and more thieves hide where they are: distance stops to tell, young accounts and the app begin to.",
    ),
    "inflation": (("next_day_spend",), ("amount", "mean_24h", "mean_7d"), "Everything gets dearer, little by little."),
}


def describe(windows: Sequence[Window], times_s: Floats) -> tuple[TrueDrift, ...]:
    """The drifts that begin before the last event; `times_s` are the events' times since the start."""
    drifts = []
    for window in windows:
        tasks, features, description = _CHANGES[window.name]
        start_event = int(np.searchsorted(times_s, window.start_s))
        if start_event < len(times_s):
            drifts.append(
                TrueDrift(
                    name=window.name,
                    kind=window.kind,
                    tasks=tasks,
                    features=features,
                    start_s=START_S + window.start_s,
                    end_s=START_S + window.end_s,
                    start_event=start_event,
                    description=description,
                )
            )
    return tuple(drifts)
