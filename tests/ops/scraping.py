"""Asking a server as its users do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

Key = tuple[str, frozenset[tuple[str, str]]]


def get(url: str, accept: str = "*/*", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body; refusals are no exceptions."""
    request = urllib.request.Request(url, headers={"Accept": accept}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def get_json(url: str) -> Any:
    return json.loads(get(url)[2])


def samples_of(text: str) -> dict[Key, float]:
    """Every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(url: str) -> dict[Key, float]:
    return samples_of(get(f"{url}/metrics")[2].decode())


def key(name: str, /, **labels: str) -> Key:
    return name, frozenset(labels.items())
