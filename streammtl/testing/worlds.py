"""What every simulated world keeps to; call these with your own class of `World`."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import msgspec
import numpy as np
from pydantic import TypeAdapter

from streammtl.component import OneOf
from streammtl.features.base import Feature
from streammtl.tasks.base import Task
from streammtl.worlds.base import World

#: Enough for every part of a world, few enough for a test.
N_EVENTS = 3000


def check_the_same_seed_gives_the_same_bytes(world: type[World]) -> None:
    """Two worlds of one configuration, one of them read twice, write the same documents."""
    first, second = _build(world), _build(world)
    expected = _documents(first)
    assert _documents(second) == expected, "another world of the same configuration writes other bytes"
    assert _documents(first) == expected, "the same world writes other bytes when read again"


def check_readers_do_not_disturb_each_other(world: type[World]) -> None:
    """Two readers in turns, one of whom stops, see what one reader sees."""
    simulated = _build(world)
    expected = [batch.value_N for batch in simulated.records()]
    left, right = simulated.records(), simulated.records()
    in_turns = [(a.value_N, b.value_N) for a, b in islice(zip(left, right, strict=True), 2)]
    assert in_turns == [(values, values) for values in expected[:2]]
    assert [batch.value_N for batch in simulated.records()] == expected


def check_another_seed_gives_another_stream(world: type[World]) -> None:
    """The seed matters."""
    assert _documents(_build(world)) != _documents(_build(world, seed=1))


def check_every_event_comes_once(world: type[World]) -> None:
    """As many different ids as events are configured, each in a document of its batch, each with its best outputs."""
    simulated = _build(world)
    schema = simulated.run_config()["schema"]
    event_ids: list[str] = []
    for batch in simulated.records():
        assert len(batch.is_label_N) == len(batch.value_N)
        assert len(batch.key_N) in (0, len(batch.value_N))
        assert len(batch.best_EO) == len(batch.event_ids)
        found = [
            str(msgspec.json.decode(value)[schema["id"]])
            for value, is_label in zip(batch.value_N, batch.is_label_N, strict=True)
            if not is_label
        ]
        assert found == batch.event_ids
        event_ids += batch.event_ids
    assert len(event_ids) == len(set(event_ids)) == N_EVENTS


def check_labels_follow_their_events(world: type[World]) -> None:
    """Every label is of an event that has come before, and none comes twice."""
    simulated = _build(world)
    config = simulated.run_config()
    tasks = _tasks(config)
    seen: set[str] = set()
    labelled: set[tuple[str, str]] = set()
    for document, is_label in _decoded(simulated):
        key = str(document[config["schema"]["id"]])
        if not is_label:
            seen.add(key)
        assert key in seen, f"a label of {key} comes before its event"
        for task in tasks:
            if document.get(task.label_field) is not None:
                assert (key, task.name) not in labelled, f"{task.name} of {key} is labelled twice"
                labelled.add((key, task.name))
    assert labelled, "no event is ever labelled"


def check_records_arrive_in_order_of_time(world: type[World]) -> None:
    """Without dirt, the times of the records never go back."""
    simulated = _build(world)
    field = simulated.run_config()["schema"]["time"]
    times = [document[field] for document, _ in _decoded(simulated)]
    assert times == sorted(times)


def check_recommended_configuration_fits_the_records(world: type[World]) -> None:
    """Features, tasks, labels and best outputs are what the recommended configuration says."""
    simulated = _build(world)
    config = simulated.run_config()
    tasks = _tasks(config)
    feature_config: TypeAdapter[Feature.Config] = TypeAdapter(Annotated[Feature.Config, OneOf("features")])
    features = [
        feature_config.validate_python(given).build(name) for name, given in config["schema"]["features"].items()
    ]
    events = [document for document, is_label in _decoded(simulated) if not is_label]
    for feature in features:
        if feature.field is None:
            continue
        values = [event[feature.field] for event in events]
        msgspec.convert(values, list[feature.wire_type | None])  # type: ignore[name-defined]
        dense = np.zeros((len(values), len(feature.dense_names)), dtype=np.float32)
        category = np.zeros((len(values), len(feature.category_names)), dtype=np.int32)
        assert feature.encode(values, np.zeros(len(values)), dense, category) == []
    assert not {feature.field for feature in features} & {task.label_field for task in tasks}, "a label is a feature"
    for task in tasks:
        labels = [document.get(task.label_field) for document, _ in _decoded(simulated)]
        assert task.encode_labels(labels)[1] == []
    best_EO = next(iter(simulated.records())).best_EO
    assert best_EO.shape[1] == sum(task.n_outputs for task in tasks)
    assert best_EO.dtype == np.float64


def check_best_scores_are_those_of_every_task(world: type[World]) -> None:
    """Every task has best scores, and they are numbers."""
    simulated = _build(world)
    scores = simulated.best_scores()
    assert list(scores) == list(simulated.run_config()["tasks"])
    for task, of_task in scores.items():
        assert of_task, f"{task} has no best score"
        assert all(isinstance(value, float) for value in of_task.values())


def check_drifts_lie_within_the_stream(world: type[World]) -> None:
    """Every drift begins within the stream, in order, and names tasks and fields that there are."""
    simulated = _build(world)
    config = simulated.run_config()
    events = [document for document, is_label in _decoded(simulated) if not is_label]
    times = sorted(event[config["schema"]["time"]] for event in events)
    drifts = simulated.drifts()
    assert [drift.start_event for drift in drifts] == sorted(drift.start_event for drift in drifts)
    for drift in drifts:
        assert drift.start_s <= drift.end_s
        assert (drift.kind == "abrupt") == (drift.start_s == drift.end_s)
        assert set(drift.tasks) <= set(config["tasks"])
        assert set(drift.features) <= set(events[0])
        assert times[drift.start_event] >= drift.start_s
        assert drift.start_event == 0 or times[drift.start_event - 1] < drift.start_s


CHECKS = (
    check_the_same_seed_gives_the_same_bytes,
    check_readers_do_not_disturb_each_other,
    check_another_seed_gives_another_stream,
    check_every_event_comes_once,
    check_labels_follow_their_events,
    check_records_arrive_in_order_of_time,
    check_recommended_configuration_fits_the_records,
    check_best_scores_are_those_of_every_task,
    check_drifts_lie_within_the_stream,
)


def _build(world: type[World], seed: int = 0) -> World:
    return world.Config(seed=seed, events=N_EVENTS).build()


def _documents(world: World) -> list[bytes]:
    return [value for batch in world.records() for value in batch.value_N]


def _decoded(world: World) -> list[tuple[dict[str, Any], bool]]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    return [
        (decoder.decode(value), is_label)
        for batch in world.records()
        for value, is_label in zip(batch.value_N, batch.is_label_N, strict=True)
    ]


def _tasks(config: dict[str, Any]) -> list[Task]:
    adapter: TypeAdapter[Task.Config] = TypeAdapter(Annotated[Task.Config, OneOf("tasks")])
    return [adapter.validate_python(given).build(name) for name, given in config["tasks"].items()]
