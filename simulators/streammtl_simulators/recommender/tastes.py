"""What users like in items: the latent factors behind every task, and the two dials of how tasks relate.

There is one *bank* of factors that all tasks share, and one of each task's own. A bank has five factors, each of
variance 1 and independent of the others:

- two **tastes**: how a segment of users takes to a trait of the item, `a(g) f(trait)`, with f a curve. Each bank reads
  two traits that no other bank reads;
- the **title**: the words draw or repel;
- the **user**: some are keen, some are not;
- the **item**: some are good in ways that nothing published says.

The score of task t, of mean 0 and variance 1 over the impressions that it is asked of before any drift, is

    s_t = sqrt(relatedness) w_t . shared + sqrt(1 - relatedness) w_t . own_t

so that relatedness moves the score from factors that no other task reads to factors that all tasks read, and leaves its
distribution as it is. The weights w_t are those of the first task turned by an angle: by a small one of the task's own,
and for the tasks of satisfaction (like, rating) by `conflict` times 180 degrees more. At conflict 1 they want the
opposite of what draws clicks, at 0.5 something that has nothing to do with it.

Shape suffixes: E events, U users, I items, G segments, T tasks, K factors of a bank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.recommender.catalogue import (
    CATEGORIES,
    FORMS,
    MOVING_SEGMENTS,
    N_NOUNS,
    N_SEGMENTS,
    NEW_CATEGORY,
    SEGMENTS,
    TONES,
    Catalogue,
)

TASKS: Final = ("click", "like", "watch_min", "rating", "purchase")
CLICK, LIKE, WATCH, RATING, PURCHASE = range(5)
_NEEDS_CLICK: Final = np.array([False, True, True, True, False])
_SATISFACTION: Final = np.array([False, True, False, True, False])
#: By how much each task weighs the factors in another way than clicks do, in radians.
_ANGLE_T: Final = np.array([0.0, 0.3, 0.3, 0.2, 0.4])

_IS_MOVING_G: Final = np.isin(SEGMENTS, MOVING_SEGMENTS)
#: Shares of a score's variance: two tastes, title, user, item.
_SHARE_K: Final = np.array([0.3, 0.3, 0.12, 0.14, 0.14])
TITLE, USER, ITEM = 2, 3, 4
#: What the weights turn to: not a multiple of them, so that a turn changes what counts.
_TURN_K: Final = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
#: How much of its taste of the weekdays a segment keeps on weekends.
_KEPT_ON_WEEKENDS: Final = 0.6

#: Curiosity and the intent to buy each are the logistic of a level plus a slope times the score of their task. Either
#: makes users click. So a purchase follows a click, and yet nothing that makes users curious says who will buy.
CURIOUS_LEVEL: Final = -1.9
CURIOUS_SLOPE: Final = 1.4
INTENT_LEVEL: Final = -4.0
INTENT_SLOPE: Final = 1.6

_REFERENCE: Final = 40_000  # pairs of user and item over which the scores are brought to mean 0 and variance 1


@dataclass(frozen=True, slots=True)
class Tastes:
    """The scores of all tasks, as tables."""

    fixed_IT: Floats  # title and item
    user_UT: Floats
    taste_GIT: Floats
    moved_GIT: Floats  # of a moving segment half way from what it likes to the opposite
    weekend_GIT: Floats

    def scores(self, segment_E: Ints, user_E: Ints, item_E: Ints, moved_E: Floats, is_weekend_E: Bools) -> Floats:
        """The score of each task for each event, `(E, T)`."""
        taste_ET = self.taste_GIT[segment_E, item_E]
        turned = np.flatnonzero((moved_E > 0.0) & _IS_MOVING_G[segment_E])
        if len(turned):
            angle_E1 = np.pi * moved_E[turned, None]
            new_ET = self.moved_GIT[segment_E[turned], item_E[turned]]
            taste_ET[turned] = np.cos(angle_E1) * taste_ET[turned] + np.sin(angle_E1) * new_ET
        at_weekend = np.flatnonzero(is_weekend_E)
        if len(at_weekend):
            other_ET = self.weekend_GIT[segment_E[at_weekend], item_E[at_weekend]]
            changed = np.sqrt(1.0 - _KEPT_ON_WEEKENDS**2)
            taste_ET[at_weekend] = _KEPT_ON_WEEKENDS * taste_ET[at_weekend] + changed * other_ET
        scores_ET: Floats = taste_ET + self.fixed_IT[item_E] + self.user_UT[user_E]
        return scores_ET


def draw_tastes(seed: int, catalogue: Catalogue, relatedness: float, conflict: float) -> Tastes:
    """The tastes of a seed. The dials mix what is drawn, and do not change what is drawn."""
    shared, *own = (_draw_bank(seed, name, place, catalogue) for place, name in enumerate(("shared", *TASKS)))
    weight_TK = task_weights(conflict)
    share_of_all, share_of_own = np.sqrt(relatedness), np.sqrt(1.0 - relatedness)

    def of_tasks(factors: list[int], of_bank: Callable[[_Bank], Floats]) -> Floats:
        """Weighted sums of some factors, the last axis, over the shared bank and the task's own."""
        return np.stack(
            [
                (share_of_all * of_bank(shared) + share_of_own * of_bank(bank)) @ weight_K[factors]
                for bank, weight_K in zip(own, weight_TK, strict=True)
            ],
            axis=-1,
        )

    return _standardised(
        Tastes(
            fixed_IT=of_tasks([TITLE, ITEM], lambda bank: bank.fixed_I2),
            user_UT=of_tasks([USER], lambda bank: bank.user_U1),
            taste_GIT=of_tasks([0, 1], lambda bank: bank.taste_GI2),
            moved_GIT=of_tasks([0, 1], lambda bank: bank.moved_GI2),
            weekend_GIT=of_tasks([0, 1], lambda bank: bank.weekend_GI2),
        ),
        seed,
        catalogue,
    )


