"""The contract of sinks, as a test class that every kind passes: files, logs, brokers, your own.

    class TestMySink(SinkContract):
        def sink_in(self, folder): ...
        def kept_in(self, folder): ...

Name the subclass `Test...` in a test module, and pytest runs the contract on it.
"""

# ruff: noqa: D102  the name of a test states the fact

from __future__ import annotations

import math
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from streammtl.errors import SinkError
from streammtl.sinks.base import Documents, Sink
from streammtl.types import State

Document = dict[str, Any]

TEN = [{"id": f"e{i}", "fraud": {"probability": i / 8}, "best": "yes" if i % 2 else "no"} for i in range(10)]
SIX = TEN[:6]  # for what is tried at every pair of places


def publish(sink: Sink, documents: Sequence[Document], at_once: int = 3) -> None:
    """Publish documents under their `id`, some at once."""
    for start in range(0, len(documents), at_once):
        part = list(documents[start : start + at_once])
        sink.publish(Documents([str(document["id"]) for document in part], part))


class SinkContract(ABC):
    """What holds for every sink. A sink keeps everything below `folder`, so that copying it is what a kill leaves.

    A sink that keeps it elsewhere, under the folder's name, overrides `copy` and `remove`.
    """

    few: ClassVar[Sequence[Document]] = SIX

    @abstractmethod
    def sink_in(self, folder: Path) -> Sink:
        """A sink, not open yet, that keeps its documents below the folder."""

    @abstractmethod
    def kept_in(self, folder: Path) -> list[Document]:
        """The documents that a closed or killed sink has left below the folder, nested as they were published."""

    def content_of(self, folder: Path) -> Any:
        """What must be equal after an interrupted and an uninterrupted run: the bytes of all files."""
        return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    def copy(self, folder: Path, to: Path) -> None:
        """Make of `to` what `folder` is now."""
        shutil.copytree(folder, to)

    def remove(self, folder: Path) -> None:
        """Forget what is below the folder."""
        shutil.rmtree(folder, ignore_errors=True)

    def run(self, folder: Path, documents: Sequence[Document], flush_after: Sequence[int]) -> list[State]:
        """An uninterrupted run that flushes after so many documents; the positions."""
        sink = self.sink_in(folder)
        sink.open(None)
        positions = []
        n_published = 0
        for end in flush_after:
            publish(sink, documents[n_published:end])
            positions.append(through_json(sink.flush()))
            n_published = end
        publish(sink, documents[n_published:])
        sink.close()
        return positions

    def test_keeps_documents_in_order(self, tmp_path: Path) -> None:
        self.run(tmp_path, TEN, ())
        assert self.kept_in(tmp_path) == TEN

    def test_content_does_not_depend_on_how_many_are_published_at_once(self, tmp_path: Path) -> None:
        for at_once in (1, 3, 10):
            sink = self.sink_in(tmp_path / str(at_once))
            sink.open(None)
            publish(sink, TEN, at_once)
            sink.close()
        expected = self.content_of(tmp_path / "10")
        assert self.content_of(tmp_path / "1") == expected
        assert self.content_of(tmp_path / "3") == expected

    def test_a_killed_and_resumed_run_leaves_what_an_uninterrupted_run_leaves(self, tmp_path: Path) -> None:
        for n_flushed in range(len(self.few) + 1):
            whole = tmp_path / f"{n_flushed}-whole"
            self.run(whole, self.few, (n_flushed,))
            for n_published in range(n_flushed, len(self.few) + 1):
                killed = tmp_path / f"{n_flushed}-{n_published}-killed"
                position = self.kill(tmp_path / "running", killed, n_flushed, n_published)
                self.resume(killed, position, self.few[n_flushed:])
                assert self.content_of(killed) == self.content_of(whole)

    def test_a_run_killed_twice_after_one_checkpoint_leaves_the_same(self, tmp_path: Path) -> None:
        self.run(tmp_path / "whole", TEN, (3,))
        position = self.kill(tmp_path / "running", tmp_path / "once", n_flushed=3, n_published=8)
        sink = self.sink_in(tmp_path / "once")
        sink.open(position)
        publish(sink, TEN[3:6])
        self.copy(tmp_path / "once", tmp_path / "twice")
        sink.close()
        self.resume(tmp_path / "twice", position, TEN[3:])
        assert self.content_of(tmp_path / "twice") == self.content_of(tmp_path / "whole")

    def test_flushing_without_new_documents_changes_nothing(self, tmp_path: Path) -> None:
        sink = self.sink_in(tmp_path)
        sink.open(None)
        publish(sink, TEN)
        position = sink.flush()
        assert sink.flush() == position
        sink.close()
        assert self.kept_in(tmp_path) == TEN

    def test_what_was_flushed_survives_a_kill(self, tmp_path: Path) -> None:
        self.kill(tmp_path / "running", tmp_path / "killed", n_flushed=7, n_published=7)
        assert self.kept_in(tmp_path / "killed") == TEN[:7]

    def test_publishing_nothing_keeps_nothing(self, tmp_path: Path) -> None:
        sink = self.sink_in(tmp_path)
        sink.open(None)
        sink.publish(Documents([], []))
        sink.flush()
        sink.close()
        assert self.kept_in(tmp_path) == []

    def test_closing_twice_and_before_opening_does_no_harm(self, tmp_path: Path) -> None:
        sink = self.sink_in(tmp_path)
        sink.close()
        sink.open(None)
        publish(sink, TEN)
        sink.close()
        sink.close()
        assert self.kept_in(tmp_path) == TEN

    def test_nan_is_kept_as_absent(self, tmp_path: Path) -> None:
        documents = [{"id": "a", "x": math.nan}, {"id": "b", "x": 1.5}, {"id": "c", "x": math.inf}]
        self.run(tmp_path, documents, ())
        assert [d.get("x") for d in self.kept_in(tmp_path)] == [None, 1.5, None]

    def test_keeps_unicode(self, tmp_path: Path) -> None:
        document = {"id": "Zoë 東京 🐢", "text": '½, "€" and\nmore'}
        self.run(tmp_path, [document], ())
        assert self.kept_in(tmp_path) == [document]

    def test_keeps_every_bit_of_a_number(self, tmp_path: Path) -> None:
        numbers = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -2.5]
        self.run(tmp_path, [{"id": str(i), "x": x} for i, x in enumerate(numbers)], ())
        assert [d["x"] for d in self.kept_in(tmp_path)] == numbers

    def test_takes_a_document_of_one_megabyte(self, tmp_path: Path) -> None:
        document = {"id": "a", "text": "x" * 1_000_000}
        self.run(tmp_path, [document], ())
        assert self.kept_in(tmp_path) == [document]

    def test_a_position_that_the_sink_no_longer_holds_is_refused(self, tmp_path: Path) -> None:
        (position,) = self.run(tmp_path / "whole", TEN, (10,))
        message = _check_refused(self.sink_in(tmp_path / "empty"), position)
        assert "checkpoint" in message

    def test_a_position_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        message = _check_refused(self.sink_in(tmp_path), {"elsewhere": 3})
        assert "another kind" in message

    def kill(self, running: Path, killed: Path, n_flushed: int, n_published: int) -> State:
        """Copy to `killed` what a run has written that flushed and then published on; the position of the flush."""
        self.remove(running)
        sink = self.sink_in(running)
        sink.open(None)
        publish(sink, TEN[:n_flushed])
        position = through_json(sink.flush())
        publish(sink, TEN[n_flushed:n_published])
        self.copy(running, killed)
        sink.close()
        return position

    def resume(self, folder: Path, position: State, documents: Sequence[Document]) -> None:
        """Go on from a position with these documents, to the end."""
        sink = self.sink_in(folder)
        sink.open(position)
        publish(sink, documents, at_once=2)
        sink.close()


def through_json(position: State) -> State:
    """The position as a checkpoint gives it back."""
    stored: State = msgspec.json.decode(msgspec.json.encode(position, order="sorted"))
    return stored


def _check_refused(sink: Sink, position: State) -> str:
    try:
        sink.open(position)
    except SinkError as error:
        return str(error)
    finally:
        sink.close()
    raise AssertionError(f"{type(sink).__name__} was opened at {position} without an error")
