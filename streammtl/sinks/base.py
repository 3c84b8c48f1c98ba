"""The family of sinks: where predictions, metrics and rejects go."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from streammtl.clock import Clock, SystemClock
from streammtl.component import Component
from streammtl.errors import SinkError
from streammtl.types import State


@dataclass(frozen=True, slots=True)
class Documents:
    """Records to publish: one key and one flat or nested JSON-like document each, in order.

    Many documents with the same fields are best a `streammtl.table.Table`.
    """

    keys: Sequence[str]
    documents: Sequence[dict[str, Any]]

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.keys)


class Sink(Component):
    """Takes documents in order and keeps them.

    `position` and `resume` make restarts clean: after a crash the engine repeats what came after its last checkpoint,
    and a repeated document has the same key and the same content. A sink that can tell what it already holds
    (a file it can cut, a log it can count) publishes nothing twice.
    """

    family: ClassVar[str] = "sinks"

    class Config(Component.Config):
        """Settings of every sink."""

        def build(self, base: Path = Path(), clock: Clock | None = None) -> Sink:
            """The sink; relative paths are taken from `base`."""
            return cast(Sink, self.owner(self, base, clock or SystemClock()))

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
        """Make sure that everything published is kept (fsync, acknowledged); the position after it, as JSON values."""

    @abstractmethod
    def close(self) -> None:
        """Flush and let go of files and connections. May be called twice."""


def number_in(position: State, key: str, sink: str) -> int:
    """The number under `key` of a sink's `position`. Raises `SinkError` when it is the position of another kind."""
    number = position.get(key)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise SinkError(
            f"the position to resume {sink} from has no {key!r} (it is {position}): it was taken from a sink of "
            "another kind. Use the sink that the checkpoint was made with, or start without it"
        )
    return number
