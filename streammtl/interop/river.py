"""The tasks of a learner as River estimators.

`Classifier` and `Regressor` are River's kinds of estimators: they go into pipelines, into
`river.evaluate.progressive_val_score`, and wherever else River takes one. River's data sets, which are iterables of
`(x, y)`, go the other way through `streammtl.IterableSource`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self, cast, final

from river import base

from streammtl.errors import ConfigError
from streammtl.features.base import Feature
from streammtl.features.boolean import Boolean
from streammtl.features.categorical import Categorical
from streammtl.features.numeric import Numeric
from streammtl.learner import Learner
from streammtl.models.base import Model
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask, class_text
from streammtl.tasks.regression import RegressionTask

_OWN_TASK = "y"  # of a learner that is made from the first event


class _Estimator(base.Estimator):
    """One task of a learner."""

    _learner: Learner | None

    def __init__(self, config: Learner.Config | None, task: str | None, model: Model.Config | None, seed: int) -> None:
        self.config = config
        self.task = task
        self.model = model
        self.seed = seed
        self._learner = None
        if (config is None) != (task is None):
            raise ConfigError("give both a learner's config and the task of it, or neither to have one made")
        if config is not None and model is not None:
            raise ConfigError("the learner's config says which model it has: set it there")
        if config is not None:
            self._view(config.build())

    @classmethod
    def of(cls, learner: Learner, task: str) -> Self:
        """One task of this very learner, with all that it has learned; others may go on to use it.

        A clone of it begins with a new learner of the same configuration, as River's clones do.
        """
        made = cls.__new__(cls)
        made.config, made.task, made.model, made.seed = learner.config, task, None, learner.config.seed
        made._view(learner)
        return made

    def learn_one(self, x: Mapping[Any, Any], y: Any) -> None:
        """Learn the label of one event. Raises `RecordError` when the event or the label cannot be read."""
        learner = self._learner or self._make(x)
        if learner is not None:
            learner.learn_one(_fields(x), {self.task or _OWN_TASK: self._label(y)})

    def _predict(self, x: Mapping[Any, Any]) -> Any:
        """What the learner publishes for the task; None: there is no learner yet."""
        if self._learner is None:
            return None
        return self._learner.predict_one(_fields(x))[self.task or _OWN_TASK]

    def _view(self, learner: Learner) -> None:
        kinds = self._kinds()
        task = next((task for task in learner.tasks if task.name == self.task), None)
        if task is None:
            raise ConfigError(f"the learner has no task {self.task!r}; its tasks are {list(learner.config.tasks)}")
        if not isinstance(task, kinds):
            raise ConfigError(
                f"the task {self.task!r} is a {type(task).__name__}; a {type(self).__name__} takes a "
                f"{' or a '.join(kind.__name__ for kind in kinds)}"
            )
        self._learner = learner

    def _make(self, x: Mapping[Any, Any]) -> Learner | None:
        """A learner of the fields of the first event that has any."""
        features = {name: _feature_of(value) for name, value in sorted(_fields(x).items())}
        if features:
            config = Learner.Config(features=features, tasks={_OWN_TASK: self._own_task()}, seed=self.seed)
            if self.model is not None:
                config = config.model_copy(update={"model": self.model})
            self._learner = config.build()
        return self._learner

    @abstractmethod
    def _kinds(self) -> tuple[type[Task], ...]: ...

    @abstractmethod
    def _own_task(self) -> Task.Config: ...

    @abstractmethod
    def _label(self, y: Any) -> Any: ...

    def __getstate__(self) -> dict[str, Any]:
        """The settings and what was learned: compiled code stays where it is."""
        learner = self._learner
        kept = {name: value for name, value in vars(self).items() if name != "_learner"}
        return kept | {"_learner": None if learner is None else (learner.config, learner.state())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A learner of its own with what was learned."""
        vars(self).update(state)
        if state["_learner"] is not None:
            config, learned = state["_learner"]
            self._learner = config.build()
            cast(Learner, self._learner).load(learned)

    @property
    def _raw_memory_usage(self) -> int:
        return _size(self.__getstate__())


