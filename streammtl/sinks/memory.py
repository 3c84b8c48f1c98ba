"""Documents kept in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, final

from streammtl.clock import Clock
from streammtl.errors import SinkError
from streammtl.sinks.base import Documents, Sink, number_in
from streammtl.types import State


@final
class MemorySink(Sink):
    """Keeps keys and documents in two lists, also after `close`: for notebooks and tests.

    A new process has nothing to resume, so there a position is an error unless it is the beginning.

    >>> sink = MemorySink.Config().build()
    >>> sink.open(None)
    >>> sink.publish(Documents(["a"], [{"id": "a"}]))
    >>> sink.keys, sink.documents
    (['a'], [{'id': 'a'}])
    """

    class Config(Sink.Config):
        """Settings of the memory."""

        kind: Literal["memory"] = "memory"

    def __init__(self, config: MemorySink.Config, base: Path, clock: Clock) -> None:
        self.keys: list[str] = []
        self.documents: list[dict[str, Any]] = []

    def open(self, position: State | None) -> None:
        """Forget everything, or what came after the position."""
        n_documents = 0 if position is None else number_in(position, "documents", "the memory")
        if n_documents > len(self.documents):
            raise SinkError(
                f"the memory holds {len(self.documents)} documents, but the checkpoint to resume from had "
                f"{n_documents}: memory does not outlive its process. Use a sink of kind jsonl to resume"
            )
        del self.keys[n_documents:], self.documents[n_documents:]

    def publish(self, documents: Documents) -> None:
        """Append to the lists."""
        self.keys += documents.keys
        self.documents += documents.documents

    def flush(self) -> State:
        """How many documents there are."""
        return {"documents": len(self.documents)}

    def close(self) -> None:
        """Do nothing: the lists stay."""
