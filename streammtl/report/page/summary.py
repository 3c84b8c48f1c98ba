"""The first screen: did it learn, did it notice, what did it cost."""

from __future__ import annotations

from typing import Any

from streammtl.report.charts.base import Figures
from streammtl.report.page.html import Content, Html, table, tag
from streammtl.report.theme import STAGES, variable
from streammtl.report.words import count, number, score_name, sentence, several


def summary(figures: Figures) -> Html:
    """Three answers in plain words, each with its figures."""
    return tag(
        "div", [_learned(figures), tag("div", [_noticed(figures), _cost(figures)], class_="pair")], class_="answers"
    )


def _answer(heading: str, lead: str, content: Content, place: str) -> Html:
    head = [tag("h2", heading, id=place), tag("p", lead, class_="lead")]
    return tag("section", [*head, content], class_="answer", aria_labelledby=place)


def _learned(figures: Figures) -> Html:
    is_known = bool(figures["best_possible"])
    window = figures["report"]["window"]
    columns = [
        "task",
        "whole stream",
        f"last {window:,} labels",
        "no change",
        *(["best possible"] if is_known else []),
        "verdict",
    ]
    rows = []
    for name, task in figures["tasks"].items():
        primary = task["primary"]
        values = [task["scores"][primary], task["windowed"][primary], task["no_change"].get(primary)]
        if is_known:
            values.append(figures["best_possible"].get(name, {}).get(primary))
        head = [task_link(figures, name), tag("span", score_name(primary), class_="sub")]
        cells: list[Content] = [head, tag("strong", number(values[0]))]
        rows.append([*cells, *map(number, values[1:]), _verdict(figures, name)])
    content = table("The main score of each task", columns, rows, numbers=range(1, len(columns) - 1))
    return _answer("Did it learn?", learned_sentence(figures), content, "learned")


def task_link(figures: Figures, name: str) -> Html:
    """A task's name in its colour, leading to its part of the page."""
    number_of = list(figures["tasks"]).index(name)
    dot = tag("span", "", class_="dot", style=f"background:{variable(figures['report']['task_colours'][name])}")
    return tag("a", [dot, name], href=f"#task-{number_of}", class_="task-link")


def verdict(figures: Figures, name: str) -> str:
    """How a task did over the whole stream: `unknown`, `worse`, `even`, `better`, or `near` the best possible."""
    task = figures["tasks"][name]
    primary = task["primary"]
    sign = 1.0 if figures["report"]["scores"][name]["larger_is_better"] else -1.0
    score, again = task["scores"][primary], task["no_change"].get(primary)
    best = figures["best_possible"].get(name, {}).get(primary)
    if score is None or again is None:
        return "unknown"
    gained = sign * (score - again)
    if best is not None and gained > 0 and gained >= 0.9 * sign * (best - again) > 0:
        return "near"
    # A tenth of a percent of the score is nothing that anybody would act on.
    return "even" if abs(gained) <= 1e-3 * max(abs(score), abs(again)) else "better" if gained > 0 else "worse"


def _verdict(figures: Figures, name: str) -> Html:
    words = {
        "unknown": "too few labels to say" if figures["tasks"][name]["labels"] else "no labels came",
        "worse": "worse than no change",
        "even": "as good as no change",
        "better": "better than no change",
        "near": "close to the best possible",
    }
    found = verdict(figures, name)
    mark = {"near": "good", "better": "good", "worse": "poor", "even": "poor", "unknown": "plain"}[found]
    return tag("span", words[found], class_=f"verdict {mark}")


def learned_sentence(figures: Figures) -> str:
    """What to tell somebody who asks whether it learned."""
    found = {name: verdict(figures, name) for name in figures["tasks"]}
    known = [name for name, word in found.items() if word != "unknown"]
    better = [name for name in known if found[name] in ("better", "near")]
    near = [name for name in known if found[name] == "near"]
    if not known:
        return "Nobody can say yet: too few labels came to score a prediction."
    if len(better) == len(known):
        what = (
            "Its one task is"
            if len(known) == 1
            else f"Yes: all {len(known)} tasks are"
            if len(known) > 2
            else "Yes: both tasks are"
        )
        text = f"{what} predicted better than by repeating the last known label"
    elif better:
        text = (
            f"In part: {len(better)} of {len(known)} tasks are predicted better than by repeating the last known label"
        )
    else:
        text = "No: repeating the last known label does as well or better"
    text += f", {several(len(near), 'task')} nearly as well as possible." if near else "."
    silent = [name for name in found if found[name] == "unknown"]
    return f"{text} Of {', '.join(silent)} too few labels came to say." if silent else text


