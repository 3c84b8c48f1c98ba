"""The page, in a real browser: charts are drawn, numbers are those of the JSON, and nobody is asked on the network."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from streammtl.compare.charts import charts_of, role_of, sign_of
from streammtl.compare.document import to_json
from streammtl.compare.markdown import figure
from streammtl.compare.method import method
from streammtl.compare.page import to_page
from streammtl.compare.summary import Summary, summarise
from tests.compare.small import results_of

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
LEARNERS = ("equal", "famo <b>", "dwa", "river-linear")
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def summary() -> Summary:
    pytest.importorskip("vl_convert", reason="needs the extra `report`")
    rng = np.random.default_rng(1)
    drawn: dict[str, Any] = {
        name: {
            stream: {task: (0.5 + 0.02 * n + 0.01 * rng.normal(size=5)).tolist() for task in ("y", "z", "w")}
            for stream in ("power", "fraud")
        }
        for n, name in enumerate(LEARNERS)
    }
    drawn["river-linear"]["fraud"]["w"] = [-100.0] * 5
    errors = {("dwa", "power", 3): "ValueError: <script>alert(1)</script>"}
    return summarise(results_of(drawn, peers=["river-linear"], errors=errors))


def whole_page(summary: Summary) -> str:
    how = method(summary, has_world=True)
    return to_page(summary, how, to_json(summary, how))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        if "STREAMMTL_TEST_COMPLETE" in os.environ:
            pytest.fail("chromium and chromedriver are not installed")
        pytest.skip("chromium and chromedriver are not installed: the page is not looked at")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def opened(browser: Any, summary: Summary, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("page") / "compare.html"
    path.write_text(whole_page(summary), encoding="utf-8")
    browser.get(path.as_uri())
    end_s = time.monotonic() + DEADLINE_S
    while browser.execute_script("return document.documentElement.dataset.ready") != "yes":
        assert time.monotonic() < end_s, "the charts were not drawn"
    return browser


def test_every_chart_is_drawn_without_a_complaint_and_without_the_network(opened: Any, summary: Summary) -> None:
    names = {chart.name for chart in charts_of(summary, str)}
    assert names == {"ranks", "cost", "differences-0", "differences-1"}
    drawn = opened.execute_script("return [...document.querySelectorAll('[data-drawn]')].map(e => e.dataset.chart)")
    assert set(drawn) == names
    assert opened.get_log("browser") == []
    asked = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    urls = [one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []


def test_the_numbers_on_the_page_are_those_of_the_json(opened: Any, summary: Summary) -> None:
    document = to_json(summary, [])
    script = "return [...document.querySelectorAll('section')].find(s => s.querySelector('#' + arguments[0])).innerText"
    ranks = opened.execute_script(script, "ranks")
    scores = opened.execute_script(script, "scores")
    for name in LEARNERS:
        assert f"{name}\t{document['ranks'][name]['all']:.2f}\t" in ranks
    for task in document["tasks"]:
        for name, found in task["learners"].items():
            if found["diverged"]:
                assert "diverged" in scores
            else:
                assert f"{figure(found['mean'])} ± {figure(found['standard_deviation'])}" in scores, name
    answer = opened.execute_script(script, "answer")
    assert document["overall"] in answer
    assert all(sentence in answer for sentence in document["sentences"].values())


def test_the_data_of_the_page_are_the_figures_of_the_json(opened: Any, summary: Summary) -> None:
    how = method(summary, has_world=True)
    text = opened.execute_script("return document.getElementById('data').textContent")
    expected = to_json(summary, how)
    del expected["runs"]
    assert json.loads(text)["figures"] == json.loads(json.dumps(expected))


def test_the_dots_of_the_ranks_have_the_colours_of_the_key(opened: Any) -> None:
    key = opened.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('#time ~ ul.key li')].map(li => "
        "[li.lastChild.textContent, getComputedStyle(li.querySelector('.sign')).color]))"
    )
    dots = opened.execute_script(
        "return [...document.querySelectorAll('[data-chart=ranks] .mark-symbol path')].map(e => "
        "getComputedStyle(e).fill)"
    )
    assert set(key) == set(LEARNERS)
    assert set(dots) == set(key.values())


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_no_wider_than_the_window(opened: Any, width: int) -> None:
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


def test_no_two_learners_look_alike() -> None:
    learners = [f"learner {number}" for number in range(24)]
    looks = {(role_of(learners, name), sign_of(learners, name)) for name in learners}
    assert len(looks) == len(learners)


def test_names_and_errors_are_text_and_no_markup(summary: Summary) -> None:
    page = whole_page(summary)
    assert "<script>alert" not in page
    assert "famo <b>" not in page


def test_a_comparison_without_any_result_still_has_its_page() -> None:
    pytest.importorskip("vl_convert", reason="needs the extra `report`")
    errors = {("a", "power", 0): "no"}
    empty = summarise(results_of({"a": {"power": {"y": [0.5]}}}, errors=errors))
    assert charts_of(empty, str) == []
    assert "Runs that failed" in whole_page(empty)
