"""The values that flow through the engine: frozen, columnar, without behaviour.

Shape suffixes: N records of a turn, E events of a turn (records that carry an event), R feature rows, P PREDICT
operations, L LEARN operations, T tasks, D dense columns, C categorical columns, O published output columns.
Absent is NaN in float columns and the empty string in text; never zero.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Floats32: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Ints32: TypeAlias = npt.NDArray[np.int32]
Bools: TypeAlias = npt.NDArray[np.bool_]

#: Learned state: nested dictionaries with string keys whose leaves are numpy arrays or JSON values
#: (None, bool, int, float, str, and lists of these). `streammtl.checkpoint` writes it and digests it.
State: TypeAlias = dict[str, Any]

#: Where a stream stands: the offset of the *next* record to read, by partition.
Position: TypeAlias = dict[str, int]


class Role(enum.IntEnum):
    """What the records of a partition are."""

    MIXED = 0  # each record says itself: an event, a label, or an event with labels inside
    EVENTS = 1
    LABELS = 2


@dataclass(frozen=True, slots=True)
class Records:
    """What one poll of a source returned, in the order that is the truth.

    `values` are undecoded: JSON documents as bytes, or mappings of field to value (rows of a CSV or Parquet file,
    Python objects). The label fields of a mapping lie beside the feature fields.
    """

    values: Sequence[bytes] | Sequence[Mapping[str, Any]]
    partitions: tuple[str, ...]
    partition_N: Ints32
    offset_N: Ints
    roles: tuple[Role, ...] = ()  # by partition; empty: all MIXED
    lenient: bool = False  # values may be text that stands for a number, and empty text is a missing value (CSV)

    def __len__(self) -> int:
        """Number of records."""
        return len(self.values)

    def between(self, start: int, stop: int) -> Records:
        """The records from number `start` to before number `stop`."""
        part = slice(start, stop)
        return replace(self, values=self.values[part], partition_N=self.partition_N[part], offset_N=self.offset_N[part])


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be used, on its way to the rejects."""

    partition: str
    offset: int
    reason: str  # one of a small fixed set of words: becomes a metric label (see `streammtl.decode.REASONS`)
    detail: str  # for a person
    value: bytes  # the record as it came, cut to a stated length


@dataclass(frozen=True, slots=True)
class RowLayout:
    """What the columns of an encoded feature row are.

    A row is `dense_D` (float32, NaN = missing) beside `category_C` (int32, 0 = missing, 1 .. table_sizes[c] - 1 = a
    value's place in its hash table).
    """

    dense_names: tuple[str, ...]
    dense_is_scaled: tuple[bool, ...]  # True: the model standardises this column online
    category_names: tuple[str, ...]
    table_sizes: tuple[int, ...]

    @property
    def n_dense(self) -> int:
        """D."""
        return len(self.dense_names)

    @property
    def n_categories(self) -> int:
        """C."""
        return len(self.category_names)


@dataclass(frozen=True, slots=True)
class Turn:
    """Decoded records, in record order. `labels_NT` holds class indices, 0/1, or values; NaN where absent."""

    ids: list[str]  # N
    is_event_N: Bools
    time_s_N: Floats  # seconds since the epoch; NaN: the record has none
    partition_N: Ints32
    offset_N: Ints
    dense_ED: Floats32
    category_EC: Ints32
    labels_NT: Floats
    partitions: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    entities: list[str] | None = None  # N; where the schema names an entity
    n_unknown_fields: int = 0

    def __len__(self) -> int:
        """Number of decoded records."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Ops:
    """PREDICT and LEARN operations in the order in which they must happen.

    `row_N[i]` is the feature row of operation i. `labels_NT` is all NaN for a PREDICT, and has at least one label for
    a LEARN.
    """

    is_learn_N: Bools
    row_N: Ints
    labels_NT: Floats
    dense_RD: Floats32
    category_RC: Ints32

    def __len__(self) -> int:
        """Number of operations."""
        return len(self.row_N)

    def between(self, start: int, stop: int) -> Ops:
        """Some of them, with all feature rows."""
        part = slice(start, stop)
        return Ops(self.is_learn_N[part], self.row_N[part], self.labels_NT[part], self.dense_RD, self.category_RC)


@dataclass(frozen=True, slots=True)
class Signals:
    """What one segment of LEARN operations tells the weighting.

    A task without a label in the segment has `n_labels_T == 0` and NaN losses. Losses are means per label, in the
    units in which the model learns (regression: standardised targets).
    """

    n_labels_T: Ints
    losses_T: Floats
    losses_after_T: Floats | None = None  # the same rows after the step; where the weighting needs LOSSES_AFTER
    gramian_TT: Floats | None = None  # <g_k, g_j> at the last shared layer; where it needs GRAMIAN


@dataclass(frozen=True, slots=True)
class Lesson:
    """What `Learner.advance` did."""

    outputs_PO: Floats  # one row per PREDICT, in order
    weights_T: Floats  # in force after the last operation
    n_steps: int
    n_steps_skipped: int  # not taken because a loss or a gradient was not finite
    losses_T: Floats = field(default_factory=lambda: np.zeros(0))  # mean per label over the call; NaN: no label


@dataclass(frozen=True, slots=True)
class Outcome:
    """Labels that arrived in a turn, each beside the prediction that was *published* for its event.

    One row per LEARN operation, in order. `baseline_LT` is the no-change prediction: the last label of the task that
    was known when the event was predicted (NaN: none yet).
    """

    labels_LT: Floats
    outputs_LO: Floats
    baseline_LT: Floats
    delay_s_L: Floats  # label's time minus event's time; NaN where one of them has none
    time_s_L: Floats
    is_expiry_L: Bools  # True: not a label that somebody sent, but what the expiry of the horizon means


class AlarmSubject(enum.StrEnum):
    """What a watched signal is about."""

    ERROR = "error"  # of a task
    FEATURE = "feature"
    PREDICTION = "prediction"  # the distribution of a task's published predictions


@dataclass(frozen=True, slots=True)
class Alarm:
    """A detector said that a signal changed."""

    subject: AlarmSubject
    name: str  # the task or the feature
    detector: str  # its kind
    time_s: float  # event time of the last record of the block; NaN: none
    n_events: int  # events predicted up to the block's end
    partition: str
    offset: int  # of the last record of the turn's block
    before: float  # mean of the signal before
    after: float  # mean of the signal since


__all__ = [
    "Alarm",
    "AlarmSubject",
    "Bools",
    "Floats",
    "Floats32",
    "Ints",
    "Ints32",
    "Lesson",
    "Ops",
    "Outcome",
    "Position",
    "Records",
    "Rejected",
    "Role",
    "RowLayout",
    "Signals",
    "State",
    "Turn",
]
