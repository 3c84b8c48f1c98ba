"""Records to columns: what cannot be decoded becomes a `Rejected` row, and nothing raises.

Shape suffixes: N records, E events, T tasks, D dense columns, C categorical columns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import Any, final

import numpy as np

from streammtl.draft import Draft
from streammtl.encode import RowEncoder
from streammtl.features.base import Feature
from streammtl.schema import Schema
from streammtl.tasks.base import Task
from streammtl.times import read_times, times_of_numbers
from streammtl.types import Bools, Floats, Ints, Records, Role, RowLayout, Turn
from streammtl.wire import REASONS, Columns, Sparse, WirePlan, listed, presence, present, take, values_at
from streammtl.wire_json import JsonReader
from streammtl.wire_rows import RowReader
from streammtl.wire_texts import TextTable, TextTokens

__all__ = ["REASONS", "Decoder", "Schema"]


#: What the field that says what a record is may say.
_IS_EVENT = {"event": True, "label": False}
_EVENT, _LABEL = 1, 2


@final
class Decoder:
    """Decodes records by a schema. What it returns depends on the records and their order alone, never on the polls.

    A record passes in this order, and the first thing wrong with it is its reason: it is read (JSON, or a mapping); its
    id, its time and what it is (event or label) are found; a feature row is made if it is an event; then its labels
    are read, one task after the other. So a task that discovers classes sees only records that are otherwise good;
    but a class that one task discovers in a record which a later task rejects stays discovered.

    Missing is one thing in all formats: the field is not there, is null, is empty text, is not finite, or is a list of
    nulls alone. Fields that
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
        looked_up, numbers = _unmade(schema, features)
        self._json = JsonReader(plan, schema.max_record_bytes, looked_up, numbers)
        self._said = TextTable(n_remembered=100)
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
        ids = self._find_ids(draft)
        time_s_N = self._find_times(draft)
        labels = [_Found(*present(draft.columns[field])) for field in self._label_fields]
        has_label_N = np.zeros(len(draft), dtype=np.bool_)
        for found in labels:
            has_label_N[found.place_M] = True
        is_event_N = self._find_events(draft, has_label_N, records.roles)

        event_N = np.flatnonzero(is_event_N & draft.is_good_N)
        columns = {field: values_at(draft.columns[field], event_N) for field in self._feature_fields}
        dense_ED, category_EC, problems = self.encoder.encode(columns, time_s_N[event_N])
        for row, detail in problems:
            draft.reject(int(event_N[row]), "bad_feature", detail)
        labels_NT = self._encode_labels(draft, labels)

        turn = Turn(
            ids=ids,
            is_event_N=is_event_N,
            time_s_N=time_s_N,
            partition_N=draft.partition_N,
            offset_N=draft.offset_N,
            dense_ED=dense_ED,
            category_EC=category_EC,
            labels_NT=labels_NT,
            partitions=records.partitions,
            rejected=draft.rejected(),
            entities=None if self._schema.entity is None else _as_texts(listed(draft.columns[self._schema.entity])),
            n_unknown_fields=draft.n_unknown_fields,
        )
        return turn if draft.is_good_N.all() else _without_rejected(turn, draft.is_good_N, draft.is_good_N[event_N])

    def _read(self, records: Records) -> Columns:
        values: Sequence[Any] = records.values
        first = next((value for value in values if value is not None), None)
        if isinstance(first, Mapping):
            return self._rows.read(values, records.offset_N, records.lenient)
        return self._json.read(values, records.offset_N)

    def _find_ids(self, draft: Draft) -> list[str]:
        name = self._schema.id
        if name is None:
            _reject_empty(draft)
            places = zip(draft.partition_N.tolist(), draft.offset_N.tolist(), strict=True)
            return [f"{draft.partitions[partition]}@{offset}" for partition, offset in places]
        ids = _as_texts(listed(draft.columns[name]))
        if "" in ids:  # a record that has an id is not empty
            _reject_empty(draft)
            for index, text in enumerate(ids):
                if not text:
                    draft.reject(index, "missing_id", f"no id in the field {name!r} (schema.id)")
        return ids

    def _find_times(self, draft: Draft) -> Floats:
        name = self._schema.time
        if name is None:
            return np.full(len(draft), np.nan)
        time_s_N, problems = self._read_times(draft, name)
        for index, detail in problems:
            draft.reject(index, "bad_time", detail)
        for index in np.flatnonzero(np.isnan(time_s_N)).tolist():
            draft.reject(index, "bad_time", f"no event time in the field {name!r} (schema.time)")
        return time_s_N

    def _read_times(self, draft: Draft, name: str) -> tuple[Floats, list[tuple[int, str]]]:
        column, unit = draft.columns[name], self._schema.time_unit
        if not (isinstance(column, Sparse) and isinstance(column.values, np.ndarray)):
            return read_times(listed(column), unit)
        number_N = np.asarray(column.at(np.arange(len(column))), dtype=np.float64)
        time_s_N = times_of_numbers(number_N, unit)
        wrong = np.flatnonzero(np.isnan(time_s_N) & ~np.isnan(number_N)).tolist()
        if not wrong:
            return time_s_N, []
        numbers = number_N.tolist()
        for index in wrong:  # a message shows what stands there, 7 or 7.0
            numbers[index] = draft.written(index, name)
        return read_times(numbers, unit)

    def _find_events(self, draft: Draft, has_label_N: Bools, roles: tuple[Role, ...]) -> Bools:
        """Which records are events; the others are labels."""
        role_N = _roles(roles, draft)
        is_event_N = np.asarray(role_N == Role.EVENTS)
        mixed_N = np.flatnonzero(role_N == Role.MIXED)
        if self._schema.record is not None:
            column = draft.columns[self._schema.record]
            if isinstance(column, Sparse) and isinstance(column.values, TextTokens):
                code_N = np.zeros(len(draft), dtype=np.int32)
                code_N[column.places] = self._said.numbers(column.values, _code_of)
                is_event_N[mixed_N] = code_N[mixed_N] == _EVENT
                mixed_N = mixed_N[code_N[mixed_N] == 0]
            said = take(listed(column), mixed_N) if len(mixed_N) else ()
            try:
                is_event_N[mixed_N] = np.fromiter(map(_IS_EVENT.__getitem__, said), dtype=np.bool_, count=len(said))
            except KeyError:
                is_event_N[mixed_N] = [one == "event" for one in said]
                self._check_record(draft, mixed_N, said)
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

    def _check_record(self, draft: Draft, mixed_N: Ints, said_M: Sequence[Any]) -> None:
        for index, said in zip(mixed_N.tolist(), said_M, strict=True):
            if said not in _IS_EVENT:
                detail = f"expected event or label in {self._schema.record!r} (schema.record), found {said!r:.60}"
                draft.reject(index, "bad_record", detail)

    def _check_labels(self, draft: Draft, is_event_N: Bools, has_label_N: Bools) -> None:
        is_without_N = ~is_event_N if self._schema.id is None else ~is_event_N & ~has_label_N
        for index in np.flatnonzero(is_without_N).tolist():
            if self._schema.id is None:
                detail = "a record with labels and without features needs the id of its event: set schema.id"
                draft.reject(index, "missing_id", detail)
            else:
                draft.reject(index, "no_label", f"none of the labels {', '.join(self._label_fields)}")

    def _encode_labels(self, draft: Draft, labels: list[_Found]) -> Floats:
        labels_NT = np.full((len(draft), len(self._tasks)), np.nan)
        is_good_N = draft.is_good_N.copy()  # what one task rejects the next still sees
        for index, (task, found) in enumerate(zip(self._tasks, labels, strict=True)):
            place_M, values = found.where(is_good_N)
            if len(place_M) == 0:
                continue
            labels_NT[place_M, index], problems = task.encode_labels(values)
            for row, detail in problems:
                draft.reject(int(place_M[row]), "bad_label", f"task {task.name!r}: {detail}")
        return labels_NT


