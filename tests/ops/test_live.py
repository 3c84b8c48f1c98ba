"""The document behind the live page, and its files."""

from __future__ import annotations

import json
import re
from pathlib import Path

from streammtl.worlds.base import TrueDrift
from tests.ops.runs import Watched, quiet_source
from tests.ops.scraping import get, get_json

PAGE = Path(__file__).parents[2] / "streammtl" / "ops" / "page"


def url(run: Watched) -> str:
    assert run.monitor.server is not None
    return run.monitor.server.url


def test_it_answers_before_there_is_anything_to_tell(run: Watched) -> None:
    document = get_json(f"{url(run)}/live.json")
    assert (document["ready"], document["points"], document["tasks"]) == (False, [], [])


def test_it_tells_scores_weights_and_shares_in_the_order_of_the_tasks(run: Watched) -> None:
    run.give(200, turns=8)
    run.be_quiet()
    document = get_json(f"{url(run)}/live.json")
    latest, engine = document["latest"], run.engine
    assert [task["name"] for task in document["tasks"]] == list(engine.report())
    assert latest["weights"] == list(engine.weights().values())
    assert latest["shares"] == [list(engine.insights()["shares"][name].values()) for name in engine.report()]
    assert latest["events"] == engine.totals["events"]
    assert len(document["points"]) == 8


def test_only_new_points_are_sent_to_who_has_the_others(run: Watched) -> None:
    run.give(200, turns=6)
    whole = get_json(f"{url(run)}/live.json")
    number, generation = whole["points"][-3]["number"], whole["generation"]
    rest = get_json(f"{url(run)}/live.json?after={number}&generation={generation}")
    assert (whole["is_whole"], rest["is_whole"]) == (True, False)
    assert rest["points"] == whole["points"][-2:]


def test_nonsense_in_the_query_gets_the_whole(run: Watched) -> None:
    run.give(50)
    for query in ("after=x&generation=-1", "generation=" + "9" * 100, "after=%00", "a" * 1000):
        assert get_json(f"{url(run)}/live.json?{query}")["is_whole"]


def test_what_is_no_number_is_null(run: Watched) -> None:
    run.give(3)
    run.be_quiet()
    body = get(f"{url(run)}/live.json")[2]
    assert b"NaN" not in body
    json.loads(body, parse_constant=lambda name: 1 / 0)


def test_true_drifts_are_told(run: Watched) -> None:
    drift = TrueDrift("flip", "abrupt", ("up",), (), 1.0, 1.0, 7, "Up is down.")
    run.monitor.attach(run.engine, quiet_source(), [drift])
    assert get_json(f"{url(run)}/live.json")["drifts"] == [
        {"event": 7, "name": "flip", "tasks": ["up"], "description": "Up is down."}
    ]


def test_the_page_is_served_with_all_that_it_names(run: Watched) -> None:
    status, headers, body = get(f"{url(run)}/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', body.decode())
    assert {"live.css", "live.js", "metrics"} <= set(named)
    for name in named:
        if not name.startswith("data:"):
            assert get(f"{url(run)}/{name}")[0] in (200, 503)
    assert get(f"{url(run)}/etc/passwd")[0] == get(f"{url(run)}/../config.py")[0] == 404


def test_the_page_needs_no_network() -> None:
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|@import", text), path
