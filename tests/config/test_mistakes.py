"""Each mistake in a configuration is named: the key as it was written, where it stands, the value, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from streammtl.clock import ManualClock
from streammtl.config import RunConfig
from streammtl.errors import ConfigError
from streammtl.models.base import Model
from streammtl.run.assemble import build_engine
from tests.config.texts import RIGHT, write


def message_of(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        RunConfig.load(write(folder, text), overrides, environment={})
    return str(caught.value)


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("modl: {}", "modl (line 12): there is no such setting; did you mean 'model'?"),
        ("features: {a: numeric}", "features (line 12): there is no such setting here, but there is schema.features"),
        ("seed: -1", "seed (line 12): expected a value >= 0, found -1"),
        ("seed: some", 'seed (line 12): expected a whole number, found "some"'),
        ("seed: 1.5", "seed (line 12): expected a whole number, found 1.5"),
        ("seed: .nan", "seed (line 12): expected a finite number, found NaN"),
        ("seed: 1\nseed: 2", "line 13, column 1: the key 'seed' was given before, in line 12"),
        ("model:", "model (line 12): expected a kind, or a mapping with a kind, found null"),
        ("model: 5", "model (line 12): expected a kind, or a mapping with a kind, found 5"),
        ("model: {hidden: [8]}", "model (line 12): has no kind; allowed: "),
        ("model: {kind: shared_botom}", "model (line 12): the kind 'shared_botom' is not known; did you mean"),
        ("model: {kind: shared_bottom, hiden: [8]}", "shared_bottom has no such setting; did you mean 'hidden'?"),
        ("model: {kind: shared_bottom, hidden: 8}", "model.hidden (line 12): expected a list, found 8"),
        (
            "model:\n  kind: shared_bottom\n  hidden: [8, 0]",
            "model.hidden[1] (line 14): expected a value >= 1, found 0",
        ),
        ("model: {kind: shared_bottom, hidden: []}", "model.hidden (line 12): expected at least 1 item(s), found []"),
        (
            "model: {kind: shared_bottom, optimizer: {kind: adm}}",
            "model.optimizer (line 12): the kind 'adm' is not known; did you mean 'adam'? allowed: adagrad, adam,",
        ),
        (
            "model: {kind: shared_bottom, optimizer: {kind: adam, rat: 1}}",
            "model.optimizer.rat (line 12): adam has no such setting; did you mean 'rate'?",
        ),
        (
            "model: {kind: mlp, experts: [{kind: netwrk}]}",
            "model.experts[0] (line 12): the kind 'netwrk' is not known; did you mean 'network'?",
        ),
        (
            "model: {kind: mlp, experts: [{kind: memory}]}",
            "model.experts (line 12): the first expert must be a shared network",
        ),
        ("weighting: famoo", "weighting (line 12): the kind 'famoo' is not known; did you mean 'famo'?"),
        (
            "scores: {composite: maen}",
            "scores.composite (line 12): expected 'mean', found \"maen\"; did you mean 'mean'?",
        ),
        (
            "scores: {composite: {weights: {y: -1}}}",
            "scores.composite.weights.y (line 12): expected a value > 0, found -1",
        ),
        ("scores: {window: 150}", "window must be a multiple of block: 150 is not a multiple of 100; 200 is"),
        (
            "drift: {error: {kind: adwin, delt: 1}}",
            "drift.error.delt (line 12): adwin has no such setting; did you mean",
        ),
        ("drift: {error: {kind: adwin, delta: 7}}", "drift.error.delta (line 12): expected a value < 1, found 7"),
        (
            "sink: {predictions: {kind: jsonl, pth: x}}",
            "sink.predictions.pth (line 12): jsonl has no such setting; did you",
        ),
        (
            "sink: {predictions: {kind: jsnl, path: x}}",
            "sink.predictions (line 12): the kind 'jsnl' is not known; did you",
        ),
        ("sink: {predictions: jsonl}", "sink.predictions.path (line 12): is missing and has no default (The file"),
        (
            "sink: {predictons: jsonl}",
            "sink.predictons (line 12): there is no such setting; did you mean 'predictions'?",
        ),
        ("join: {capacity: 0}", "join.capacity (line 12): expected a value >= 1, found 0"),
        ("checkpoint: {path: 5}", "checkpoint.path (line 12): expected a path, found 5"),
        (
            "monitoring: {log_level: INFO}",
            "monitoring.log_level (line 12): expected 'debug', 'info', 'warning' or 'error'",
        ),
        ("monitoring: {log_level: INFO}", "found \"INFO\"; did you mean 'info'?"),
        ("seed: [", "run.yaml, line 13, column 1: not valid YAML"),
    ],
)
def test_what_is_added_is_named(tmp_path: Path, added: str, expected: str) -> None:
    assert expected in message_of(tmp_path, f"{RIGHT}{added}\n")


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("  id: tx", "  idd: tx", "schema.idd (line 3): there is no such setting; did you mean 'id'?"),
        ("AT: numeric", "AT: nummeric", "schema.features.AT (line 6): the kind 'nummeric' is not known; did you mean"),
        (
            "AT: numeric",
            "AT: {kind: numeric, transform: log}",
            "schema.features.AT.transform (line 6): expected 'none' or",
        ),
        ("AT: numeric", "AT: {transform: none}", "schema.features.AT (line 6): has no kind; allowed: boolean,"),
        ("AT: numeric", "AT: 5", "schema.features.AT (line 6): expected a kind, or a mapping with a kind, found 5"),
        (
            "table_size: 64",
            "table_sise: 64",
            "schema.features.shop.table_sise (line 7): categorical has no such setting",
        ),
        (
            "y: binary",
            "y: {kind: binary, lable: t}",
            "tasks.y.lable (line 9): binary has no such setting; did you mean",
        ),
        (
            "y: binary",
            "y: {kind: binary, horizon_s: soon}",
            'tasks.y.horizon_s (line 9): expected a number, found "soon"',
        ),
        (
            "y: binary",
            "y: {kind: binary, on_expiry: negative}",
            "tasks.y (line 9): on_expiry: negative needs a horizon_s",
        ),
        ("y: binary", "binary: {kind: binary, los: 1}", "tasks.binary.los (line 9): binary has no such setting"),
        (
            "  time: ts\n",
            "",
            "tasks y have a horizon_s or a delay_s, which are event time: name its field in schema.time",
        ),
        ("loss: huber", "loss: hubr", "tasks.z_CO.loss (line 10): expected"),
        ("path: x.csv", "path: 5", "source.path (line 11): expected a path or a list, found 5"),
        ("{kind: csv, path: x.csv}", "csv", "source.path (line 11): is missing and has no default"),
        ("{kind: csv, path: x.csv}", "{path: x.csv}", "source (line 11): has no kind; allowed: changed, concat, csv,"),
        (
            "{kind: csv, path: x.csv}",
            "{kind: simulator, world: {kind: fraud, evnts: 3}}",
            "source.world.evnts (line 11)",
        ),
        (
            "source: {kind: csv, path: x.csv}",
            "",
            "source: is missing and has no default (Where records come from); kinds",
        ),
    ],
)
def test_what_is_changed_is_named(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    text = RIGHT.replace("y: binary", "y: {kind: binary, horizon_s: 9}") if right == "  time: ts\n" else RIGHT
    assert right in text
    assert expected in message_of(tmp_path, text.replace(right, wrong, 1))


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    message = message_of(tmp_path, f"{RIGHT}seed: -1\njoin: {{capacity: 0, size: 3}}\n")
    assert message.startswith(f"{tmp_path / 'run.yaml'}: 3 mistakes\n")
    assert [line.split(" ")[2] for line in message.splitlines()[1:]] == ["seed", "join.capacity", "join.size"]


def test_a_list_with_a_mistake_in_it_is_not_called_too_short(tmp_path: Path) -> None:
    message = message_of(tmp_path, f"{RIGHT}model: {{kind: mlp, experts: [{{kind: network, scop: single}}]}}\n")
    assert "1 mistake\n" in message
    assert "model.experts[0].scop (line 12): network has no such setting; did you mean 'scope'?" in message


def test_no_tasks_and_no_features_are_mistakes(tmp_path: Path) -> None:
    head, tail = RIGHT.partition("tasks:")[0], "source: {kind: csv, path: x.csv}\n"
    assert "tasks (line 8): expected at least 1 item(s), found {}" in message_of(tmp_path, f"{head}tasks: {{}}\n{tail}")
    assert "tasks (line 8): expected a mapping, found null" in message_of(tmp_path, f"{head}tasks:\n{tail}")
    assert "tasks: is missing" in message_of(tmp_path, head + tail)


@pytest.mark.parametrize(("text", "found"), [("- a\n", "a list"), ("", "nothing"), ("seed\n", "one value")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, found: str) -> None:
    assert f"expected a mapping of settings (schema, tasks, source, ...), found {found}" in message_of(tmp_path, text)


@pytest.mark.parametrize(("name", "expected"), [("none.yaml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot read the configuration .*: {expected}"):
        RunConfig.load(tmp_path / name)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_bytes(b"name: \xff\n")
    with pytest.raises(ConfigError, match="it is not UTF-8 text"):
        RunConfig.load(tmp_path / "run.yaml")


LABEL_IS_A_FEATURE = ("schema.features.y=numeric",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (LABEL_IS_A_FEATURE, "the field 'y' is the label of task 'y' and is also read by feature 'y'"),
        (("weighting={kind: fixed, weights: {zCO: 2}}",), "did you mean 'z_CO'?"),
        (("drift.error=ddm", "drift.error_tasks=[z_CO]"), "drift.error: the detector ddm reads errors that are 0 or 1"),
        (("drift.error_tasks=[x]",), "drift.error_tasks"),
        (("tasks.z_CO.label=y",), "the field 'y' is the label of task 'y' and task 'z_CO'"),
    ],
)
def test_what_only_shows_when_it_is_built_is_a_configuration_error_too(
    tmp_path: Path, changes: tuple[str, ...], expected: str
) -> None:
    config = RunConfig.load(write(tmp_path, RIGHT), changes, environment={})
    with pytest.raises(ConfigError) as caught:
        build_engine(config, tmp_path, ManualClock())
    assert expected in str(caught.value)


def test_mistakes_are_told_before_the_model_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("the model was built")

    monkeypatch.setattr(Model.Config, "build", never)
    config = RunConfig.load(write(tmp_path, RIGHT), LABEL_IS_A_FEATURE, environment={})
    with pytest.raises(ConfigError):
        build_engine(config, tmp_path, ManualClock())
