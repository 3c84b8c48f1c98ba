"""Watches signals of the stream for change: the error of each task, the features, the published predictions.

Shape suffixes as in `streammtl.types`; B records of a block, S signals.
"""

from __future__ import annotations

import difflib
from typing import Annotated, TypeVar, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from streammtl.component import OneOf, Settings
from streammtl.drift.adwin import Adwin
from streammtl.drift.base import Detector
from streammtl.drift.groups import ErrorGroup, EventGroup, Finding
from streammtl.drift.panel import Panel
from streammtl.drift.signals import FeatureSignals, PredictionSignals, is_classification
from streammtl.errors import CheckpointMismatchError, ConfigError
from streammtl.seeds import named_seed
from streammtl.tasks.base import Task
from streammtl.types import Alarm, AlarmSubject, Floats, Floats32, Ints, Ints32, Outcome, RowLayout, State

_Number = TypeVar("_Number", np.float32, np.int32)


#: Errors are not independent: those of one day or one customer are alike, and a learner never stops changing. With
#: ADWIN's usual 0.002 one task of the simulated worlds had 21 false alarms in a million events; with this, none has
#: more than one. See docs/worlds.md for what it costs.
_ERROR_DELTA = 1e-8


@final
class Watch:
    """One detector per watched signal; alarms when one finds a change.

    Signals are cut into blocks of `block` rows counted along the stream, features and predictions by events, the
    error of a task by its labels, so that no alarm depends on how the stream was cut into turns. An alarm has the
    place and the time of the last record of the block in which the change was found.

    **Error** of a task, for each label against the prediction that was published, expiries included: (1 - p)², p the
    probability of the true class; the absolute error where the task is not a classification. A detector that reads 0
    or 1 gets whether the class was wrong (binary: threshold 0.5). Only a rise is an alarm, unless `error_falls`.

    **Features**: each dense column has two signals, its value and whether it is missing; an alarm of the second has
    the column's name and ` (missing)`. Each categorical column has one, the share of its usual values, missing being
    a value (`UsualValues`).

    **Predictions**: the published value or probability of each task; multiclass the probability of the usual classes.

    How the detectors see these: `streammtl.drift.panel`. A signal that was calm in its reference and then leaves it by
    one standard deviation is found within 500 to 800 records by ADWIN as it is, and an error within 1,100 to 1,400 by
    the one that watches errors by default.

    >>> from streammtl.tasks.regression import RegressionTask
    >>> layout = RowLayout(("load",), (True,), (), ())
    >>> tasks = (RegressionTask.Config().build("price"),)
    >>> watch = Watch.Config(block=10, features="adwin").build(tasks, layout, seed=0)
    >>> load_E = np.tile([0.0, 1.0], 500) + np.repeat([0.0, 3.0], 500)
    >>> alarms = watch.observe_events(
    ...     dense_ED=load_E[:, np.newaxis].astype(np.float32),
    ...     category_EC=np.zeros((1000, 0), np.int32),
    ...     outputs_EO=np.zeros((1000, 1)),
    ...     time_s_E=np.arange(1000.0),
    ...     partition_E=np.zeros(1000, np.int32),
    ...     partitions=("log/0",),
    ...     offset_E=np.arange(1000),
    ... )
    >>> [(alarm.name, alarm.offset, alarm.before, alarm.after) for alarm in alarms]
    [('load', 569, 0.5, 3.5)]
    """

    class Config(Settings):
        """Which signals are watched, and by what."""

        block: int = Field(default=100, ge=2, le=1_000_000, description="Rows (events, or labels of a task) per block.")
        reference_blocks: int = Field(
            default=5,
            ge=1,
            le=10_000,
            description="Blocks at the start of a signal, and after each of its changes, that give its mean and "
            "standard deviation; its detector does not see them.",
        )
        error: Annotated[Detector.Config, OneOf("drift")] | None = Field(
            default_factory=lambda: Adwin.Config(delta=_ERROR_DELTA),
            description="Detector of each task's error; by default one that is slow to alarm. null: none.",
        )
        error_tasks: tuple[str, ...] | None = Field(
            default=None, min_length=1, description="Tasks whose error is watched. Default: all."
        )
        error_falls: bool = Field(default=False, description="A falling error is an alarm too.")
        features: Annotated[Detector.Config, OneOf("drift")] | None = Field(
            default=None, description="Detector of each column of the features. null: none."
        )
        feature_columns: tuple[str, ...] | None = Field(
            default=None, min_length=1, description="Columns of the features that are watched. Default: all."
        )
        predictions: Annotated[Detector.Config, OneOf("drift")] | None = Field(
            default=None, description="Detector of each task's published predictions. null: none."
        )
        prediction_tasks: tuple[str, ...] | None = Field(
            default=None, min_length=1, description="Tasks whose predictions are watched. Default: all."
        )

        @model_validator(mode="after")
        def _check(self) -> Watch.Config:
            names_of = {"error": "error_tasks", "features": "feature_columns", "predictions": "prediction_tasks"}
            for signal, names in names_of.items():
                if getattr(self, signal) is None and getattr(self, names) is not None:
                    raise ValueError(f"{names} has no effect without a detector in {signal}")
            if self.error is None and self.error_falls:
                raise ValueError("error_falls has no effect without a detector in error")
            for signal, detector in (("features", self.features), ("predictions", self.predictions)):
                if detector is not None and detector.owner.binary_only:
                    raise ValueError(
                        f"{signal}: the detector {_kind(detector)} reads errors that are 0 or 1, which {signal} are "
                        "not; take adwin, page_hinkley or kswin"
                    )
            return self

        @property
        def n_reference(self) -> int:
            """Values of a signal's reference."""
            return self.block * self.reference_blocks

        def build(self, tasks: tuple[Task, ...], layout: RowLayout, seed: int = 0) -> Watch:
            """The watch over these tasks and columns; `ConfigError` where a name or a detector does not suit them."""
            return Watch(self, tasks, layout, seed)

    def __init__(self, config: Config, tasks: tuple[Task, ...], layout: RowLayout, seed: int = 0) -> None:
        self._error_falls = config.error_falls
        self._kinds = {
            AlarmSubject.FEATURE: _kind(config.features),
            AlarmSubject.PREDICTION: _kind(config.predictions),
            AlarmSubject.ERROR: _kind(config.error),
        }
        self._dense, self._categories = _chosen_columns(config, layout)
        self._features = _feature_group(config, layout, self._dense, self._categories, seed)
        self._predictions = _prediction_group(config, tasks, seed)
        self._errors = _error_group(config, tasks, seed)
        self._n_events = 0

    def observe_events(
        self,
        dense_ED: Floats32,
        category_EC: Ints32,
        outputs_EO: Floats,
        time_s_E: Floats,
        partition_E: Ints32,
        partitions: tuple[str, ...],
        offset_E: Ints,
    ) -> list[Alarm]:
        """Take events in order, with what was published for them; the alarms in order."""
        found: list[tuple[AlarmSubject, Finding]] = []
        if self._features is not None:
            dense_ED, category_EC = _columns(dense_ED, self._dense), _columns(category_EC, self._categories)
            found += [(AlarmSubject.FEATURE, finding) for finding in self._features.observe(dense_ED, category_EC)]
        if self._predictions is not None:
            found += [(AlarmSubject.PREDICTION, finding) for finding in self._predictions.observe(outputs_EO)]
        n_before, self._n_events = self._n_events, self._n_events + len(offset_E)
        return [
            self._alarm(
                subject,
                finding,
                time_s=time_s_E[finding.row],
                n_events=n_before + finding.row + 1,
                partition=partitions[partition_E[finding.row]],
                offset=offset_E[finding.row],
            )
            for subject, finding in sorted(found, key=lambda item: item[1].row)  # stable: features come first
        ]

    def observe_outcome(
        self, outcome: Outcome, partition_L: Ints32, partitions: tuple[str, ...], offset_L: Ints, n_events_L: Ints
    ) -> list[Alarm]:
        """Take labels in order; the alarms in order.

        `n_events_L` says how many events there were up to each row.
        """
        found = [] if self._errors is None else self._errors.observe(outcome.labels_LT, outcome.outputs_LO)
        return [
            self._alarm(
                AlarmSubject.ERROR,
                finding,
                time_s=outcome.time_s_L[finding.row],
                n_events=n_events_L[finding.row],
                partition=partitions[partition_L[finding.row]],
                offset=offset_L[finding.row],
            )
            for finding in found
            if self._error_falls or not finding.after < finding.before
        ]

    def _alarm(
        self, subject: AlarmSubject, finding: Finding, time_s: float, n_events: int, partition: str, offset: int
    ) -> Alarm:
        return Alarm(
            subject=subject,
            name=finding.name,
            detector=self._kinds[subject],
            time_s=float(time_s),
            n_events=int(n_events),
            partition=partition,
            offset=int(offset),
            before=finding.before,
            after=finding.after,
        )

    def state(self) -> State:
        """Everything that later alarms depend on; None for what is not watched."""
        groups = {name: None if group is None else group.state() for name, group in self._groups().items()}
        return {"n_events": self._n_events, **groups}

    def load(self, state: State) -> None:
        """Take over a `state` of a watch of the same settings."""
        for name, group in self._groups().items():
            if (group is None) != (state[name] is None):
                watched = "not watched here, but they were" if group is None else "watched here, but they were not"
                raise CheckpointMismatchError(f"{name} are {watched} where the checkpoint was written")
            if group is not None:
                group.load(state[name])
        self._n_events = int(state["n_events"])

    def _groups(self) -> dict[str, EventGroup | ErrorGroup | None]:
        return {"features": self._features, "predictions": self._predictions, "errors": self._errors}


