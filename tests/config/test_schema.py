"""The JSON schema accepts what the configuration accepts, and refuses the common mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streammtl.component import members
from streammtl.config import RunConfig
from streammtl.config_schema import DIALECT, json_schema
from streammtl.config_yaml import read_yaml
from streammtl.run.replay import world_config
from tests.config.json_schema import problems
from tests.config.texts import RIGHT

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
SCHEMA = json_schema()


def problems_of(settings: Any) -> list[str]:
    return list(problems(settings, SCHEMA, SCHEMA))


def test_it_is_json_and_says_its_dialect() -> None:
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA
    assert SCHEMA["$schema"] == DIALECT


def test_every_reference_has_its_definition() -> None:
    text = json.dumps(SCHEMA)
    used = {part.partition('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert used == set(SCHEMA["$defs"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_accepts_the_examples(path: Path) -> None:
    assert problems_of(read_yaml(path.read_text(encoding="utf-8"), path.name).value) == []


@pytest.mark.parametrize("world", members("worlds"))
def test_it_accepts_the_recommended_configuration_of_a_world(world: str) -> None:
    assert problems_of(json.loads(json.dumps(world_config(world)))) == []


def test_it_accepts_a_configuration_with_everything_written_out() -> None:
    full = RunConfig.parse(read_yaml(RIGHT, "f").value, environment={}).model_dump(mode="json", by_alias=True)
    assert problems_of(full) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sede", 1),
        ("seed", -1),
        ("seed", "some"),
        ("weighting", "famoo"),
        ("weighting", {"kind": "famo", "rat": 1}),
        ("source", "csv"),  # its path has no default
        ("source", {"kind": "csv"}),
        ("sink", {"predictions": {"kind": "jsonl", "pth": "x"}}),
        ("tasks", {}),
        ("model", {"kind": "shared_bottom", "optimizer": {"kind": "adm"}}),
        ("model", {"kind": "shared_bottom", "hidden": [0]}),
        ("model", {"kind": "mlp", "experts": []}),
        ("model", {"kind": "mlp", "experts": [{"kind": "network", "scope": "alone"}]}),
    ],
)
def test_it_refuses_mistakes(key: str, value: Any) -> None:
    assert problems_of({**read_yaml(RIGHT, "f").value, key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("weighting", "famo"),
        ("model", {"kind": "shared_bottom", "optimizer": "sgd"}),
        ("model", {"kind": "mlp", "experts": [{"kind": "network", "optimizer": "adam"}, {"kind": "memory"}]}),
        ("drift", {"error": None, "features": "kswin"}),
        ("source", {"kind": "csv", "path": ["a.csv", "b.csv"]}),
        ("scores", {"composite": {"weights": {"y": 2}}}),
    ],
)
def test_it_accepts_the_short_forms(key: str, value: Any) -> None:
    assert problems_of({**read_yaml(RIGHT, "f").value, key: value}) == []
