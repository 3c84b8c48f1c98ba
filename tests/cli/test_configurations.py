"""`streammtl check`, `schema`, `list`, `explain` and `create`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from streammtl.component import FAMILIES, members
from tests.cli.commands import NOT_COMPILED, streammtl, write_small

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
COMPONENTS = [f"{family}/{kind}" for family in FAMILIES for kind in members(family)]


def test_check_says_what_a_configuration_does(tmp_path: Path) -> None:
    config = write_small(tmp_path, more="sink: {rejects: {kind: jsonl, path: bad.jsonl}}\n")
    result = streammtl("check", config)
    assert result.exit_code == 0
    assert "is right" in result.output
    for expected in ("2 (1 dense and 1 categorical columns)", "up (binary), size (regression)", "mlp, weighting equal"):
        assert expected in result.output
    assert "rejects to jsonl bad.jsonl" in result.output


def test_check_names_mistakes_and_ends_with_2(tmp_path: Path) -> None:
    result = streammtl("check", write_small(tmp_path, more="sede: 3\n"))
    assert result.exit_code == 2
    assert "sede (line 7): there is no such setting; did you mean 'seed'?" in result.output
    assert "Traceback" not in result.output


def test_check_builds_what_is_configured(tmp_path: Path) -> None:
    result = streammtl("check", write_small(tmp_path), "--set", "schema.features.up=numeric")
    assert result.exit_code == 2
    assert "label of task 'up'" in result.output


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_right(path: Path) -> None:
    result = streammtl("check", path, "--set", NOT_COMPILED)
    assert result.exit_code == 0, result.output


def test_schema_prints_json() -> None:
    result = streammtl("schema")
    assert result.exit_code == 0
    assert json.loads(result.output)["required"] == ["schema", "tasks", "source"]


def test_list_names_every_component() -> None:
    words = streammtl("list").output.split()
    assert {component.partition("/")[2] for component in COMPONENTS} <= set(words)


def test_list_takes_one_family() -> None:
    result = streammtl("list", "weighting")
    assert "famo" in result.output
    assert "adwin" not in result.output


@pytest.mark.parametrize("component", COMPONENTS)
def test_explain_shows_every_setting_of_every_component(component: str) -> None:
    result = streammtl("explain", component)
    assert result.exit_code == 0
    family, _, kind = component.partition("/")
    for name, field in members(family)[kind].Config.model_fields.items():
        if name != "kind":
            assert f"  {name} = " in result.output
            assert (field.description or "").split()[0] in result.output


def test_explain_shows_settings_within_settings() -> None:
    output = streammtl("explain", "models/shared_bottom").output
    assert "optimizer = adagrad   adagrad | adam | rmsprop | sgd" in output
    lines = [line.rstrip() for line in output.splitlines()]
    rate = lines[lines.index("      optimizer: {kind: rmsprop, ...}") + 1]
    assert rate == "        rate = 0.003   number > 0 <= 10"


def test_explain_shows_settings_within_lists() -> None:
    output = " ".join(streammtl("explain", "models/mlp").output.split())
    assert "experts = [{kind: network, optimizer: {kind: factored, rate: 0.04}}, {kind: network, " in output
    assert "experts: [{kind: network, ...}] name = null" in output
    assert "optimizer = {kind: sgd, rate: 0.012} adagrad | adam | factored | rmsprop | sgd" in output
    assert "experts: [{kind: memory, ...}] name = null" in output


def test_explain_leaves_out_examples_in_python() -> None:
    assert ">>>" not in streammtl("explain", "models/shared_bottom").output


def test_explain_of_a_family_lists_its_kinds() -> None:
    output = streammtl("explain", "weighting").output
    assert "Turns the tasks' losses" in output
    assert "scale_invariant" in output


@pytest.mark.parametrize("section", ["schema", "join", "scores", "drift", "sink", "checkpoint", "monitoring"])
def test_explain_of_a_section_shows_its_settings(section: str) -> None:
    result = streammtl("explain", section)
    assert result.exit_code == 0
    assert f"{section}  a section of the configuration" in result.output
    assert " = " in result.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["explain", "weighting/fammo"], "the family weighting has no 'fammo'; did you mean 'famo'?"),
        (["explain", "weighting/"], "the family weighting has no ''; allowed: "),
        (["explain", "wieghting/famo"], "there is no family 'wieghting'; did you mean 'weighting'?"),
        (["explain", "jion"], "did you mean 'join'?"),
        (["list", "wieghting"], "there is no family 'wieghting'; did you mean 'weighting'?"),
    ],
)
def test_an_unknown_component_is_exit_2(arguments: list[str], expected: str) -> None:
    result = streammtl(*arguments)
    assert result.exit_code == 2
    assert expected in result.output


SETS = ("gas_turbine/gas_turbine", "elec2/elec2", "hydraulic/hydraulic_cycles", "fraud_handbook/fraud_handbook")


@pytest.mark.parametrize("name", SETS)
def test_what_is_created_from_real_data_is_right(tmp_path: Path, name: str) -> None:
    data = DATA / f"{name}.csv.gz"
    if not data.exists():
        pytest.skip(f"the data set {data} is not there")
    config = tmp_path / "created.yaml"
    assert streammtl("create", data, "-o", config).exit_code == 0
    assert streammtl("check", config, "--set", NOT_COMPILED).exit_code == 0
    labels = json.loads((data.parent / "tasks.json").read_text(encoding="utf-8"))["tasks"]
    for task, about in labels.items():
        assert f"{task} ({about['type']})".replace("count", "regression") in " ".join(
            streammtl("check", config, "--set", NOT_COMPILED).output.split()
        )


def test_what_is_created_can_be_replayed_at_once(tmp_path: Path) -> None:
    write_small(tmp_path)
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "stream.jsonl").read_bytes()))
    config = tmp_path / "created.yaml"
    assert streammtl("create", packed, "--tasks", "up, size", "-o", config).exit_code == 0
    result = streammtl("replay", config)
    assert result.exit_code == 0
    assert "packed: scores" in result.output
    assert "200 events, 400 labels" in result.output


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_create_finds_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [["a", "b", "y"], *([str(i % 5), "pq"[i % 2], str(i % 2)] for i in range(50))]
    (tmp_path / "d.csv").write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    config = tmp_path / "created.yaml"
    assert streammtl("create", tmp_path / "d.csv", "-o", config).exit_code == 0
    assert "50 events, 50 labels" in streammtl("replay", config).output


def test_create_prints_without_an_output(tmp_path: Path) -> None:
    write_small(tmp_path)
    assert "schema:" in streammtl("create", tmp_path / "stream.jsonl", "--tasks", "up").stdout


@pytest.mark.parametrize(
    ("name", "content", "code", "expected"),
    [
        ("d.txt", b"x", 2, "cannot tell the format of"),
        ("d.jsonl", b"", 2, "has no record from which a configuration could be proposed"),
        ("d.jsonl", b"not json\n", 2, "has no record from which"),
        ("d.csv", b"", 1, "is empty; a CSV file starts with a line that names its columns"),
        ("d.csv.gz", b"no gzip", 1, "is not a gzip file"),
    ],
)
def test_create_says_what_is_wrong_with_the_data(
    tmp_path: Path, name: str, content: bytes, code: int, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = streammtl("create", tmp_path / name)
    assert result.exit_code == code
    assert expected in result.output


def test_create_overwrites_nothing(tmp_path: Path) -> None:
    config = write_small(tmp_path)
    before = config.read_bytes()
    result = streammtl("create", tmp_path / "stream.jsonl", "-o", config)
    assert result.exit_code == 2
    assert "exists already" in result.output
    assert config.read_bytes() == before


def test_create_knows_the_columns_that_can_be_predicted(tmp_path: Path) -> None:
    write_small(tmp_path)
    result = streammtl("create", tmp_path / "stream.jsonl", "--tasks", "upp")
    assert result.exit_code == 2
    assert "cannot predict upp; columns that can be labels: a, b, up, size" in result.output
