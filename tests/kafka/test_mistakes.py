"""Mistakes in the settings of Kafka: exit code 2, and a message with the setting, the value, and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streammtl import component
from tests.cli.commands import streammtl
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic
from tests.kafka.counter import Counter
from tests.kafka.daemon import settings_of

SASL = {"protocol": "sasl_ssl", "mechanism": "SCRAM-SHA-512", "username": "ada", "password_env": "NO_SUCH_VARIABLE"}


@pytest.fixture(autouse=True)
def _counting_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(component._REGISTRY["models"], "counter", Counter)


def started(folder: Path, settings: dict[str, Any]) -> tuple[int, str]:
    """Exit code and output of a daemon with these settings."""
    config = folder / "run.yaml"
    config.write_text(json.dumps(settings))
    result = streammtl("run", config)
    assert "Traceback" not in result.output
    return result.exit_code, " ".join(result.output.split())


def settings_at(folder: Path, servers: str) -> dict[str, Any]:
    """Settings without a mistake; all connections are one object."""
    limits = {"unavailable_s": 0.5}  # it would wait for a broker otherwise
    return settings_of(folder, servers, "p", limits=limits)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("source.connection.servers", "kafka", ["source.connection.servers", "expected host:port", '"kafka"']),
        ("source.connection.driver", "librdkafka", ["source.connection.driver", '"librdkafka"', "'confluent'"]),
        ("source.connection.security.protocol", "tls", ["protocol", '"tls"', "'sasl_ssl'"]),
        ("source.connection.security.password", "hunter2", ["source.connection.security.password", "password_env"]),
        ("source.connection.request_timeout_s", 0, ["source.connection.request_timeout_s", "0", ">"]),
        ("source.topics.event", "p", ["source.topics.event", "did you mean", "events"]),
        ("source.topic", "p", ["topic", "topics"]),
        ("source.topics", None, ["topic"]),
        ("source.isolation", "committed", ["source.isolation", '"committed"', "'read_committed'"]),
        ("source.when_offset_is_gone", "skip", ["source.when_offset_is_gone", '"skip"', "'latest'"]),
        ("source.new_partitions", "ignore", ["source.new_partitions", '"ignore"', "'follow'"]),
        ("source.merge_wait_s", -1, ["source.merge_wait_s", "-1", ">="]),
        ("sink.predictions.topic", "my topic", ["sink.predictions.topic", '"my topic"']),
        ("sink.predictions.compression", "brotli", ["sink.predictions.compression", '"brotli"', "'zstd'"]),
        ("sink.predictions.partitions", 0, ["sink.predictions.partitions", "0", ">"]),
        ("sink.delivery", "exactly-once", ["sink.delivery", '"exactly-once"', "'exactly_once'"]),
        ("sink.transactional_id", "me", ["sink.transactional_id has no effect without sink.delivery exactly_once"]),
        ("checkpoint.every_s", 0, ["checkpoint.every_s", "0", ">"]),
        ("limits.rejects_ratio", 1.5, ["limits.rejects_ratio", "1.5", "< 1"]),
        ("limits.rejects_window", 10, ["rejects_window has no effect without rejects_ratio"]),
    ],
)
def test_the_setting_the_value_and_what_is_allowed_are_named(
    tmp_path: Path, key: str, value: Any, expected: list[str]
) -> None:
    settings = place = json.loads(json.dumps(settings_at(tmp_path, "127.0.0.1:1")))  # several objects
    *path, last = key.split(".")
    for part in path:
        place = place.setdefault(part, {})
    place[last] = value
    code, output = started(tmp_path, settings)
    assert code == 2
    assert [word for word in expected if word not in output] == [], output
    assert "hunter2" not in output


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        ({"protocol": "ssl", "ca": "/nowhere/ca.pem"}, "security.ca: there is no file /nowhere/ca.pem"),
        (SASL, "security.password_env: the environment variable NO_SUCH_VARIABLE is not set, or empty"),
        ({**SASL, "password_env": None, "password_file": "/nowhere/password"}, "cannot read /nowhere/password"),
    ],
)
def test_a_secret_or_a_certificate_that_is_not_there_is_named(
    tmp_path: Path, security: dict[str, str], expected: str
) -> None:
    settings = settings_at(tmp_path, "127.0.0.1:1")
    settings["source"]["connection"]["security"] = security
    code, output = started(tmp_path, settings)
    assert code == 2
    assert expected in output


def test_a_topic_to_read_that_is_not_there_is_named(tmp_path: Path, cluster: Cluster, fresh_topic: _NewTopic) -> None:
    settings = settings_at(tmp_path, cluster.servers)
    for sink in ("predictions", "rejects"):
        settings["sink"][sink]["topic"] = fresh_topic()
    code, output = started(tmp_path, settings)
    assert code == 1
    assert f"there is no topic 'p-events' at {cluster.servers}, or we may not see it" in output
