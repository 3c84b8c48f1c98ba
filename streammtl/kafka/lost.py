"""A cluster that has moved: its brokers have other addresses, and a client library looks for them at the old ones."""

from __future__ import annotations

from typing import final

from streammtl.clock import SystemClock
from streammtl.kafka.probe import probe
from streammtl.kafka.settings import KafkaConnection

_LOOK_S = 0.5  # for a server of the settings to answer
_LOST_S = 10.0  # a library that tries again every second would have found a broker that only was away


@final
class Lost:
    """For how long a client has reached no broker, although one of the servers in the settings answers.

    kafka-python 3.0.12 never goes back to those servers; librdkafka 2.16 does, unless it publishes in transactions.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._by_hand = connection.model_copy(update={"connect_timeout_s": _LOOK_S})
        self._clock = SystemClock()
        self._since_s: float | None = None

    def is_so(self, *, reaches_broker: bool) -> bool:
        """Whether another client, which begins with those servers, may do better. Called again and again."""
        if reaches_broker or probe(self._by_hand) is not None:
            self._since_s = None
            return False
        now_s = self._clock.monotonic()
        self._since_s = now_s if self._since_s is None else self._since_s
        return now_s - self._since_s >= _LOST_S
