"""The parts of the page about the whole run."""

from __future__ import annotations

from streammtl.report.charts.base import Chart, Figures
from streammtl.report.charts.drifts import alarm_rows
from streammtl.report.charts.inside import weights_moved
from streammtl.report.page.figure import figure
from streammtl.report.page.html import Content, Html, table, tag
from streammtl.report.theme import STAGES
from streammtl.report.words import count, decimal, number, plain, sentence, several

#: Alarms that the table lists; a stream with more has another problem than a short table.
MAX_ALARMS = 200


def drift_section(figures: Figures, charts: dict[str, Chart]) -> Html:
    """Alarms against the true drifts."""
    content: list[Content] = [tag("h2", "Drifts and alarms", id="drifts"), tag("p", _how(figures))]
    if "drifts" in charts:
        content.append(figure(charts["drifts"], 3, is_wide=True))
    if figures["report"]["detection"] is not None and figures["true_drifts"]:
        content.append(_drift_table(figures))
    if figures["alarms"]:
        content.append(_alarm_table(figures))
    return tag("section", content, aria_labelledby="drifts")


def _how(figures: Figures) -> str:
    detection = figures["report"]["detection"]
    if detection is None and not figures["alarms"]:
        return "A recorded stream does not say when it changed, and no detector found that anything had."
    if detection is None:
        return (
            "A recorded stream does not say when it changed. The alarms below are where a detector found that "
            "a signal had "
            "moved; whether they are right cannot be told."
        )
    others = ""
    if any(drift["start_s"] is None for drift in figures["true_drifts"]):
        others = (
            " Only the changes that were put into this stream are known: an alarm that is called false may have found "
            "one that the stream had by itself."
        )
    return (
        "An alarm detects a drift when what it is about changed in it, and it comes after the first affected "
        "event and no "
        f"later than {detection['horizon_events']:,} events after the last; of several drifts, the one that "
        "began last. "
        f"Every other alarm is false.{others}"
    )


def _drift_table(figures: Figures) -> Html:
    found = {one["drift"]: one for one in figures["report"]["detection"]["found"]}
    rows: list[list[Content]] = []
    for index, drift in enumerate(figures["true_drifts"]):
        if index not in found:
            continue
        one = found[index]
        if one["delay_events"] is not None:
            verdict = tag("span", "detected", class_="verdict good")
        else:
            verdict = tag("span", "missed" if one["is_watched"] else "not watched", class_="verdict poor")
        changed = "; ".join(", ".join(names) for names in (drift["tasks"], drift["features"]) if names)
        rows.append(
            [
                plain(drift["name"]),
                verdict,
                count(one["delay_events"]),
                count(drift["start_event"]),
                drift["kind"],
                tag("div", changed, class_="list"),
            ]
        )
    columns = ["drift", "verdict", "delay in events", "from event", "kind", "what changed: tasks; features"]
    return table("True drifts", columns, rows, numbers=(2, 3))


def _alarm_table(figures: Figures) -> Html:
    is_known = figures["report"]["detection"] is not None
    rows: list[list[Content]] = []
    for alarm in alarm_rows(figures)[:MAX_ALARMS]:
        cells: list[Content] = [count(alarm["events"]), alarm["signal"]]
        if is_known:
            mark = "poor" if alarm["is_false"] else "good"
            word = "false" if alarm["is_false"] else f"detects {alarm['drift']}"
            cells.append(tag("span", word, class_=f"verdict {mark}"))
        rows.append([*cells, alarm["from"], alarm["to"], alarm["detector"]])
    columns = ["at event", "signal", *(["verdict"] if is_known else []), "mean before", "mean since", "detector"]
    n_more = len(figures["alarms"]) - MAX_ALARMS
    title = "Alarms" if n_more <= 0 else f"Alarms: the first {MAX_ALARMS}, of {len(figures['alarms']):,}"
    whole = table(title, columns, rows, numbers=(2 + is_known, 3 + is_known))
    return whole if len(rows) <= 12 else tag("details", [tag("summary", title), whole])


