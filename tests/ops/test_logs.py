"""Log lines for people and for machines."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from typing import Any

import pytest

from streammtl.config import Monitoring
from streammtl.run.logs import JsonLines, OnceInAWhile, set_up_logs, without_secrets

Capture = pytest.CaptureFixture[str]


def json_lines(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_daemon_without_a_terminal_writes_json(capsys: Capture) -> None:
    set_up_logs(Monitoring(), is_daemon=True)
    logging.getLogger("streammtl.x").warning(
        "drift of %s", "up", extra={"fields": {"events": 7, "after": float("nan")}}
    )
    (line,) = json_lines(capsys)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "streammtl.x",
        "message": "drift of up",
        "fields": {"events": 7, "after": None},
    }


def test_what_other_libraries_say_and_warn_of_is_json_too(capsys: Capture) -> None:
    set_up_logs(Monitoring(), is_daemon=True)
    logging.getLogger("asyncio").error("a task was lost")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)  # pytest has put its own in the place
        logging.captureWarnings(True)
        warnings.warn("old", stacklevel=1)
    said, warned = json_lines(capsys)
    assert (said["logger"], said["level"], said["message"]) == ("asyncio", "error", "a task was lost")
    assert warned["logger"] == "py.warnings"
    assert "UserWarning: old" in warned["message"]


@pytest.mark.parametrize(
    ("log_format", "is_daemon", "is_json"),
    [("auto", False, False), ("json", False, True), ("human", True, False), ("auto", True, True)],
)
def test_the_format_is_as_configured(capsys: Capture, log_format: Any, is_daemon: bool, is_json: bool) -> None:
    set_up_logs(Monitoring(log_format=log_format), is_daemon=is_daemon)
    logging.getLogger("streammtl.x").info("hello")
    assert capsys.readouterr().err.startswith("{") == is_json


def test_a_daemon_on_a_terminal_writes_for_people(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    set_up_logs(Monitoring(), is_daemon=True)
    logging.getLogger("streammtl.x").info("hello")
    assert capsys.readouterr().err.endswith("INFO streammtl.x: hello\n")


def test_an_event_is_one_line_whatever_it_says(capsys: Capture) -> None:
    set_up_logs(Monitoring(log_format="json"))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("streammtl.x").exception("a\nb")
    (line,) = json_lines(capsys)
    assert line["message"] == "a\nb"
    assert line["error"].endswith("ValueError: two\nlines")


def test_a_flood_of_a_client_is_a_line_per_some_seconds(capsys: Capture) -> None:
    set_up_logs(Monitoring(log_format="json"))
    for port in range(1000):
        logging.getLogger("kafka.net.connection").error("<node=1 port=%d>: connection lost", port)
        logging.getLogger("kafka.net.connection").info("closing")
    assert [line["message"] for line in json_lines(capsys)] == ["<node=1 port=0>: connection lost"]


def test_the_next_line_tells_how_many_were_left_out() -> None:
    once = OnceInAWhile(10.0)
    records = [
        logging.makeLogRecord({"name": "kafka", "msg": "node %d lost", "args": (i,), "created": float(i)})
        for i in range(15)
    ]
    kept = [record.getMessage() for record in records if once.filter(record)]
    assert kept == ["node 0 lost", "node 10 lost (9 more like it)"]


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    once = OnceInAWhile(10.0)
    for created in (1000.0, 1.0):
        assert once.filter(logging.makeLogRecord({"name": "kafka", "msg": "lost", "created": created}))


@pytest.mark.parametrize(
    "text",
    [
        "sasl_plain_password=hunter2",
        "'sasl_plain_password': 'hunter2'",
        'sasl.password="hunter2", x=1',
        "{'ssl_key_password': 'hunter2'}",
        "kafka://ada:hunter2@broker:9092",
        "api-key: hunter2",
        "TOKEN=hunter2;",
    ],
)
def test_what_looks_like_a_secret_is_never_written(capsys: Capture, text: str) -> None:
    for log_format in ("human", "json"):
        set_up_logs(Monitoring.model_validate({"log_format": log_format}))
        logging.getLogger("kafka.conn").error("cannot connect: %s", text)
        logging.getLogger("streammtl.x").error("cannot connect", extra={"fields": {"why": text}})
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("streammtl.x").exception("failed")
    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert written.count("***") == 5  # people are not shown the fields


def test_what_is_no_secret_stays() -> None:
    text = "the token bucket is full; password_env KAFKA_PASSWORD is not set"
    assert without_secrets(text) == text


def test_a_line_has_no_fields_where_none_were_given() -> None:
    assert "fields" not in json.loads(JsonLines().format(logging.makeLogRecord({"msg": "x"})))
