"""TLS and SCRAM: it works; what is wrong is said in one clear error; and no secret is ever shown."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from streammtl.config_errors import explain_error
from streammtl.errors import ConfigError, SourceError, SourceUnavailableError
from streammtl.kafka.settings import KafkaConnection
from streammtl.sources.base import Source
from streammtl.sources.kafka import KafkaSource
from tests.kafka.broker import PASSWORDS, Endpoints
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic

BOTH = pytest.mark.parametrize("driver", ["kafka-python", "confluent"])

WRONG = "wrong-9fK2pLxq"


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICE", PASSWORDS["alice"])
    monkeypatch.setenv("BOB", PASSWORDS["bob"])
    monkeypatch.setenv("WRONG", WRONG)


def source_of(servers: str, ca: Path, topic: str, driver: str, **security: Any) -> Source:
    sasl = {"protocol": "sasl_ssl", "mechanism": "SCRAM-SHA-512", "username": "alice", "ca": str(ca)}
    named = {} if "password_file" in security else {"password_env": "ALICE"}
    connection = {
        "servers": servers,
        "driver": driver,
        "security": {**sasl, **named, **security},
        "connect_timeout_s": 3.0,
    }
    return KafkaSource.Config.model_validate({"connection": connection, "topic": topic, "follow": False}).build()


def error_of(source: Source) -> str:
    with pytest.raises(SourceError) as caught:
        source.open({})
    source.close()
    assert not isinstance(caught.value, SourceUnavailableError)
    return str(caught.value)


@BOTH
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_reads_with_tls_and_scram(
    cluster: Cluster, endpoints: Endpoints, fresh_topic: _NewTopic, tmp_path: Path, driver: str, mechanism: str
) -> None:
    topic = fresh_topic()
    cluster.produce(topic, [b"{}"])
    cluster.allow("alice", topic, "DESCRIBE", "READ")
    (tmp_path / "password").write_text(PASSWORDS["alice"] + "\n")
    settings = {"password_file": str(tmp_path / "password"), "mechanism": mechanism}
    source = source_of(endpoints.secured, endpoints.certificates / "ca.pem", topic, driver, **settings)
    source.open({})
    records = source.poll(5.0)
    assert records is not None
    assert list(records.values) == [b"{}"]
    source.close()


@BOTH
def test_a_wrong_password_is_refused_clearly(endpoints: Endpoints, driver: str) -> None:
    source = source_of(endpoints.secured, endpoints.certificates / "ca.pem", "t", driver, password_env="WRONG")
    assert "refuses the user 'alice' with this password and mechanism SCRAM-SHA-512" in error_of(source)


@BOTH
def test_an_unknown_authority_is_refused_clearly(endpoints: Endpoints, driver: str) -> None:
    source = source_of(endpoints.secured, endpoints.certificates / "unknown_ca.pem", "t", driver)
    message = error_of(source)
    assert "the certificate of localhost" in message
    assert "self-signed certificate" in message


@BOTH
@pytest.mark.slow
def test_an_expired_certificate_is_refused_clearly(endpoints: Endpoints, driver: str) -> None:
    source = source_of(endpoints.expired, endpoints.certificates / "ca.pem", "t", driver)
    assert "certificate has expired" in error_of(source)


@BOTH
def test_a_topic_that_we_may_not_see_is_said_to_be_one(
    endpoints: Endpoints, fresh_topic: _NewTopic, driver: str
) -> None:
    topic = fresh_topic()
    source = source_of(endpoints.secured, endpoints.certificates / "ca.pem", topic, driver)
    message = error_of(source)
    assert topic in message
    assert "we may not see it" in message or "Topic authorization failed. Allow our user" in message


@BOTH
def test_a_topic_that_we_may_not_read_is_said_to_be_one(
    cluster: Cluster, endpoints: Endpoints, fresh_topic: _NewTopic, driver: str
) -> None:
    topic = fresh_topic()
    cluster.produce(topic, [b"{}"])
    cluster.allow("bob", topic, "DESCRIBE")
    settings = {"username": "bob", "password_env": "BOB"}
    source = source_of(endpoints.secured, endpoints.certificates / "ca.pem", topic, driver, **settings)
    source.open({})
    with pytest.raises(SourceError, match="Allow our user to describe and read"):
        source.poll(5.0)
    source.close()


@BOTH
def test_a_server_that_speaks_tls_is_hinted_at(endpoints: Endpoints, driver: str) -> None:
    connection = {"servers": endpoints.secured, "driver": driver, "connect_timeout_s": 1.0}
    source = KafkaSource.Config.model_validate({"connection": connection, "topic": "t"}).build()
    with pytest.raises(SourceUnavailableError, match="does not answer to protocol 'plaintext'"):
        source.open({})
    source.close()


@BOTH
def test_no_secret_is_shown(
    endpoints: Endpoints, driver: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    source = source_of(endpoints.secured, endpoints.certificates / "ca.pem", "t", driver, password_env="WRONG")
    with caplog.at_level(logging.DEBUG):
        shown = [error_of(source), repr(source), repr(vars(source)), repr(source._config)]  # type: ignore[attr-defined]
    shown += [caplog.text, *capfd.readouterr()]
    assert not [text for text in shown if WRONG in text]


def test_a_password_in_the_configuration_is_refused_without_showing_it() -> None:
    security = {"protocol": "sasl_ssl", "mechanism": "PLAIN", "username": "a"}
    for setting in ("password", "password_env"):
        settings = {"servers": "localhost:9092", "security": {**security, setting: "hunter-2"}}
        with pytest.raises(ValueError) as caught:  # noqa: PT011  pydantic's, which is put into words below
            KafkaConnection.model_validate(settings)
        message = explain_error(caught.value, KafkaConnection, settings, "here")  # type: ignore[arg-type]
        assert "hunter" not in message
        assert "password_env" in message


@pytest.mark.parametrize(
    ("security", "message"),
    [
        ({"protocol": "sasl_ssl", "username": "a", "password_env": "P"}, "needs mechanism"),
        ({"protocol": "sasl_ssl", "username": "a", "mechanism": "PLAIN"}, "needs either password_env or password_file"),
        ({"protocol": "ssl", "username": "a"}, "username has no effect with protocol 'ssl'"),
        ({"ca": "ca.pem"}, "ca has no effect with protocol 'plaintext'"),
        ({"protocol": "ssl", "certificate": "c.pem"}, "certificate and key go together"),
        ({"protocol": "ssl", "key_password_env": "P"}, "no effect without key"),
    ],
)
def test_settings_that_do_not_fit_are_refused(security: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KafkaConnection.model_validate({"servers": "localhost:9092", "security": security})


@pytest.mark.parametrize("servers", ["localhost", "localhost:0", "a:b:9092", "http://a:9092", "a:99999", []])
def test_servers_are_hosts_and_ports(servers: Any) -> None:
    with pytest.raises(ValueError, match=r"host:port|at least 1 item"):
        KafkaConnection(servers=servers)


def test_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    source = source_of("localhost:1", tmp_path / "ca.pem", "t", "kafka-python")
    with pytest.raises(ConfigError, match=r"security\.ca: there is no file"):
        source.open({})
    (tmp_path / "ca.pem").touch()
    source = source_of("localhost:1", tmp_path / "ca.pem", "t", "kafka-python", password_env="NOT_SET")
    with pytest.raises(ConfigError, match="the environment variable NOT_SET is not set"):
        source.open({})
    source = source_of("localhost:1", tmp_path / "ca.pem", "t", "confluent", password_file=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"password_file: cannot read .*none: No such file"):
        source.open({})
