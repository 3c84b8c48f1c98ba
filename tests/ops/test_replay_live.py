"""`streammtl replay --live` in a browser."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from streammtl.clock import ManualClock
from streammtl.config import RunConfig
from streammtl.run.replay import replay
from streammtl.run.throttle import Throttle
from tests.cli.commands import NOT_COMPILED, streammtl, write_small
from tests.ops.processes import COMMAND, DEADLINE_S, url_in, wait_for
from tests.ops.programs import program
from tests.ops.runs import Watched, config_of
from tests.ops.scraping import get_json


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    chromium = program("chromium", "Debian's package chromium")
    driver = program("chromedriver", "Debian's package chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


@pytest.mark.slow
def test_a_replay_can_be_watched_and_stays_when_it_has_ended(tmp_path: Path, browser: webdriver.Chrome) -> None:
    log = tmp_path / "out.txt"
    settings = ("--set", NOT_COMPILED, "--set", "source.world.events=1500", "--set", "monitoring.http.port=0")
    command = [*COMMAND, "replay", "fraud", "--live", "--rate", "500", "--quiet", *settings]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: bool(url_in(log)), [process], [log])
        wait_for(lambda: len(get_json(f"{url_in(log)}/live.json")["points"]) > 1, [process], [log])
        browser.get(url_in(log))
        wait = WebDriverWait(browser, DEADLINE_S)
        wait.until(lambda page: len(page.find_elements(By.CSS_SELECTOR, "#score-charts .chart")) == 4)
        wait.until(lambda page: "the run has ended" in page.find_element(By.ID, "state").text)
        assert browser.find_element(By.CSS_SELECTOR, "#tiles dd").text == "1,500"
        labels = [chart.get_attribute("aria-label") for chart in browser.find_elements(By.CSS_SELECTOR, "svg")]
        assert any(str(label).startswith("is_fraud auc") for label in labels)
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []  # type: ignore[no-untyped-call]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_page_fits_a_phone(run: Watched, browser: webdriver.Chrome) -> None:
    run.give(300, turns=20)
    run.be_quiet()
    metrics = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert run.monitor.server is not None
    browser.get(run.monitor.server.url)
    WebDriverWait(browser, DEADLINE_S).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".chart svg path"))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360


def test_a_page_without_a_port_is_a_mistake(tmp_path: Path) -> None:
    result = streammtl("replay", write_small(tmp_path, n=20), "--live", "--set", "monitoring.http.port=null")
    assert (result.exit_code, "--live needs monitoring.http.port, which is null" in result.output) == (2, True)


def config_of_file(folder: Path) -> RunConfig:
    path = folder / "stream.jsonl"
    path.write_text("".join(json.dumps({"id": f"e{i}", "t": i, "a": i % 7, "size": 1.5}) + "\n" for i in range(100)))
    return config_of(source={"kind": "jsonl", "path": str(path)})


def test_a_throttle_holds_its_rate_and_changes_nothing_that_is_learned(tmp_path: Path) -> None:
    clock, config = ManualClock(), config_of_file(tmp_path)
    report = replay(config, clock=clock, observer=Throttle(10.0, clock, lambda: False))
    assert clock.now() == pytest.approx(9.9)  # 99 events after the first turn, which had one
    assert report.digest == replay(config).digest


def test_a_throttle_that_is_stopped_holds_back_no_longer(tmp_path: Path) -> None:
    clock = ManualClock()
    replay(config_of_file(tmp_path), clock=clock, observer=Throttle(0.001, clock, lambda: True))
    assert clock.now() == 0.0