@final
class _Found:
    """The values of a field that are something: where they are, M of N records, and what they are."""

    def __init__(self, place_M: Ints, values: Sequence[Any]) -> None:
        self.place_M = place_M
        self._values = values

    def where(self, is_good_N: Bools) -> tuple[Ints, Sequence[Any]]:
        """Those of the good records."""
        is_good_M = is_good_N[self.place_M]
        if is_good_M.all():
            return self.place_M, self._values
        return self.place_M[is_good_M], take(self._values, np.flatnonzero(is_good_M))


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


def _unmade(schema: Schema, features: tuple[Feature, ...]) -> tuple[set[str], set[str]]:
    """The fields whose texts are read as they lie in the documents, and those whose numbers may come as an array.

    The latter is the time, the former what says what a record is, and what features read that take tokens: where
    nobody else reads the field.
    """
    own = [name for name in (schema.id, schema.time, schema.entity, schema.record) if name is not None]
    of_features = {feature.field for feature in features if feature.field is not None}
    looked_up = of_features - {feature.field for feature in features if not feature.takes_tokens} - set(own)
    alone = {name for name in own if own.count(name) == 1} - of_features
    looked_up |= alone & {schema.record}
    return looked_up, set() if schema.time_unit == "iso" else alone & {schema.time}


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


def _without_rejected(turn: Turn, is_good_N: Bools, is_good_E: Bools) -> Turn:
    places = np.flatnonzero(is_good_N)
    return replace(
        turn,
        ids=list(take(turn.ids, places)),
        is_event_N=turn.is_event_N[is_good_N],
        time_s_N=turn.time_s_N[is_good_N],
        partition_N=turn.partition_N[is_good_N],
        offset_N=turn.offset_N[is_good_N],
        dense_ED=turn.dense_ED[is_good_E],
        category_EC=turn.category_EC[is_good_E],
        labels_NT=turn.labels_NT[is_good_N],
        entities=None if turn.entities is None else list(take(turn.entities, places)),
    )


def _code_of(said: str) -> int:
    return _EVENT if said == "event" else _LABEL if said == "label" else 0


def _as_texts(column: Sequence[Any]) -> list[str]:
    """Text of ids; empty where missing."""
    kinds = set(map(type, column))
    if kinds <= {str}:
        return list(column)
    if kinds == {int}:
        with contextlib.suppress(ValueError):
            return list(map(str, column))
    if kinds <= {str, NoneType}:
        return ["" if value is None else value for value in column]
    return ["" if value is None else _id_text(value) for value in column]


def _id_text(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write an integer of more than 4,300 decimal digits, which a row may hold
        return hex(value)
