"""A consumer of confluent-kafka."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from streammtl.clock import SystemClock
from streammtl.errors import MissingExtraError, SourceError, SourceUnavailableError
from streammtl.kafka.call import Call, let_go
from streammtl.kafka.clients import confluent_settings
from streammtl.kafka.confluent_batches import batches_of
from streammtl.kafka.consumer import (
    ASK_TIMEOUT_S,
    Batch,
    Consumer,
    ConsumerFailedError,
    OffsetGoneError,
    Reading,
    Topic,
    TopicPartition,
    not_reached,
    unknown_topic,
)
from streammtl.kafka.settings import KafkaConnection

if TYPE_CHECKING:
    import confluent_kafka

_log = logging.getLogger(__name__)

_QUEUE_KILOBYTES = 64 * 1024  # of records that the library reads ahead
_QUEUE_RECORDS = 50_000
_LOOK_S = 0.2  # how long a look may take: whether a broker answers, or at what the library knows
# Nobody is a member of our group. But this is for how long the library, when it is closed, waits for a coordinator that
# is gone, to commit offsets to it.
_LAST_COMMIT_MS = 1000
_CLOSE_PATIENCE_S = 1.5  # where a broker answers


@final
class ConfluentConsumer(Consumer):
    """The library reads ahead in threads of its own; its events are errors and ends of partitions among the records."""

    def __init__(self, connection: KafkaConnection, reading: Reading) -> None:
        try:
            import confluent_kafka
            import confluent_kafka.admin
        except ImportError:
            raise MissingExtraError("confluent-kafka", "confluent", "driver: confluent") from None
        self._library, self._codes = confluent_kafka, confluent_kafka.KafkaError
        self._connection, self._reading = connection, reading
        self._servers = ", ".join(connection.servers)
        self._clock = SystemClock()
        self._trouble: str | None = None  # what the library said when it lost all brokers
        self._is_without_group = False
        self._ends: dict[TopicPartition, int] = {}  # where an end of a partition was met
        self._known_ends: dict[TopicPartition, int] = {}  # as of the last look
        self._looking: Call | None = None
        self._asked: tuple[float, Any] | None = None  # when, and what comes of it
        self._topics: dict[str, Topic] = {}
        settings = confluent_settings(connection)
        # Their errors are those of the consumer, which tells of them.
        self._of_others: dict[str, Any] = {**settings, "error_cb": lambda error: None}
        self._admin = confluent_kafka.admin.AdminClient(self._of_others)
        self._asker: Any = None  # a request of the consumer for records keeps others waiting at the broker
        self._client = confluent_kafka.Consumer(
            {
                **settings,
                "group.id": reading.group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "session.timeout.ms": _LAST_COMMIT_MS,
                "heartbeat.interval.ms": _LAST_COMMIT_MS // 3,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "isolation.level": reading.isolation,
                "allow.auto.create.topics": False,
                "queued.max.messages.kbytes": _QUEUE_KILOBYTES,
                "queued.min.messages": _QUEUE_RECORDS,
                "fetch.wait.max.ms": 100,
                "fetch.error.backoff.ms": 100,
                "fetch.queue.backoff.ms": 10,
                "error_cb": self._hear,
            }
        )
        try:
            self._client.list_topics(timeout=connection.connect_timeout_s)
        except confluent_kafka.KafkaException as error:
            self.close()
            raise not_reached(connection, error.args[0].str()) from error

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Asks an administrator's client, which alone tells the ids."""
        names = list(names)
        found = self._describe(names)
        for name in names:
            try:
                self._topics[name] = _topic(found[name].result())
            except self._library.KafkaException as error:
                self._refuse(f"ask for topic {name!r}", error.args[0], name)
        self._asked = (self._clock.monotonic(), {})
        return {name: self._topics[name] for name in names}

    def known_topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Asks now and then, and looks whether an answer has come."""
        names = list(names)
        now_s = self._clock.monotonic()
        if self._asked is None or now_s - self._asked[0] >= self._reading.refresh_s:
            self._asked = (now_s, self._describe(names))
        answers = self._asked[1]
        for name in [name for name, future in answers.items() if future.done()]:
            error = answers[name].exception()
            if error is None:
                self._topics[name] = _topic(answers[name].result())
            del answers[name]
        return {name: self._topics[name] for name in names if name in self._topics}

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """One call."""
        self._ends.clear()
        self._client.assign([self._library.TopicPartition(*partition, offset) for partition, offset in offsets.items()])

    def poll(self, timeout_s: float, max_records: int) -> list[Batch]:
        """Wait for the first record only: `consume` would wait until it has as many as it may return."""
        first = self._client.poll(timeout_s)
        if first is None:
            return []
        messages = [first, *self._client.consume(max_records - 1, 0)] if max_records > 1 else [first]
        if any(message.error() is not None for message in messages):
            messages = self._without_events(messages)
        return batches_of(messages)

    def reached(self, partition: TopicPartition) -> int:
        """Where an end was met; before that, nobody asks."""
        return self._ends.get(partition, 0)

    def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """As of the last answer to the library's reading ahead; as before, where the library does not let us look."""
        if self._looking is None:
            self._looking = Call(lambda: self._look_at_ends(list(partitions)))
        if self._looking.ended_within(_LOOK_S):
            self._looking = None
        return self._known_ends

    def _look_at_ends(self, partitions: Sequence[TopicPartition]) -> None:
        """It waits for a lock, and without end where the library has locked itself out (librdkafka issue 5476)."""
        found = {}
        for partition in partitions:
            theirs = self._library.TopicPartition(*partition)
            _, found[partition] = self._client.get_watermark_offsets(theirs, cached=True)
        self._known_ends = {partition: int(end) for partition, end in found.items() if end >= 0}

    def first_and_end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """One question per partition."""
        return self._ask(self._client, partitions, self._connection.connect_timeout_s)

    def ask_ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """One question per partition, by a client that does nothing else."""
        if self._asker is None:
            reading = {"group.id": self._reading.group, "isolation.level": self._reading.isolation}
            self._asker = self._library.Consumer({**self._of_others, **reading})
        try:
            found = self._ask(self._asker, partitions, ASK_TIMEOUT_S)
        except SourceUnavailableError:
            # It does not notice by itself that another broker leads a partition now; the next one asks.
            asker, self._asker = self._asker, None
            let_go([asker.close], _LOOK_S)
            raise
        return {partition: end for partition, (_, end) in found.items()}

    def _ask(
        self, client: Any, partitions: Sequence[TopicPartition], timeout_s: float
    ) -> dict[TopicPartition, tuple[int, int]]:
        found = {}
        for partition in partitions:
            try:
                found[partition] = client.get_watermark_offsets(
                    self._library.TopicPartition(*partition), timeout=timeout_s
                )
            except self._library.KafkaException as error:
                # `topics` has asked a broker: who does not know it has lost its brokers, or has just begun to be one.
                self._refuse(f"ask for the offsets of {partition}", error.args[0], partition.topic, is_known=True)
        return found

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """The library throws away what it has read ahead of them."""
        self._client.pause([self._library.TopicPartition(*partition) for partition in partitions])

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """Go on."""
        self._client.resume([self._library.TopicPartition(*partition) for partition in partitions])

    def require_reachable(self) -> None:
        """After the library said that all brokers are gone: until one answers. Records may have been fetched before."""
        if self._trouble is None:
            return
        try:
            self._admin.list_topics(timeout=_LOOK_S)  # as in `close`
        except self._library.KafkaException:
            raise SourceUnavailableError(f"no broker answers at {self._servers}: {self._trouble}") from None
        self._trouble = None

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Hand them to the library."""
        try:
            self._client.commit(
                offsets=[self._library.TopicPartition(*partition, offset) for partition, offset in offsets.items()],
                asynchronous=True,
            )
        except self._library.KafkaException as error:
            _log.warning(
                "group %s: its offsets could not be committed, for dashboards only: %s", self._reading.group, error
            )

    def close(self) -> None:
        """Let go. The library waits for the broker to take the last offsets; we do not wait long for the library."""
        clients, self._asker = [client for client in (self._client, self._asker) if client is not None], None
        try:
            self._admin.list_topics(timeout=_LOOK_S)  # the consumer itself may hang for ever (librdkafka issue 5476)
        except self._library.KafkaException:
            patience_s = _LOOK_S
        else:
            patience_s = _CLOSE_PATIENCE_S
        let_go([client.close for client in clients], patience_s)

    def _describe(self, names: Sequence[str]) -> Any:
        return self._admin.describe_topics(
            self._library.TopicCollection(list(names)), request_timeout=self._connection.connect_timeout_s
        )

    def _without_events(self, messages: Sequence[confluent_kafka.Message]) -> list[confluent_kafka.Message]:
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(message)
                continue
            topic, partition = message.topic(), message.partition()
            if error.code() == self._codes._PARTITION_EOF:
                self._ends[TopicPartition(str(topic), int(partition or 0))] = int(message.offset() or 0)
            elif error.code() in (self._codes._AUTO_OFFSET_RESET, self._codes.OFFSET_OUT_OF_RANGE):
                raise OffsetGoneError(TopicPartition(str(topic), int(partition or 0)))
            elif error.code() == self._codes.GROUP_AUTHORIZATION_FAILED:
                self._say_without_group(error.str())
            elif self._is_temporary(error):
                self._trouble = error.str()  # the library goes on by itself
            else:
                self._refuse("read", error, topic)
        return records

    def _say_without_group(self, said: str) -> None:
        """The group is for dashboards only: reading goes on without it."""
        if not self._is_without_group:
            _log.warning("group %s: offsets cannot be committed, for dashboards only: %s", self._reading.group, said)
            self._is_without_group = True

    def _is_temporary(self, error: Any) -> bool:
        codes = self._codes
        temporary = (codes._TIMED_OUT, codes._TRANSPORT, codes._ALL_BROKERS_DOWN, codes._RESOLVE)
        of_leaders = (codes.NOT_LEADER_FOR_PARTITION, codes.LEADER_NOT_AVAILABLE, codes.OFFSET_NOT_AVAILABLE)
        return bool(error.retriable()) or error.code() in (*temporary, *of_leaders)

    def _refuse(self, doing: str, error: Any, topic: str | None, is_known: bool = False) -> None:
        """Raise what an error means."""
        codes = self._codes
        message = f"cannot {doing} at {self._servers}: {error.str().rstrip('.')}."
        if error.code() == codes.TOPIC_AUTHORIZATION_FAILED:
            raise SourceError(f"{message} Allow our user to describe and read {topic or 'it'}")
        is_unknown = error.code() in (codes.UNKNOWN_TOPIC_OR_PART, codes._UNKNOWN_TOPIC, codes._UNKNOWN_PARTITION)
        if is_unknown and not is_known:
            raise unknown_topic(self._connection, topic or "?")
        if is_unknown or self._is_temporary(error):
            raise SourceUnavailableError(message)
        raise ConsumerFailedError(message)

    def _hear(self, error: Any) -> None:
        if error.code() == self._codes._ALL_BROKERS_DOWN:
            self._trouble = error.str()


def _topic(description: Any) -> Topic:
    return Topic(str(description.topic_id), len(description.partitions))
