"""The README's Python runs, and its configuration is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from streammtl.config import RunConfig

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split("\n", 1)[0])
def test_the_python_of_the_readme_runs(code: str) -> None:
    namespace: dict[str, object] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), namespace)
    assert len(namespace) > 2


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_configuration_of_the_readme_is_right(text: str) -> None:
    assert RunConfig.parse(yaml.safe_load(text), environment={}).name == "payments"


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (Path(__file__).parents[2] / target).exists(), target
