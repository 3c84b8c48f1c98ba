"""What a daemon of `tests.kafka.daemon` tells while it runs: its probes, its metrics, its log."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.kafka.daemon import Daemon
from tests.ops.scraping import Key, get, get_json, scrape

#: For `settings_of`: serve probes and metrics on any port.
SERVED: dict[str, Any] = {"http": {"port": 0}}


def url_of(daemon: Daemon, life: int = 1) -> str:
    """Where the daemon serves since its so-many-eth start."""
    daemon.wait_for(lambda: len(_urls(daemon)) >= life, "it says where it serves")
    return _urls(daemon)[life - 1]


def is_ready(url: str) -> bool:
    """What /readyz says; it must be alive in any case."""
    assert get(f"{url}/livez")[0] == 200, get(f"{url}/livez")
    return get(f"{url}/readyz")[0] == 200


def reason(url: str) -> str:
    """Why it is not ready; "" when it is."""
    return str(get_json(f"{url}/readyz").get("reason", ""))


def metrics(url: str) -> dict[Key, float]:
    return scrape(url)


def messages(daemon: Daemon, level: str) -> list[str]:
    """What it has logged at a level; every line of its log is one JSON object."""
    lines = [json.loads(line) for line in daemon.log().splitlines()]
    return [line["message"] for line in lines if line["level"] == level]


def _urls(daemon: Daemon) -> list[str]:
    return re.findall(r"are at (http://127\.0\.0\.1:\d+)", daemon.log())
