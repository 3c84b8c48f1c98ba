"""Client libraries that will get nowhere, though the cluster answers: another client may do better."""

from __future__ import annotations

from typing import final

from streammtl.clock import SystemClock
from streammtl.errors import SinkAbortedError
from streammtl.kafka.probe import probe
from streammtl.kafka.settings import KafkaConnection

_LOOK_S = 0.5  # for a server of the settings to answer
_LOST_S = 10.0  # a library that tries again every second would have found a broker that only was away
_STUCK_S = 10.0  # a commit, two small requests, that is not done while brokers answer for so long never will be
_SILENT_S = 30.0  # the same for records of which none has arrived for so long


@final
class Lost:
    """For how long a client has reached no broker, although one of the servers in the settings answers.

    The brokers have other addresses now. kafka-python 3.0.12 never goes back to the servers of the settings; librdkafka
    2.16 does, unless it publishes in transactions.
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


@final
class Hope:
    """Whether a client may yet finish its transaction.

    Both libraries may wait without end for a coordinator that was restarted, while the cluster has another one; and
    kafka-python 3.0.12 forgets that a partition has to join the transaction when its coordinator goes at that moment.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._lost = Lost(connection)
        self._clock = SystemClock()
        self._n_waiting: int | None = None  # when it was asked last
        self._stuck_since_s: float | None = None

    def begin(self) -> None:
        """A commit begins."""
        self._stuck_since_s = None

    def arrived(self) -> None:
        """What was published has; a commit may still be waiting."""
        if self._n_waiting is not None:
            self._stuck_since_s = None

    def require(self, *, reaches_broker: bool, n_waiting: int | None) -> None:
        """Raise `SinkAbortedError` when there is none. Called again and again while the client waits.

        `n_waiting` records are on their way; None: the commit is.
        """
        if self._lost.is_so(reaches_broker=reaches_broker):
            raise SinkAbortedError("the client library does not find the cluster, whose addresses have changed")
        now_s = self._clock.monotonic()
        if not reaches_broker:
            self._stuck_since_s = None
        elif self._stuck_since_s is None or n_waiting != self._n_waiting:
            self._stuck_since_s, self._n_waiting = now_s, n_waiting
        else:
            patience_s = _STUCK_S if n_waiting is None else _SILENT_S
            if now_s - self._stuck_since_s >= patience_s:
                raise SinkAbortedError(
                    f"a transaction gets no further, though the cluster has answered for {patience_s:.0f} s"
                )
