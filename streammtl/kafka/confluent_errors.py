"""What errors of librdkafka mean to a sink."""

from __future__ import annotations

from typing import Any

from streammtl.errors import SinkAbortedError, SinkError, SinkUnavailableError
from streammtl.kafka.denied import Resource
from streammtl.kafka.producer import fenced_error

#: Errors of a coordinator that moves or begins; the library does not always try again by itself.
_COORDINATION = (14, 15, 16)  # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR


def sink_error(do: str, error: Any, *, is_transactional: bool) -> SinkError:
    """The error for a `confluent_kafka.KafkaError` while we wanted to `do` something."""
    # Whatever else is fatal to a transactional producer ends its transaction, too.
    fenced = (
        error._FATAL,
        error._FENCED,
        error.PRODUCER_FENCED,
        error.INVALID_PRODUCER_EPOCH,
        error.INVALID_TXN_STATE,
    )
    if error.code() in fenced:
        return fenced_error(do, error.str())
    message = f"cannot {do}: {error.str()}"
    if is_transactional and error.txn_requires_abort():
        return SinkAbortedError(message)
    away = (error._TIMED_OUT, error._ALL_BROKERS_DOWN, error._TRANSPORT)
    if error.retriable() or error.code() in (*away, *_COORDINATION):
        return SinkUnavailableError(message)
    return SinkError(message)


def denied_resource(error: Any) -> Resource | None:
    """What our user lacks a permission for; None: the error is another one."""
    resources: dict[int, Resource] = {
        error.TOPIC_AUTHORIZATION_FAILED: "topic",
        error.GROUP_AUTHORIZATION_FAILED: "group",
        error.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "transactional-id",
    }
    return resources.get(error.code())


def is_of_transaction(error: Any) -> bool:
    """Whether the library only says that the transaction has failed already; beginning another one tells why."""
    return error.code() in (error._STATE, error._PURGE_QUEUE)
