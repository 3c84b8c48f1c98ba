"""Puts the page together: one file, which asks the network for nothing."""

from __future__ import annotations

import datetime
from typing import Any

from streammtl.report.charts.base import Figures
from streammtl.report.charts.catalogue import common_charts, task_charts
from streammtl.report.page.html import Html, tag
from streammtl.report.page.sections import again_section, cost_section, drift_section, inside_section, notes
from streammtl.report.page.shell import document
from streammtl.report.page.summary import summary
from streammtl.report.page.tasks import label_section, task_section
from streammtl.report.theme import PAGE_FONT, chart_config, variable
from streammtl.report.words import several


def build_page(figures: Figures) -> str:
    """The whole page as text. Its charts and tables are made of `figures`, which it also holds as JSON."""
    common = common_charts(figures, variable)
    by_task = {task: task_charts(figures, task, variable) for task in figures["tasks"]}
    charts = [*common.values(), *(chart for of_task in by_task.values() for chart in of_task)]
    data = {
        "figures": figures,
        "config": chart_config(variable, PAGE_FONT),
        "charts": {chart.name: {**without_legends(chart.spec), "description": chart.text} for chart in charts},
    }
    tasks = tag(
        "section",
        [tag("h2", "Task by task", id="tasks"), *(task_section(figures, n, c) for n, c in by_task.items())],
        aria_labelledby="tasks",
    )
    body = [
        _header(figures),
        tag(
            "main",
            [
                *notes(figures),
                summary(figures),
                drift_section(figures, common),
                tasks,
                inside_section(figures, common),
                label_section(figures, common),
                cost_section(figures, common),
                again_section(figures),
            ],
        ),
        tag(
            "footer",
            f"Made by streammtl {figures['report']['versions']['streammtl']}. Everything on this page is in "
            "its data, under the id “data”.",
        ),
    ]
    return document(f"{figures['name']}: streammtl report", body, data, figures["report"]["colours"])


def without_legends(spec: Any) -> Any:
    """The specification without its legends: the page writes them itself, so that they wrap on a phone.

    >>> without_legends({"layer": [{"color": {"legend": {"columns": 4}}}]})
    {'layer': [{'color': {'legend': None}}]}
    """
    if isinstance(spec, dict):
        return {key: None if key == "legend" else without_legends(part) for key, part in spec.items()}
    return [without_legends(part) for part in spec] if isinstance(spec, list) else spec


def _header(figures: Figures) -> Html:
    made = datetime.datetime.fromisoformat(figures["report"]["made"])
    about = (
        f"{several(figures['events'], 'event')} · {several(figures['labels'], 'label')} · "
        f"{several(len(figures['tasks']), 'task')} · "
        f"{made.day} {made:%B %Y, %H:%M} UTC"
    )
    button = tag("button", "Dark", type="button", id="theme", aria_pressed="false")
    places = {
        "drifts": "Drifts",
        "tasks": "Tasks",
        "inside": "Learner",
        "records": "Records",
        "time": "Time",
        "again": "Run it again",
    }
    links = [tag("a", name, href=f"#{place}") for place, name in places.items()]
    top = tag("div", [tag("div", [tag("h1", figures["name"]), tag("p", about, class_="about")]), button], class_="top")
    return tag("header", [top, tag("nav", links, aria_label="Parts of the report")])