def task_weights(conflict: float) -> Floats:
    """How each task weighs the factors of a bank, `(T, K)`: of length 1."""
    first_K = np.sqrt(_SHARE_K)
    turn_K = _TURN_K * first_K
    turn_K -= (turn_K @ first_K) * first_K
    turn_K /= np.sqrt(turn_K @ turn_K)
    angle_T = _ANGLE_T + np.pi * conflict * _SATISFACTION
    weight_TK: Floats = np.cos(angle_T)[:, None] * first_K + np.sin(angle_T)[:, None] * turn_K
    return weight_TK


@dataclass(frozen=True, slots=True)
class _Bank:
    """One bank of factors, each of mean 0 and variance 1 over the impressions before any drift."""

    taste_GI2: Floats
    moved_GI2: Floats
    weekend_GI2: Floats
    fixed_I2: Floats  # title, item
    user_U1: Floats


def _draw_bank(seed: int, name: str, place: int, catalogue: Catalogue) -> _Bank:
    rng = named_rng(seed, "recommender", "tastes", name)
    popularity_I, activity_U = catalogue.popularity_I, catalogue.activity_U
    share_G = np.bincount(catalogue.segment_U, activity_U, minlength=N_SEGMENTS)
    trait_I2 = catalogue.trait_ID[:, 2 * place : 2 * place + 2]
    curve_I2 = np.stack([np.tanh(1.5 * trait_I2[:, 0]), np.abs(trait_I2[:, 1])], axis=1)
    curve_I2 = np.stack([_unit(curve_I, popularity_I) for curve_I in curve_I2.T], axis=1)
    # What is new is liked by whom the likes of it in other categories were not.
    curve_I2[catalogue.category_I == NEW_CATEGORY] *= -1.0
    tastes = []
    for _ in ("weekday", "moved", "weekend"):
        liking_G2 = 0.7 + rng.standard_normal((N_SEGMENTS, 2))
        liking_G2 /= np.sqrt(share_G @ liking_G2**2)
        tastes.append(liking_G2[:, None, :] * curve_I2)
    tone, noun, form = (rng.standard_normal(n) for n in (len(TONES), len(CATEGORIES) * N_NOUNS, len(FORMS)))
    title_I = tone[catalogue.tone_I] + 0.7 * noun[catalogue.noun_I] + 0.5 * form[catalogue.form_I]
    item_I = rng.standard_normal(catalogue.n_items)
    return _Bank(
        taste_GI2=tastes[0],
        moved_GI2=tastes[1],
        weekend_GI2=tastes[2],
        fixed_I2=np.stack([_unit(title_I, popularity_I), _unit(item_I, popularity_I)], axis=1),
        user_U1=_unit(rng.standard_normal(catalogue.n_users), activity_U)[:, None],
    )


def _standardised(tastes: Tastes, seed: int, catalogue: Catalogue) -> Tastes:
    """The same with each score of mean 0 and variance 1: over all impressions, or over the clicked.

    So that a task that is asked only of those who clicked is as hard, and as often positive, whether or not it wants
    what draws the clicks.
    """
    rng = named_rng(seed, "recommender", "reference")
    user_E = rng.choice(catalogue.n_users, _REFERENCE, p=catalogue.activity_U)
    item_E = rng.choice(catalogue.n_items, _REFERENCE, p=catalogue.popularity_I)
    nothing = np.zeros(_REFERENCE)
    scores_ET = tastes.scores(catalogue.segment_U[user_E], user_E, item_E, nothing, nothing > 0.0)
    mean_T, spread_T = scores_ET.mean(axis=0), scores_ET.std(axis=0)
    unit_ET = (scores_ET - mean_T) / spread_T
    curious_E = logistic(CURIOUS_LEVEL + CURIOUS_SLOPE * unit_ET[:, CLICK])
    intent_E = logistic(INTENT_LEVEL + INTENT_SLOPE * unit_ET[:, PURCHASE])
    weight_E = 1.0 - (1.0 - curious_E) * (1.0 - intent_E)
    weight_E /= weight_E.sum()
    clicked_mean_T = weight_E @ scores_ET
    clicked_spread_T = np.sqrt(weight_E @ (scores_ET - clicked_mean_T) ** 2)
    mean_T = np.where(_NEEDS_CLICK, clicked_mean_T, mean_T)
    spread_T = np.where(_NEEDS_CLICK, clicked_spread_T, spread_T)
    return Tastes(
        fixed_IT=(tastes.fixed_IT - mean_T) / spread_T,
        user_UT=tastes.user_UT / spread_T,
        taste_GIT=tastes.taste_GIT / spread_T,
        moved_GIT=tastes.moved_GIT / spread_T,
        weekend_GIT=tastes.weekend_GIT / spread_T,
    )


def logistic(logit: Floats) -> Floats:
    """The probability of a logit."""
    return 1.0 / (1.0 + np.exp(-logit))


def _unit(values: Floats, weights: Floats) -> Floats:
    """The values shifted and scaled to weighted mean 0 and variance 1."""
    centred = values - weights @ values
    # A world of one user has no spread.
    unit: Floats = centred / np.sqrt(max(float(weights @ centred**2), 1e-12))
    return unit
