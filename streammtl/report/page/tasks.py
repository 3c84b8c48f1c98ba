"""The part of the page about each task."""

from __future__ import annotations

from streammtl.report.charts.base import Chart, Figures
from streammtl.report.page.figure import figure
from streammtl.report.page.html import Content, Html, table, tag
from streammtl.report.theme import variable
from streammtl.report.words import count, number, percent, plain, score_name, sentence, several, span


def task_section(figures: Figures, name: str, charts: list[Chart]) -> Html:
    """The curves, diagrams and figures of a task."""
    place = f"task-{list(figures['tasks']).index(name)}"
    dot = tag("span", "", class_="dot big", style=f"background:{variable(figures['report']['task_colours'][name])}")
    task = figures["tasks"][name]
    content: list[Content] = [
        tag("h3", [dot, name, " ", tag("small", task["kind"])], id=place),
        tag("p", _facts(figures, name)),
    ]
    first = [chart for chart in charts if chart.name.startswith("score-")]
    others = [chart for chart in charts if chart not in first]
    content += [figure(chart, is_wide=True) for chart in first]
    if task["labels"] and not charts:
        content.append(tag("p", "There are too few labels for pictures.", class_="note"))
    if others:
        content.append(tag("div", [figure(chart) for chart in others], class_="charts"))
    if task["labels"] or task["expiries"]:
        content.append(_scores(figures, name))
    return tag("section", content, class_="task", aria_labelledby=place)


def _facts(figures: Figures, name: str) -> str:
    task, delays = figures["tasks"][name], figures["report"]["diagnostics"][name]["delays"]
    if not task["labels"] and not task["expiries"]:
        return "No label of this task came, so its predictions cannot be judged."
    text = f"{sentence(several(task['labels'], 'label'))} for {percent(task['coverage'])} of the events"
    if task["expiries"]:
        text += f"; {several(task['expiries'], 'more event')} counted as what an expired horizon means"
    if not delays["n"]:
        text += ". How late they came is not known."
    elif delays["at_once"] == delays["n"]:
        text += ". All came together with their events."
    elif len(delays["bars"]) < 3 and not delays["at_once"]:
        text += f". All came {span(delays['median_s'])} after their events, or nearly so."
    else:
        text += f". Half of them came within {span(delays['median_s'])}, 90% within {span(delays['p90_s'])}."
    if task["unscored"]:
        unscored = sentence(several(task["unscored"], "prediction"))
        text += f" {unscored} could not be scored: the published value was not finite."
    return text


def _scores(figures: Figures, name: str) -> Html:
    task = figures["tasks"][name]
    best = figures["best_possible"].get(name, {})
    columns = ["score", "whole stream", f"last {figures['report']['window']:,} labels", "fading", "no change"]
    rows: list[list[Content]] = []
    for score in sorted(task["scores"], key=lambda score: score != task["primary"]):
        values = [task[view].get(score) for view in ("scores", "windowed", "fading", "no_change")]
        rows.append([score_name(score), *map(number, values), *([number(best.get(score))] if best else [])])
    whole = table(f"All scores of {name}", [*columns, *(["best possible"] if best else [])], rows, numbers=range(1, 6))
    return tag("details", [tag("summary", f"All scores of {name}"), whole])


def label_section(figures: Figures, charts: dict[str, Chart]) -> Html:
    """Which records came, and what became of them."""
    content: list[Content] = [tag("h2", "Records and labels", id="records"), tag("p", _records(figures))]
    if "coverage" in charts:
        content.append(figure(charts["coverage"], 3, is_wide=True))
    elif figures["events"] and all(task["coverage"] == 1.0 for task in figures["tasks"].values()):
        content.append(tag("p", "Every event has a label of every task."))
    counts: list[list[Content]] = [[plain(reason), count(n)] for reason, n in figures["join"].items()]
    rejected: list[list[Content]] = [[plain(reason), count(n)] for reason, n in figures["rejected"].items()]
    tables = [table("What became of the labels", ["outcome", "count"], counts, numbers=(1,))]
    if rejected:
        tables.append(table("Records that could not be used", ["reason", "records"], rejected, numbers=(1,)))
    content.append(tag("div", tables, class_="tables"))
    return tag("section", content, aria_labelledby="records")


def _records(figures: Figures) -> str:
    n_rejected = sum(figures["rejected"].values())
    refused = f"{several(n_rejected, 'record')} could not be used" if n_rejected else "every record could be used"
    return (
        f"{sentence(several(figures['records'], 'record'))} brought {several(figures['events'], 'event')} and "
        f"{several(figures['labels'], 'label')}; {refused}."
    )
