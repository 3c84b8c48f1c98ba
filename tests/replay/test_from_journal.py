"""A replay of a journal takes what the journal names, and writes nothing where the daemon writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streammtl.clock import SystemClock
from streammtl.config import RunConfig
from streammtl.errors import CheckpointError, ConfigError
from streammtl.journal import Journal
from streammtl.run.from_journal import replay_of_journal
from streammtl.types import Records

SETTINGS = {
    "schema": {"id": "id", "features": {"a": "numeric"}},
    "tasks": {"y": {"kind": "binary"}},
    "sink": {"predictions": {"kind": "jsonl", "path": "p.jsonl"}},
    "checkpoint": {"path": "checkpoints"},
}
KAFKA = {"kind": "kafka", "connection": {"servers": "localhost:9092"}, "topic": "t"}


def config_of(source: object) -> RunConfig:
    return RunConfig.parse({**SETTINGS, "source": source}, environment={})


@pytest.mark.parametrize("named", ["", "journal"])
def test_checkpoints_and_sinks_are_left_alone(tmp_path: Path, named: str) -> None:
    records = Records([b"x"] * 3, ("t:0",), np.zeros(3, np.int32), np.arange(3))
    with Journal(tmp_path / "journal") as journal:
        journal.since(0)
        journal.append(records)
    config, source = replay_of_journal(config_of(KAFKA), tmp_path / named, tmp_path, SystemClock())
    assert config.checkpoint.path is None
    assert config.sink.predictions is None
    assert source.n_records == 3


def test_a_source_of_one_order_has_no_journal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this source has only one order"):
        replay_of_journal(config_of({"kind": "jsonl", "path": "a.jsonl"}), tmp_path, tmp_path, SystemClock())


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"there is no journal in {tmp_path}"):
        replay_of_journal(config_of(KAFKA), tmp_path, tmp_path, SystemClock())
