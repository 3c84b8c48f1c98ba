"""Numbers and names as people read them."""

from __future__ import annotations

import math
from typing import Final

#: Scores by the names that their readers know.
_SCORES: Final = {
    "auc": "AUC",
    "r2": "R²",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "pinball": "pinball loss",
    "brier": "Brier score",
    "macro_f1": "macro F1",
}

_SPANS: Final = ((86400.0 * 365.25, "year"), (86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def number(value: float | None, digits: int = 3) -> str:
    """Three digits that say something, and thousands in groups; `–` where there is no number.

    >>> number(0.91234), number(12.345), number(123456.7), number(0.0001234), number(-0.5), number(None)
    ('0.912', '12.3', '123,457', '0.000123', '−0.500', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size < 1e-300:
        return "0"
    if size < 1e-4 or size >= 1e12:
        text = f"{value:.{digits - 1}e}"
    else:
        text = f"{value:,.{max(0, digits - 1 - math.floor(math.log10(size)))}f}"
    return text.replace("-", "−")


def decimal(value: float, places: int) -> str:
    """A number with so many places after the point, and thousands in groups.

    >>> decimal(1234.567, 1)
    '1,234.6'
    """
    return f"{value:,.{places}f}".replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with its thousands in groups."""
    return "–" if value is None or not math.isfinite(value) else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share in percent.

    >>> percent(0.12345), percent(0.000123), percent(1.0), percent(0.0)
    ('12.3%', '0.0123%', '100%', '0%')
    """
    if share is None or not math.isfinite(share):
        return "–"
    return "0%" if share == 0.0 else f"{number(100.0 * share)}%"


def span(seconds: float | None) -> str:
    """A duration in its largest unit.

    >>> span(90000.0), span(60.0), span(0.0), span(45.2), span(0.012)
    ('1.04 days', '1 minute', 'at once', '45.2 seconds', '0.012 seconds')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds <= 0.0:
        return "at once"
    for size_s, unit in _SPANS:
        if seconds >= size_s:
            shown = number(seconds / size_s).removesuffix(".00").removesuffix(".0")
            return f"{shown} {unit}{'' if shown == '1' else 's'}"
    return f"{number(seconds).rstrip('0')} seconds"


def score_name(name: str) -> str:
    """A score by the name that its readers know.

    >>> score_name("auc"), score_name("log_loss")
    ('AUC', 'log loss')
    """
    return _SCORES.get(name, plain(name))


def sentence(text: str) -> str:
    """The text with a capital at its beginning, and nothing else changed.

    >>> sentence("accuracy of y_CO"), sentence("")
    ('Accuracy of y_CO', '')
    """
    return text[:1].upper() + text[1:]


def plain(name: str) -> str:
    """A word of the configuration as plain text."""
    return name.replace("_", " ")


def several(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> several(1, "drift"), several(0, "drift"), several(2, "loss", "losses")
    ('1 drift', 'no drifts', '2 losses')
    """
    noun = one if n == 1 else many or f"{one}s"
    return f"{'no' if n == 0 else f'{n:,}'} {noun}"
