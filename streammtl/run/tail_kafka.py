"""What is in a Kafka cluster: its topics, or the records of one; `streammtl tail kafka://...` and `tail CONFIG`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from rich.console import Console

from streammtl.config import RunConfig
from streammtl.config_errors import nearest
from streammtl.errors import ConfigError
from streammtl.kafka.browse import Browsed, Browser
from streammtl.kafka.settings import KafkaConnection
from streammtl.log.embedded import PartitionRange
from streammtl.run.simulate_kafka import SCHEME, connection_of
from streammtl.run.tail import line_of, print_ranges
from streammtl.sinks.kafka import KafkaSink
from streammtl.sources.kafka import KafkaSource

_PLACE = f"{SCHEME}host:port[,host:port...][/topic]"


def find_topic(where: str, topic: str | None) -> tuple[KafkaConnection, str | None]:
    """The cluster and the topic that `where` and `topic` mean; no topic: all of them.

    `where` is `kafka://host:port/topic`, or a configuration, whose connection says how to prove who we are.
    """
    if where.startswith(SCHEME):
        servers, _, named = where.removeprefix(SCHEME).partition("/")
        if named and topic is not None:
            raise ConfigError(f"{where} names the topic {named!r} already; leave {topic!r} out")
        try:
            return connection_of(f"{SCHEME}{servers}"), named or topic
        except ConfigError:
            raise ConfigError(f"expected {_PLACE}, found {where}") from None
    return _connection_in(RunConfig.load(where), where, topic), topic


def _connection_in(config: RunConfig, where: str, topic: str | None) -> KafkaConnection:
    """The connection of the source or sink that uses the topic; else the one that all of them share."""
    source, sink = config.source, config.sink
    users: list[tuple[KafkaConnection, set[str | None]]] = []
    if isinstance(source, KafkaSource.Config):
        both = source.topics
        users.append((source.connection, {source.topic} if both is None else {both.events, both.labels}))
    for each in (sink.predictions, sink.metrics, sink.rejects):
        if isinstance(each, KafkaSink.Config):
            users.append((each.connection, {each.topic}))
    if not users:
        raise ConfigError(f"{where}: neither its source nor its sinks are Kafka's; give a log or {_PLACE}")
    using = [connection for connection, topics in users if topic in topics] or [connection for connection, _ in users]
    if any(connection != using[0] for connection in using):
        raise ConfigError(f"{where} names several clusters, and none of them with the topic {topic!r}; give {_PLACE}")
    return using[0]


def print_kafka_topics(console: Console, connection: KafkaConnection) -> None:
    """The topics that we may see: their partitions and the offsets that these hold, also for marks of transactions."""
    with Browser(connection) as browser:
        topics = {topic: list(browser.ranges(topic).values()) for topic in browser.topics()}
    n = print_ranges(console, {name: [PartitionRange(*each) for each in held] for name, held in topics.items()})
    console.print(f"{n:,} records", highlight=False)


def tail_kafka(
    connection: KafkaConnection,
    topic: str,
    out: BinaryIO,
    *,
    last: int | None = None,
    follow: bool = False,
    values_only: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write one line per record of `topic`: `partition@offset key value`, or the value alone; `null` for none.

    It begins with the `last` records by timestamp (None: with the first of each partition), and with `follow` waits for
    new ones until `stop`. Lines of a partition are in its order; across partitions they come as the broker gives them.
    """
    with Browser(connection) as browser:
        if topic not in (names := browser.topics()) and not (topic.startswith("__") and browser.ranges(topic)):
            raise ConfigError(
                f"{SCHEME}{','.join(connection.servers)} has no topic {topic!r}, or we may not see it; "
                f"{nearest(topic, names)}"
            )
        held = browser.ranges(topic)
        starts, ends = {p: first for p, (first, _) in held.items()}, {p: end for p, (_, end) in held.items()}
        if last is None and follow:
            _write(browser.follow(topic, starts, stop), out, values_only, stop)
            return
        found = (
            browser.read(topic, starts, ends, stop) if last is None else iter([_last(browser, topic, held, last, stop)])
        )
        _write(found, out, values_only, stop)
        if follow:
            _write(browser.follow(topic, ends, stop), out, values_only, stop)


def _last(
    browser: Browser, topic: str, held: dict[int, tuple[int, int]], n: int, stop: Callable[[], bool]
) -> list[Browsed]:
    """The last records of a topic: they are among the last of each partition.

    Offsets of marks of transactions and of aborted records hold nothing to show, so more of them may have to be read.
    """
    found: list[Browsed] = []
    for p, (first, end) in held.items():
        depth, of_partition = n, list[Browsed]()
        while not stop():
            start = max(first, end - depth)
            of_partition = [record for part in browser.read(topic, {p: start}, {p: end}, stop) for record in part]
            if len(of_partition) >= n or start == first:
                break
            depth *= 4
        found += of_partition[-n:]
    return sorted(found)[-n:]


def _write(found: Iterator[list[Browsed]], out: BinaryIO, values_only: bool, stop: Callable[[], bool]) -> None:
    for records in found:
        if records:
            out.write(b"".join(_line(record, values_only) for record in records))
            out.flush()
        if stop():
            return


def _line(record: Browsed, values_only: bool) -> bytes:
    value = b"null" if record.value is None else record.value
    return value + b"\n" if values_only else line_of(record.partition, record.offset, record.key, value)
