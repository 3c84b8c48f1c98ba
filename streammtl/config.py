"""The run configuration: one YAML file is one model. The only reader of the environment.

A setting is taken, in this order, from the file, from `STREAMMTL_...` environment variables, and from `--set`; the last
one wins. Values are read as YAML.

In a variable's name two underscores stand for a dot: `STREAMMTL_SOURCE__PATH=data.csv` is `--set source.path=data.csv`.
Case does not count there, since variables are upper case by custom and names of tasks and features may be anything: a
word means the setting or the name that is there already, however that is spelled (`STREAMMTL_TASKS__Y_CO__LOSS` is
`tasks.y_CO.loss` where the file has a task `y_CO`), and a new name is taken in lower case. A variable that names no
setting is an error, except those that begin with `STREAMMTL_TEST_`, which belong to tests.

In `--set`, a name with dots in it is written in quotes: `--set 'schema.features."a.b"=numeric'`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field, ValidationError, model_validator

from streammtl.checkpoint import Checkpoints
from streammtl.component import OneOf, Settings
from streammtl.config_errors import explain_error
from streammtl.config_layers import Layers, read_override
from streammtl.config_yaml import Document, read_yaml
from streammtl.decode import Schema
from streammtl.errors import ConfigError
from streammtl.evaluate import Evaluate
from streammtl.join import Join
from streammtl.journal import Journal
from streammtl.learner import Learner
from streammtl.limits import Limits
from streammtl.models.base import Model
from streammtl.publish import Publisher
from streammtl.sources.base import Source
from streammtl.tasks.base import Task
from streammtl.watch import Watch
from streammtl.weighting.base import Weighting

ENVIRONMENT_PREFIX = "STREAMMTL_"
_TESTS_PREFIX = "STREAMMTL_TEST_"  # variables that steer tests, not settings


def service_socket() -> str | None:
    """The socket on which systemd listens for signs of life of this process; None: it does not."""
    return os.environ.get("NOTIFY_SOCKET")


class Http(Settings):
    """The address of metrics, probes and the live page; nothing there changes anything."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. 0.0.0.0 lets other machines in; there is no password.",
    )
    port: Annotated[int, Field(ge=0, le=65535)] | Literal["auto"] | None = Field(
        default="auto",
        description="Port to listen on; 0 is any that is free; auto is 9108, or any where that is taken; null: none.",
    )


