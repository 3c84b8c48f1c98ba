"""Labels come when the settings say, as often as they say, and with nothing of them in the features."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from streammtl_simulators import FraudWorld
from streammtl_simulators.fraud.concept import TASKS

from tests.simulators.reading import Stream, read

DAY_S = 86_400.0


def test_next_day_spend_comes_after_exactly_a_day(default_stream: Stream) -> None:
    delay = default_stream.delay_s["next_day_spend"]
    assert np.nanmin(delay) == pytest.approx(DAY_S, abs=1e-5)
    assert np.nanmax(delay) == pytest.approx(DAY_S, abs=1e-5)


def test_verdicts_on_what_is_no_fraud_take_an_investigation(default_stream: Stream) -> None:
    delay = default_stream.delay_s["is_fraud"][default_stream.labels["is_fraud"] == 0]
    assert np.median(delay) == pytest.approx(4 * DAY_S, rel=0.02)
    assert np.log(delay).std() == pytest.approx(0.5, rel=0.02)


def test_frauds_are_known_sooner_because_customers_complain(default_stream: Stream) -> None:
    delay = default_stream.delay_s["is_fraud"][default_stream.labels["is_fraud"] == 1]
    # 8 hours and 4 days overlap so little that a day and a half separates the two ways.
    assert (delay < 1.5 * DAY_S).mean() == pytest.approx(0.4, abs=0.05)
    assert np.median(delay[delay < 1.5 * DAY_S]) == pytest.approx(8 * 3600, rel=0.2)


def test_the_kind_comes_with_the_verdict(default_stream: Stream) -> None:
    kind, fraud = default_stream.delay_s["fraud_kind"], default_stream.delay_s["is_fraud"]
    known = ~np.isnan(kind)
    np.testing.assert_array_equal(kind[known], fraud[known])


def test_a_loss_is_settled_after_the_verdict_and_zero_comes_with_it(default_stream: Stream) -> None:
    is_fraud, loss = default_stream.labels["is_fraud"], default_stream.labels["loss_amount"]
    after = default_stream.delay_s["loss_amount"] - default_stream.delay_s["is_fraud"]
    known = ~np.isnan(loss)
    assert (loss[known & (is_fraud == 0)] == 0).all()
    assert (loss[known & (is_fraud == 1)] > 0).all()
    assert (after[known & (is_fraud == 0)] == 0).all()
    assert np.median(after[known & (is_fraud == 1)]) == pytest.approx(3 * DAY_S, rel=0.1)


def test_the_stated_shares_are_never_labelled(default_stream: Stream) -> None:
    labelled = {task: 1 - np.isnan(label).mean() for task, label in default_stream.labels.items()}
    assert labelled["is_fraud"] == pytest.approx(0.95, abs=0.004)
    assert labelled["fraud_kind"] == pytest.approx(0.95 * 0.9, abs=0.005)
    assert labelled["loss_amount"] == pytest.approx(0.95 * 0.95, abs=0.005)
    assert labelled["next_day_spend"] == pytest.approx(0.99, abs=0.002)


def test_labels_inside_are_those_that_come_later() -> None:
    delayed, inside = (read(FraudWorld.Config(events=6000, labels=how).build()) for how in ("delayed", "inside"))
    np.testing.assert_array_equal(delayed.best_EO, inside.best_EO)
    for task in TASKS:
        np.testing.assert_array_equal(delayed.labels[task], inside.labels[task])
        assert np.nanmax(inside.delay_s[task]) == 0.0


def test_a_delayed_event_holds_no_label(default_stream: Stream) -> None:
    assert not any(task in event for task in TASKS for event in default_stream.events)


def test_events_do_not_depend_on_what_is_labelled() -> None:
    def events(**settings: object) -> list[bytes]:
        world = FraudWorld.Config.model_validate({"events": 5000, **settings}).build()
        return [
            value
            for batch in world.records()
            for value, is_label in zip(batch.value_N, batch.is_label_N, strict=True)
            if not is_label
        ]

    quick = {"verdict_median_s": 60.0, "complaint_share": 0.0}
    assert events() == events(delays=quick, never_labelled={"verdict": 0.9})


def test_no_label_at_all_is_possible() -> None:
    never = {"verdict": 1.0, "next_day_spend": 1.0}
    world = FraudWorld.Config.model_validate({"events": 500, "never_labelled": never}).build()
    assert sum(sum(batch.is_label_N) for batch in world.records()) == 0


def test_records_of_another_kind_say_so(default_stream: Stream) -> None:
    batch = next(iter(FraudWorld.Config(events=5000).build().records()))
    for value, is_label in zip(batch.value_N, batch.is_label_N, strict=True):
        assert msgspec.json.decode(value)["record"] == ("label" if is_label else "event")


@pytest.mark.slow(seconds=3)
def test_extreme_settings_still_give_every_event() -> None:
    for settings in (
        {"events": 1},
        {"events": 40, "events_per_day": 10.0},
        {"events": 300, "cards": 1, "merchants": 12},
        {"events": 5000, "events_per_day": 1e5, "cards": 3},
    ):
        world = FraudWorld.Config.model_validate(settings).build()
        batches = list(world.records())
        assert sum(len(batch.event_ids) for batch in batches) == settings["events"]
        assert np.isfinite(np.concatenate([batch.best_EO for batch in batches])).all()


def test_delays_of_labels_inside_are_refused() -> None:
    with pytest.raises(ValueError, match="delays have no effect on labels: inside"):
        FraudWorld.Config.model_validate({"labels": "inside", "delays": {"verdict_median_s": 60.0}})
