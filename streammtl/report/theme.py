"""Colours and type of the page and its pictures: the only place that knows either.

Every colour has a role. Tasks keep theirs in every picture; hues are those of Okabe and Ito ("Color Universal Design",
2008), told apart by people who do not see red or green as others do, shifted so that each has contrast of 3 to 1 on its
paper. Nothing is told by colour alone: lines differ in their dashes too, alarms in their fill.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

N_TASK_COLOURS: Final = 8
N_EXPERT_COLOURS: Final = 6

#: Dashes of the tasks beyond the eighth, ninth, ...: what has the colour of another has not its dashes.
TASK_DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])

_LIGHT: Final = {
    "paper": "#ffffff",
    "panel": "#f6f7f9",
    "ink": "#1b1f24",
    "quiet": "#57606a",
    "line": "#d8dee4",
    "grid": "#eaeef2",
    "accent": "#0072b2",
    "good": "#0b7a4b",
    "poor": "#a8500a",
    "no-change": "#767b82",
    "best": "#1b1f24",
    "drift": "#d99a00",
    "alarm": "#c1121f",
}

_DARK: Final = {
    "paper": "#14171b",
    "panel": "#1d2127",
    "ink": "#e9edf1",
    "quiet": "#a3adb8",
    "line": "#3a424b",
    "grid": "#272d34",
    "accent": "#5ab0e8",
    "good": "#4cc38a",
    "poor": "#f0a35e",
    "no-change": "#8d969f",
    "best": "#e9edf1",
    "drift": "#e3b341",
    "alarm": "#ff6b70",
}

_TASKS: Final = {
    "light": ("#0072b2", "#d55e00", "#00875f", "#b0458b", "#8a6d00", "#2a8fc4", "#5b4ba8", "#6b6f75"),
    "dark": ("#5ab0e8", "#ff8f4a", "#3ccba0", "#e58fc4", "#e3c04f", "#9fdcff", "#b1a4f5", "#b5bac0"),
}

_EXPERTS: Final = {
    "light": ("#2b4c7e", "#6c9bd2", "#b9d2ee", "#8c6d1f", "#c9a227", "#ead58a"),
    "dark": ("#8fb8ec", "#5580b5", "#34517a", "#e8cf7a", "#b8942b", "#77601f"),
}

#: By stage: greys bring and take away records, blue learns and publishes, brown judges, the darkest one saves.
_STAGES: Final = {
    "source": ("#c3cad3", "#56606b"),
    "decode": ("#94a0ae", "#7d8895"),
    "join": ("#66758a", "#a8b3bf"),
    "learn": ("#0072b2", "#5ab0e8"),
    "publish": ("#7fb7da", "#2f6d96"),
    "evaluate": ("#e0a95b", "#e0b273"),
    "watch": ("#b5651d", "#b07a3e"),
    "checkpoint": ("#5b3a1a", "#7a5c3a"),
}

STAGES: Final = tuple(_STAGES)


def colours() -> dict[str, dict[str, str]]:
    """By theme (light, dark): the colour of every role."""
    themes = {}
    for number, (theme, plain) in enumerate((("light", _LIGHT), ("dark", _DARK))):
        themes[theme] = {
            **plain,
            **{f"task-{i}": colour for i, colour in enumerate(_TASKS[theme])},
            **{f"expert-{i}": colour for i, colour in enumerate(_EXPERTS[theme])},
            **{f"stage-{stage}": pair[number] for stage, pair in _STAGES.items()},
        }
    return themes


def task_role(number: int) -> str:
    """The colour's role of a task by its place among the tasks."""
    return f"task-{number % N_TASK_COLOURS}"


def task_dash(number: int) -> list[int]:
    """The dashes of a task's line."""
    return TASK_DASHES[number // N_TASK_COLOURS % len(TASK_DASHES)]


def expert_role(number: int) -> str:
    """The colour's role of an expert by its place."""
    return f"expert-{number % N_EXPERT_COLOURS}"


def variable(role: str) -> str:
    """A colour as a page names it, so that the theme can change without drawing anew."""
    return f"var(--{role})"


PAGE_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
#: Metric-compatible with Arial, and in every Linux distribution.
FILE_FONT: Final = "Liberation Sans, Arial, sans-serif"


def chart_config(colour: Callable[[str], str], font: str) -> dict[str, Any]:
    """What all charts have in common, as a Vega-Lite configuration; `colour` turns a role into a colour."""
    text = {"labelColor": colour("quiet"), "titleColor": colour("quiet"), "labelFontSize": 11, "titleFontSize": 11}
    axis = {
        **text,
        "titleFontWeight": "normal",
        "domainColor": colour("line"),
        "tickColor": colour("line"),
        "gridColor": colour("grid"),
        "labelPadding": 4,
        "titlePadding": 8,
        "labelFlush": False,
    }
    return {
        "background": None,
        "font": font,
        "padding": {"left": 2, "right": 8, "top": 4, "bottom": 2},
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False, "tickCount": 6},
        "axisY": {"domain": False, "ticks": False, "tickCount": 5},
        "legend": {
            **text,
            "title": None,
            "orient": "top",
            "direction": "horizontal",
            "labelLimit": 260,
            "symbolStrokeWidth": 2.5,
            "columnPadding": 14,
            "offset": 10,
        },
        "line": {"strokeWidth": 2, "strokeJoin": "round"},
        "text": {"color": colour("ink"), "fontSize": 11},
    }


def stylesheet(themes: dict[str, dict[str, str]]) -> str:
    """The colours as variables of a page: light, dark where the device or the reader wants it, light on paper."""

    def block(theme: str) -> str:
        return "".join(f"--{role}:{colour};" for role, colour in themes[theme].items()) + f"color-scheme:{theme};"

    return (
        f":root{{{block('light')}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{block('dark')}}}}}\n"
        f":root[data-theme=dark]{{{block('dark')}}}\n"
        f"@media print{{:root,:root[data-theme=dark],:root:not([data-theme=light]){{{block('light')}}}}}\n"
    )
