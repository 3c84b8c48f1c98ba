"""A comparison as one page that can be read offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streammtl.compare.charts import charts_of, role_of, sign_of
from streammtl.compare.markdown import cost, figure, mean_difference, rank, score_cell, wins
from streammtl.compare.summary import Summary
from streammtl.report.charts.base import Chart
from streammtl.report.page.figure import figure as chart_figure
from streammtl.report.page.html import Content, Html, table, tag
from streammtl.report.page.shell import document
from streammtl.report.theme import PAGE_FONT, chart_config, colours, variable
from streammtl.report.words import several

_STYLE = ".about-noise li{margin:.15rem 0}.sign{margin-right:.4em}"


def to_page(summary: Summary, how: Sequence[str], figures: Mapping[str, Any]) -> str:
    """The whole page as text; it also holds `figures`, which are those of results.json without the single runs."""
    charts = {chart.name: chart for chart in charts_of(summary, variable)}
    data = {
        "figures": {name: value for name, value in figures.items() if name != "runs"},
        "config": chart_config(variable, PAGE_FONT),
        "charts": {name: {**chart.spec, "description": chart.text} for name, chart in charts.items()},
    }
    results = summary.results
    main = [_answer(summary), _ranks(summary, charts), *_differences(summary, charts), _scores(summary)]
    main.append(_costs(summary, charts))
    if results.errors:
        main.append(_errors(summary))
    main.append(_method(how))
    footer = f"Made by streammtl {figures['version']}. Everything on this page is in its data, under the id “data”."
    title = f"{several(len(results.learners), 'learner')} on {several(len(results.streams), 'stream')}"
    body = [_header(summary, title), tag("main", main), tag("footer", footer)]
    return document(f"{title}: streammtl comparison", body, data, colours(), _STYLE)


def _header(summary: Summary, title: str) -> Html:
    results = summary.results
    streams = ", ".join(f"{name} ({n:,.0f} events)" for name, n in zip(results.streams, results.events_X, strict=True))
    about = f"{several(len(results.places), 'task')} · {several(len(results.seeds), 'seed')} · {streams}"
    button = tag("button", "Dark", type="button", id="theme", aria_pressed="false")
    places = {"ranks": "Ranks", "differences": "Differences", "scores": "Scores", "time": "Time", "method": "Method"}
    links = [tag("a", name, href=f"#{place}") for place, name in places.items()]
    top = tag("div", [tag("div", [tag("h1", title), tag("p", about, class_="about")]), button], class_="top")
    return tag("header", [top, tag("nav", links, aria_label="Parts of the comparison")])


def _answer(summary: Summary) -> Html:
    sentences = tag("ul", [tag("li", sentence) for sentence in summary.sentences.values()], class_="about-noise")
    content = [tag("h2", "What came out", id="answer"), tag("p", summary.overall, class_="lead"), sentences]
    return tag("div", tag("section", content, class_="answer", aria_labelledby="answer"), class_="answers")


def _ranks(summary: Summary, charts: Mapping[str, Chart]) -> Html:
    results = summary.results
    rows: list[list[Content]] = []
    for v in summary.order:
        name = results.learners[v]
        ranks = [rank(value) for value in (summary.rank_V[v], *summary.rank_VX[v])]
        rows.append([name, *ranks, *wins(summary, name), mean_difference(summary, name)])
    columns = ["learner", "all tasks", *results.streams, "better", "worse", "within noise", "mean difference"]
    content: list[Content] = [tag("h2", "Ranks", id="ranks")]
    content += _drawn(charts, "ranks")
    caption = f"Mean ranks; tasks better and worse than with {results.reference}, and the mean difference in score"
    content.append(table(caption, columns, rows, numbers=range(1, len(columns))))
    return tag("section", content, aria_labelledby="ranks")


def _differences(summary: Summary, charts: Mapping[str, Chart]) -> list[Html]:
    content: list[Content] = [tag("h2", "Task by task", id="differences")]
    for name, chart in charts.items():
        if name.startswith("differences"):
            content += [chart_figure(chart, 3, is_wide=True), _key(summary, list(summary.differences))]
    return [tag("section", content, aria_labelledby="differences")] if len(content) > 1 else []


def _key(summary: Summary, names: Sequence[str]) -> Html:
    """Whose colour is which, the best learner first."""
    learners = summary.results.learners
    items = []
    for name in (learners[v] for v in summary.order):
        if name in names:
            sign = tag(
                "span", sign_of(learners, name), style=f"color:{variable(role_of(learners, name))}", class_="sign"
            )
            items.append(tag("li", [sign, name]))
    return tag("ul", items, class_="key")


def _scores(summary: Summary) -> Html:
    results, order = summary.results, summary.order
    rows: list[list[Content]] = []
    for p, place in enumerate(results.places):
        cells: list[Content] = [
            tag("strong", score_cell(summary, v, p)) if summary.best_VP[v, p] else score_cell(summary, v, p)
            for v in order
        ]
        rows.append([f"{place.stream}: {place.task}", place.score, figure(float(results.no_change_P[p])), *cells])
    columns = ["task", "score", "no-change rule", *(results.learners[v] for v in order)]
    caption = "Primary score of each task: mean over seeds ± standard deviation; the best is bold"
    content = [tag("h2", "Scores", id="scores"), table(caption, columns, rows, numbers=range(2, len(columns)))]
    return tag("section", content, aria_labelledby="scores")


def _costs(summary: Summary, charts: Mapping[str, Chart]) -> Html:
    results = summary.results
    rows: list[list[Content]] = [
        [results.learners[v], *(cost(float(value)) for value in results.cost_us_VX[v])] for v in summary.order
    ]
    content: list[Content] = [tag("h2", "Time per event", id="time"), *_drawn(charts, "cost")]
    if "cost" in charts:
        content.append(_key(summary, results.learners))
    columns = ["learner", *results.streams]
    caption = "Microseconds of processor time per event, reading, decoding and scoring included"
    content.append(table(caption, columns, rows, numbers=range(1, len(columns))))
    return tag("section", content, aria_labelledby="time")


def _errors(summary: Summary) -> Html:
    rows: list[list[Content]] = [
        [learner, stream, str(seed), error] for (learner, stream, seed), error in summary.results.errors.items()
    ]
    content = [
        tag("h2", "Failed", id="failed"),
        table("Runs that failed", ["learner", "stream", "seed", "error"], rows),
    ]
    return tag("section", content, aria_labelledby="failed")


def _method(how: Sequence[str]) -> Html:
    content = [tag("h2", "How this was done", id="method"), *(tag("p", paragraph) for paragraph in how)]
    return tag("section", content, aria_labelledby="method")


def _drawn(charts: Mapping[str, Chart], name: str) -> list[Html]:
    return [chart_figure(charts[name], 3, is_wide=True)] if name in charts else []
