"""Every example of the documentation runs, and the site is built without a warning."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from streammtl.config import RunConfig

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
SCRIPTS = Path(sys.executable).parent


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def all_blocks(language: str) -> list[object]:
    return [
        pytest.param(text, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, language))
    ]


def run(command: list[str], folder: Path) -> None:
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)} in {folder}: {done.stdout[-2000:]}{done.stderr[-4000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("code", all_blocks("python"))
def test_python_runs(code: str, tmp_path: Path) -> None:
    run([sys.executable, "-c", code], tmp_path)


@pytest.mark.parametrize("text", all_blocks("yaml"))
def test_a_configuration_is_right(text: str) -> None:
    settings = yaml.safe_load(text)
    if "tasks" in settings and "source" in settings:
        RunConfig.parse(settings, environment={})


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=lambda page: page.stem)
def test_commands_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    """Those with a prompt; blocks of other languages are for daemons and clusters."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert commands
    for command in commands:
        run(shlex.split(command), tmp_path)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    run([str(SCRIPTS / "mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")], ROOT)
    made = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*.html")}
    assert {"index.html", "reference/weighting.html", "first-five-minutes.html"} <= made
    for page in ("index.html", "reference/models.html"):
        html = (tmp_path / "site" / page).read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', html)
        assert not fetched, f"{page} fetches {fetched}"
