"""`streammtl simulate`: what is written where, at which rate, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from streammtl.clock import ManualClock
from streammtl.errors import ConfigError, SinkError
from streammtl.log.embedded import EmbeddedLog
from streammtl.run.simulate import truth_path, write_truth, write_world
from tests.cli.commands import NOT_COMPILED, streammtl
from tests.cli.worlds import TinyWorld

WORLD = TinyWorld.Config(events=6).build()
LINES = b"".join(b'{"e":%d}\n{"e":%d}\n{"l":%d}\n' % (i, i + 1, i) for i in (0, 2, 4))


def test_a_file_holds_the_records_in_order(tmp_path: Path) -> None:
    written = write_world(WORLD, tmp_path / "w.jsonl", ManualClock())
    assert (tmp_path / "w.jsonl").read_bytes() == LINES
    assert (written.n_records, written.n_events, written.stopped) == (9, 6, False)


def test_a_packed_file_has_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("1.jsonl.gz", "2.jsonl.gz"):
        write_world(WORLD, tmp_path / name, ManualClock())
    packed = (tmp_path / "1.jsonl.gz").read_bytes()
    assert gzip.decompress(packed) == LINES
    assert (tmp_path / "2.jsonl.gz").read_bytes() == packed


def test_a_log_has_topics_of_events_and_labels_under_their_ids(tmp_path: Path) -> None:
    write_world(WORLD, tmp_path / "w.log", ManualClock(7.0))
    with EmbeddedLog(tmp_path / "w.log", create=False) as log:
        assert log.topics() == {"events": 1, "labels": 1}
        assert log.read(["events"], 0, 10).values == tuple(b'{"e":%d}' % i for i in range(6))
        assert log.read(["labels"], 0, 10).values == (b'{"l":0}', b'{"l":2}', b'{"l":4}')
        assert log.read_headers(["events"], 0, 3).keys == (b"0", None, b"2")
        assert log.read_headers(["labels"], 0, 1).timestamps_s == (7.0,)


def test_the_rate_is_that_of_events(tmp_path: Path) -> None:
    clock = ManualClock(100.0)
    times_s: list[tuple[int, float]] = []
    write_world(
        WORLD,
        tmp_path / "w.jsonl",
        clock,
        rate=2.0,
        observe=lambda n_events: times_s.append((n_events, clock.monotonic())),
    )
    assert (tmp_path / "w.jsonl").read_bytes() == LINES
    assert dict(times_s) == pytest.approx({n: 100.0 + n / 2.0 for n in range(1, 7)})


def test_it_stops_between_two_pieces_also_while_it_waits(tmp_path: Path) -> None:
    clock = ManualClock()
    written = write_world(WORLD, tmp_path / "w.jsonl", clock, rate=0.01, stop=lambda: clock.monotonic() > 250.0)
    assert (tmp_path / "w.jsonl").read_bytes() == LINES[: len(b'{"e":0}\n{"e":1}\n{"l":0}\n')]
    assert (written.n_records, written.n_events, written.stopped) == (3, 2, True)
    assert clock.monotonic() == pytest.approx(250.0, abs=0.2)


@pytest.mark.parametrize("name", ["w.jsonl", "w.jsonl.gz"])
def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"precious")
    with pytest.raises(ConfigError, match=f"{name} exists already; take another name, or replace it with --force"):
        write_world(WORLD, tmp_path / name, ManualClock())
    assert (tmp_path / name).read_bytes() == b"precious"
    write_world(WORLD, tmp_path / name, ManualClock(), force=True)
    assert (tmp_path / name).read_bytes() != b"precious"


def test_a_truth_that_is_there_is_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "w.truth.json").write_text("precious")
    with pytest.raises(ConfigError, match=r"w\.truth\.json exists already"):
        write_world(WORLD, tmp_path / "w.jsonl", ManualClock())
    assert not (tmp_path / "w.jsonl").exists()


def test_a_log_with_records_is_appended_to_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    write_world(WORLD, path, ManualClock())
    with pytest.raises(ConfigError, match=r"topic 'events' of the log .* has had 6 records already"):
        write_world(WORLD, path, ManualClock())
    write_world(WORLD, path, ManualClock(), force=True)
    with EmbeddedLog(path, create=False) as log:
        assert log.ranges("events")[0].end_offset == 12


def test_a_log_with_other_topics_is_appended_to(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path / "w.log") as log:
        log.create_topic("predictions")
        log.append("predictions", [(None, b"{}")], timestamp_s=0.0)
    write_world(WORLD, tmp_path / "w.log", ManualClock())


@pytest.mark.parametrize("name", ["w.txt", "w", ".log", "w.jsonl.zst"])
def test_the_name_says_what_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"its name must end with \.jsonl, \.jsonl\.gz \(a file\) or \.log"):
        write_world(WORLD, tmp_path / name, ManualClock())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"cannot write to .*w\.jsonl: No such file or directory"):
        write_world(WORLD, tmp_path / "no" / "w.jsonl", ManualClock())


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.log"])
def test_the_truth_lies_beside(name: str) -> None:
    assert truth_path(Path("a") / name) == Path("a/out.truth.json")


def test_the_truth_has_drifts_and_best_scores(tmp_path: Path) -> None:
    written = write_world(WORLD, tmp_path / "w.jsonl", ManualClock())
    write_truth(WORLD, written, tmp_path / "truth.json")
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert truth["world"] == {"seed": 0, "events": 6}
    assert truth["records"] == 9
    assert truth["complete"] is True
    assert (truth["drifts"][0]["name"], truth["drifts"][0]["start_event"]) == ("jump", 2)
    assert truth["best_scores"] == {"y": {"auc": 0.75, "log_loss": None}}
    assert truth["dirt"] == {}


def test_no_best_scores_are_claimed_for_a_part_of_a_world(tmp_path: Path) -> None:
    written = write_world(WORLD, tmp_path / "w.jsonl", ManualClock(), stop=lambda: True)
    write_truth(WORLD, written, tmp_path / "truth.json")
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert (truth["records"], truth["complete"], truth["best_scores"]) == (0, False, None)


def test_the_command_writes_a_stream_that_can_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "fraud.jsonl.gz"
    result = streammtl(
        "simulate", "fraud", "--to", path, "--events", "50", "--seed", "3", "--set", "dirt.malformed=0.2"
    )
    assert result.exit_code == 0
    assert "events/s" in result.output
    truth = json.loads((tmp_path / "fraud.truth.json").read_text(encoding="utf-8"))
    assert (truth["world"]["events"], truth["world"]["seed"]) == (50, 3)
    assert truth["dirt"]["malformed"] > 0
    replayed = streammtl("replay", "fraud", "--set", f"source={{kind: jsonl, path: {path}}}", "--set", NOT_COMPILED)
    assert replayed.exit_code == 0
    assert "50 events" in replayed.output
    assert f"malformed {truth['dirt']['malformed']}" in replayed.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["frud"], "there is no simulator 'frud'; did you mean 'fraud'?"),
        (["fraud", "--set", "evnts=3"], "evnts (--set evnts=3): fraud has no such setting; did you mean 'events'?"),
        (["fraud", "--set", "dirt.malformd=0.1"], "did you mean 'malformed'?"),
        (["fraud", "--set", "dirt.malformed=2"], "dirt.malformed (--set dirt.malformed=2): expected a value <= 0.5"),
        (["fraud", "--set", "events"], "--set events: expected key.key=value"),
        (["fraud", "--events", "0"], "--events"),
        (["fraud", "--rate", "0"], "--rate"),
    ],
)
def test_a_wrong_setting_of_a_world_is_exit_2(tmp_path: Path, arguments: list[str], expected: str) -> None:
    result = streammtl("simulate", *arguments, "--to", tmp_path / "w.jsonl")
    assert result.exit_code == 2
    assert expected in result.output
    assert list(tmp_path.iterdir()) == []
