"""Who and what is in the recommender world: users in segments, items in categories. Drawn once.

Items have a place in a space of traits, which nobody sees; their published embedding is a turned and noisy view of it.

Shape suffixes: U users, I items (those of later releases included), G segments of users, C categories, D traits,
S sets of releases that have happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Floats, Ints
from streammtl_simulators.choices import steps
from streammtl_simulators.recommender.calendar import RELEASE_NAMES

SEGMENTS: Final = ("teen", "student", "single", "parent", "professional", "retired")
N_SEGMENTS: Final = len(SEGMENTS)
#: Segments whose interests move.
MOVING_SEGMENTS: Final = ("teen", "student", "single")
_SEGMENT_SHARES: Final = np.array([0.16, 0.18, 0.18, 0.18, 0.16, 0.14])

#: The last category enters in mid-stream.
CATEGORIES: Final = ("cooking", "travel", "football", "science", "music", "comedy", "news", "craft", "gaming", "audio")
NEW_CATEGORY: Final = len(CATEGORIES) - 1
_NOUNS: Final = (
    ("recipe", "kitchen", "baking", "street food"),
    ("island", "roadtrip", "hostel", "mountains"),
    ("derby", "transfer", "penalty", "training"),
    ("planets", "fossils", "robots", "oceans"),
    ("concert", "playlist", "guitar", "remix"),
    ("standup", "prank", "parody", "sketch"),
    ("election", "economy", "weather", "interview"),
    ("knitting", "woodwork", "garden", "painting"),
    ("speedrun", "puzzle", "racing", "strategy"),
    ("audiobook", "podcast", "meditation", "radio play"),
)
N_NOUNS: Final = 4
TONES: Final = ("shocking", "quiet", "official", "secret", "cheap", "epic", "honest", "cute", "expert", "lazy")
FORMS: Final = ("live", "guide", "in short", "part two", "explained", "for beginners")

DEVICES: Final = ("phone", "tablet", "desktop", "tv")
N_DEVICES: Final = len(DEVICES)
# Shares at night and in the morning, at work, in the evening.
_DEVICE_SHARES: Final = np.array([[70, 14, 10, 6], [48, 8, 40, 4], [42, 16, 10, 32]], dtype=np.float64)
_DEVICE_TIMES: Final = np.array([0] * 8 + [1] * 9 + [2] * 7)

N_TRAITS: Final = 12
#: How much of an item's traits its category says, as a share of their variance.
_CATEGORY_SHARE: Final = 0.25
_NOISE: Final = 0.3  # of each published number; those of an item never change
_PRICE_SPREAD: Final = 0.6
#: Items of each release for every hundred at the start, and how much more often they are shown.
_RELEASE_SHARE: Final = 0.15
_RELEASE_BOOST: Final = 2.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Users and items."""

    segment_U: Ints
    activity_steps_U: Floats  # cumulative, for drawing a user
    activity_U: Floats  # share of all impressions; sums to 1
    category_I: Ints
    tone_I: Ints
    noun_I: Ints
    form_I: Ints
    trait_ID: Floats
    vector_ID: Floats  # published
    log_price_I: Floats
    release_I: Ints  # number of the release by which the item came; -1: from the beginning
    popularity_I: Floats  # share of all impressions before the first release; sums to 1
    item_steps: Floats  # cumulative per set of releases that have happened, plus the number of that set
    device_steps: Floats  # cumulative per hour of the day plus the hour

    @property
    def n_users(self) -> int:
        """U."""
        return len(self.segment_U)

    @property
    def n_items(self) -> int:
        """I."""
        return len(self.category_I)


def draw_catalogue(seed: int, n_users: int, n_items: int) -> Catalogue:
    """The catalogue of a seed; `n_items` are there at the beginning."""
    rng = named_rng(seed, "recommender", "users")
    segment_U = rng.choice(N_SEGMENTS, n_users, p=_SEGMENT_SHARES)
    activity_U = np.exp(0.8 * rng.standard_normal(n_users))
    activity_U /= activity_U.sum()

    rng = named_rng(seed, "recommender", "items")
    n_releases = len(RELEASE_NAMES)
    n_release = int(np.ceil(_RELEASE_SHARE * n_items))
    release_I = np.repeat(np.arange(-1, n_releases), [n_items] + [n_release] * n_releases)
    n = len(release_I)
    category_I = np.where(
        release_I == RELEASE_NAMES.index("new_category"), NEW_CATEGORY, rng.integers(0, NEW_CATEGORY, n)
    )
    tone_I, form_I = rng.integers(0, len(TONES), n), rng.integers(0, len(FORMS), n)
    noun_I = category_I * N_NOUNS + rng.integers(0, N_NOUNS, n)
    of_category_CD = rng.standard_normal((len(CATEGORIES), N_TRAITS))
    trait_ID = (
        np.sqrt(_CATEGORY_SHARE) * of_category_CD[category_I]
        + np.sqrt(1.0 - _CATEGORY_SHARE) * rng.standard_normal((n, N_TRAITS))
    )  # fmt: skip
    turn_DD = np.linalg.qr(rng.standard_normal((N_TRAITS, N_TRAITS)))[0]
    # Sums of products may differ in their last bit between processors; rounded, they do not.
    vector_ID = np.round(trait_ID @ turn_DD + _NOISE * rng.standard_normal((n, N_TRAITS)), 2)
    usual_C = 2.5 + 0.5 * rng.standard_normal(len(CATEGORIES))
    log_price_I = usual_C[category_I] + _PRICE_SPREAD * rng.standard_normal(n)
    popularity_I = np.exp(0.7 * rng.standard_normal(n)) * np.where(release_I >= 0, _RELEASE_BOOST, 1.0)
    has_happened_S = np.arange(2**n_releases)[:, None]
    shown_SI = np.where((release_I < 0) | (has_happened_S >> np.maximum(release_I, 0) & 1), popularity_I, 0.0)
    return Catalogue(
        segment_U=segment_U,
        activity_steps_U=steps(activity_U[None, :]),
        activity_U=activity_U,
        category_I=category_I,
        tone_I=tone_I,
        noun_I=noun_I,
        form_I=form_I,
        trait_ID=trait_ID,
        vector_ID=vector_ID,
        log_price_I=log_price_I,
        release_I=release_I,
        popularity_I=shown_SI[0] / shown_SI[0].sum(),
        item_steps=steps(shown_SI),
        device_steps=steps(_DEVICE_SHARES[_DEVICE_TIMES]),
    )


def titles(catalogue: Catalogue) -> list[str]:
    """The title of every item: "honest recipe for beginners"."""
    nouns = [noun for of_category in _NOUNS for noun in of_category]
    columns = zip(catalogue.tone_I.tolist(), catalogue.noun_I.tolist(), catalogue.form_I.tolist(), strict=True)
    return [f"{TONES[tone]} {nouns[noun]} {FORMS[form]}" for tone, noun, form in columns]
