"""The page in a real browser: drawn, quiet, alone, in both themes and on a phone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

from streammtl.report.charts.catalogue import all_charts
from streammtl.report.theme import variable

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
DEADLINE_S = 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM.exists() and DRIVER.exists()) and "STREAMMTL_TEST_COMPLETE" not in os.environ:
        pytest.skip(f"needs {CHROMIUM} and {DRIVER}")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def path(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def show(browser: webdriver.Chrome, path: Path, width: int = 1280, scheme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for kind in ("browser", "performance"):
        log(browser, kind)  # what was before is not of this page
    browser.get(path.as_uri())
    WebDriverWait(browser, DEADLINE_S).until(
        lambda driver: ask(driver, "return document.documentElement.dataset.ready") == "yes"
    )


def log(browser: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    """What the browser noted since it was last asked."""
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def ask(browser: webdriver.Chrome, script: str) -> Any:
    return browser.execute_script(script)


def requests(browser: webdriver.Chrome) -> set[str]:
    """The address of everything that the page asked for."""
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    return {
        event["params"]["request"]["url"].partition(":")[0]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }


def test_every_chart_is_drawn_without_a_complaint(
    browser: webdriver.Chrome, path: Path, figures: dict[str, Any]
) -> None:
    show(browser, path)
    drawn = ask(
        browser,
        """return Object.fromEntries([...document.querySelectorAll("[data-drawn=yes]")].map((place) =>
             [place.dataset.chart, [place.querySelectorAll("svg path, svg rect, svg text").length,
                                    place.querySelector("svg").getBoundingClientRect().width]]))""",
    )
    assert set(drawn) == {chart.name for chart in all_charts(figures, variable)}
    assert all(n_marks > 10 and width > 200 for n_marks, width in drawn.values())
    assert log(browser, "browser") == []


def test_the_network_is_asked_for_nothing(browser: webdriver.Chrome, path: Path) -> None:
    show(browser, path)
    assert requests(browser) <= {"file", "data"}
    script = "try { await fetch('https://example.org/'); return 'came' } catch { return 'refused' }"
    answer = browser.execute_async_script(f"const done = arguments[0]; (async () => {{ {script} }})().then(done)")
    assert answer == "refused"


PAPER = "return getComputedStyle(document.body).backgroundColor"
CURVE = """return getComputedStyle(document.querySelector('[data-chart="score-is_fraud"] .mark-line path')).stroke"""


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_theme_is_that_of_the_device_until_it_is_switched(
    browser: webdriver.Chrome, path: Path, figures: dict[str, Any], scheme: str, other: str
) -> None:
    found = figures["report"]["colours"]
    show(browser, path, scheme=scheme)
    assert ask(browser, PAPER) == rgb(found[scheme]["paper"])
    first = ask(browser, CURVE)
    assert first in {rgb(colour) for colour in found[scheme].values()}
    ask(browser, "document.getElementById('theme').click()")
    assert ask(browser, PAPER) == rgb(found[other]["paper"])
    assert ask(browser, CURVE) in {rgb(colour) for colour in found[other].values()}
    assert ask(browser, CURVE) != first


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_screen_does_not_scroll_sideways(browser: webdriver.Chrome, path: Path, width: int) -> None:
    show(browser, path, width=width)
    assert ask(browser, "return document.documentElement.scrollWidth") <= width
    widest = ask(
        browser,
        "return Math.max(...[...document.querySelectorAll('.chart svg')].map(s => s.getBoundingClientRect().right))",
    )
    assert widest <= width


def test_on_paper_it_is_light(browser: webdriver.Chrome, path: Path, figures: dict[str, Any]) -> None:
    show(browser, path, scheme="dark")
    media = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    assert ask(browser, PAPER) == rgb(figures["report"]["colours"]["light"]["paper"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