def _feature_group(
    config: Watch.Config, layout: RowLayout, dense: Ints, categories: Ints, seed: int
) -> EventGroup | None:
    if config.features is None or len(dense) + len(categories) == 0:
        return None
    signals = FeatureSignals(layout, dense, categories, config.n_reference)
    panel = Panel(config.features, signals.names, config.n_reference, named_seed(seed, "watch", "features"))
    return EventGroup(signals, panel, config.block)


def _prediction_group(config: Watch.Config, tasks: tuple[Task, ...], seed: int) -> EventGroup | None:
    if config.predictions is None:
        return None
    chosen = _chosen_tasks("drift.prediction_tasks", config.prediction_tasks, tasks)
    slices = _output_columns(tasks)
    watched = tuple(tasks[i] for i in chosen)
    n_outputs = sum(task.n_outputs for task in tasks)
    signals = PredictionSignals(watched, tuple(slices[i] for i in chosen), n_outputs, config.n_reference)
    panel = Panel(config.predictions, signals.names, config.n_reference, named_seed(seed, "watch", "predictions"))
    return EventGroup(signals, panel, config.block)


def _error_group(config: Watch.Config, tasks: tuple[Task, ...], seed: int) -> ErrorGroup | None:
    if config.error is None:
        return None
    chosen = _chosen_tasks("drift.error_tasks", config.error_tasks, tasks)
    watched = tuple(tasks[i] for i in chosen)
    as_wrong = config.error.owner.binary_only
    unsuited = [task.name for task in watched if not is_classification(task)]
    if as_wrong and unsuited:
        raise ConfigError(
            f"drift.error: the detector {_kind(config.error)} reads errors that are 0 or 1 (a right or a wrong class), "
            f"which these tasks do not have: {', '.join(unsuited)}. Name the other tasks in drift.error_tasks, or take "
            "adwin, page_hinkley or kswin"
        )
    slices = _output_columns(tasks)
    names = tuple(task.name for task in watched)
    panel = Panel(config.error, names, config.n_reference, named_seed(seed, "watch", "error"))
    return ErrorGroup(watched, tuple((i, slices[i]) for i in chosen), panel, config.block, as_wrong)


