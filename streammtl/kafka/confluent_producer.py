"""A producer of confluent-kafka."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, final

from streammtl.clock import SystemClock
from streammtl.errors import MissingExtraError, SinkError, SinkUnavailableError
from streammtl.kafka.clients import confluent_settings
from streammtl.kafka.confluent_commit import Commit, reaches_broker
from streammtl.kafka.confluent_errors import denied_resource, is_of_transaction, sink_error
from streammtl.kafka.denied import lacks, refused_transaction
from streammtl.kafka.lost import Hope
from streammtl.kafka.producer import (
    FLUSH_PATIENCE_S,
    LAST_PATIENCE_S,
    MAX_WAITING,
    PATIENCE_S,
    Compression,
    Headers,
    Producer,
)
from streammtl.kafka.settings import KafkaConnection

if TYPE_CHECKING:
    import confluent_kafka

_log = logging.getLogger(__name__)

_Record = tuple[str, bytes, bytes, Headers]  # topic, key, value

_QUEUE_RECORDS = 10 * MAX_WAITING  # of the client library: what is taken between two calls of `settle` fits into it
_QUEUE_KILOBYTES = 1024 * 1024
_FLUSH_S = 0.2  # how long it may go unnoticed that all brokers are away
_MAX_RECORD_BYTES = 64 * 1024 * 1024  # what a record may have is the broker's to say


@final
class ConfluentProducer(Producer):
    """The library tells of the records that failed only; those go out again, by a new client where it takes one."""

    def __init__(
        self,
        connection: KafkaConnection,
        compression: Compression,
        transactional_id: str | None,
        transaction_timeout_s: float,
    ) -> None:
        self._settings = {
            **confluent_settings(connection),
            "enable.idempotence": True,
            "message.timeout.ms": 0,  # never
            "delivery.report.only.error": True,
            "partitioner": "murmur2_random",
            "linger.ms": 1,
            "queue.buffering.max.messages": _QUEUE_RECORDS,
            "queue.buffering.max.kbytes": _QUEUE_KILOBYTES,
            "message.max.bytes": _MAX_RECORD_BYTES,
            "compression.type": compression,
            "allow.auto.create.topics": False,
            "logger": _log,
            "error_cb": self._hear,
        }
        self._connection = connection
        self._transactional_id = transactional_id
        if transactional_id is not None:
            self._settings["transactional.id"] = transactional_id
            self._settings["transaction.timeout.ms"] = timeout_ms = int(transaction_timeout_s * 1000)
            self._settings["socket.timeout.ms"] = min(self._settings["socket.timeout.ms"], timeout_ms)
            # Otherwise, where no broker answers, librdkafka 2.16 throws away all that it knows and begins anew with the
            # servers of the settings; but a mark still waits for the coordinator that is thrown away, without end.
            self._settings["metadata.recovery.strategy"] = "none"
            del self._settings["message.timeout.ms"]  # it follows the transaction's
        self._outbox: deque[_Record] = deque()  # not taken by the client yet
        self._failed: list[tuple[Any, Any]] = []  # error and message, as the library reports them
        self._fatal: Any = None  # the error after which the library does nothing more
        self._denied: str | None = None  # why records wait that we may not write
        self._topics: set[str] = set()  # that were published to
        self._is_away = False  # all brokers are, or the last flush was in vain
        self._clock = SystemClock()
        self._client = self._connect()
        self._hope = Hope(connection)
        self._commit = Commit(self._client, connection, self._hope)

    def publish(self, topic: str, keys: Sequence[bytes], values: Sequence[bytes], headers: Sequence[Headers]) -> None:
        """Give the records to the library, which sends them in threads of its own."""
        self._topics.add(topic)
        n_taken = 0
        if not self._outbox:
            produce, report = self._client.produce, self._report
            try:
                for key, value, of_record in zip(keys, values, headers, strict=True):
                    produce(topic, value, key, headers=of_record, on_delivery=report)
                    n_taken += 1
            except BufferError:
                pass
            except self._error as error:
                self._refuse(topic, error)
        rest = slice(n_taken, None)
        self._outbox.extend((topic, *record) for record in zip(keys[rest], values[rest], headers[rest], strict=True))
        self._serve(self._client.poll, 0)

    def flush(self) -> None:
        """Wait for the library's queue."""
        self._push()
        start_s = self._clock.monotonic()
        while self.n_waiting:
            self._serve(self._client.flush, _FLUSH_S)
            self._push()
            patience_s = PATIENCE_S if self._is_away else FLUSH_PATIENCE_S
            if self._fatal is not None or self._failed or self._clock.monotonic() - start_s >= patience_s:
                break
        self._is_away = self.n_waiting > 0
        self._check()
        if self.n_waiting:
            self._wait_on()
        self._hope.arrived()

    def settle(self) -> None:
        """Wait for room in the library's queue; after a denial, for what was denied."""
        if self._denied is not None:
            self.flush()
            self._denied = None
            return
        self._push()
        deadline_s = self._clock.monotonic() + PATIENCE_S
        self._serve(self._client.poll, 0)
        while self.n_waiting > MAX_WAITING and self._clock.monotonic() < deadline_s:
            self._serve(self._client.poll, 0.01)
            self._push()
        self._check()
        if self.n_waiting > MAX_WAITING:
            self._wait_on()
        self._hope.arrived()

    @property
    def n_waiting(self) -> int:
        """Those with the library, and those before it."""
        return len(self._client) + len(self._outbox)

    def init_transactions(self) -> None:
        """Wait for the coordinator."""
        self._explained("initialise transactions", lambda: self._client.init_transactions(PATIENCE_S))

    def begin_transaction(self) -> None:
        """Tell the library."""
        self._explained("begin a transaction", self._client.begin_transaction)
        self._commit.begin()

    def commit_transaction(self, topic: str, number: int, group: str, metadata: str) -> None:
        """Wait for the two steps."""
        try:
            self._commit.carry_out(topic, number, group, metadata)
        except self._error as error:
            self._raise("commit a transaction", error, mark=topic)

    def close(self, patience_s: float = LAST_PATIENCE_S) -> None:
        """Flush for a moment."""
        if self._fatal is not None:
            return  # the library has given everything up
        self._serve(self._client.flush, patience_s)
        self._client.purge()
        self._serve(self._client.poll, 0)

    def _connect(self) -> confluent_kafka.Producer:
        try:
            import confluent_kafka
        except ImportError:
            raise MissingExtraError("confluent-kafka", "confluent", "driver: confluent") from None
        self._error = confluent_kafka.KafkaException
        client = confluent_kafka.Producer(self._settings)
        try:
            client.list_topics(timeout=self._connection.connect_timeout_s)
        except self._error as error:
            self._raise("reach the cluster", error)
        return client

    def _serve(self, call: Callable[[float], Any], timeout_s: float) -> None:
        """Let the library work: `poll` or `flush`. A fatal error is kept for `_check`."""
        try:
            call(timeout_s)
        except self._error as raised:
            self._fatal = raised.args[0]
        except SystemError as raised:
            # It raises a fatal error in one callback and goes on to the next, which loses the error or hides it.
            import confluent_kafka

            cause = raised.__cause__
            fatal = confluent_kafka.KafkaError(confluent_kafka.KafkaError._FATAL)
            self._fatal = cause.args[0] if isinstance(cause, self._error) else fatal

    def _hear(self, error: Any) -> None:
        self._is_away = self._is_away or error.code() == error._ALL_BROKERS_DOWN

    def _report(self, error: Any, message: Any) -> None:
        self._failed.append((error, message))

    def _push(self) -> None:
        outbox = self._outbox
        while outbox:
            topic, key, value, headers = outbox[0]
            try:
                self._client.produce(topic, value, key, headers=headers, on_delivery=self._report)
            except BufferError:
                return
            except self._error as error:
                return self._refuse(topic, error)
            outbox.popleft()

    def _refuse(self, topic: str, raised: Exception) -> None:
        """The library does not take a record: after a fatal error it takes none, and `_check` sees to that.

        Where we may not write, `_check` says so, too: somebody may allow it.
        """
        import confluent_kafka

        error = raised.args[0]
        if denied_resource(error) == "topic" and self._transactional_id is None:
            self._denied = f"cannot publish: {lacks(self._connection, 'Write', 'topic', topic)}"
            return
        if error.code() != confluent_kafka.KafkaError._FATAL:
            self._raise(f"publish to {topic}", raised)
        self._serve(self._client.poll, 0)  # brings the reason
        self._fatal = self._fatal or error

    def _check(self) -> None:
        """Send again what failed."""
        import confluent_kafka

        if self._fatal is not None:
            if self._transactional_id is not None:
                self._raise("publish", confluent_kafka.KafkaException(self._fatal))
            self._client.purge()
            self._serve(self._client.flush, PATIENCE_S)  # every record that was on its way is reported
            self._client, self._fatal = self._connect(), None
        failed, self._failed = self._failed, []
        if not failed:
            if self._outbox and self._denied is not None:
                raise SinkUnavailableError(self._denied)
            return
        error, message = failed[0]
        codes = confluent_kafka.KafkaError
        if self._transactional_id is not None:
            self._raise(f"publish to {message.topic()}", confluent_kafka.KafkaException(error))
        if error.code() in (codes.MSG_SIZE_TOO_LARGE, codes.INVALID_RECORD, codes.INVALID_MSG_SIZE):
            n_bytes = len(message.value() or b"")
            raise SinkError(
                f"the broker refuses the record {message.key()!r} of {n_bytes:,} bytes for {message.topic()}: "
                f"{error.str()}"
            )
        self._outbox.extendleft((m.topic(), m.key(), m.value(), m.headers() or []) for _, m in reversed(failed))
        is_denied = denied_resource(error) == "topic"
        said = lacks(self._connection, "Write", "topic", message.topic()) if is_denied else error.str()
        raise SinkUnavailableError(
            f"{len(failed)} records for {message.topic()} were not taken, and will be sent again: {said}"
        )

    def _explained(self, do: str, call: Callable[[], None]) -> None:
        try:
            call()
        except self._error as error:
            self._raise(do, error)

    def _wait_on(self) -> NoReturn:
        """For what is on its way, unless there is no hope."""
        if self._transactional_id is not None:
            is_reached = reaches_broker(self._client, next(iter(self._topics)))
            self._hope.require(reaches_broker=is_reached, n_waiting=self.n_waiting)
        raise SinkUnavailableError(f"{self.n_waiting:,} published records are not acknowledged")

    def _raise(self, do: str, raised: Exception, mark: str | None = None) -> NoReturn:
        """Say what an error of the library means; `mark` is the topic of the mark that is being set."""
        error = raised.args[0] if self._fatal is None else self._fatal
        if self._transactional_id is None:
            raise sink_error(do, error, is_transactional=False) from raised
        if is_of_transaction(error):
            try:
                self._client.begin_transaction()
            except self._error as why:
                error = why.args[0]
        denied = denied_resource(error)
        if denied is not None:
            who = self._connection, denied, self._transactional_id
            raise refused_transaction(do, *who, self._topics, mark) from raised
        raise sink_error(do, error, is_transactional=True) from raised
