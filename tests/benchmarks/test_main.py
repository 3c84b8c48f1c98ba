from pathlib import Path

import pytest

from benchmarks import __main__ as every
from benchmarks.recorded import ROOT


@pytest.mark.parametrize("name", every.names())
def test_every_benchmark_runs_as_a_module(name: str) -> None:
    source = (ROOT / "benchmarks" / f"{name}.py").read_text()
    assert 'if __name__ == "__main__":' in source


def test_what_is_left_out_is_there() -> None:
    assert {path.stem for path in Path(every.__file__).parent.glob("*.py")} >= every.LEFT_OUT
