"""A cluster of three brokers, each of which is a controller, too."""

from __future__ import annotations

import base64
import uuid
from types import TracebackType
from typing import Self, final

from tests.kafka.broker import Broker, _free_ports, wait_until
from tests.kafka.cluster import Cluster

_SETTINGS = """
node.id={number}
controller.quorum.voters={voters}
listeners=CONTROLLER://127.0.0.1:{controller},PLAIN://127.0.0.1:{plain}
advertised.listeners=PLAIN://127.0.0.1:{plain}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
"""


@final
class Trio:
    """Three brokers on free ports; what is written must be with two of them."""

    def __init__(self) -> None:
        ports = _free_ports(18)
        voters = ",".join(f"{i + 1}@127.0.0.1:{ports[6 * i + 1]}" for i in range(3))
        self.brokers = [_broker(i + 1, ports[6 * i : 6 * i + 6], voters) for i in range(3)]
        self.servers = ",".join(broker.endpoints.plain for broker in self.brokers)

    def restart_each(self) -> None:
        """Stop one after the other in order and start it again, as whoever upgrades a cluster does."""
        for broker in self.brokers:
            broker.stop()
            broker.start()
            self.wait_in_sync()

    def wait_in_sync(self) -> None:
        """Until every partition has three replicas."""
        cluster = Cluster(self.servers)
        wait_until(cluster.is_in_sync, "all replicas are in sync", 60.0, 0.1)
        cluster.close()

    def __enter__(self) -> Self:
        """Start all of them at once: one alone does not get ready."""
        for broker in self.brokers:
            broker.start(wait=False)
        for broker in self.brokers:
            broker.wait_until_started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them, and remove their data."""
        for broker in self.brokers:
            broker.close()


def _broker(number: int, ports: list[int], voters: str) -> Broker:
    plain, controller, *_ = ports
    settings = _SETTINGS.format(number=number, voters=voters, plain=plain, controller=controller)
    broker = Broker(ports=tuple(ports), settings=settings)
    # The folder was formatted for number 1; what else it says is the same for all.
    properties = broker.folder / "data" / "meta.properties"
    lines = [line for line in properties.read_text().splitlines() if not line.startswith(("node.id", "directory.id"))]
    directory = base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_OID, str(number)).bytes).decode().rstrip("=")
    properties.write_text("\n".join([*lines, f"node.id={number}", f"directory.id={directory}"]) + "\n")
    return broker
