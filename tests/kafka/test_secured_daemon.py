"""The daemon on the listener with TLS and users: it works, refusals are one clear message, and no secret is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from tests.kafka.broker import PASSWORDS, Endpoints, security_of_alice
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, expected, predictions, settings_of, write
from tests.kafka.watched import SERVED, is_ready, url_of
from tests.ops.scraping import get

pytestmark = pytest.mark.slow

N = 1000
WRONG = "wrong-9fK2pLxq"
#: All that the server answers with.
PATHS = ("", "/metrics", "/livez", "/readyz", "/live.json", "/nowhere")


@pytest.fixture(autouse=True)
def _passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICE", PASSWORDS["alice"])
    monkeypatch.setenv("WRONG", WRONG)


def topics(cluster: Cluster) -> str:
    """Four topics and a group, with what alice needs and no more."""
    name = cluster.create_topic()
    for topic in ("events", "labels", "predictions", "rejects"):
        cluster.create_topic(f"{name}-{topic}")
        may = "READ" if topic in ("events", "labels") else "WRITE"
        cluster.allow("alice", f"{name}-{topic}", "DESCRIBE", may)
    cluster.allow("alice", name, "READ", resource="group")
    return name


def settings_for(folder: Path, servers: str, ca: Path, prefix: str, driver: str, **security: str) -> dict[str, Any]:
    settings = settings_of(
        folder,
        servers,
        prefix,
        driver=driver,
        source={"group": prefix},
        monitoring={**SERVED, "log_level": "debug"},
    )
    settings["source"]["connection"]["security"] = security_of_alice(ca) | security  # all connections are this one
    return settings


def holders(folder: Path, secret: str) -> list[str]:
    """The files that contain a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_it_learns_and_publishes_and_shows_no_secret(
    tmp_path: Path, cluster: Cluster, endpoints: Endpoints, driver: str, delivery: str
) -> None:
    prefix = topics(cluster)
    if delivery == "exactly_once":
        cluster.allow("alice", f"streammtl-{prefix}", "DESCRIBE", "WRITE", resource="transactional_id")
        cluster.allow("alice", f"streammtl-{prefix}", "READ", resource="group")
        cluster.allow("alice", f"{prefix}-predictions", "READ")  # the mark of a transaction is an offset in it
    settings = settings_for(tmp_path, endpoints.secured, endpoints.certificates / "ca.pem", prefix, driver)
    settings["sink"]["delivery"] = delivery
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    url = url_of(daemon)
    write(cluster, prefix, 0, N)
    cluster.produce(f"{prefix}-events", [b"{"])
    daemon.wait_for(lambda: daemon.n_records() == 2 * N + 1, "it has taken everything")
    assert is_ready(url)
    served = [get(f"{url}{path}")[2] for path in PATHS]
    assert daemon.stop() == 0
    assert daemon.counted() == expected(N)
    assert len(predictions(cluster, prefix, committed=True)[0]) == N

    secret = PASSWORDS["alice"]
    assert not [body for body in served if secret.encode() in body]
    assert holders(tmp_path, secret) == []
    published = [record for topic in ("predictions", "rejects") for record in cluster.read(f"{prefix}-{topic}")]
    assert not [record for record in published if secret in repr(record)]
    config = RunConfig.parse({**settings, "model": {"kind": "mlp"}}, environment={})
    assert secret not in repr(config) + repr(config.shape()) + repr(config.source.build())


@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
@pytest.mark.parametrize(
    ("listener", "ca", "security", "said"),
    [
        ("secured", "ca.pem", {"password_env": "WRONG"}, "refuses the user 'alice' with this password"),
        ("secured", "unknown_ca.pem", {}, "the certificate of localhost"),
        ("expired", "ca.pem", {}, "certificate has expired"),
    ],
    ids=["password", "authority", "expired"],
)
def test_who_is_refused_is_told_why_at_once(
    tmp_path: Path,
    cluster: Cluster,
    endpoints: Endpoints,
    driver: str,
    listener: str,
    ca: str,
    security: dict[str, str],
    said: str,
) -> None:
    servers = {"secured": endpoints.secured, "expired": endpoints.expired}[listener]
    prefix = topics(cluster)
    settings = settings_for(tmp_path, servers, endpoints.certificates / ca, prefix, driver, **security)
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    assert daemon.process.wait(60) == 1
    last = daemon.log().splitlines()[-1]
    assert said in last
    assert last.startswith("streammtl: ")
    assert "Traceback" not in daemon.log()
    assert holders(tmp_path, WRONG) == holders(tmp_path, PASSWORDS["alice"]) == []


@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
@pytest.mark.parametrize("missing", ["events", "predictions"])
def test_a_missing_acl_is_told_with_the_topic(
    tmp_path: Path, cluster: Cluster, endpoints: Endpoints, driver: str, missing: str
) -> None:
    prefix = topics(cluster)
    other = cluster.create_topic()  # alice may do nothing with this one
    settings = settings_for(tmp_path, endpoints.secured, endpoints.certificates / "ca.pem", prefix, driver)
    if missing == "events":
        settings["source"]["topics"]["events"] = other
    else:
        settings["sink"]["predictions"]["topic"] = other
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    assert daemon.process.wait(60) == 1
    last = daemon.log().splitlines()[-1]
    assert other in last
    assert "Traceback" not in daemon.log()
