"""What Kafka's clients say: news comes through, what is none does not."""

from __future__ import annotations

import logging

import pytest

from streammtl.config import Monitoring
from streammtl.run.logs import set_up_logs


@pytest.mark.parametrize(
    ("level", "message", "values"),
    [
        (logging.WARNING, "Task %r ran for %.3fs (>%.3fs threshold). It is blocking the event loop", ("t", 0.11, 0.1)),
        (logging.ERROR, "Metadata refresh: failed %s", ("Cancelled",)),
        (logging.ERROR, "Error sending %s to node %s [%s]", ("OffsetCommitRequest", "coordinator-1", "Cancelled")),
        (logging.WARNING, "Marking the coordinator dead (node %s) for group %s: %s.", ("c-1", "g", "Cancelled")),
    ],
)
def test_what_is_no_news_is_not_written(
    capsys: pytest.CaptureFixture[str], level: int, message: str, values: tuple[object, ...]
) -> None:
    set_up_logs(Monitoring())
    logging.getLogger("kafka.any").log(level, message, *values)
    assert capsys.readouterr().err == ""


def test_what_is_news_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(Monitoring())
    logging.getLogger("kafka.cluster").error("Metadata refresh: failed %s", "KafkaConnectionError")
    assert "Metadata refresh: failed KafkaConnectionError" in capsys.readouterr().err


def test_an_exception_is_a_warning_with_what_it_says_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(Monitoring())
    try:
        raise ConnectionResetError("reset by peer")
    except ConnectionResetError:
        logging.getLogger("kafka.net").exception("Error receiving from %s", "node 1")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("WARNING kafka.net: Error receiving from node 1: ConnectionResetError('reset by peer')")