def _noticed(figures: Figures) -> Html:
    detection = figures["report"]["detection"]
    content: list[Html]
    if detection is None:
        content = [
            _tiles(
                [(count(len(figures["alarms"])), "alarms"), (number(alarms_per_100k(figures)), "per 100,000 events")]
            )
        ]
    else:
        content = [
            _tiles(
                [
                    (count(detection["n_detected"]), "detected"),
                    (count(detection["n_missed"]), "missed"),
                    (count(len(detection["false"])), "false alarms"),
                    (count(detection["median_delay_events"]), "events of delay (median)"),
                ]
            )
        ]
    return _answer("Did it notice?", noticed_sentence(figures), content, "noticed")


def alarms_per_100k(figures: Figures) -> float | None:
    """Alarms per 100,000 events of the whole stream."""
    return len(figures["alarms"]) / figures["events"] * 100_000 if figures["events"] else None


def noticed_sentence(figures: Figures) -> str:
    """What to tell somebody who asks whether it noticed that things changed."""
    detection = figures["report"]["detection"]
    n_alarms = len(figures["alarms"])
    if detection is None:
        alarmed = "It raised no alarm." if not n_alarms else f"It raised {several(n_alarms, 'alarm')}."
        unknown = "When this stream really changed is not known"
        return f"{alarmed} {unknown}{', so nobody can say which alarms are right' if n_alarms else ''}."
    n_known = detection["n_detected"] + detection["n_missed"]
    n_unwatched = sum(not found["is_watched"] for found in detection["found"])
    unwatched = (
        f" {sentence(several(n_unwatched, 'more drift'))} changed only what nobody watched." if n_unwatched else ""
    )
    if not n_known:
        kind = "drift that was watched" if n_unwatched else "drift"
        return f"The stream has no {kind}, and {several(n_alarms, 'alarm')} came.{unwatched}"
    rate = number(detection["false_per_100k"])
    false = (
        "none was false"
        if not detection["false"]
        else f"{len(detection['false']):,} were false ({rate} per 100,000 events)"
    )
    if len(detection["false"]) == 1:
        false = f"one was false ({rate} per 100,000 events)"
    if not n_alarms:
        return f"No: {several(n_known, 'drift')}, and no alarm.{unwatched}"
    word = "Yes" if not detection["n_missed"] else "In part" if detection["n_detected"] else "No"
    return (
        f"{word}: {detection['n_detected']} of {several(n_known, 'drift')} set off an alarm; "
        f"of {several(n_alarms, 'alarm')} {false}.{unwatched}"
    )


def _cost(figures: Figures) -> Html:
    cost = figures["report"]["cost"]
    tiles = [(count(cost["events_per_s"]), "events per second"), (number(cost["us_per_event"]), "µs per event")]
    return _answer("What did it cost?", cost_sentence(figures), [_tiles(tiles), _stage_bar(figures)], "cost")


def cost_sentence(figures: Figures) -> str:
    """What to tell somebody who asks what it cost."""
    cost = figures["report"]["cost"]
    stages = {name: seconds for name, seconds in cost["stages"].items() if seconds}
    if not stages or not cost["events"]:
        return "No event was taken."
    dearest = max(stages, key=lambda name: stages[name])
    share = stages[dearest] / cost["seconds"] if cost["seconds"] else 0.0
    return (
        f"{cost['events']:,} events in {number(cost['seconds'])} seconds; the dearest stage is "
        f"“{dearest}” with {min(share, 1.0):.0%} of the time."
    )


def stage_shares(figures: Figures) -> dict[str, float]:
    """The share of each stage in the time of all."""
    stages: dict[str, Any] = figures["report"]["cost"]["stages"]
    total = sum(seconds or 0.0 for seconds in stages.values())
    return {name: (stages.get(name) or 0.0) / total for name in STAGES if total and stages.get(name)}


def _stage_bar(figures: Figures) -> Html:
    shares = stage_shares(figures)
    parts = [
        tag(
            "span",
            "",
            style=f"width:{100 * share:.3g}%;background:{variable(f'stage-{name}')}",
            title=f"{name} {share:.0%}",
        )
        for name, share in shares.items()
    ]
    shown = [name for name, share in shares.items() if share >= 0.01]
    key = [
        tag(
            "li",
            [
                tag("span", "", class_="dot", style=f"background:{variable(f'stage-{name}')}"),
                f"{name} {shares[name]:.0%}",
            ],
        )
        for name in shown
    ]
    words = ", ".join(f"{name} {shares[name]:.0%}" for name in shown)
    bar = tag("div", parts, class_="bar", role="img", aria_label=f"Time by stage: {words}")
    return tag("div", [bar, tag("ul", key, class_="key")]) if parts else tag("div")


def _tiles(tiles: list[tuple[str, str]]) -> Html:
    items = [tag("div", [tag("dt", label), tag("dd", value)]) for value, label in tiles]
    return tag("dl", items, class_="tiles")
