"""The bytes of the world of machines, pinned: whoever changes them changes every published result, and must say so."""

from __future__ import annotations

import hashlib
from typing import Any

from streammtl_simulators import IotWorld

DIGEST = "99fe4d1cdca5abedb8c95243b4ed84580e8880978eed0a6a60f15979c22cb60c"


def documents(**settings: Any) -> list[bytes]:
    world = IotWorld.Config.model_validate({"events": 6000, **settings}).build()
    return [value for batch in world.records() for value in batch.value_N]


def events(**settings: Any) -> list[bytes]:
    return [value for value in documents(**settings) if value.startswith(b'{"record":"event"')]


def test_stream_has_the_pinned_bytes() -> None:
    assert hashlib.sha256(b"\n".join(documents())).hexdigest() == DIGEST


def test_events_do_not_depend_on_what_becomes_known_or_when() -> None:
    assert events() == events(delays={"meter_median_s": 9000.0}, never_labelled={"failure_soon": 0.0})


def test_events_do_not_depend_on_how_the_tasks_relate() -> None:
    assert events() == events(relatedness=0.0, conflict=1.0)


def test_drifts_of_the_concept_leave_the_events_alone_but_for_how_fast_machines_wear() -> None:
    # The lubricant comes after 55 % of the stream; until then nothing is different.
    with_it, without = events(drifts=["new_lubricant"]), events(drift=False)
    n_before = int(0.5 * len(with_it))
    assert with_it[:n_before] == without[:n_before]
    assert with_it != without


def test_a_recalibration_changes_nothing_but_spectra() -> None:
    import msgspec

    for one, other in zip(documents(drifts=["recalibration"]), documents(drift=False), strict=True):
        if one != other:
            changed, plain = msgspec.json.decode(one), msgspec.json.decode(other)
            del changed["spectrum"], plain["spectrum"]
            assert changed == plain
