"""The stream of a simulated world as Kafka records: where `streammtl simulate --to kafka://...` goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pydantic import ValidationError

from streammtl.clock import Clock
from streammtl.errors import ConfigError, SinkError, SinkUnavailableError
from streammtl.kafka.producer import make_producer
from streammtl.kafka.settings import KafkaConnection
from streammtl.kafka.topics import n_records_ever, require_topic

SCHEME: Final = "kafka://"

#: Takes a topic, keys and values.
Send = Callable[[str, Sequence[str], Sequence[bytes]], None]

_GIVE_UP_S: Final = 60.0  # without an answer of the broker


def connection_of(address: str) -> KafkaConnection:
    """The cluster of `kafka://host:port[,host:port...]`."""
    try:
        return KafkaConnection.model_validate({"servers": address.removeprefix(SCHEME).rstrip("/")})
    except ValidationError:
        raise ConfigError(f"expected kafka://host:port[,host:port...], found {address}") from None


@contextmanager
def sending(address: str, topics: Sequence[str], partitions: int, force: bool, clock: Clock) -> Iterator[Send]:
    """Makes the topics that are missing, and gives a function that sends records keyed by id.

    A record has the moment of its sending as its timestamp, so that a reader who merges topics by timestamp takes a
    label after its event; and event times of long ago would fall victim to the broker's retention at once. Raises
    `ConfigError` when a topic has had records, unless with `force`; `SinkError` when the broker does not take them.
    """
    connection = connection_of(address)
    for topic in topics:
        require_topic(connection, topic, partitions=partitions)
        n_held = n_records_ever(connection, topic)
        if n_held and not force:
            raise ConfigError(
                f"topic {topic!r} of {address} has had {n_held:,} records already, and a second stream may repeat "
                "their ids; take another cluster, or append with --force"
            )
    producer = make_producer(connection)

    def send(topic: str, keys: Sequence[str], values: Sequence[bytes]) -> None:
        producer.publish(topic, [key.encode() for key in keys], values, [[]] * len(keys))
        _patiently(producer.settle, clock)

    try:
        yield send
        _patiently(producer.flush, clock)
    finally:
        producer.close()


def _patiently(action: Callable[[], None], clock: Clock) -> None:
    deadline_s = clock.monotonic() + _GIVE_UP_S
    while True:
        try:
            return action()
        except SinkUnavailableError as error:
            if clock.monotonic() > deadline_s:
                raise SinkError(f"gave up after {_GIVE_UP_S:.0f} s: {error}") from None
