"""Records to columns: what cannot be decoded becomes a `Rejected` row, and nothing raises.

Shape suffixes: N records, E events, T tasks, D dense columns, C categorical columns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from streammtl.draft import Draft
from streammtl.encode import RowEncoder
from streammtl.features.base import Feature
from streammtl.schema import Schema
from streammtl.tasks.base import Task
from streammtl.times import read_times
from streammtl.types import Bools, Floats, Ints, Records, Role, RowLayout, Turn
from streammtl.wire import REASONS, Columns, WirePlan, presence
from streammtl.wire_json import JsonReader
from streammtl.wire_rows import RowReader

__all__ = ["REASONS", "Decoder", "Schema"]


@final
class Decoder:
    """Decodes records by a schema. What it returns depends on the records and their order alone, never on the polls.

    A record passes in this order, and the first thing wrong with it is its reason: it is read (JSON, or a mapping); its
    id, its time and what it is (event or label) are found; a feature row is made if it is an event; then its labels
    are read, one task after the other. So a task that discovers classes sees only records that are otherwise good;
    but a class that one task discovers in a record which a later task rejects stays discovered.

    Missing is one thing in all formats: the field is not there, is null, is empty text, or is not finite. Fields that
    the schema does not know are ignored, and counted in every record whose offset is a multiple of 64 (a count over
    all records would cost as much as decoding them).

    >>> import numpy as np
    >>> from streammtl.features.numeric import Numeric
    >>> from streammtl.tasks.binary import BinaryTask
    >>> schema = Schema(id="tx", features={"amount": Numeric.Config()})
    >>> decoder = Decoder(schema, schema.build_features(seed=0), (BinaryTask.Config().build("fraud"),))
    >>> values = [b'{"tx": "a", "amount": 3.5}', b'{"tx": "a", "fraud": true}', b'{"tx": "b", "amount": "much"}']
    >>> turn = decoder.decode(Records(values, ("events",), np.zeros(3, np.int32), np.arange(3)))
    >>> turn.ids, turn.is_event_N.tolist(), turn.dense_ED.tolist(), turn.labels_NT.tolist()
    (['a', 'a'], [True, False], [[3.5]], [[nan], [1.0]])
    >>> turn.rejected[0].offset, turn.rejected[0].reason
    (2, 'wrong_type')
    """

    def __init__(self, schema: Schema, features: tuple[Feature, ...], tasks: tuple[Task, ...]) -> None:
        """Raises `ConfigError` when the schema, the features and the tasks do not go together."""
        self._schema = schema
        self._tasks = tasks
        self.encoder = RowEncoder(features)
        plan = _plan(schema, features, tasks)
        self._json = JsonReader(plan, schema.max_record_bytes)
        self._rows = RowReader(plan)
        self._label_fields = [task.label_field for task in tasks]
        self._feature_fields = list(dict.fromkeys(f.field for f in features if f.field is not None))
        # An id, a time or an entity comes with labels, too: it does not tell that a record is an event.
        with_labels = {schema.id, schema.time, schema.entity}
        self._telling_fields = [f for f in self._feature_fields if f not in with_labels] or self._feature_fields

    @property
    def layout(self) -> RowLayout:
        """What the columns of the feature rows are."""
        return self.encoder.layout

    def decode(self, records: Records) -> Turn:
        """The columns of all records that can be used, in record order, and the rejected ones."""
        draft = Draft(self._read(records), records)
        _reject_empty(draft)
        ids = self._find_ids(draft)
        time_s_N = self._find_times(draft)
        labels, is_label_NT = _without_blanks(draft.columns, self._label_fields, len(draft))
        is_event_N = self._find_events(draft, np.asarray(is_label_NT.any(axis=1)), records.roles)

        event_N = np.flatnonzero(is_event_N & draft.is_good_N)
        columns = {field: _take(draft.columns[field], event_N) for field in self._feature_fields}
        dense_ED, category_EC, problems = self.encoder.encode(columns, time_s_N[event_N])
        for row, detail in problems:
            draft.reject(int(event_N[row]), "bad_feature", detail)
        labels_NT = self._encode_labels(draft, labels)

        good_N = np.flatnonzero(draft.is_good_N)
        is_kept_E = draft.is_good_N[event_N]
        return Turn(
            ids=list(_take(ids, good_N)),
            is_event_N=is_event_N[good_N],
            time_s_N=time_s_N[good_N],
            partition_N=draft.partition_N[good_N],
            offset_N=draft.offset_N[good_N],
            dense_ED=dense_ED[is_kept_E],
            category_EC=category_EC[is_kept_E],
            labels_NT=labels_NT[good_N],
            partitions=records.partitions,
            rejected=draft.rejected(),
            entities=self._entities(draft, good_N),
            n_unknown_fields=draft.n_unknown_fields,
        )

    def _read(self, records: Records) -> Columns:
        values: Sequence[Any] = records.values
        first = next((value for value in values if value is not None), None)
        if isinstance(first, Mapping):
            return self._rows.read(values, records.offset_N, records.lenient)
        return self._json.read(values, records.offset_N)

    def _find_ids(self, draft: Draft) -> list[str]:
        name = self._schema.id
        if name is None:
            places = zip(draft.partition_N.tolist(), draft.offset_N.tolist(), strict=True)
            return [f"{draft.partitions[partition]}@{offset}" for partition, offset in places]
        ids = _as_texts(draft.columns[name])
        if "" in ids:
            for index, text in enumerate(ids):
                if not text:
                    draft.reject(index, "missing_id", f"no id in the field {name!r} (schema.id)")
        return ids

    def _find_times(self, draft: Draft) -> Floats:
        name = self._schema.time
        if name is None:
            return np.full(len(draft), np.nan)
        time_s_N, problems = read_times(draft.columns[name], self._schema.time_unit)
        for index, detail in problems:
            draft.reject(index, "bad_time", detail)
        for index in np.flatnonzero(np.isnan(time_s_N)).tolist():
            draft.reject(index, "bad_time", f"no event time in the field {name!r} (schema.time)")
        return time_s_N

    def _find_events(self, draft: Draft, has_label_N: Bools, roles: tuple[Role, ...]) -> Bools:
        """Which records are events; the others are labels."""
        role_N = _roles(roles, draft)
        is_event_N = np.asarray(role_N == Role.EVENTS)
        mixed_N = np.flatnonzero(role_N == Role.MIXED)
        if self._schema.record is not None:
            for index, said in zip(mixed_N.tolist(), _take(draft.columns[self._schema.record], mixed_N), strict=True):
                is_event_N[index] = said == "event"
                if said not in ("event", "label"):
                    detail = f"expected event or label in {self._schema.record!r} (schema.record), found {said!r:.60}"
                    draft.reject(index, "bad_record", detail)
        elif len(mixed_N):
            is_event_N[mixed_N] = ~has_label_N[mixed_N] | self._has_feature(draft, mixed_N, has_label_N)
        self._check_labels(draft, is_event_N, has_label_N)
        return is_event_N

    def _has_feature(self, draft: Draft, mixed_N: Ints, has_label_N: Bools) -> Bools:
        """For each of the mixed records that have a label: is there any field that only an event has?"""
        open_N = has_label_N.copy()  # it has a label, and no feature of it was found yet
        for field in self._telling_fields:
            if not open_N[mixed_N].any():
                break
            open_N &= ~presence(draft.columns[field])
        return np.asarray(~open_N[mixed_N])

    def _check_labels(self, draft: Draft, is_event_N: Bools, has_label_N: Bools) -> None:
        for index in np.flatnonzero(~is_event_N).tolist():
            if self._schema.id is None:
                detail = "a record with labels and without features needs the id of its event: set schema.id"
                draft.reject(index, "missing_id", detail)
            elif not has_label_N[index]:
                draft.reject(index, "no_label", f"none of the labels {', '.join(self._label_fields)}")

    def _encode_labels(self, draft: Draft, labels: list[Sequence[Any]]) -> Floats:
        labels_NT = np.full((len(draft), len(self._tasks)), np.nan)
        good_N = np.flatnonzero(draft.is_good_N)
        for index, task in enumerate(self._tasks):
            labels_NT[good_N, index], problems = task.encode_labels(_take(labels[index], good_N))
            for row, detail in problems:
                draft.reject(int(good_N[row]), "bad_label", f"task {task.name!r}: {detail}")
        return labels_NT

    def _entities(self, draft: Draft, good_N: Ints) -> list[str] | None:
        name = self._schema.entity
        return None if name is None else list(_take(_as_texts(draft.columns[name]), good_N))


def _plan(schema: Schema, features: tuple[Feature, ...], tasks: tuple[Task, ...]) -> WirePlan:
    plan = WirePlan(labels_field=schema.labels)
    if schema.id is not None:
        plan.add(schema.id, str | int, "schema.id")
    if schema.time is not None:
        plan.add(schema.time, str | int | float, "schema.time")
    if schema.entity is not None:
        plan.add(schema.entity, str | int, "schema.entity")
    if schema.record is not None:
        plan.add(schema.record, str, "schema.record")
    for feature in features:
        if feature.field is not None:
            plan.add(feature.field, feature.wire_type, f"feature {feature.name!r}")
    for task in tasks:
        plan.add_label(task.label_field, task.wire_type, f"task {task.name!r}")
    return plan


def _reject_empty(draft: Draft) -> None:
    is_blank_N = draft.is_good_N.copy()
    for column in draft.columns.values():
        is_blank_N &= ~presence(column)
        if not is_blank_N.any():
            return
    for index in np.flatnonzero(is_blank_N).tolist():
        draft.reject(index, "empty", "none of the fields that the schema knows")


def _roles(roles: tuple[Role, ...], draft: Draft) -> Ints:
    if not roles:
        return np.full(len(draft), Role.MIXED, dtype=np.int64)
    return np.array(roles, dtype=np.int64)[draft.partition_N]


def _without_blanks(
    columns: Mapping[str, Sequence[Any]], label_fields: list[str], n_records: int
) -> tuple[list[Sequence[Any]], Bools]:
    """The labels of each task, None where they are blank in any way; and where they are not."""
    labels: list[Sequence[Any]] = []
    present: list[Bools] = []
    for field in label_fields:
        column = columns[field]
        present_N = presence(column)
        if len(column) - np.count_nonzero(present_N) > column.count(None):
            column = [value if is_there else None for value, is_there in zip(column, present_N.tolist(), strict=True)]
        labels.append(column)
        present.append(present_N)
    return labels, np.stack(present, axis=1) if present else np.zeros((n_records, 0), dtype=np.bool_)


def _as_texts(column: Sequence[Any]) -> list[str]:
    """Text of ids; empty where missing."""
    kinds = set(map(type, column))
    if kinds <= {str}:
        return list(column)
    if kinds == {int}:
        with contextlib.suppress(ValueError):
            return list(map(str, column))
    return ["" if value is None else _id_text(value) for value in column]


def _id_text(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write an integer of more than 4,300 decimal digits, which a row may hold
        return hex(value)


def _take(column: Sequence[Any], index_N: Ints) -> Sequence[Any]:
    """The values at increasing places."""
    if len(index_N) == len(column):
        return column
    return [column[index] for index in index_N.tolist()]