def _output_columns(tasks: tuple[Task, ...]) -> list[slice]:
    """The published columns of each task; all tasks lie side by side."""
    ends = np.cumsum([task.n_outputs for task in tasks]).tolist()
    return [slice(end - task.n_outputs, end) for task, end in zip(tasks, ends, strict=True)]


def _chosen_tasks(key: str, wanted: tuple[str, ...] | None, tasks: tuple[Task, ...]) -> list[int]:
    return _chosen(key, wanted, tuple(task.name for task in tasks), "task")


def _chosen_columns(config: Watch.Config, layout: RowLayout) -> tuple[Ints, Ints]:
    """The watched dense and categorical columns, by number."""
    names = layout.dense_names + layout.category_names
    chosen = np.array(_chosen("drift.feature_columns", config.feature_columns, names, "column"), dtype=np.int64)
    return chosen[chosen < layout.n_dense], chosen[chosen >= layout.n_dense] - layout.n_dense


def _chosen(key: str, wanted: tuple[str, ...] | None, known: tuple[str, ...], noun: str) -> list[int]:
    """The places in `known` of the names that are wanted (None: of all), in the order of `known`."""
    for name in wanted or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ConfigError(
                f"{key} names {name!r}, but there is no such {noun}; "
                + (f"the nearest is {near[0]!r}" if near else f"there are no {noun}s")
                + f" (all: {', '.join(known)})"
            )
    return [place for place, name in enumerate(known) if wanted is None or name in wanted]


def _columns(array: npt.NDArray[_Number], columns: Ints) -> npt.NDArray[_Number]:
    return array if len(columns) == array.shape[1] else array[:, columns]


def _kind(config: Detector.Config | None) -> str:
    return "" if config is None else str(type(config).model_fields["kind"].default)
