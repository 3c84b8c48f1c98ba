"""A world of a few records, in no registry: what is written of it can be read off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import numpy as np

from streammtl.worlds.base import TrueDrift, World, WorldRecords


@final
class TinyWorld(World):
    """In each batch two events and the label of the first: `e0 e1 l0`, `e2 e3 l2`, ..."""

    class Config(World.Config):
        """Settings."""

        def build(self) -> TinyWorld:
            return TinyWorld(self)

    def __init__(self, config: Config) -> None:
        self.config = config
        self._n_events = config.events

    def records(self) -> Iterator[WorldRecords]:
        for i in range(0, self._n_events, 2):
            yield WorldRecords(
                value_N=[b'{"e":%d}' % i, b'{"e":%d}' % (i + 1), b'{"l":%d}' % i],
                is_label_N=[False, False, True],
                event_ids=[str(i), str(i + 1)],
                best_EO=np.zeros((2, 1)),
                key_N=[str(i), "", str(i)],
            )

    def drifts(self) -> tuple[TrueDrift, ...]:
        return (TrueDrift("jump", "abrupt", ("y",), (), 5.0, 5.0, 2, "for no reason"),)

    def run_config(self) -> dict[str, Any]:
        raise NotImplementedError("nobody replays this world")

    def best_scores(self) -> dict[str, dict[str, float]]:
        return {"y": {"auc": 0.75, "log_loss": float("nan")}}