@final
class Classifier(_Estimator, base.Classifier):
    """A binary or multiclass task of a learner as a River classifier.

    Without settings it makes a learner of its own, with the default model or `model`: one task, with up to
    `max_classes` classes as they appear, and the fields of the first event it learns from as features (numbers, truth
    values and texts; fields that come later are ignored). With `config` and `task`, or with
    `Classifier.of(learner, task)`, it is one task of a shared model.

    >>> from streammtl import BinaryTask, Learner, Numeric, RegressionTask
    >>> config = Learner.Config(
    ...     features={"a": Numeric.Config()}, tasks={"up": BinaryTask.Config(), "size": RegressionTask.Config()}
    ... )
    >>> learner = config.build()
    >>> up = Classifier.of(learner, "up")
    >>> up.learn_one({"a": 1.0}, True)
    >>> learner.learn_one({"a": 1.0}, {"size": 3.0})
    >>> sorted(up.predict_proba_one({"a": 1.0}))
    [False, True]
    """

    def __init__(
        self,
        config: Learner.Config | None = None,
        task: str | None = None,
        model: Model.Config | None = None,
        max_classes: int = 20,
        seed: int = 0,
    ) -> None:
        self.max_classes = max_classes
        self._label_of: dict[str, bool | str | int] = {}  # what stands for a class in River, by its text
        super().__init__(config, task, model, seed)

    @classmethod
    def of(cls, learner: Learner, task: str) -> Self:
        """One task of this very learner; see `Regressor.of`."""
        made = super().of(learner, task)
        made.max_classes = 20
        made._label_of = {}
        return made

    @property
    def _multiclass(self) -> bool:
        if self.config is None or self.task is None:
            return True
        return not isinstance(self.config.tasks[self.task], BinaryTask.Config)

    def predict_proba_one(self, x: Mapping[Any, Any], **kwargs: Any) -> dict[bool | str | int, float]:
        """The probability of every class; nothing before the first label of classes that are discovered."""
        found = self._predict(x)
        if found is None:
            return {}
        if "probability" in found:
            probability = found["probability"]
            return {False: 1.0 - probability, True: probability}
        known = {name: p for name, p in found["probabilities"].items() if p > 0.0}
        if not known:  # labels have come, but the model has not taken a step yet
            known = dict.fromkeys(self._label_of, 1.0)
        total = sum(known.values())
        return {self._label_of.get(name, name): p / total for name, p in known.items()}

    def _kinds(self) -> tuple[type[Task], ...]:
        return (BinaryTask, MulticlassTask)

    def _own_task(self) -> Task.Config:
        return MulticlassTask.Config(max_classes=self.max_classes)

    def _label(self, y: Any) -> Any:
        self._label_of.setdefault(class_text(y), y)
        return y


@final
class Regressor(_Estimator, base.Regressor):
    """A regression or count task of a learner as a River regressor.

    Without settings it makes a learner of its own; see `Classifier`.

    >>> from river import datasets, evaluate, metrics
    >>> score = evaluate.progressive_val_score(datasets.TrumpApproval().take(300), Regressor(), metrics.MAE())
    >>> score.get() < 5.0
    True
    """

    def __init__(
        self,
        config: Learner.Config | None = None,
        task: str | None = None,
        model: Model.Config | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(config, task, model, seed)

    def predict_one(self, x: Mapping[Any, Any], **kwargs: Any) -> float:
        """The value (of a count: the rate); 0 before there is a learner."""
        found = self._predict(x)
        if found is None:
            return 0.0
        return float(found["value"] if "value" in found else found["rate"])

    def _kinds(self) -> tuple[type[Task], ...]:
        return (RegressionTask, CountTask)

    def _own_task(self) -> Task.Config:
        return RegressionTask.Config()

    def _label(self, y: Any) -> Any:
        return y


def _fields(x: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in x.items()}


def _feature_of(value: Any) -> Feature.Config:
    if isinstance(value, bool):
        return Boolean.Config()
    return Categorical.Config() if isinstance(value, str) else Numeric.Config()


def _size(value: Any) -> int:
    """Bytes of the arrays and texts in a tree."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, tuple | list):
        return sum(map(_size, value))
    return int(getattr(value, "nbytes", 64))
