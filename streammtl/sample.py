"""From a sample of a stream to a first configuration, with the reason for every guess beside it."""

from __future__ import annotations

import datetime
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from streammtl.errors import ConfigError
from streammtl.times import read_times
from streammtl.wire import is_present

#: Seconds between 1973 and 2096, in which a column of numbers may be a time.
EPOCH_S = (1e8, 4e9)
#: A label with at most so many different whole numbers names classes rather than amounts.
MAX_NUMBER_CLASSES = 10
MAX_TEXT_CLASSES = 50

_LABEL_NAME = re.compile(r"y$|y_|label|target", re.IGNORECASE)
_TIME_NAME = re.compile(r"(^|_)(ts|time|timestamp|date|datetime|at)($|_)|time$", re.IGNORECASE)
_ID_NAME = re.compile(r"(^|_)(id|uuid|guid|key)$|[a-z]I[dD]$", re.IGNORECASE)
_CODE_NAME = re.compile(
    r"(^|_)(dow|day|weekday|month|hour|code|type|kind|class|zone|region|category|period)($|_)", re.I
)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def propose(rows: Sequence[Mapping[str, Any]], source_config: Mapping[str, Any], tasks: Sequence[str] = ()) -> str:
    """The text of a YAML configuration that can be run as it is, from rows in the order of the stream.

    `tasks` are the columns to predict; by default those that look like labels. Raises `ConfigError` when the rows hold
    nothing to learn from, or none of the columns that `tasks` names.
    """
    found = _columns(rows)
    nested = _columns([row["labels"] for row in rows if isinstance(row.get("labels"), Mapping)])
    if nested:
        del found["labels"]
    columns = {name: column for name, column in found.items() if not _is_unreadable(name)}
    guess = _guess_schema(columns, rows)
    if nested:
        guess.lines.append("labels: labels # an object")
    chosen, why_tasks = _choose_tasks(nested or columns, tasks, guess.taken, is_nested=bool(nested))
    features = _features(columns, set(chosen), guess)
    features += [f"# {_key(name)}: a field of such a name cannot be read" for name in found if name not in columns]
    return _HEAD.format(
        n_rows=f"{len(rows):,}",
        schema="\n".join(f"  {line}" for line in guess.lines),
        features="\n".join(f"    {line}" for line in features),
        why_tasks=why_tasks,
        tasks="\n".join(f"  {_task((nested or columns)[name])}" for name in chosen),
        source=json.dumps(dict(source_config), ensure_ascii=False, default=str),
    )


_HEAD = """\
# Proposed from the first {n_rows} records. Every choice has its reason beside it; change what you know better, then:
#   streammtl check THIS_FILE
#   streammtl replay THIS_FILE
name: proposed
seed: 0
schema:
{schema}
  features: # streammtl list features
{features}
tasks: # {why_tasks}; streammtl list tasks
{tasks}
# model: {{kind: mlp, hidden: [64, 64]}} # streammtl explain models/mlp, streammtl list models
# weighting: equal # or scale_invariant, famo, ...: streammtl list weighting
source: {source}
# sink: {{predictions: {{kind: jsonl, path: predictions.jsonl}}, rejects: {{kind: jsonl, path: rejects.jsonl}}}}
"""


@dataclass(frozen=True)
class _Column:
    """What the sample says about one field."""

    name: str
    n_rows: int
    kind: Literal["empty", "boolean", "number", "list", "time", "text", "other"]
    values: list[Any]  # present ones, as their kind: bool, float, list, seconds, or text
    n_distinct: int

    @property
    def seen(self) -> str:
        """How many values were seen in how many rows."""
        missing = self.n_rows - len(self.values)
        text = f"{self.n_distinct:,} distinct value{'s' * (self.n_distinct != 1)} in {self.n_rows:,} rows"
        return text + (f", {missing:,} missing" if missing else "")

    @property
    def is_whole(self) -> bool:
        """Are they whole numbers?"""
        return self.kind == "number" and all(value.is_integer() for value in self.values)

    @property
    def is_binary(self) -> bool:
        """Are they yes and no?"""
        return self.kind == "boolean" or (self.kind == "number" and set(self.values) <= {0.0, 1.0})

    @property
    def never_falls(self) -> bool:
        """Does every value reach the one before?"""
        pairs = zip(self.values, self.values[1:], strict=False)
        return self.kind in ("number", "time") and self.n_distinct > 1 and all(a <= b for a, b in pairs)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, _Column]:
    names = list(dict.fromkeys(str(name) for row in rows for name in row if name))
    return {name: _look_at(name, [row.get(name) for row in rows]) for name in names}


def _look_at(name: str, raw: list[Any]) -> _Column:
    present = [value for value in map(_as_json, raw) if is_present(value)]
    kind, values = _read(present)
    return _Column(name, len(raw), kind, values, len({repr(value) for value in values}))


