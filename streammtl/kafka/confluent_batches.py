"""Messages of librdkafka as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from streammtl.kafka.consumer import Batch, TopicPartition

if TYPE_CHECKING:
    import confluent_kafka


def batches_of(messages: Sequence[confluent_kafka.Message]) -> list[Batch]:
    """By partition, in the order of their first records."""
    by_partition: dict[TopicPartition, list[confluent_kafka.Message]] = {}
    start = 0
    while start < len(messages):  # stretches of one partition, which are long
        topic, partition = messages[start].topic(), messages[start].partition()
        stop = start + 1
        while stop < len(messages) and messages[stop].partition() == partition and messages[stop].topic() == topic:
            stop += 1
        by_partition.setdefault(TopicPartition(str(topic), int(partition or 0)), []).extend(messages[start:stop])
        start = stop
    return [_batch(partition, of_it) for partition, of_it in by_partition.items()]


def _batch(partition: TopicPartition, messages: Sequence[confluent_kafka.Message]) -> Batch:
    n = len(messages)
    return Batch(
        partition,
        np.fromiter([message.offset() for message in messages], np.int64, n),
        np.fromiter([message.timestamp()[1] for message in messages], np.int64, n),
        [message.value() for message in messages],
    )
