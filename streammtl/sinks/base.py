"""The family of sinks: where predictions, metrics and rejects go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from streammtl.clock import Clock, SystemClock
from streammtl.component import Component
from streammtl.errors import ConfigError, SinkError
from streammtl.types import Ints, Ints32, State


@dataclass(frozen=True, slots=True)
class Origins:
    """The record that each document is about.

    >>> import numpy as np
    >>> Origins(("events:0",), np.array([0, 0], np.int32), np.array([7, 8])).texts()
    ['events:0@7', 'events:0@8']
    """

    partitions: tuple[str, ...]
    partition_N: Ints32 | Ints
    offset_N: Ints

    def texts(self) -> list[str]:
        """Partition and offset, as `<partition>@<offset>`."""
        names = self.partitions
        pairs = zip(self.partition_N.tolist(), self.offset_N.tolist(), strict=True)
        return [f"{names[p]}@{offset}" for p, offset in pairs]


@dataclass(frozen=True, slots=True)
class Documents:
    """Records to publish: one key and one flat or nested JSON-like document each, in order.

    Many documents with the same fields are best a `streammtl.table.Table`.
    """

    keys: Sequence[str]
    documents: Sequence[dict[str, Any]]
    origins: Origins | None = None  # for sinks that keep it beside the document

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.keys)


class Transaction(ABC):
    """A bracket around all that several sinks publish between two checkpoints: readers see all of it, or nothing.

    Its commit is what decides: it names the checkpoint that was written just before, and a run goes on from exactly
    that one.
    """

    @abstractmethod
    def recover(self) -> int | None:
        """End what an earlier process left open, and keep that process from publishing more.

        Returns the number of the checkpoint that the last commit names; None: there was no commit.
        """

    @abstractmethod
    def begin(self) -> None:
        """Begin, unless it has begun: called before anything is published."""

    @abstractmethod
    def commit(self, number: int) -> None:
        """Make visible what was published since `begin`, and name the checkpoint `number`.

        Called again after `SinkUnavailableError`, it goes on. Raises `SinkAbortedError` when all that was published
        since `begin` is lost, so that the run must go back to the last committed checkpoint, and `SinkFencedError` when
        it must not go on.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; what was not committed never counts. May be called twice."""


class Sink(Component):
    """Takes documents in order and keeps them.

    `position` and `resume` make restarts clean: after a crash the engine repeats what came after its last checkpoint,
    and a repeated document has the same key and the same content. A sink that can tell what it already holds
    (a file it can cut, a log it can count) publishes nothing twice.
    """

    family: ClassVar[str] = "sinks"

    #: Whether a document may be kept twice after a crash, unless the sink takes part in a transaction.
    repeats: ClassVar[bool] = False

    class Config(Component.Config):
        """Settings of every sink."""

        def build(self, base: Path = Path(), clock: Clock | None = None) -> Sink:
            """The sink; relative paths are taken from `base`."""
            return cast(Sink, self.owner(self, base, clock or SystemClock()))

    def transaction(self, transactional_id: str) -> Transaction | None:
        """A transaction in which this sink and others like it can take part; None: it knows of none."""
        return None

    def enter(self, transaction: Transaction) -> None:
        """Publish within `transaction` from now on: before `open`, for sinks that repeat.

        Raises `ConfigError` when this sink cannot take part in it.
        """
        raise ConfigError("this sink cannot take part in a transaction: use delivery at_least_once, or another sink")

    @abstractmethod
    def open(self, position: State | None) -> None:
        """Get ready to publish.

        `position` is what `flush` returned at the checkpoint from which we resume: what a file holds after it is cut
        off, what a log holds after it is not appended again. None is a new run: a file is replaced, a log appended.
        """

    @abstractmethod
    def publish(self, documents: Documents) -> None:
        """Take documents; they may still be in memory afterwards. Raises `SinkError`."""

    @abstractmethod
    def flush(self) -> State:
        """Make sure that everything published is kept (fsync, acknowledged); the position after it, as JSON values.

        Raises `SinkUnavailableError` when that is not so after a moment: flush again later.
        """

    def label(self, version: str) -> None:
        """Take note, before `open`, of the version of what is published: for sinks that keep it beside documents."""
        return

    def settle(self) -> None:
        """Wait, for a moment, until no more is on its way than may be.

        Raises `SinkUnavailableError` when it stays so: then nothing more should be published before a later call
        succeeds.
        """
        return

    @property
    def n_waiting(self) -> int:
        """How many documents were published and are not known to be kept yet."""
        return 0

    @abstractmethod
    def close(self) -> None:
        """Flush and let go of files and connections. May be called twice."""

    def abandon(self) -> None:
        """Let go without waiting for what is on its way, because the sink does not answer."""
        self.close()


def number_in(position: State, key: str, sink: str) -> int:
    """The number under `key` of a sink's `position`. Raises `SinkError` when it is the position of another kind."""
    number = position.get(key)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise SinkError(
            f"the position to resume {sink} from has no {key!r} (it is {position}): it was taken from a sink of "
            "another kind. Use the sink that the checkpoint was made with, or start without it"
        )
    return number