def _as_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _read(values: list[Any]) -> tuple[Any, list[Any]]:
    """The kind of a column, and its values as that."""
    if not values:
        return "empty", []
    if all(isinstance(value, list | tuple) for value in values):
        return "list", values
    if any(isinstance(value, list | tuple | Mapping) for value in values):
        return "other", []
    if all(isinstance(value, bool) or str(value).lower() in ("true", "false") for value in values):
        return "boolean", [str(value).lower() == "true" for value in values]
    try:
        return "number", [value for value in msgspec.convert(values, list[float], strict=False) if is_present(value)]
    except msgspec.ValidationError:
        pass
    if all(isinstance(value, str) for value in values):
        seconds, problems = read_times(values, "iso")
        if not problems and len(min(values, key=len)) >= len("2024-01-01"):
            return "time", seconds.tolist()
    return "text", [str(value) for value in values]


@dataclass(frozen=True)
class _Guess:
    """What was found for the schema's own fields."""

    lines: list[str]
    taken: set[str]  # fields that are no features
    time: str | None


def _guess_schema(columns: Mapping[str, _Column], rows: Sequence[Mapping[str, Any]]) -> _Guess:
    lines: list[str] = []
    taken: set[str] = set()
    # A row with half of the fields or fewer is a label that follows its event under the same id.
    n_fields = [sum(name in columns and is_present(value) for name, value in row.items()) for row in rows]
    n_events = sum(2 * n > max(n_fields) for n in n_fields)
    ids = [c for c in columns.values() if _ID_NAME.search(c.name) and _names_one_event(c, n_events)]
    if ids:
        taken.add(ids[0].name)
        lines.append(f"id: {_key(ids[0].name)} # another in every event")
    else:
        lines.append("# id: ... # no column is named like an id and differs in every event; labels come inside events")
    times = sorted(filter(_is_time, columns.values()), key=lambda c: not _TIME_NAME.search(c.name))
    if times:
        taken.add(times[0].name)
        how = "ISO 8601" if times[0].kind == "time" else "epoch seconds or milliseconds"
        lines.append(f"time: {_key(times[0].name)} # {how}, in order")
    else:
        lines.append("# time: ... # no column holds times in order")
    for column in columns.values():
        if column.name not in taken and _ID_NAME.search(column.name) and 10 < column.n_distinct < column.n_rows / 2:
            lines.append(f"# entity: {_key(column.name)} # {column.seen}")
        elif column.kind == "text" and set(column.values) == {"event", "label"}:
            taken.add(column.name)
            lines.append(f"record: {_key(column.name)} # says event or label")
    return _Guess(lines, taken, times[0].name if times else None)


def _names_one_event(column: _Column, n_events: int) -> bool:
    is_id = column.kind == "text" or column.is_whole
    return is_id and len(column.values) == column.n_rows > 1 and column.n_distinct >= n_events


def _is_time(column: _Column) -> bool:
    if column.kind == "number":
        in_seconds = [value / 1000.0 if value > 1e11 else value for value in column.values]
        if not all(EPOCH_S[0] <= value <= EPOCH_S[1] for value in in_seconds):
            return False
        return bool(_TIME_NAME.search(column.name)) and _mostly_in_order(column)
    return column.kind == "time" and _mostly_in_order(column)


def _mostly_in_order(column: _Column) -> bool:
    steps = [a <= b for a, b in zip(column.values, column.values[1:], strict=False)]
    return column.n_distinct > 1 and sum(steps) >= 0.9 * len(steps)


def _choose_tasks(
    columns: Mapping[str, _Column], wanted: Sequence[str], taken: set[str], is_nested: bool
) -> tuple[list[str], str]:
    """The columns to predict, and why these."""
    usable = [name for name, c in columns.items() if name not in taken and c.kind not in ("list", "other", "time")]
    if wanted:
        unknown = [name for name in wanted if name not in usable]
        if unknown:
            raise ConfigError(f"cannot predict {', '.join(unknown)}; columns that can be labels: {', '.join(usable)}")
        return list(dict.fromkeys(wanted)), "as asked for"
    if is_nested and usable:
        return usable, "all that stand in the object of labels"
    for pattern, why in ((_LABEL_NAME, "named y_..., label or target"), (re.compile("is_"), "named is_...")):
        found = [name for name in usable if pattern.match(name)]
        if found:
            return found, why
    if len(usable) < 2:
        raise ConfigError(f"the sample has {len(usable)} usable column(s); a label and a feature are needed")
    return usable[-1:], "no column is named like a label: the last one was taken"


