"""Settings of the two client libraries for a connection."""

from __future__ import annotations

from typing import Any

from streammtl.kafka.security import confluent_security, kafka_python_security
from streammtl.kafka.settings import KafkaConnection

# What the library allows.
_MAX_REQUEST_MS = 300_000
_MIN_CONNECT_MS = 1000


def kafka_python_settings(connection: KafkaConnection) -> dict[str, Any]:
    """Arguments that every client of kafka-python takes."""
    return {
        "bootstrap_servers": list(connection.servers),
        "client_id": connection.client_id,
        "request_timeout_ms": int(connection.request_timeout_s * 1000),
        "bootstrap_timeout_ms": int(connection.connect_timeout_s * 1000),
        "reconnect_backoff_max_ms": int(connection.max_backoff_s * 1000),
        **kafka_python_security(connection.security),
    }


def reaches_broker(client: Any) -> bool:
    """Whether the network client of a client of kafka-python is connected; it does not tell in its public interface."""
    return any(connection.connected for connection in list(client._manager._conns.values()))


def confluent_settings(connection: KafkaConnection) -> dict[str, Any]:
    """Settings that every client of confluent-kafka takes."""
    return {
        "bootstrap.servers": ",".join(connection.servers),
        "client.id": connection.client_id,
        "reconnect.backoff.max.ms": int(connection.max_backoff_s * 1000),
        "socket.timeout.ms": min(_MAX_REQUEST_MS, int(connection.request_timeout_s * 1000)),
        "socket.connection.setup.timeout.ms": max(_MIN_CONNECT_MS, int(connection.connect_timeout_s * 1000)),
        "socket.nagle.disable": True,  # a small request would wait until the one before it is acknowledged
        "enable.metrics.push": False,  # the library would wait for its last one when it is closed
        "log_level": 2,
        **confluent_security(connection.security),
    }
