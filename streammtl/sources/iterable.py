"""Python iterables of (event, labels) pairs."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, final

import numpy as np
from pydantic import Field

from streammtl.clock import Clock, SystemClock
from streammtl.errors import ConfigError, SourceError
from streammtl.sources.base import Source, check_partitions
from streammtl.types import Position, Records

#: (event, labels): labels by task, one bare label (see `label`), or None.
Pair: TypeAlias = tuple[Mapping[str, Any], Any]

_PARTITION = "iterable"


@final
class IterableSource(Source):
    """Pairs of an event and its labels, from any iterable: a list, a River data set, a function that yields.

    The values are mappings with the labels beside the event's fields. The one partition is called `iterable`; an
    offset counts the pairs from 0. To come back to a position the iterable is run through again, so it must yield the
    same pairs each time; an iterator, which can be run through once, can be opened once.

    >>> source = IterableSource.of([({"amount": 3.0}, {"fraud": True}), ({"amount": 1.0}, None)])
    >>> source.open({})
    >>> source.poll(timeout_s=0.0).values
    [{'amount': 3.0, 'fraud': True}, {'amount': 1.0}]
    >>> source.close()
    """

    class Config(Source.Config):
        """Settings of a Python iterable."""

        kind: Literal["iterable"] = "iterable"
        dataset: str | None = Field(
            default=None,
            pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
            description="What to read, as module:name, e.g. river.datasets:Phishing. A class or function is called "
            "without arguments. In Python, use IterableSource.of(pairs) instead.",
        )
        label: str | None = Field(
            default=None, min_length=1, description="The task whose label comes bare instead of as a mapping."
        )

    def __init__(self, config: IterableSource.Config, base: Path, clock: Clock) -> None:
        if config.dataset is None:
            raise ConfigError(
                "a source of kind iterable needs dataset: module:name (e.g. river.datasets:Phishing); in Python, use "
                "IterableSource.of(pairs)"
            )
        self._name: str = config.dataset
        self._label = config.label
        self._max_poll_records = config.max_poll_records
        self._pairs: Iterable[Pair] | Callable[[], Iterable[Pair]] | None = None
        self._iterator: Iterator[Pair] | None = None
        self._n_records: int | None = None
        self._is_spent = False

    @classmethod
    def of(
        cls,
        pairs: Iterable[Pair] | Callable[[], Iterable[Pair]],
        label: str | None = None,
        max_poll_records: int = 5000,
    ) -> IterableSource:
        """A source of pairs, or of what a function without arguments returns each time the source is opened."""
        config = cls.Config(dataset="python:pairs", label=label, max_poll_records=max_poll_records)
        source = cls(config, Path(), SystemClock())
        source._name = f"the given {type(pairs).__name__}"
        source._pairs = pairs
        return source

    def open(self, position: Position) -> None:
        """Begin the iterable, and go on to the position."""
        check_partitions(position, (_PARTITION,))
        if self._pairs is None:
            self._pairs = _load(self._name)
        pairs = self._pairs() if callable(self._pairs) else self._pairs
        self._n_records = len(pairs) if isinstance(pairs, Sized) else None
        iterator = iter(pairs)
        if iterator is self._pairs:
            if self._is_spent:
                raise SourceError(
                    f"{self._name} is an iterator, which can be read only once, and it was; give a list, or a "
                    "function that makes a new iterator"
                )
            self._is_spent = True
        target = position.get(_PARTITION, 0)
        self._next_offset = sum(1 for _ in itertools.islice(iterator, target))
        if self._next_offset < target:
            raise SourceError(
                f"{self._name} has {self._next_offset} pairs, but the position to resume from is {target}: it "
                "does not yield what it yielded before"
            )
        self._iterator = iterator

    def poll(self, timeout_s: float) -> Records | None:
        """The next pairs; never waits."""
        assert self._iterator is not None, "open the source first"
        start = self._next_offset
        values = []
        for pair in itertools.islice(self._iterator, self._max_poll_records):
            values.append(self._merge(pair))
            self._next_offset += 1
        if not values:
            return None
        offset_N = np.arange(start, self._next_offset)
        return Records(values, (_PARTITION,), np.zeros(len(values), np.int32), offset_N)

    @property
    def n_records(self) -> int | None:
        """The length of the iterable, where it has one; None before `open`."""
        return self._n_records

    def close(self) -> None:
        """Let go of the iterator."""
        self._iterator = None

    def _merge(self, pair: Any) -> dict[str, Any]:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Mapping)):
            raise SourceError(
                f"item {self._next_offset} of {self._name} is {_short(pair)}; expected a pair (event, labels) whose "
                "event is a mapping of field to value"
            )
        event, labels = pair
        if labels is None:
            return dict(event)
        if not isinstance(labels, Mapping):
            if self._label is None:
                raise SourceError(
                    f"the labels of item {self._next_offset} of {self._name} are {_short(labels)}; expected a "
                    "mapping of task to label. For a bare label, name its task with label"
                )
            labels = {self._label: labels}
        clash = event.keys() & labels.keys()
        if clash:
            raise SourceError(
                f"{sorted(clash)[0]!r} is both a field of the event and a label in item {self._next_offset} of "
                f"{self._name}; the label would be known before it is predicted. Rename one of them"
            )
        return {**event, **labels}


def _load(dataset: str) -> Iterable[Pair] | Callable[[], Iterable[Pair]]:
    module_name, _, name = dataset.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as problem:
        raise SourceError(f"cannot import {module_name!r} for the data set {dataset}: {problem}") from problem
    if name not in vars(module):
        raise SourceError(f"the module {module_name!r} has no {name!r}; check the source's dataset")
    found = vars(module)[name]
    if not callable(found) and not isinstance(found, Iterable):
        raise SourceError(f"{dataset} is a {type(found).__name__}; expected an iterable, or what makes one when called")
    return cast("Iterable[Pair] | Callable[[], Iterable[Pair]]", found)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
