"""`streammtl replay --report --plots`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.commands import NOT_COMPILED, streammtl, write_small
from tests.report.reading import data


def test_a_report_is_written_with_the_figures_of_the_json(tmp_path: Path) -> None:
    page, figures = tmp_path / "out.html", tmp_path / "out.json"
    result = streammtl(
        "replay", write_small(tmp_path), "--set", NOT_COMPILED, "--quiet", "--report", page, "--json", figures
    )
    assert result.exit_code == 0
    assert f"wrote the report {page}" in result.output
    assert data(page.read_text(encoding="utf-8"))["figures"] == json.loads(figures.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_pictures_are_written_without_a_page(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    result = streammtl("replay", write_small(tmp_path), "--set", NOT_COMPILED, "--quiet", "--plots", folder)
    assert result.exit_code == 0
    names = {path.name for path in folder.iterdir()}
    assert {"score-up.svg", "score-up.png", "residuals-size.svg"} <= names


@pytest.mark.parametrize(
    ("option", "path", "expected"),
    [
        ("--report", "nowhere/out.html", "expected the name of a file in a folder that is there"),
        ("--report", ".", "expected the name of a file in a folder that is there"),
        ("--plots", "nowhere/plots", "expected a folder, or the name of a new one"),
        ("--plots", "small.yaml", "expected a folder, or the name of a new one"),
    ],
)
def test_a_wrong_place_is_exit_2_before_the_run(tmp_path: Path, option: str, path: str, expected: str) -> None:
    config = write_small(tmp_path)
    (tmp_path / "stream.jsonl").unlink()  # so that a run would fail
    result = streammtl("replay", config, "--quiet", option, tmp_path / path)
    assert result.exit_code == 2
    assert expected in result.output
    assert option in result.output


def test_without_the_extra_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    result = streammtl("replay", write_small(tmp_path), "--quiet", "--report", tmp_path / "out.html")
    assert result.exit_code == 1
    assert "pip install 'streammtl[report]'" in result.output
