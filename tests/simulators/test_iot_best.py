"""The best possible outputs of the world of machines are those of the truth: calibrated, and beaten by no learner."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from streammtl_simulators import IotWorld
from streammtl_simulators.iot.condition import TASKS

from streammtl.types import Floats, Ints
from tests.simulators.iot_reading import Reports, drifting, stationary

FAILURE, FAULT, ENERGY, LIFE, ALARMS = 0, slice(1, 6), 6, 7, 8
STREAMS = pytest.mark.parametrize("stream", [drifting, stationary])


def groups(best_E: Floats, n_groups: int = 8) -> list[Ints]:
    return np.array_split(np.argsort(best_E, kind="stable"), n_groups)


def independent(reports: Reports, every_h: float) -> Ints:
    """Events so far from each other in time, or on such different machines, that they are independent facts."""
    step = np.floor(reports.column("time") / 3600.0 / every_h)
    machine = np.array([event["machine"] for event in reports.events])
    chosen: dict[tuple[str, float], int] = {}
    for number, key in enumerate(zip(machine.tolist(), step.tolist(), strict=True)):
        chosen.setdefault(key, number)
    return np.array(list(chosen.values()))


@STREAMS
@pytest.mark.slow(seconds=3)
def test_failures_happen_as_often_as_the_best_output_says(stream: Callable[[], Reports]) -> None:
    reports = stream()
    rows = independent(reports, every_h=48.0)
    label, best = reports.labels["failure_soon"][rows], reports.best_EO[rows, FAILURE]
    for group in groups(best):
        spread = np.sqrt((best[group] * (1 - best[group])).sum())
        assert abs(label[group].sum() - best[group].sum()) < 4 * spread + 1


@STREAMS
@pytest.mark.parametrize("fault", range(5))
def test_inspections_find_what_the_best_output_says(stream: Callable[[], Reports], fault: int) -> None:
    reports = stream()
    hit, best = reports.labels["fault_class"] == fault, reports.best_EO[:, FAULT][:, fault]
    for group in groups(best):
        spread = np.sqrt((best[group] * (1 - best[group])).sum())
        assert abs(hit[group].sum() - best[group].sum()) < 4 * spread + 1


@STREAMS
@pytest.mark.parametrize(("task", "column"), [("energy_kwh", ENERGY), ("alarms_next_hour", ALARMS)])
def test_means_are_what_the_best_output_says(stream: Callable[[], Reports], task: str, column: int) -> None:
    reports = stream()
    error, best = reports.labels[task] - reports.best_EO[:, column], reports.best_EO[:, column]
    for group in groups(best):
        assert abs(error[group].mean()) < 4 * error[group].std() / np.sqrt(len(group))


@STREAMS
def test_seals_last_as_long_as_the_best_output_says(stream: Callable[[], Reports]) -> None:
    reports = stream()
    rows = independent(reports, every_h=240.0)
    rows = rows[~np.isnan(reports.labels["remaining_life_h"][rows])]
    error = reports.labels["remaining_life_h"][rows] - reports.best_EO[rows, LIFE]
    for group in groups(reports.best_EO[rows, LIFE], 4):
        assert abs(error[group].mean()) < 4 * error[group].std() / np.sqrt(len(group))


def test_best_outputs_are_complete_and_probabilities_one_distribution() -> None:
    best_EO = drifting().best_EO
    assert np.isfinite(best_EO).all()
    np.testing.assert_allclose(best_EO[:, FAULT].sum(axis=1), 1.0, rtol=1e-12)
    assert ((best_EO[:, FAILURE] > 0) & (best_EO[:, FAILURE] < 1)).all()


def best_outputs(relatedness: float) -> Floats:
    """In the order of the events, which are the same whatever the relatedness."""
    nothing = dict.fromkeys(TASKS, 1.0)
    settings = {"events": 60_000, "drift": False, "relatedness": relatedness, "never_labelled": nothing}
    return np.concatenate([batch.best_EO for batch in IotWorld.Config.model_validate(settings).build().records()])


@pytest.mark.slow(seconds=3)
def test_a_task_is_as_difficult_whatever_the_relatedness() -> None:
    # What the best outputs leave open depends on nothing but their distribution.
    worlds = [best_outputs(relatedness) for relatedness in (0.0, 0.5, 1.0)]
    for column, tolerance in ((FAILURE, 0.1), (1, 0.03), (2, 0.03), (ENERGY, 0.01), (ALARMS, 0.03)):
        for moment in (np.mean, np.std):
            values = [float(moment(best_EO[:, column])) for best_EO in worlds]
            assert max(values) / min(values) < 1 + tolerance, (column, values)
    # A seal's driver moves otherwise when it is made of two conditions; so only the ends are held together.
    deviations = [float(worlds[place][:, LIFE].std()) for place in (0, 2)]
    assert max(deviations) / min(deviations) < 1.15


@pytest.mark.slow
def test_a_linear_model_is_clearly_worse_than_trees_and_these_than_the_best() -> None:
    reports = stationary()
    channels = [
        reports.column(field)
        for field in ("load_pct", "speed_rpm", "inlet_bar", "coolant_lpm", "feed_mm_s", "voltage_v", "air_c",
                      "temperature_c", "current_a", "pressure_bar", "sound_db")
    ]  # fmt: skip
    x = np.nan_to_num(np.column_stack([*channels, reports.column("spectrum")]))
    types = [reports.equals("machine_type", kind) for kind in ("press", "lathe", "mill", "pump")]
    x, y = np.column_stack([x, *types]), reports.labels["energy_kwh"]
    first = 45_000
    linear = LinearRegression().fit(x[:first], y[:first]).predict(x[first:])
    trees = HistGradientBoostingRegressor(max_iter=300, random_state=0).fit(x[:first], y[:first]).predict(x[first:])
    scores = [r2_score(y[first:], predicted) for predicted in (linear, trees, reports.best_EO[first:, ENERGY])]
    assert scores[0] + 0.03 < scores[1] < scores[2]
