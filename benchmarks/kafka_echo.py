"""The least that a daemon between two topics can do: produce every record that it consumes, and learn nothing.

    python -m benchmarks.kafka_echo CONFIG

`benchmarks.kafka` measures its latency beside that of the real one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from streammtl.kafka.consumer import Reading, TopicPartition, make_consumer
from streammtl.kafka.producer import make_producer
from streammtl.kafka.settings import KafkaConnection
from streammtl.run.signals import stop_on_signals


def main() -> None:
    """From the topic of the events to that of the predictions, until SIGTERM."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    connection = KafkaConnection.model_validate(settings["source"]["connection"])
    out, max_records = settings["sink"]["predictions"]["topic"], settings["source"]["max_poll_records"]
    with stop_on_signals() as stop:
        consumer = make_consumer(connection, Reading("echo", "read_committed", max_records, 30.0))
        producer = make_producer(connection)
        consumer.assign({TopicPartition(settings["source"]["topics"]["events"], 0): 0})
        (Path(settings["checkpoint"]["path"]) / "checkpoint-0").mkdir(parents=True)  # as the real one says that it runs
        while not stop():
            for batch in consumer.poll(0.1, max_records):
                n = len(batch.values)
                producer.publish(out, [b"k"] * n, [value or b"" for value in batch.values], [[]] * n)
            producer.settle()
        consumer.close()
        producer.close()


if __name__ == "__main__":
    main()
