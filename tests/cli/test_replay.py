"""`streammtl replay`: what it prints and writes, and how it ends when something is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from streammtl.checkpoint import Checkpoints
from tests.cli.commands import NOT_COMPILED, streammtl, write_small


def test_a_replay_prints_a_table_and_writes_every_figure(tmp_path: Path) -> None:
    result = streammtl("replay", write_small(tmp_path), "--json", tmp_path / "out.json")
    assert result.exit_code == 0
    figures = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert figures["events"] == 200
    assert set(figures["tasks"]) == {"up", "size"}
    for expected in ("small: scores", "no-change", "weights", "200 events, 400 labels", figures["digest"]):
        assert expected in result.output


def test_quiet_prints_nothing(tmp_path: Path) -> None:
    result = streammtl("replay", write_small(tmp_path, n=20), "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_a_simulator_is_replayed_by_its_name() -> None:
    result = streammtl("replay", "fraud", "--set", "source.world.events=300", "--set", NOT_COMPILED)
    assert result.exit_code == 0
    assert "fraud: scores" in result.output
    assert "300 events" in result.output


def test_a_resumed_replay_has_the_same_digest(tmp_path: Path) -> None:
    config = write_small(tmp_path, more=f"checkpoint: {{path: {json.dumps(str(tmp_path / 'state'))}}}\n")
    assert streammtl("replay", config, "--json", tmp_path / "1.json", "--quiet").exit_code == 0
    assert streammtl("replay", config, "--resume", "--json", tmp_path / "2.json", "--quiet").exit_code == 0
    digests = [json.loads((tmp_path / name).read_text())["digest"] for name in ("1.json", "2.json")]
    assert digests[0] == digests[1]


def test_a_folder_of_an_earlier_run_is_not_taken_without_resume(tmp_path: Path) -> None:
    config = write_small(tmp_path, n=20, more=f"checkpoint: {{path: {json.dumps(str(tmp_path / 'state'))}}}\n")
    assert streammtl("replay", config, "--quiet").exit_code == 0
    result = streammtl("replay", config, "--quiet")
    assert result.exit_code == 1
    assert result.output.startswith("streammtl: ")


def test_a_folder_that_another_run_holds_is_one_line_and_exit_1(tmp_path: Path) -> None:
    config = write_small(tmp_path, n=20, more=f"checkpoint: {{path: {json.dumps(str(tmp_path / 'state'))}}}\n")
    with Checkpoints(Checkpoints.Config(path=tmp_path / "state"), {}):
        result = streammtl("replay", config, "--quiet")
    assert result.exit_code == 1
    assert result.output.startswith("streammtl: ")
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nope"], "'nope' is neither a file nor a simulator; allowed: fraud"),
        (["frud"], "did you mean 'fraud'?"),
        (["nope.yaml"], "cannot read the configuration nope.yaml: No such file or directory"),
        (["fraud", "--set", "sede=3"], "sede (--set sede=3): there is no such setting; did you mean 'seed'?"),
        (["fraud", "--resume"], "--resume needs checkpoint.path"),
        (["fraud", "--json", "/nowhere/at/all.json"], "expected the name of a file in a folder that is there"),
        (
            ["fraud", "--set", "weighting={kind: fixed, weights: {fraud: 1}}"],
            "weighting.weights names the task 'fraud'",
        ),
        (
            ["fraud", "--set", NOT_COMPILED, "--set", "drift={error: ddm, error_tasks: [loss_amount]}"],
            "the detector ddm",
        ),
    ],
)
def test_a_wrong_argument_is_exit_2(arguments: list[str], expected: str) -> None:
    result = streammtl("replay", *arguments)
    assert result.exit_code == 2
    assert result.output.startswith("streammtl: ")
    assert expected in result.output


def test_missing_data_is_one_line_and_exit_1(tmp_path: Path) -> None:
    config = write_small(tmp_path)
    (tmp_path / "stream.jsonl").unlink()
    result = streammtl("replay", config)
    assert result.exit_code == 1
    assert result.output == f"streammtl: there is no file {tmp_path / 'stream.jsonl'}; check the source's path\n"


def test_damaged_data_are_one_line_and_exit_1(tmp_path: Path) -> None:
    config = write_small(tmp_path)
    packed = gzip.compress((tmp_path / "stream.jsonl").read_bytes())
    (tmp_path / "stream.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    result = streammtl("replay", config, "--set", f"source.path={tmp_path / 'stream.jsonl.gz'}", "--quiet")
    assert result.exit_code == 1
    assert "stream.jsonl.gz is truncated" in result.output
    assert len(result.output.splitlines()) == 1


def test_figures_that_cannot_be_written_are_exit_1(tmp_path: Path) -> None:
    (tmp_path / "out.json").symlink_to(tmp_path / "nowhere" / "out.json")
    result = streammtl("replay", write_small(tmp_path, n=20), "--json", tmp_path / "out.json", "--quiet")
    assert result.exit_code == 1
    assert f"cannot write {tmp_path / 'out.json'}" in result.output


def test_a_bug_still_shows_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("streammtl.run.loop.Loop.run", fail)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        streammtl("replay", write_small(tmp_path, n=1))
