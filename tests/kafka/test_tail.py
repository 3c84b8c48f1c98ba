"""`streammtl tail kafka://...`: topics, records, the last ones, those to come, and what cannot be shown."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from streammtl.errors import ConfigError
from streammtl.kafka.settings import KafkaConnection
from streammtl.run.tail_kafka import find_topic, tail_kafka
from tests.cli.commands import streammtl
from tests.kafka.broker import PASSWORDS, Broker, Endpoints, security_of_alice, wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic
from tests.kafka.daemon import settings_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def topic(cluster: Cluster, fresh_topic: _NewTopic) -> str:
    """Five records on two partitions, alternating, with rising timestamps."""
    name = fresh_topic(partitions=2)
    for i in range(5):
        cluster.produce(name, [b'{"i":%d}' % i], i % 2, [1000 + i], None if i == 0 else [b"k%d" % i])
    return name


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test has started; none outlives it."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def lines(servers: str, *arguments: str) -> list[str]:
    result = streammtl("tail", f"kafka://{servers}/{arguments[0]}", *arguments[1:])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_every_record_is_a_line_in_the_order_of_its_partition(cluster: Cluster, topic: str) -> None:
    shown = lines(cluster.servers, topic)
    assert [line for line in shown if line.startswith("0@")] == ['0@0 - {"i":0}', '0@1 k2 {"i":2}', '0@2 k4 {"i":4}']
    assert [line for line in shown if line.startswith("1@")] == ['1@0 k1 {"i":1}', '1@1 k3 {"i":3}']


def test_the_last_records_are_those_of_all_partitions_by_timestamp(cluster: Cluster, topic: str) -> None:
    assert lines(cluster.servers, topic, "--last", "3", "--values") == ['{"i":2}', '{"i":3}', '{"i":4}']
    assert lines(cluster.servers, topic, "--last", "9", "--values") == [f'{{"i":{i}}}' for i in range(5)]


def test_without_a_topic_it_lists_topics_with_their_partitions(cluster: Cluster, topic: str) -> None:
    result = streammtl("tail", f"kafka://{cluster.servers}")
    rows = [line.split() for line in result.stdout.splitlines() if line.strip()]
    at = rows.index([topic, "0", "0", "to", "2", "3"])
    assert rows[at + 1] == ["1", "0", "to", "1", "2"]
    assert not [row for row in rows if row[0].startswith("__")]


def test_a_topic_without_records_and_records_without_values_have_lines(
    cluster: Cluster, fresh_topic: _NewTopic
) -> None:
    name = fresh_topic()
    assert lines(cluster.servers, name) == lines(cluster.servers, name, "--last", "1") == []
    cluster.produce(name, [None], keys=[b"k"])
    assert lines(cluster.servers, name) == ["0@0 k null"]


def test_marks_and_aborted_records_are_not_among_the_last(cluster: Cluster, fresh_topic: _NewTopic) -> None:
    from kafka import KafkaProducer

    name = fresh_topic()
    producer = KafkaProducer(bootstrap_servers=cluster.servers, transactional_id=name)
    producer.init_transactions()
    for i in range(6):
        producer.begin_transaction()
        producer.send(name, b"%d" % i)
        if i < 2:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    assert lines(cluster.servers, name, "--last", "2", "--values") == ["0", "1"]


def follow(cluster: Cluster, topic: str, out: io.BytesIO, steps: Iterator[tuple[bytes, Callable[[], None]]]) -> None:
    """Do each step as soon as the line that it waits for is shown; after the last one, stop."""
    due = next(steps, None)

    def stop() -> bool:
        nonlocal due
        if due is not None and out.getvalue().endswith(due[0]):
            due[1]()
            due = next(steps, None)
        return due is None

    tail_kafka(KafkaConnection(servers=(cluster.servers,)), topic, out, last=1, follow=True, stop=stop)


def nothing() -> None:
    """The last step."""


def test_following_shows_what_comes(cluster: Cluster, topic: str) -> None:
    out = io.BytesIO()
    produce = partial(cluster.produce, topic, [b"1"], 0, keys=[b"new"])
    follow(cluster, topic, out, iter([(b'{"i":4}\n', produce), (b"new 1\n", nothing)]))
    assert out.getvalue() == b'0@2 k4 {"i":4}\n0@3 new 1\n'


@pytest.mark.slow
def test_following_takes_new_partitions_in(cluster: Cluster, topic: str) -> None:
    def add() -> None:
        cluster.add_partitions(topic, 3)
        cluster.produce(topic, [b"2"], 2)

    out = io.BytesIO()
    follow(cluster, topic, out, iter([(b'{"i":4}\n', add), (b" 2\n", nothing)]))
    assert out.getvalue() == b'0@2 k4 {"i":4}\n2@0 - 2\n'


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(
    cluster: Cluster, topic: str, how: signal.Signals, started: list[subprocess.Popen[str]]
) -> None:
    command = [sys.executable, "-m", "streammtl.run.cli", "tail", f"kafka://{cluster.servers}/{topic}", "-f", "-n", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == '0@2 k4 {"i":4}\n'
    process.send_signal(how)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


@pytest.mark.slow
def test_following_goes_on_when_the_broker_was_away(
    tmp_path: Path, broker: Broker, started: list[subprocess.Popen[str]]
) -> None:
    cluster = Cluster(broker.endpoints.plain)
    name = cluster.create_topic()
    cluster.produce(name, [b"before"])
    command = [sys.executable, "-m", "streammtl.run.cli", "tail", f"kafka://{cluster.servers}/{name}", "-f", "--values"]
    with (tmp_path / "said.txt").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    started.append(process)
    wait_until(lambda: "before" in (tmp_path / "said.txt").read_text(), "it shows the first record")
    cluster.close()
    broker.restart()
    cluster.produce(name, [b"after"])
    wait_until(lambda: "after\n" in (tmp_path / "said.txt").read_text(), "it shows the second one")
    cluster.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "Traceback" not in (tmp_path / "said.txt").read_text()


def test_a_configuration_brings_its_user_and_its_certificates(
    tmp_path: Path, cluster: Cluster, endpoints: Endpoints, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALICE", PASSWORDS["alice"])
    cluster.allow("alice", topic, "DESCRIBE", "READ")
    config = tmp_path / "run.yaml"
    settings = settings_of(tmp_path, endpoints.secured, topic)
    settings["source"]["connection"]["security"] = security_of_alice(endpoints.certificates / "ca.pem")
    settings["model"] = {"kind": "shared_bottom"}
    config.write_text(json.dumps(settings))
    assert len(streammtl("tail", config, topic, "--values").stdout.splitlines()) == 5
    monkeypatch.setenv("ALICE", "wrong-9fK2pLxq")
    refused = streammtl("tail", config, topic)
    assert refused.exit_code == 1
    assert "refuses the user 'alice' with this password" in refused.output
    assert "wrong-9fK2pLxq" not in refused.output


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["kafka://SERVERS/no-such-topic"], 2, "has no topic 'no-such-topic', or we may not see it; "),
        (["kafka://SERVERS", "--follow"], 2, "--follow, --last and --values need a TOPIC"),
        (["kafka://SERVERS/one", "other"], 2, "names the topic 'one' already; leave 'other' out"),
        (["kafka://127.0.0.1:1/any"], 1, "cannot reach the cluster: 127.0.0.1:1 does not answer: Connection refused"),
        (["kafka://nowhere/any"], 2, "expected kafka://host:port[,host:port...][/topic], found kafka://nowhere/any"),
        (["none.yaml"], 2, "cannot read the configuration none.yaml"),
    ],
)
def test_what_cannot_be_shown_is_told(cluster: Cluster, arguments: list[str], code: int, expected: str) -> None:
    result = streammtl("tail", arguments[0].replace("SERVERS", cluster.servers), *arguments[1:])
    assert result.exit_code == code
    assert expected in result.output
    assert "Traceback" not in result.output


def test_the_connection_is_that_of_whoever_uses_the_topic(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "source:1", "p", model={"kind": "shared_bottom"})
    settings["sink"]["predictions"]["connection"] = {"servers": "sink:1"}
    (tmp_path / "run.yaml").write_text(json.dumps(settings))
    where = str(tmp_path / "run.yaml")
    assert find_topic(where, "p-events")[0].servers == ("source:1",)
    assert find_topic(where, "p-predictions")[0].servers == ("sink:1",)
    with pytest.raises(ConfigError, match="names several clusters, and none of them with the topic 'other'"):
        find_topic(where, "other")
    settings["source"], settings["sink"] = {"kind": "jsonl", "path": "x"}, {}
    (tmp_path / "run.yaml").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match="neither its source nor its sinks are Kafka's"):
        find_topic(where, "other")
