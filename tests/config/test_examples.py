"""What stands in the comments of an example is right too."""

from __future__ import annotations

from pathlib import Path

from streammtl.config import RunConfig
from streammtl.config_yaml import read_yaml
from streammtl.models.mlp import DEFAULT_EXPERTS, Mlp

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_model_written_out_in_gas_turbine_is_the_default_and_one_expert_more() -> None:
    lines = (EXAMPLES / "gas_turbine.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("# model:")
    lines[start:] = [line.removeprefix("# ") for line in lines[start:]]
    config = RunConfig.parse(read_yaml("\n".join(lines), "gas_turbine.yaml").value, environment={})
    assert isinstance(config.model, Mlp.Config)
    *experts, last = config.model.experts
    assert tuple(experts) == DEFAULT_EXPERTS
    assert last == DEFAULT_EXPERTS[0].model_copy(update={"scope": "single"})