def inside_section(figures: Figures, charts: dict[str, Chart]) -> Html:
    """Task weights, and what sharing gains."""
    content: list[Content] = [tag("h2", "Inside the learner", id="inside")]
    if "weights" in charts:
        content.append(figure(charts["weights"], 3, is_wide=True))
    else:
        content.append(tag("p", _weights(figures)))
    if "sharing" in charts:
        content.append(figure(charts["sharing"], 3, is_wide=True))
    content.append(tag("p", _steps(figures)))
    return tag("section", content, aria_labelledby="inside")


def _weights(figures: Figures) -> str:
    weights = figures["weights"]
    if weights_moved(figures):
        return "The task weights moved in a stretch too short to draw."
    if len(weights) == 1:
        return "There is one task, so there is nothing to weigh."
    if len(set(weights.values())) == 1:
        return f"All task weights were {next(iter(weights.values())):.3g} all the time."
    return f"The task weights never moved: {', '.join(f'{name} {number(weight)}' for name, weight in weights.items())}."


def _steps(figures: Figures) -> str:
    text = f"{sentence(several(figures['steps'], 'step'))} of learning."
    if figures["steps_skipped"]:
        skipped = sentence(several(figures["steps_skipped"], "step"))
        text += f" {skipped} were skipped because a loss or a gradient was not finite."
    if figures["insights"].get("revived"):
        revived = several(figures["insights"]["revived"], "network")
        text += f" {revived} could learn no more and went on as a copy of a healthy one."
    return text


def cost_section(figures: Figures, charts: dict[str, Chart]) -> Html:
    """Where the time went."""
    cost = figures["report"]["cost"]
    content: list[Content] = [tag("h2", "Time", id="time")]
    if "throughput" in charts:
        content.append(figure(charts["throughput"], 3, is_wide=True))
    n, total = max(cost["events"], 1), cost["seconds"] or 1.0
    rows: list[list[Content]] = [
        [name, decimal(seconds, 2), decimal(1e6 * seconds / n, 1), f"{seconds / total:.1%}"]
        for name, seconds in ((stage, cost["stages"].get(stage) or 0.0) for stage in STAGES)
    ]
    rest = max(0.0, cost["seconds"] - sum(seconds or 0.0 for seconds in cost["stages"].values()))
    rows.append(["between the stages", decimal(rest, 2), decimal(1e6 * rest / n, 1), f"{rest / total:.1%}"])
    content.append(table("Time by stage", ["stage", "seconds", "µs per event", "share"], rows, numbers=(1, 2, 3)))
    own = figures["report"]["seconds_of_report"]
    content.append(
        tag(
            "p",
            f"Looking on for this report took {decimal(own, 2)} seconds more, which are not counted here.",
            class_="note",
        )
    )
    return tag("section", content, aria_labelledby="time")


def again_section(figures: Figures) -> Html:
    """How anybody can run it again."""
    report = figures["report"]
    versions: list[list[Content]] = [[name, version] for name, version in report["versions"].items()]
    content: list[Content] = [
        tag("h2", "Run it again", id="again"),
        tag("p", "The same records, the same configuration and the same versions give the same digest, bit for bit."),
        _copyable("Command", "command", report["command"]),
        _copyable("Digest", "digest", figures["digest"]),
        tag(
            "details",
            [
                tag("summary", "Configuration"),
                _copyable("Configuration", "configuration", report["configuration"]),
            ],
        ),
        table("Versions", ["package", "version"], versions),
    ]
    return tag("section", content, aria_labelledby="again")


def _copyable(title: str, place: str, text: str) -> Html:
    button = tag("button", "Copy", type="button", data_copy=place, aria_label=f"Copy the {title.lower()}")
    return tag(
        "div",
        [
            tag("div", [tag("strong", title), button], class_="code-head"),
            tag("pre", tag("code", text, id=place), tabindex="0"),
        ],
        class_="code",
    )


def notes(figures: Figures) -> list[Html]:
    """What a reader must know before the figures: a resumed or interrupted run."""
    start = figures["report"]["start"]
    found = []
    if start["records"]:
        found.append(
            f"This run was resumed after {several(start['records'], 'record')}. Scores, counts and alarms are "
            "of the whole "
            "stream; curves, diagrams, delays and times cover what this process saw, from event "
            f"{start['events']:,} on."
        )
    if figures["stopped"]:
        found.append(
            "The run was interrupted before the end of the stream; the report covers what was taken until then."
        )
    return [tag("p", text, class_="notice") for text in found]
