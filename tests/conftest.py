"""Tests run in several processes: long ones first, and spread over the processes, so that these end together.

pytest-xdist's worksteal deals the list out in blocks, one per process, and lets who has done its own take from the end
of another's. So each block begins with its share of the long tests and ends with short ones.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from itertools import islice

import pytest

_SLOW_S = 10.0  # of a test marked `slow` without its seconds
#: Loggers that the command line sets up for the whole process.
_SET_UP = ("", "streammtl", "kafka", "confluent_kafka")
#: Examples that compile kernels of their own.
_SLOW_EXAMPLES = ("streammtl.interop.river.Regressor",)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """What one test has set up, by a command that it ran, is not there for the next, which may expect log lines."""
    loggers = [logging.getLogger(name) for name in _SET_UP]
    before = [(logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    yield
    logging.captureWarnings(False)
    for logger, (level, handlers, propagate) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers, logger.propagate = handlers, propagate


@pytest.hookimpl(optionalhook=True)  # unknown without pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: some of the time, tests wait for a broker, a daemon or a browser.

    Not more: each collects and imports everything for itself, which takes 15 seconds and a gigabyte.
    """
    n_cores = os.cpu_count() or 1
    return n_cores + n_cores // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported stays: looking through it for garbage, again and again, takes a fifth of the time for it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Examples in docstrings cannot say that they are slow; and blocks for the processes, when there are several."""
    for item in items:
        if item.name in _SLOW_EXAMPLES:
            item.add_marker(pytest.mark.slow(seconds=15))
    yield  # those that the command line leaves out go
    workerinput: dict[str, int] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        items[:] = _in_blocks(items, workerinput["workercount"])


def _in_blocks(items: list[pytest.Item], n_blocks: int) -> list[pytest.Item]:
    """The longest first, each into the block that has least to do; then the others, in their order."""
    long_tests = sorted((item for item in items if _seconds(item) > 0.0), key=_seconds, reverse=True)
    others = iter([item for item in items if _seconds(item) == 0.0])
    blocks: list[list[pytest.Item]] = [[] for _ in range(n_blocks)]
    for item in long_tests:
        min(blocks, key=lambda block: sum(map(_seconds, block))).append(item)
    n_left = len(items)
    for i, block in enumerate(blocks):
        size = n_left // (n_blocks - i)  # as worksteal deals
        block.extend(islice(others, max(0, size - len(block))))
        n_left -= size
    return [item for block in blocks for item in block] + list(others)


def _seconds(item: pytest.Item) -> float:
    """What a `slow` test is expected to take; 0: it is not slow."""
    marker = item.get_closest_marker("slow")
    if marker is None:
        return 0.0
    seconds: float = marker.kwargs.get("seconds", _SLOW_S)
    return seconds
