"""A streaming online multi-task learner.

It predicts every task for each event the moment it arrives, learns from each label the moment *it* arrives, reweights
the tasks' losses as they change, and watches for drift. The public names are those of `__all__`; they are imported when
they are first used.

>>> from streammtl import BinaryTask, Categorical, Learner, Numeric
>>> features = {"amount": Numeric.Config(), "merchant": Categorical.Config()}
>>> learner = Learner.Config(features=features, tasks={"fraud": BinaryTask.Config()}).build()
>>> learner.learn_one({"amount": 900.0, "merchant": "m7"}, {"fraud": 1})
>>> list(learner.predict_one({"amount": 12.5, "merchant": "m3"})["fraud"])
['probability']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streammtl.config import RunConfig
    from streammtl.errors import (
        CheckpointDamagedError,
        CheckpointError,
        CheckpointMismatchError,
        ConfigError,
        MissingExtraError,
        RecordError,
        SinkError,
        SourceError,
        StreamMtlError,
    )
    from streammtl.features.boolean import Boolean
    from streammtl.features.categorical import Categorical
    from streammtl.features.numeric import Numeric
    from streammtl.features.text import Text
    from streammtl.features.time import Time
    from streammtl.features.vector import Vector
    from streammtl.learner import Learner
    from streammtl.log.embedded import EmbeddedLog
    from streammtl.models.base import Model
    from streammtl.run.daemon import run_daemon
    from streammtl.run.replay import ReplayReport, replay
    from streammtl.sources.iterable import IterableSource
    from streammtl.tasks.binary import BinaryTask
    from streammtl.tasks.count import CountTask
    from streammtl.tasks.multiclass import MulticlassTask
    from streammtl.tasks.regression import RegressionTask
    from streammtl.weighting.base import Weighting

_HOMES = {
    "streammtl.config": ("RunConfig",),
    "streammtl.errors": (
        "CheckpointDamagedError",
        "CheckpointError",
        "CheckpointMismatchError",
        "ConfigError",
        "MissingExtraError",
        "RecordError",
        "SinkError",
        "SourceError",
        "StreamMtlError",
    ),
    "streammtl.features.boolean": ("Boolean",),
    "streammtl.features.categorical": ("Categorical",),
    "streammtl.features.numeric": ("Numeric",),
    "streammtl.features.text": ("Text",),
    "streammtl.features.time": ("Time",),
    "streammtl.features.vector": ("Vector",),
    "streammtl.learner": ("Learner",),
    "streammtl.log.embedded": ("EmbeddedLog",),
    "streammtl.models.base": ("Model",),
    "streammtl.run.daemon": ("run_daemon",),
    "streammtl.run.replay": ("ReplayReport", "replay"),
    "streammtl.sources.iterable": ("IterableSource",),
    "streammtl.tasks.binary": ("BinaryTask",),
    "streammtl.tasks.count": ("CountTask",),
    "streammtl.tasks.multiclass": ("MulticlassTask",),
    "streammtl.tasks.regression": ("RegressionTask",),
    "streammtl.weighting.base": ("Weighting",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BinaryTask",
    "Boolean",
    "Categorical",
    "CheckpointDamagedError",
    "CheckpointError",
    "CheckpointMismatchError",
    "ConfigError",
    "CountTask",
    "EmbeddedLog",
    "IterableSource",
    "Learner",
    "MissingExtraError",
    "Model",
    "MulticlassTask",
    "Numeric",
    "RecordError",
    "RegressionTask",
    "ReplayReport",
    "RunConfig",
    "SinkError",
    "SourceError",
    "StreamMtlError",
    "Text",
    "Time",
    "Vector",
    "Weighting",
    "replay",
    "run_daemon",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import streammtl` is quick."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'streammtl' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
