"""The page: its words, tables and colours are those of its JSON, and it asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from typing import Any

from streammtl.report.charts.catalogue import all_charts
from streammtl.report.page.build import build_page
from streammtl.report.page.summary import learned_sentence, noticed_sentence
from streammtl.report.theme import variable
from streammtl.report.words import count, number, score_name
from tests.report.reading import Node, data, read, table


def test_the_page_holds_its_figures(figures: dict[str, Any], page: str) -> None:
    assert data(page)["figures"] == figures


def test_the_scores_on_the_page_are_those_of_the_figures(figures: dict[str, Any], page: str) -> None:
    _, *rows = table(read(page), "The main score of each task")
    for row, (name, task) in zip(rows, figures["tasks"].items(), strict=True):
        primary = task["primary"]
        views = [task[view].get(primary) for view in ("scores", "windowed", "no_change")]
        best = figures["best_possible"].get(name, {}).get(primary)
        assert row[:5] == [f"{name}{score_name(primary)}", *map(number, [*views, best])]


def test_the_drifts_and_alarms_on_the_page_are_those_of_the_figures(figures: dict[str, Any], page: str) -> None:
    document = read(page)
    _, *drifts = table(document, "True drifts")
    found = figures["report"]["detection"]["found"]
    assert [row[2] for row in drifts] == [count(one["delay_events"]) for one in found]
    assert [row[3] for row in drifts] == [count(figures["true_drifts"][one["drift"]]["start_event"]) for one in found]
    _, *alarms = table(document, "Alarms")
    assert [(row[0], row[3], row[4]) for row in alarms] == [
        (count(alarm["events"]), number(alarm["before"]), number(alarm["after"])) for alarm in figures["alarms"]
    ]


def test_the_tiles_are_those_of_the_figures(figures: dict[str, Any], page: str) -> None:
    tiles = {tile.all("dt")[0].text: tile.all("dd")[0].text for dl in read(page).all("dl") for tile in dl.all("div")}
    detection, cost = figures["report"]["detection"], figures["report"]["cost"]
    assert tiles["detected"] == count(detection["n_detected"])
    assert tiles["missed"] == count(detection["n_missed"])
    assert tiles["false alarms"] == count(len(detection["false"]))
    assert tiles["events per second"] == count(cost["events_per_s"])


def test_join_rejects_and_versions_are_on_the_page(figures: dict[str, Any], page: str) -> None:
    document = read(page)
    joined = dict(table(document, "What became of the labels")[1:])
    assert joined == {name.replace("_", " "): count(n) for name, n in figures["join"].items()}
    assert dict(table(document, "Versions")[1:]) == figures["report"]["versions"]
    for place in ("command", "configuration", "digest"):
        (code,) = [node for node in document.all("code") if node.attributes.get("id") == place]
        assert code.text == (figures["digest"] if place == "digest" else figures["report"][place])


def test_the_colours_on_the_page_are_those_of_the_figures(figures: dict[str, Any], page: str) -> None:
    style = read(page).all("style")[0].text
    light, dark = re.findall(r"\{([^{}]*color-scheme:(?:light|dark);)\}", style)[:2]
    for theme, block in (("light", light), ("dark", dark)):
        assert dict(re.findall(r"--([\w-]+):(#\w+);", block)) == figures["report"]["colours"][theme]
    links = {link.text: link for link in read(page).all("a")}
    for task, role in figures["report"]["task_colours"].items():
        assert links[task].all("span")[0].attributes["style"] == f"background:var(--{role})"


def test_each_chart_has_its_place_and_its_words(figures: dict[str, Any], page: str) -> None:
    places = {
        node.attributes["data-chart"]: node.attributes["aria-label"]
        for node in read(page).all("div")
        if "data-chart" in node.attributes
    }
    charts = {chart.name: chart for chart in all_charts(figures, variable)}
    assert set(places) == set(charts) == set(data(page)["charts"])
    assert all(places[name] == f"{chart.title}. {chart.text}" for name, chart in charts.items())


def test_headings_go_down_one_level_at_a_time(page: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])", page.split("<script", maxsplit=1)[0])]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_say_what_their_cells_are(page: str) -> None:
    for found in read(page).all("table"):
        assert found.all("caption")
        assert all(cell.attributes.get("scope") in ("row", "col") for cell in found.all("th"))
        assert all(cell.text for cell in found.all("thead")[0].all("th"))


def _outside(node: Node) -> list[str]:
    own = [value for name, value in node.attributes.items() if name in ("src", "href", "action", "poster")]
    return own + [value for child in node.children if isinstance(child, Node) for value in _outside(child)]


def test_nothing_on_the_page_points_outside(page: str) -> None:
    assert all(value.startswith("#") or value == "data:," for value in _outside(read(page)))
    assert "@import" not in page
    assert "url(" not in read(page).all("style")[0].text


def test_the_policy_lets_in_only_the_scripts_of_the_page(page: str) -> None:
    document = read(page)
    policy = next(m.attributes["content"] for m in document.all("meta") if "http-equiv" in m.attributes)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    scripts = [node.text for node in document.all("script") if "type" not in node.attributes]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes


def test_names_cannot_break_out_of_the_page(figures: dict[str, Any]) -> None:
    name = "</script></title><script>alert(1)</script>"
    page = build_page({**figures, "name": name})
    document = read(page)
    assert document.all("h1")[0].text == name
    assert data(page)["figures"]["name"] == name
    assert not any(node.text == "alert(1)" for node in document.all("script"))


def test_the_sentences_say_what_the_figures_say(figures: dict[str, Any]) -> None:
    assert noticed_sentence({**figures, "alarms": []}).startswith("No: ")
    unknown = {**figures, "report": {**figures["report"], "detection": None}}
    assert "not known" in noticed_sentence(unknown)
    silent = {name: {**task, "scores": {task["primary"]: None}} for name, task in figures["tasks"].items()}
    assert learned_sentence({**figures, "tasks": silent}).startswith("Nobody can say yet")


def test_of_injected_changes_the_page_says_that_there_may_be_others(figures: dict[str, Any], page: str) -> None:
    assert "had by itself" not in read(page).all("main")[0].text
    injected = [{**drift, "start_s": None, "end_s": None} for drift in figures["true_drifts"]]
    assert "had by itself" in read(build_page({**figures, "true_drifts": injected})).all("main")[0].text


def test_a_resumed_and_an_interrupted_run_say_so(figures: dict[str, Any]) -> None:
    start = {"records": 300, "events": 100, "alarms": 0}
    page = build_page({**figures, "stopped": True, "report": {**figures["report"], "start": start}})
    notices = [node.text for node in read(page).all("p") if node.attributes.get("class") == "notice"]
    assert "resumed after 300 records" in notices[0]
    assert "from event 100 on" in notices[0]
    assert "interrupted" in notices[1]