class Monitoring(Settings):
    """What the process tells about itself."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Log lines of this level and above are written to standard error."
    )
    log_format: Literal["auto", "human", "json"] = Field(
        default="auto",
        description="How log lines are written: for people (human) or as JSON objects (json); auto: by a daemon whose "
        "standard error is no terminal as JSON, else for people.",
    )
    http: Http = Field(default_factory=Http, description="Where metrics, probes and the live page are served.")
    hang_after_s: float = Field(
        default=60.0,
        gt=0.0,
        description="Seconds without a sign of life of the loop after which /livez says that it hangs. A turn and a "
        "checkpoint must not take longer.",
    )


class RunConfig(Settings):
    """Everything about a run."""

    name: str = Field(default="streammtl", min_length=1, description="Name of the run, for people.")
    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
    event_schema: Schema = Field(alias="schema", description="How a record is read.")
    tasks: dict[str, Annotated[Task.Config, OneOf("tasks")]] = Field(
        min_length=1, description="What is predicted, by name."
    )
    model: Annotated[Model.Config, OneOf("models")] = Field(
        default=cast(Model.Config, {"kind": "mlp"}), description="The shared function of the features."
    )
    weighting: Annotated[Weighting.Config, OneOf("weighting")] = Field(
        default=cast(Weighting.Config, {"kind": "equal"}), description="How the tasks' losses are weighted."
    )
    join: Join.Config = Field(default_factory=Join.Config, description="How labels find their events.")
    scores: Evaluate.Config = Field(default_factory=Evaluate.Config, description="How predictions are scored.")
    drift: Watch.Config = Field(default_factory=Watch.Config, description="Which signals are watched, and by what.")
    source: Annotated[Source.Config, OneOf("sources")] = Field(description="Where records come from.")
    sink: Publisher.Config = Field(default_factory=Publisher.Config, description="Where results go.")
    checkpoint: Checkpoints.Config = Field(
        default_factory=Checkpoints.Config, description="Where and how often state is saved."
    )
    journal: Journal.Config = Field(
        default_factory=Journal.Config,
        description="Where a source has several partitions: the order that they were read in.",
    )
    limits: Limits = Field(default_factory=Limits, description="When a run must not go on.")
    monitoring: Monitoring = Field(default_factory=Monitoring, description="What the process tells about itself.")

    @model_validator(mode="after")
    def _check_times(self) -> RunConfig:
        timed = [n for n, t in self.tasks.items() if t.horizon_s is not None or t.delay_s > 0]
        if timed and self.event_schema.time is None:
            raise ValueError(
                f"tasks {', '.join(timed)} have a horizon_s or a delay_s, which are event time: name its field in "
                "schema.time"
            )
        return self

    @model_validator(mode="after")
    def _check_delivery(self) -> RunConfig:
        sink, checkpoint = self.sink, self.checkpoint
        if sink.delivery != "exactly_once":
            if sink.transactional_id is not None:
                raise ValueError("sink.transactional_id has no effect without sink.delivery exactly_once")
            return self
        if checkpoint.path is None:
            raise ValueError("sink.delivery is exactly_once, which needs checkpoints: set checkpoint.path")
        if checkpoint.keep < 2:
            raise ValueError(
                f"checkpoint.keep is {checkpoint.keep}, but with sink.delivery exactly_once the newest checkpoint may "
                "be one that was never committed: keep at least 2"
            )
        return self

    @classmethod
    def load(
        cls, path: str | Path, overrides: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> RunConfig:
        """Read a YAML file.

        `overrides` are `key.key=value` texts as of `--set`; `environment` defaults to that of the process. Raises
        `ConfigError` for anything that is wrong, with the key, the value and what is allowed.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"cannot read the configuration {path}: it is not UTF-8 text ({error})") from None
        return cls._assemble(read_yaml(text, str(path)), overrides, environment, where=str(path))

    @classmethod
    def parse(
        cls,
        settings: Any,
        overrides: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        where: str = "the configuration",
    ) -> RunConfig:
        """Validate settings that are already a mapping; the other arguments are those of `load`."""
        return cls._assemble(Document(settings), overrides, environment, where)

    @classmethod
    def _assemble(
        cls, document: Document, overrides: Sequence[str], environment: Mapping[str, str] | None, where: str
    ) -> RunConfig:
        if not isinstance(document.value, Mapping):
            found = {list: "a list", type(None): "nothing"}.get(type(document.value), "one value")
            raise ConfigError(f"{where}: expected a mapping of settings (schema, tasks, source, ...), found {found}")
        layers = Layers(cls, document.value, document.lines)
        for name, text in sorted((os.environ if environment is None else environment).items()):
            if name.startswith(ENVIRONMENT_PREFIX) and not name.startswith(_TESTS_PREFIX):
                origin = f"environment variable {name}"
                key = layers.spelled(name.removeprefix(ENVIRONMENT_PREFIX).split("__"))
                layers.put(key, read_yaml(text, origin).value, origin)
        for override in overrides:
            layers.put(*read_override(override), f"--set {override}")
        try:
            return cls.model_validate(layers.settings)
        except ValidationError as error:
            raise ConfigError(explain_error(error, cls, layers.settings, where, layers.origin)) from None

    def learner(self, model: Model.Config | None = None) -> Learner:
        """The learner that these settings describe; its model is built when it is first needed.

        A `model` stands in the place of the configured one.
        """
        config = Learner.Config(
            features=self.event_schema.features,
            tasks=self.tasks,
            model=self.model,
            weighting=self.weighting,
            time=self.event_schema.time,
            seed=self.seed,
        )
        return Learner(config, model)

    def shape(self) -> dict[str, Any]:
        """The settings that shape the learned state, as JSON values: a checkpoint belongs to one shape.

        On how many threads a model runs is none of them.
        """
        parts = {"seed", "event_schema", "tasks", "model", "weighting", "join", "scores", "drift"}
        shape = self.model_dump(mode="json", include=parts, by_alias=True)
        shape["model"].pop("threads", None)
        return shape