def _task(column: _Column) -> str:
    """One line of the `tasks` section."""
    name, seen = _key(column.name), column.seen
    if column.kind == "empty":
        return f"{name}: binary # no label in the sample: or multiclass, regression, count"
    if column.is_binary:
        choice = "" if column.kind == "boolean" or column.n_distinct == 2 else "; or {kind: multiclass, max_classes: 8}"
        return f"{name}: binary # {seen}{choice}"
    classes = sorted({int(v) for v in column.values}) if column.is_whole else sorted({str(v) for v in column.values})
    most = MAX_NUMBER_CLASSES if column.is_whole else MAX_TEXT_CLASSES if column.kind == "text" else 0
    if column.kind == "text" or len(classes) <= most:
        room = min(10_000, max(8, 2 * len(classes)))
        declared = f"; or classes: {json.dumps(classes, ensure_ascii=False)}" if 1 < len(classes) <= most else ""
        return f"{name}: {{kind: multiclass, max_classes: {room}}} # {seen}{declared}"
    if column.is_whole and min(column.values) >= 0.0:
        return f"{name}: count # whole numbers from 0, {seen}; or regression"
    return f"{name}: regression # {seen}"


def _features(columns: Mapping[str, _Column], tasks: set[str], guess: _Guess) -> list[str]:
    """The lines of the `features` section."""
    lines = []
    for name, column in columns.items():
        if name not in tasks and _LABEL_NAME.match(name):
            lines.append(f"# {_key(name)}: looks like a label, so it is no feature")
        elif name not in tasks | guess.taken:
            lines.append(_feature(column))
    n_features = sum(not line.startswith("#") for line in lines)
    if guess.time is not None:
        key = next(key for key in ("clock", "event_clock", "clock of the event") if key not in columns)
        lines.append(f"{'# ' * (n_features > 0)}{key}: time # where the event lies in the day and in the week")
    elif n_features == 0:
        raise ConfigError(f"none of the columns {', '.join(columns)} can be a feature")
    return lines


def _feature(column: _Column) -> str:
    """One line of the `features` section; a comment where the column should be no feature."""
    name, seen = _key(column.name), column.seen
    if column.kind in ("empty", "other"):
        return f"# {name}: {'no value in the sample' if column.kind == 'empty' else 'objects are not read'}"
    if column.kind == "boolean":
        return f"{name}: boolean # {seen}"
    if column.kind == "time":
        return f"{name}: {{kind: time, field: {name}}} # ISO 8601; where in the day and in the week"
    if column.kind == "list":
        return _vector(column)
    if _ID_NAME.search(column.name) and column.n_distinct > 10:
        return f"# {name}: {{kind: categorical, table_size: {_table_size(column)}}} # an id, {seen}"
    return _number(column) if column.kind == "number" else _text(column)


def _vector(column: _Column) -> str:
    name, lengths = _key(column.name), {len(value) for value in column.values}
    numbers = all(item is None or isinstance(item, int | float) for value in column.values for item in value)
    if len(lengths) > 1 or not numbers or 0 in lengths:
        return f"# {name}: lists that are not numbers, or not all of one length"
    return f"{name}: {{kind: vector, length: {lengths.pop()}}} # {column.seen}"


def _number(column: _Column) -> str:
    name, seen = _key(column.name), column.seen
    if column.is_whole and column.never_falls and column.n_distinct > 10:
        return f"# {name}: numeric # only ever grows, like the number of a row: says nothing about the next one"
    if column.is_whole and column.n_distinct <= 100 and _CODE_NAME.search(column.name):
        return f"{name}: categorical # named like a code, {seen}; or numeric"
    middle, largest = statistics.median(map(abs, column.values)), max(map(abs, column.values))
    if largest > 100.0 * middle > 0.0:
        times = f"the largest is {largest / middle:,.0f} times the median"
        return f"{name}: {{kind: numeric, transform: log1p_signed}} # {times}, {seen}"
    choice = "; or categorical" if column.is_whole and 2 < column.n_distinct <= 50 else ""
    return f"{name}: numeric # {seen}{choice}"


def _text(column: _Column) -> str:
    name, seen = _key(column.name), column.seen
    n_words = statistics.mean(len(value.split()) for value in column.values)
    if n_words >= 3 and column.n_distinct > MAX_TEXT_CLASSES:
        return f"{name}: text # {n_words:.0f} words on average, {seen}"
    if column.n_distinct > max(MAX_TEXT_CLASSES, 0.9 * len(column.values)):
        return (
            f"# {name}: {{kind: categorical, table_size: {_table_size(column)}}} # another in nearly every row, {seen}"
        )
    return f"{name}: {{kind: categorical, table_size: {_table_size(column)}}} # {seen}"


def _table_size(column: _Column) -> int:
    """A power of two, at least eight times the values seen: a stream has more than its sample."""
    return int(max(1024, 2 ** (8 * column.n_distinct - 1).bit_length()))


def _is_unreadable(name: str) -> bool:
    return '"' in name or "\\" in name or any(ord(c) < 32 for c in name)


def _key(name: str) -> str:
    """A name as YAML reads it."""
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    return json.dumps(name)
