"""What tests do to a cluster: make topics, put records in, read them back, and all that an administrator may do."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.kafka.broker import wait_until

_LARGE = 20_000_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the cluster has it."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@final
class Cluster:
    """A cluster without security, by the addresses of some of its brokers; `replication` is that of new topics."""

    def __init__(self, servers: str, replication: int = 1) -> None:
        self.servers = servers
        self._replication = replication
        self._admin: Any = None

    def create_topic(self, name: str | None = None, partitions: int = 1, **settings: str) -> str:
        """Create a topic, with a name of its own unless one is given; returns the name."""
        name = name or f"t{uuid.uuid4().hex[:12]}"
        topic = {"num_partitions": partitions, "replication_factor": self._replication, "configs": settings}
        self._client().create_topics({name: topic}, wait_for_metadata=True)
        return name

    def has_topic(self, name: str) -> bool:
        """Whether there is such a topic."""
        return name in self._client().list_topics()

    def delete_topic(self, name: str) -> None:
        """Delete a topic, and wait until it is gone."""
        self._client().delete_topics([name])
        wait_until(lambda: name not in self._client().list_topics(), f"{name} is gone")

    def add_partitions(self, name: str, total: int) -> None:
        """Give a topic more partitions."""
        self._client().create_partitions({name: total})
        wait_until(lambda: self.n_partitions(name) == total, f"{name} has {total} partitions")

    def n_partitions(self, name: str) -> int:
        """How many partitions a topic has that somebody leads."""
        (topic,) = self._client().describe_topics([name])
        return sum(partition["leader_id"] >= 0 for partition in topic["partitions"])

    def is_in_sync(self) -> bool:
        """Whether every partition of every topic has all its replicas."""
        topics = self._client().describe_topics()
        partitions = [partition for topic in topics for partition in topic["partitions"]]
        return all(set(each["isr_nodes"]) == set(each["replica_nodes"]) for each in partitions)

    def delete_records(self, name: str, partition: int, before_offset: int) -> None:
        """Let a partition begin at `before_offset`, as retention would."""
        self._client().delete_records({TopicPartition(name, partition): before_offset})

    def allow(self, user: str, topic: str, *operations: str, resource: str = "topic") -> None:
        """Let a user of the secured listener do something: READ, WRITE, DESCRIBE ..."""
        pattern = ResourcePattern(ResourceType[resource.upper()], topic)
        acls = [
            ACL(f"User:{user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, pattern)
            for operation in operations
        ]
        self._client().create_acls(acls)

    def produce(
        self,
        topic: str,
        values: Iterable[bytes | None],
        partition: int | None = None,
        timestamps_ms: Sequence[int] | None = None,
        keys: Sequence[bytes] | None = None,
    ) -> None:
        """Put records in, and wait until all are there."""
        producer = KafkaProducer(bootstrap_servers=self.servers, linger_ms=5, max_request_size=_LARGE)
        try:
            sent = []
            for i, value in enumerate(values):
                timestamp_ms = None if timestamps_ms is None else timestamps_ms[i]
                # kafka-python sends a null value under a key only.
                key = keys[i] if keys is not None else b"" if value is None else None
                sent.append(producer.send(topic, value=value, key=key, partition=partition, timestamp_ms=timestamp_ms))
            producer.flush()
            for future in sent:
                future.get(timeout=60)
        finally:
            producer.close()

    def read(self, topic: str, *, committed: bool = False) -> list[Stored]:
        """Every record of a topic, partition after partition; `committed`: only those of finished transactions."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.servers,
            isolation_level="read_committed" if committed else "read_uncommitted",
            max_partition_fetch_bytes=_LARGE,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        try:
            partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            found: list[Stored] = []
            while any(consumer.position(partition) < ends[partition] for partition in partitions):
                for records in consumer.poll(timeout_ms=100, max_records=10_000).values():
                    found += [
                        Stored(r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in records
                    ]
        finally:
            consumer.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def close(self) -> None:
        """Let go of the connection. May be called twice, and before the broker is killed."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _client(self) -> Any:
        if self._admin is None:
            self._admin = KafkaAdminClient(bootstrap_servers=self.servers, reconnect_backoff_max_ms=500)
        return self._admin
