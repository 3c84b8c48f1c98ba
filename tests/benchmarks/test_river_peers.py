import pytest

from benchmarks import river_peers
from benchmarks.recorded import FILES


@pytest.mark.skipif(not FILES["elec2"].exists(), reason="the recorded stream elec2 is not there")
def test_it_prints_a_score_of_every_task(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["river_peers", "--stream", "elec2", "--rows", "60", "--peers", "no-change"])
    river_peers.main()
    found = capsys.readouterr().out
    assert "no-change: " in found
    assert "y_demand_band_next" in found
