"""A producer of kafka-python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn, final

import numpy as np

from streammtl.clock import SystemClock
from streammtl.errors import SinkAbortedError, SinkError, SinkUnavailableError
from streammtl.kafka.call import Call
from streammtl.kafka.clients import kafka_python_settings, reaches_broker
from streammtl.kafka.denied import Resource, lacks, refused_transaction
from streammtl.kafka.lost import Hope, Lost
from streammtl.kafka.murmur2 import partitions_of
from streammtl.kafka.producer import (
    FLUSH_PATIENCE_S,
    FOR_EVER_MS,
    LAST_PATIENCE_S,
    MAX_WAITING,
    PATIENCE_S,
    Compression,
    Headers,
    Producer,
    fenced_error,
)
from streammtl.kafka.record_batches import RecordWriter, header_block
from streammtl.kafka.settings import KafkaConnection

_BATCH_BYTES = 256 * 1024  # for a partition, in one request: larger ones cost less per record
_MAX_RECORD_BYTES = 64 * 1024 * 1024  # what a record may have is the broker's to say
# In these the record itself is at fault, so that it will never be taken.
_TOO_LARGE = ("MessageSizeTooLargeError", "RecordListTooLargeError")
_FOR_GOOD = (*_TOO_LARGE, "InvalidRecordError", "InvalidTimestampError")


class _Chunk(NamedTuple):
    """Records of one topic."""

    topic: str
    keys: Sequence[bytes]
    values: Sequence[bytes]
    headers: Sequence[Headers]

    def between(self, start: int, stop: int | None) -> _Chunk:
        part = slice(start, stop)
        return _Chunk(self.topic, self.keys[part], self.values[part], self.headers[part])

    def at(self, places: Sequence[int]) -> _Chunk:
        keys, values = [self.keys[i] for i in places], [self.values[i] for i in places]
        return _Chunk(self.topic, keys, values, [self.headers[i] for i in places])


@final
class PythonProducer(Producer):
    """Checks what became of every record; what failed goes out again, by a new client."""

    def __init__(
        self,
        connection: KafkaConnection,
        compression: Compression,
        transactional_id: str | None,
        transaction_timeout_s: float,
    ) -> None:
        self._settings = {
            **kafka_python_settings(connection),
            "acks": "all",
            "delivery_timeout_ms": FOR_EVER_MS,
            "max_block_ms": int(PATIENCE_S * 1000),
            "batch_size": _BATCH_BYTES,
            "max_request_size": _MAX_RECORD_BYTES,
            "compression_type": None if compression == "none" else compression,
            "allow_auto_create_topics": False,
        }
        self._connection = connection
        self._transactional_id = transactional_id
        if transactional_id is not None:
            self._settings["transactional_id"] = transactional_id
            self._settings["transaction_timeout_ms"] = int(transaction_timeout_s * 1000)
        self._outbox: deque[_Chunk] = deque()  # not taken by the client yet
        self._sent: deque[tuple[Any, _Chunk]] = deque()  # their future, and what to send when that fails
        self._topics: set[str] = set()  # that were published to
        self._lost, self._hope = Lost(connection), Hope(connection)
        self._commit: Call | None = None
        self._clock = SystemClock()
        self._client = self._connect()

    def publish(self, topic: str, keys: Sequence[bytes], values: Sequence[bytes], headers: Sequence[Headers]) -> None:
        """Give the records to the client, which sends them in a thread of its own."""
        self._topics.add(topic)
        if len(keys) > 0:
            self._outbox.append(_Chunk(topic, keys, values, headers))
        self._push()

    def flush(self) -> None:
        """Wait for every future."""
        self._push()
        if not self._outbox:
            self._flush_client()
            if not all(future.is_done for future, _ in self._sent):
                self._wait_on(self._not_acknowledged())
            self._check()
        if self._outbox:
            self._wait_on(self._not_acknowledged())

    def _flush_client(self) -> None:
        """For as long as we have patience. Of a batch that it splits, the client waits for none of the parts."""
        end_s = self._clock.monotonic() + FLUSH_PATIENCE_S
        while (left_s := end_s - self._clock.monotonic()) > 0.0:
            try:
                self._client.flush(timeout=left_s)
            except self._errors.UnknownError:
                continue  # a batch was split while it was waited for
            except self._errors.KafkaTimeoutError:
                return
            if all(future.is_done for future, _ in self._sent):
                return

    def settle(self) -> None:
        """Forget what has arrived; wait for the oldest of what has not."""
        sent = self._sent
        while sent and sent[0][0].is_done and not sent[0][0].failed():
            sent.popleft()
        if self.n_waiting > MAX_WAITING or self._outbox or (sent and sent[0][0].is_done):
            self.flush()

    @property
    def n_waiting(self) -> int:
        """Those with the client, and those before it."""
        return sum(len(chunk.keys) for chunk in self._outbox) + sum(len(chunk.keys) for _, chunk in self._sent)

    def init_transactions(self) -> None:
        """Wait for the coordinator."""
        self._explained("initialise transactions", self._client.init_transactions)

    def begin_transaction(self) -> None:
        """Tell the client; the broker hears of it with the first record."""
        self._explained("begin a transaction", self._client.begin_transaction)

    def commit_transaction(self, topic: str, number: int, group: str, metadata: str) -> None:
        """Wait for the call, which may go on in its thread until the broker is back."""
        if self._commit is None:
            from kafka import TopicPartition
            from kafka.structs import OffsetAndMetadata

            client, mark = self._client, {TopicPartition(topic, 0): OffsetAndMetadata(number, metadata, -1)}

            def commit() -> None:
                client.send_offsets_to_transaction(mark, group)
                client.commit_transaction()

            self._hope.begin()
            self._commit = Call(commit)
        if not self._commit.ended_within(PATIENCE_S):
            self._wait_on("the broker does not answer to the commit of a transaction")
        error, self._commit = self._commit.error, None
        if error is not None:
            self._raise("commit a transaction", error, mark=topic)

    def close(self, patience_s: float = LAST_PATIENCE_S) -> None:
        """Flush for a moment."""
        try:
            self._client.close(timeout=patience_s)
        except self._errors.KafkaError:
            # What is not acknowledged was reported by `flush`. The client has not closed, though, and would try again,
            # aloud, when it is destroyed: kafka-python 3.0.12 flushes before it closes, and stops when that fails.
            sender = self._client._sender
            sender.force_close()
            sender.join(PATIENCE_S)
            with suppress(self._errors.KafkaError):
                self._client.close(timeout=0)

    def _connect(self) -> Any:
        import kafka
        import kafka.errors

        from streammtl.kafka.python_batches import hand_over

        self._errors, self._partition_of, self._hand_over = kafka.errors, kafka.TopicPartition, hand_over
        try:
            return kafka.KafkaProducer(**self._settings)
        except kafka.errors.KafkaError as error:
            self._raise("reach the cluster", error)

    def _push(self) -> None:
        """Hand over as many records as the client takes."""
        while self._outbox:
            chunk = self._outbox[0]
            try:
                if self._client._metadata.partitions_for_topic(chunk.topic) is None:
                    n_taken = self._send_first(chunk)
                else:
                    n_taken = self._send_all(chunk)
            except self._errors.KafkaTimeoutError:
                return  # it has no metadata now
            except self._errors.KafkaError as error:
                self._raise(f"publish to {chunk.topic}", error)
            if n_taken == len(chunk.keys):
                self._outbox.popleft()
            else:
                self._outbox[0] = chunk.between(n_taken, None)

    def _send_first(self, chunk: _Chunk) -> int:
        """The client asks for the topic's partitions, and says what is wrong with the topic."""
        future = self._client.send(chunk.topic, chunk.values[0], chunk.keys[0], chunk.headers[0])
        self._sent.append((future, chunk.between(0, 1)))
        return 1

    def _send_all(self, chunk: _Chunk) -> int:
        client = self._client
        client._ensure_valid_record_size(max(map(len, chunk.values)))
        partitions = sorted(client._metadata.partitions_for_topic(chunk.topic))
        number_N = partitions_of(chunk.keys, len(partitions))
        timestamp_ms = int(self._clock.now() * 1000)
        for number in np.unique(number_N).tolist():
            part = chunk.at(np.flatnonzero(number_N == number).tolist()) if len(partitions) > 1 else chunk
            partition = self._partition_of(chunk.topic, partitions[number])
            if self._transactional_id is not None:
                client._transaction_manager.maybe_add_partition_to_transaction(partition)
            writer = RecordWriter(part.keys, part.values, [header_block(headers) for headers in part.headers])
            start = 0
            for fate, n in self._hand_over(client, partition, writer, timestamp_ms):
                self._sent.append((fate, part.between(start, start + n)))
                start += n
        return len(chunk.keys)

    def _check(self) -> None:
        """After everything has ended: what failed goes to the outbox, and out again by a new client."""
        failed = [(future, chunk) for future, chunk in self._sent if future.failed()]
        self._hope.arrived()
        self._sent.clear()
        if not failed:
            return
        future, chunk = failed[0]
        error, topic = future.exception, chunk.topic
        if self._transactional_id is not None:
            self._raise(f"publish to {topic}", error)
        if type(error).__name__ in _FOR_GOOD:
            i = _culprit(future, chunk)
            key, n_bytes = chunk.keys[i], len(chunk.values[i])
            raise SinkError(f"the broker refuses the record {key!r} of {n_bytes:,} bytes for {topic}: {error}")
        self._outbox.extendleft(chunk for _, chunk in reversed(failed))
        self.close(PATIENCE_S)
        self._client = self._connect()
        is_denied = _denied_resource([error]) == "topic"
        said = lacks(self._connection, "Write", "topic", topic) if is_denied else error
        n_failed = sum(len(chunk.keys) for _, chunk in failed)
        raise SinkUnavailableError(f"{n_failed} records for {topic} were not taken, and will be sent again: {said}")

    def _wait_on(self, what: str) -> NoReturn:
        """For what is on its way; where the client has lost the cluster, with another client, which sends it again."""
        is_reached = reaches_broker(self._client._sender._client)
        if self._transactional_id is not None:
            n_waiting = self.n_waiting if self._commit is None else None
            self._hope.require(reaches_broker=is_reached, n_waiting=n_waiting)
        elif self._lost.is_so(reaches_broker=is_reached):
            client = self._connect()
            self.close(0.0)
            self._client = client
            self._outbox.extendleft(
                chunk for future, chunk in reversed(self._sent) if not future.is_done or future.failed()
            )
            self._sent.clear()
        raise SinkUnavailableError(what)

    def _not_acknowledged(self) -> str:
        return f"{self.n_waiting:,} published records are not acknowledged"

    def _explained(self, do: str, call: Callable[[], None]) -> None:
        try:
            call()
        except self._errors.KafkaError as error:
            self._raise(do, error)

    def _raise(self, do: str, error: BaseException, mark: str | None = None) -> NoReturn:
        """Say what an error of the library means; `mark` is the topic of the mark that is being set."""
        errors = self._errors
        fenced = (errors.ProducerFencedError, errors.InvalidProducerEpochError, errors.InvalidTxnStateError)
        causes = [error, *error.args]  # the client wraps the fatal error into another one for all later calls
        if any(isinstance(cause, fenced) for cause in causes):
            raise fenced_error(do, str(error)) from error
        if self._transactional_id is not None and do != "reach the cluster":
            denied = _denied_resource(causes)
            if denied is not None:
                who = self._connection, denied, self._transactional_id
                raise refused_transaction(do, *who, self._topics, mark) from error
            if not isinstance(error, errors.KafkaTimeoutError):
                raise SinkAbortedError(f"cannot {do}: {error}") from error
        if isinstance(error, errors.KafkaError) and error.retriable:
            raise SinkUnavailableError(f"cannot {do}: {error}") from error
        raise SinkError(f"cannot {do}: {error}") from error


def _culprit(future: Any, chunk: _Chunk) -> int:
    """Which of the records was refused: the client splits batches that are too large, down to single records."""
    if type(future.exception).__name__ in _TOO_LARGE:
        return max(range(len(chunk.values)), key=lambda i: len(chunk.values[i]))
    return future.culprit if len(chunk.keys) > 1 else 0


def _denied_resource(causes: Sequence[object]) -> Resource | None:
    """What our user lacks a permission for; None: the error is another one."""
    said = " ".join(f"{type(cause).__name__} {cause}" for cause in causes)  # the client may tell it in words alone
    resources: dict[str, Resource] = {
        "TopicAuthorizationFailedError": "topic",
        "GroupAuthorizationFailedError": "group",
        "TransactionalIdAuthorizationFailedError": "transactional-id",
    }
    return next((resource for name, resource in resources.items() if name in said), None)
