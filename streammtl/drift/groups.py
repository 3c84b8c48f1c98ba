"""Groups of signals that are cut into blocks together: those of all events, and the errors of the tasks.

Shape suffixes as in `streammtl.types`; B records of a block, S signals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from streammtl.blocks import BlockBuffer
from streammtl.drift.panel import Panel
from streammtl.drift.signals import EventSignals, task_errors
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, State


@dataclass(frozen=True, slots=True)
class Finding:
    """A change of a signal, found in the block that ended with this row of the call."""

    row: int
    name: str
    before: float
    after: float


@final
class EventGroup:
    """Signals of every event, in blocks of events."""

    def __init__(self, signals: EventSignals, panel: Panel, block: int) -> None:
        self._signals = signals
        self._panel = panel
        self._block = block
        self._buffer = BlockBuffer(block, signals.widths)

    def observe(self, *parts: npt.NDArray[Any]) -> list[Finding]:
        """Take events in order, as the parts that the signals are made of."""
        end = self._block - len(self._buffer) - 1
        findings = []
        for block, block_parts in enumerate(self._buffer.push(*parts)):
            for change in self._panel.take(self._signals.values(*block_parts)):
                self._signals.restart(change.signal)
                name = self._signals.names[change.signal]
                findings.append(Finding(end + block * self._block, name, change.before, change.after))
        return findings

    def state(self) -> State:
        """Everything, the rows of the block that is not complete included."""
        return {"rows": self._buffer.state(), "usual": self._signals.state(), "panel": self._panel.state()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._panel.load(state["panel"])
        self._signals.load(state["usual"])
        self._buffer.load(state["rows"])


@final
class ErrorGroup:
    """The error of each task, in blocks of its own labels.

    `columns` are the places of the tasks: the column of the labels, and those of the published outputs.
    """

    def __init__(
        self, tasks: tuple[Task, ...], columns: tuple[tuple[int, slice], ...], panel: Panel, block: int, as_wrong: bool
    ) -> None:
        self._tasks = tasks
        self._columns = columns
        self._panel = panel
        self._block = block
        self._as_wrong = as_wrong
        self._buffers = [BlockBuffer(block, (1,)) for _ in tasks]

    def observe(self, labels_LT: Floats, outputs_LO: Floats) -> list[Finding]:
        """Take labels in order, each beside what was published for its event."""
        is_labelled_LT = ~np.isnan(labels_LT)
        has_label_T: list[bool] = np.any(is_labelled_LT, axis=0).tolist()
        completed = [
            self._complete(signal, is_labelled_LT, labels_LT, outputs_LO) if has_label_T[column] else []
            for signal, (column, _) in enumerate(self._columns)
        ]
        findings: list[tuple[int, int, Finding]] = []
        for round_ in range(max(map(len, completed), default=0)):
            # Always all signals, most of them absent: a sum over another shape may round in another order.
            values_BS = np.full((self._block, len(self._tasks)), np.nan)
            for signal, blocks in enumerate(completed):
                if round_ < len(blocks):
                    values_BS[:, signal] = blocks[round_][1]
            for change in self._panel.take(values_BS):
                row = completed[change.signal][round_][0]
                name = self._tasks[change.signal].name
                findings.append((row, change.signal, Finding(row, name, change.before, change.after)))
        return [finding for _, _, finding in sorted(findings, key=lambda item: item[:2])]

    def _complete(
        self, signal: int, is_labelled_LT: Bools, labels_LT: Floats, outputs_LO: Floats
    ) -> list[tuple[int, Floats]]:
        """The blocks of a task that became complete, each with its last row."""
        column, outputs = self._columns[signal]
        rows = np.flatnonzero(is_labelled_LT[:, column])
        errors = task_errors(
            self._tasks[signal], labels_LT[rows, column], outputs_LO[:, outputs].take(rows, axis=0), self._as_wrong
        )
        buffer = self._buffers[signal]
        end = self._block - len(buffer) - 1
        return [
            (int(rows[end + block * self._block]), error_B1[:, 0])
            for block, (error_B1,) in enumerate(buffer.push(errors))
        ]

    def state(self) -> State:
        """Everything, the labels of the blocks that are not complete included."""
        rows = {str(signal): buffer.state() for signal, buffer in enumerate(self._buffers)}
        return {"rows": rows, "panel": self._panel.state()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._panel.load(state["panel"])
        for signal, buffer in enumerate(self._buffers):
            buffer.load(state["rows"][str(signal)])
