"""Kafka passes the contract of sources, with either client library."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from streammtl.kafka.settings import Driver
from streammtl.sources.base import Source
from streammtl.sources.kafka import KafkaSource
from streammtl.testing.sources import Document, SourceContract
from tests.kafka.cluster import Cluster


class KafkaContract(SourceContract):
    driver: ClassVar[Driver]

    @pytest.fixture(autouse=True)
    def _use(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def topic_of(self, partitions: Sequence[Sequence[Document]]) -> str:
        """The same topic for the same documents: making one takes longer than reading it."""
        # Tests in other processes have topics of their own.
        name = f"contract-{os.getpid()}-{hashlib.sha256(json.dumps(partitions).encode()).hexdigest()[:12]}"
        if self.cluster.has_topic(name):
            return name
        self.cluster.create_topic(name, partitions=len(partitions))
        for p, documents in enumerate(partitions):
            values = [json.dumps(document).encode() for document in documents]
            self.cluster.produce(name, values, partition=p, timestamps_ms=[1000 * i + p for i in range(len(values))])
        return name

    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        config = {
            "connection": {"servers": self.cluster.servers, "driver": self.driver},
            "topic": self.topic_of(partitions),
            "follow": False,
            "max_poll_records": max_poll_records,
        }
        return KafkaSource.Config.model_validate(config).build()


class TestKafkaPython(KafkaContract):
    driver = "kafka-python"

    @pytest.mark.slow  # it opens the source very often, which takes this library a tenth of a second
    def test_resumes_at_every_position(self, tmp_path: Path) -> None:
        super().test_resumes_at_every_position(tmp_path)


class TestConfluent(KafkaContract):
    driver = "confluent"
