from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.checkpoint import Checkpoints, digest, read_checkpoint
from streammtl.clock import ManualClock
from streammtl.errors import CheckpointError, CheckpointMismatchError, ConfigError
from tests.checkpoint.states import small_state


def opened(path: Path, configuration: dict[str, Any] | None = None, keep: int = 3) -> Checkpoints:
    return Checkpoints(Checkpoints.Config(path=path, keep=keep), configuration or {"seed": 0})


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.name != "lock")


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        saved = checkpoints.save(small_state(7), 7)
    with opened(tmp_path) as checkpoints:
        latest = checkpoints.load_latest()
        assert latest is not None
        state, path = latest
        assert checkpoints.load(path)["step"] == 7
    assert path == saved == tmp_path / "checkpoint-000000000007"
    assert digest(state) == digest(small_state(7))


def test_loaded_arrays_can_be_changed(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        state = checkpoints.load(checkpoints.save(small_state(), 1))
    state["model"]["w"] += 1
    state["model"]["is_on"][...] = False


def test_an_empty_folder_has_no_latest(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "folder") as checkpoints:
        assert checkpoints.load_latest() is None
        checkpoints.require_empty()


def test_the_newest_three_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        for number in (5, 10, 15, 20, 1_000_000_000_000):
            checkpoints.save(small_state(number), number)
        assert checkpoints.numbers() == [15, 20, 1_000_000_000_000]
    assert names(tmp_path) == ["checkpoint-000000000015", "checkpoint-000000000020", "checkpoint-1000000000000"]


def test_the_same_number_replaces_the_checkpoint(tmp_path: Path) -> None:
    with opened(tmp_path, keep=1) as checkpoints:
        checkpoints.save(small_state(1), 5)
        path = checkpoints.save(small_state(2), 5)
    assert read_checkpoint(path).state["step"] == 2
    assert names(tmp_path) == ["checkpoint-000000000005"]


def test_a_later_change_of_the_state_does_not_reach_the_checkpoint(tmp_path: Path) -> None:
    state = small_state()
    with opened(tmp_path) as checkpoints:
        path = checkpoints.save(state, 1)
        state["model"]["w"][:] = -1
        assert digest(checkpoints.load(path)) == digest(small_state())


def test_sha256sum_agrees(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        path = checkpoints.save(small_state(), 1)
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=path, capture_output=True, text=True, check=False)
    assert done.stdout == "arrays.safetensors: OK\nstate.json: OK\n"
    assert done.returncode == 0


def test_a_run_that_starts_anew_does_not_mix_with_another(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        checkpoints.save(small_state(), 100)
        with pytest.raises(CheckpointError, match="holds checkpoint 100 of an earlier run"):
            checkpoints.require_empty()
        with pytest.raises(CheckpointError, match="checkpoint 50 would be older than 100"):
            checkpoints.save(small_state(), 50)
        assert checkpoints.numbers() == [100]


def test_another_configuration_is_refused_and_the_settings_that_differ_are_named(tmp_path: Path) -> None:
    with opened(tmp_path, {"seed": 0, "model": {"hidden": [64, 64], "rate": 0.1}, "old": 1}) as checkpoints:
        checkpoints.save(small_state(), 1)
    with opened(tmp_path, {"seed": 0, "model": {"hidden": [32], "rate": 0.1}, "new": True}) as checkpoints:
        with pytest.raises(CheckpointMismatchError) as caught:
            checkpoints.load_latest()
        assert checkpoints.numbers() == [1]
    message = str(caught.value)
    assert "model.hidden is [64,64] in the checkpoint and [32] now" in message
    assert "new is absent in the checkpoint and true now" in message
    assert "old is 1 in the checkpoint and absent now" in message
    assert "rate" not in message


def test_the_order_of_the_configuration_does_not_matter(tmp_path: Path) -> None:
    with opened(tmp_path, {"a": 1, "b": {"c": 2, "d": 3}}) as checkpoints:
        checkpoints.save(small_state(), 1)
    with opened(tmp_path, {"b": {"d": 3, "c": 2}, "a": 1}) as checkpoints:
        assert checkpoints.load_latest() is not None


def test_another_version_of_the_format_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        path = checkpoints.save(small_state(), 1)
        document = json.loads((path / "state.json").read_text())
        (path / "state.json").write_text(json.dumps(document | {"version": 2}))
        sums = subprocess.run(
            ["sha256sum", "arrays.safetensors", "state.json"], cwd=path, capture_output=True, check=True
        )
        (path / "SHA256SUMS").write_bytes(sums.stdout)
        with pytest.raises(CheckpointMismatchError, match="version 1, found 'streammtl checkpoint' version 2"):
            checkpoints.load_latest()


def test_one_is_due_after_so_many_records_or_seconds(tmp_path: Path) -> None:
    clock = ManualClock()
    config = Checkpoints.Config(path=tmp_path, every_records=100, every_s=30)
    with Checkpoints(config, {}, clock=clock) as checkpoints:
        assert not checkpoints.is_due(99)
        assert checkpoints.is_due(100)
        checkpoints.save(small_state(), 100)
        assert not checkpoints.is_due(199)
        clock.advance(30)
        assert checkpoints.is_due(101)
        assert not checkpoints.is_due(100)
        checkpoints.save(small_state(), 101)
        assert not checkpoints.is_due(102)


def test_a_resumed_run_counts_from_its_checkpoint(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        checkpoints.save(small_state(), 1_000_000)
    config = Checkpoints.Config(path=tmp_path, every_records=10)
    with Checkpoints(config, {"seed": 0}, clock=ManualClock()) as checkpoints:
        checkpoints.load_latest()
        assert not checkpoints.is_due(1_000_009)
        assert checkpoints.is_due(1_000_010)


def test_relative_paths_are_taken_from_the_base(tmp_path: Path) -> None:
    with Checkpoints(Checkpoints.Config(path=Path("here")), {}, base=tmp_path) as checkpoints:
        assert checkpoints.save({}, 0) == tmp_path / "here" / "checkpoint-000000000000"


def test_no_path_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ConfigError, match=r"checkpoint\.path is null"):
        Checkpoints(Checkpoints.Config(), {})


@pytest.mark.parametrize("settings", [{"keep": 0}, {"every_records": 0}, {"every_s": 0}, {"every": 3}])
def test_settings_out_of_bounds_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Checkpoints.Config.model_validate(settings)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        path = checkpoints.save({"w": np.zeros(1)}, 1)
        (path / "arrays.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'exit 1'\ntR.")
        sums = subprocess.run(
            ["sha256sum", "arrays.safetensors", "state.json"], cwd=path, capture_output=True, check=True
        )
        (path / "SHA256SUMS").write_bytes(sums.stdout)
        with pytest.raises(CheckpointError, match=r"arrays\.safetensors is not in the safetensors format"):
            checkpoints.load(path)
