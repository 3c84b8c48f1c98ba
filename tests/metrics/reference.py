"""River's metrics, one observation at a time, as the reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def river_score(kind: str, pairs: Iterable[tuple[Any, Any]], **settings: int) -> float:
    """What River's metric `kind` says after these pairs of label and prediction."""
    from river import metrics

    metric: Any = getattr(metrics, kind)(**settings)
    for label, prediction in pairs:
        metric.update(label, prediction)
    return float(metric.get())
