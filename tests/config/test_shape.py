"""Which settings a checkpoint belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from streammtl.config import RunConfig
from tests.config.texts import RIGHT, write


@pytest.mark.parametrize("kind", ["mlp", "shared_bottom"])
def test_how_many_threads_a_model_has_is_none_of_them(tmp_path: Path, kind: str) -> None:
    def shape(model: str) -> dict[str, object]:
        return RunConfig.load(write(tmp_path, RIGHT), [f"model={model}"], environment={}).shape()

    assert shape(f"{{kind: {kind}, threads: 2}}") == shape(f"{{kind: {kind}}}")
    assert shape(f"{{kind: {kind}, hidden: [8]}}") != shape(f"{{kind: {kind}}}")
