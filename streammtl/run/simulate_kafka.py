"""The stream of a simulated world as Kafka records: where `streammtl simulate --to kafka://...` goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, final

from pydantic import ValidationError

from streammtl.clock import Clock
from streammtl.errors import ConfigError, SinkError, SinkUnavailableError
from streammtl.kafka.producer import Producer, make_producer
from streammtl.kafka.settings import KafkaConnection
from streammtl.kafka.topics import n_records_ever, require_topic

SCHEME: Final = "kafka://"
CONFIGURATIONS: Final = (".yaml", ".yml")
EVENTS, LABELS = "events", "labels"  # topics of a cluster whose address alone is given

#: Takes a topic, keys and values.
Send = Callable[[str, Sequence[str], Sequence[bytes]], None]

_GIVE_UP_S: Final = 60.0  # without an answer of the broker
_LAST_FLUSH_S: Final = 2.5  # the same, when somebody said stop


def connection_of(address: str) -> KafkaConnection:
    """The cluster of `kafka://host:port[,host:port...]`."""
    try:
        return KafkaConnection.model_validate({"servers": address.removeprefix(SCHEME).rstrip("/")})
    except ValidationError:
        raise ConfigError(f"expected kafka://host:port[,host:port...], found {address}") from None


@dataclass(frozen=True, slots=True)
class Place:
    """Topics of a cluster, which may be one and the same."""

    connection: KafkaConnection
    events: str
    labels: str

    def __str__(self) -> str:
        """The address of the cluster."""
        return f"{SCHEME}{','.join(self.connection.servers)}"


def is_kafka(destination: object) -> bool:
    """Whether it is the address of a Kafka cluster, or a configuration, whose source must be one."""
    return str(destination).startswith(SCHEME) or is_configuration(destination)


def is_configuration(destination: object) -> bool:
    """Whether it is the file of a configuration, by its name."""
    return str(destination).endswith(CONFIGURATIONS)


def find_place(destination: str) -> Place:
    """The cluster at an address; or that of a configuration's source, with its topics, its user and its driver."""
    if not is_configuration(destination):
        return Place(connection_of(destination), EVENTS, LABELS)
    from streammtl.config import RunConfig
    from streammtl.sources.kafka import KafkaSource

    source = RunConfig.load(destination).source
    if not isinstance(source, KafkaSource.Config):
        raise ConfigError(f"{destination}: its source is not Kafka's; give {SCHEME}host:port, a file or a log")
    if source.topics is not None:
        return Place(source.connection, source.topics.events, source.topics.labels)
    assert source.topic is not None, "one of the two is set"
    return Place(source.connection, source.topic, source.topic)


@contextmanager
def sending(
    place: Place,
    partitions: int,
    force: bool,
    clock: Clock,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Send]:
    """Makes the topics that are missing, and gives a function that sends records keyed by id.

    A record has the moment of its sending as its timestamp, so that a reader who merges topics by timestamp takes a
    label after its event; and event times of long ago would fall victim to the broker's retention at once. Raises
    `ConfigError` when a topic has had records, unless with `force`; `SinkError` when the broker does not take them:
    after a minute, or soon when `stop` says so.
    """
    for topic in {place.events: None, place.labels: None}:
        require_topic(place.connection, topic, partitions=partitions)
        n_held = n_records_ever(place.connection, topic)
        if n_held and not force:
            raise ConfigError(
                f"topic {topic!r} of {place} has had {n_held:,} records already, and a second stream may repeat "
                "their ids; take another cluster, or append with --force"
            )
    patient = _Patient(make_producer(place.connection), place, clock, stop)
    try:
        yield patient.send
        patient.flush()
    finally:
        patient.producer.close(patience_s=0.0)


@final
class _Patient:
    """Sends, and waits for a broker that does not answer, but not for ever."""

    def __init__(self, producer: Producer, place: Place, clock: Clock, stop: Callable[[], bool]) -> None:
        self.producer = producer
        self._place = place
        self._clock = clock
        self._stop = stop
        self._n_sent = 0

    def send(self, topic: str, keys: Sequence[str], values: Sequence[bytes]) -> None:
        """Hand over records, as soon as there is room for more; when somebody says stop, at once."""
        self.producer.publish(topic, [key.encode() for key in keys], values, [[]] * len(keys))
        self._n_sent += len(keys)
        self._repeat(self.producer.settle)

    def flush(self) -> None:
        """Wait until the broker has everything."""
        self._repeat(self.producer.flush, _LAST_FLUSH_S)

    def _repeat(self, action: Callable[[], None], stopped_patience_s: float | None = None) -> None:
        """Until it is done. When somebody says stop: for so long, or (None) leave it undone."""
        start_s = self._clock.monotonic()
        while True:
            try:
                return action()
            except SinkUnavailableError as error:
                patience_s = stopped_patience_s if self._stop() else _GIVE_UP_S
                if patience_s is None:
                    return None
                seconds = self._clock.monotonic() - start_s
                if seconds >= patience_s:
                    raise self._given_up(error, seconds) from None

    def _given_up(self, error: SinkUnavailableError, seconds: float) -> SinkError:
        return SinkError(
            f"{'interrupted, and ' if self._stop() else ''}gave up after {seconds:.0f} s without an answer: "
            f"{self.producer.n_waiting:,} of {self._n_sent:,} records may be missing at {self._place} ({error}). For "
            "a complete stream, write it once more to empty topics"
        )
