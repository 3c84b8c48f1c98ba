"""File, environment, --set: which wins, how names are matched, and who is named in a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from streammtl.errors import ConfigError
from tests.config.texts import RIGHT, write


def load(folder: Path, *overrides: str, **environment: str) -> dict[str, Any]:
    return RunConfig.load(write(folder, RIGHT), overrides, environment).model_dump(mode="json", by_alias=True)


def test_the_environment_wins_over_the_file_and_set_over_both(tmp_path: Path) -> None:
    assert load(tmp_path)["source"]["path"] == "x.csv"
    assert load(tmp_path, STREAMMTL_SOURCE__PATH="e.csv")["source"]["path"] == "e.csv"
    assert load(tmp_path, "source.path=s.csv", STREAMMTL_SOURCE__PATH="e.csv")["source"]["path"] == "s.csv"
    assert load(tmp_path, "seed=1", "seed=2")["seed"] == 2


def test_the_environment_of_the_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMMTL_SEED", "7")
    assert RunConfig.load(write(tmp_path, RIGHT)).seed == 7


def test_case_does_not_count_in_the_environment(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        STREAMMTL_TASKS__Z_CO__LOSS="absolute",
        streammtl_seed="5",  # only the prefix must be upper case
        STREAMMTL_SCHEMA__FEATURES__at="{kind: numeric, transform: log1p_signed}",
        STREAMMTL_SCHEMA__FEATURES__NEW="numeric",
    )
    assert loaded["tasks"]["z_CO"]["loss"] == "absolute"
    assert loaded["seed"] == 0
    assert list(loaded["schema"]["features"]) == ["AT", "shop", "new"]
    assert loaded["schema"]["features"]["AT"]["transform"] == "log1p_signed"


def test_two_names_that_differ_by_case_only_need_set(tmp_path: Path) -> None:
    text = RIGHT.replace("AT: numeric", "AT: numeric\n    at: numeric")
    with pytest.raises(ConfigError, match="aT may be AT or at; use --set"):
        RunConfig.load(write(tmp_path, text), environment={"STREAMMTL_SCHEMA__FEATURES__aT": "numeric"})
    config = RunConfig.load(write(tmp_path, text), environment={"STREAMMTL_SCHEMA__FEATURES__AT": "categorical"})
    kinds = {name: feature.model_dump()["kind"] for name, feature in config.event_schema.features.items()}
    assert (kinds["AT"], kinds["at"]) == ("categorical", "numeric")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "STREAMMTL_SORCE__PATH",
            "x",
            "sorce (environment variable STREAMMTL_SORCE__PATH): there is no such setting; did you mean 'source'?",
        ),
        ("STREAMMTL_HOME", "/x", "home (environment variable STREAMMTL_HOME): there is no such setting"),
        ("STREAMMTL_", "1", "(environment variable STREAMMTL_): there is no such setting"),
        ("STREAMMTL_SEED", "x", "seed (environment variable STREAMMTL_SEED): expected a whole number"),
        (
            "STREAMMTL_SEED__X",
            "1",
            "environment variable STREAMMTL_SEED__X: seed is one value, without settings below it",
        ),
        ("STREAMMTL_SEED", "[1", "environment variable STREAMMTL_SEED, line 1, column 3: not valid YAML"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **{name: text})
    assert expected in str(caught.value)


def test_variables_of_tests_and_of_others_are_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, STREAMMTL_TEST_FAULT="1", PATH="/bin", STREAMMTLX="1") == load(tmp_path)


def test_set_adds_a_task_and_replaces_one(tmp_path: Path) -> None:
    tasks = load(tmp_path, "tasks.new=regression", "tasks.y={kind: multiclass, classes: [a, b]}")["tasks"]
    assert {name: task["kind"] for name, task in tasks.items()} == {
        "y": "multiclass",
        "z_CO": "regression",
        "new": "regression",
    }


def test_set_goes_below_a_kind_alone_and_below_a_default(tmp_path: Path) -> None:
    loaded = load(tmp_path, "tasks.y.focal_gamma=2", "model.hidden=[8]", "drift.error.delta=0.01")
    assert loaded["tasks"]["y"]["focal_gamma"] == 2.0
    assert (loaded["model"]["kind"], loaded["model"]["hidden"]) == ("mlp", [8])
    assert (loaded["drift"]["error"]["kind"], loaded["drift"]["error"]["delta"]) == ("adwin", 0.01)


def test_set_goes_below_a_default_below_a_kind_alone(tmp_path: Path) -> None:
    loaded = load(tmp_path, "model=shared_bottom", "model.optimizer.rate=0.5")
    assert (loaded["model"]["optimizer"]["kind"], loaded["model"]["optimizer"]["rate"]) == ("adagrad", 0.5)


def test_set_takes_names_with_dots_in_quotes(tmp_path: Path) -> None:
    assert "a.b" in load(tmp_path, 'schema.features."a.b"=numeric')["schema"]["features"]


def test_set_can_empty_a_setting_and_hold_an_equals_sign(tmp_path: Path) -> None:
    assert load(tmp_path, "schema.time=")["schema"]["time"] is None
    assert load(tmp_path, "name='a=b'")["name"] == "a=b"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "--set seed: expected key.key=value, for example --set source.path=data.csv"),
        ("=5", "--set =5: expected key.key=value"),
        ("a..b=5", "--set a..b=5: expected key.key=value"),
        ("seed.x=1", "--set seed.x=1: seed is one value, without settings below it"),
        ("name.x=1", '--set name.x=1: name is "plant", without settings below it'),
        ("tasks.y.loss=huber", "tasks.y.loss (--set tasks.y.loss=huber): binary has no such setting"),
        ("model.bins=1", "model.bins (--set model.bins=1): expected a value >= 2, found 1"),
        ("source={path: 3}", "source (--set source={path: 3}): has no kind"),
        ("seed=[1", "--set seed=[1, line 1, column 3: not valid YAML"),
    ],
)
def test_a_wrong_set_is_named(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, override)
    assert expected in str(caught.value)


def test_settings_that_are_handed_over_stay_as_they_are() -> None:
    settings = {"schema": {"features": {"a": "numeric"}}, "tasks": {"y": "binary"}, "source": "iterable"}
    RunConfig.parse(settings, ["tasks.y.focal_gamma=1", "seed=3"], environment={})
    assert settings == {"schema": {"features": {"a": "numeric"}}, "tasks": {"y": "binary"}, "source": "iterable"}
