"""The ground truth of the fraud world's drifts."""

from __future__ import annotations

from typing import Final

from streammtl_simulators.drifts import Change

_FRAUD_TASKS: Final = ("is_fraud", "fraud_kind", "loss_amount")
_HISTORY: Final = ("count_24h", "mean_24h", "count_7d", "mean_7d", "since_last_s")

CHANGES: Final[dict[str, Change]] = {
    "fraud_waves": Change(_FRAUD_TASKS, (), "A gang buys valuables online with stolen cards; then it stops."),
    "new_attack": Change(_FRAUD_TASKS, (), "Fraudsters take over phone numbers (sim_swap): small sums by app, by day."),
    "season": Change(
        ("next_day_spend",), ("amount", *_HISTORY), "More purchases, and dearer ones, up to a peak and back."
    ),
    "merchant_codes": Change(
        _FRAUD_TASKS, ("category",), "Half of the merchants get the category code of another trade."
    ),
    "hidden_location": Change(
        _FRAUD_TASKS,
        (),
        "More and more thieves hide where they are: distance stops to tell, young accounts and the app begin to.",
    ),
    "inflation": Change(
        ("next_day_spend",), ("amount", "mean_24h", "mean_7d"), "Everything gets dearer, little by little."
    ),
}
