"""The ground truth of the recommender world's drifts: what each changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streammtl_simulators.drifts import Change
from streammtl_simulators.recommender.tastes import TASKS

#: What follows from clicks.
_HISTORY: Final = ("clicks_24h", "click_rate_7d")

CHANGES: Final[Mapping[str, Change]] = {
    "new_items": Change((), ("item",), "Items are added to every category and shown more often than old ones."),
    "interests": Change(TASKS, (), "Teens, students and singles come to like what they shunned, little by little."),
    "new_category": Change(
        TASKS,
        ("item", "category", "title", "embedding", "price", *_HISTORY),
        "The category audio appears: it draws more clicks and lasts longer, and those take to it who shun its like.",
    ),
    "ranking": Change(
        ("click",),
        ("position", *_HISTORY),
        "A list becomes two rows of five: more is seen, and other positions are the best.",
    ),
    "prices": Change(("purchase",), ("price",), "Everything costs a third less, and users buy twice as much of it."),
    "weekend": Change(TASKS, _HISTORY, "On Saturdays and Sundays users like other things, click more, watch longer."),
}
