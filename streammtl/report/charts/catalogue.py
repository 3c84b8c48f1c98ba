"""All charts of a report, in the order of the page."""

from __future__ import annotations

from streammtl.report.charts.base import Chart, Colour, Figures
from streammtl.report.charts.confusion import confusion_chart
from streammtl.report.charts.cost import throughput_chart
from streammtl.report.charts.drifts import timeline_chart
from streammtl.report.charts.inside import expert_chart, sharing_chart, weight_chart
from streammtl.report.charts.labels import coverage_chart, delay_chart
from streammtl.report.charts.reliability import reliability_chart
from streammtl.report.charts.residuals import residual_chart, value_chart
from streammtl.report.charts.scores import score_chart

#: Pictures of each task, the first one over the whole width.
OF_A_TASK = (score_chart, confusion_chart, reliability_chart, residual_chart, value_chart, delay_chart, expert_chart)
OF_ALL = (timeline_chart, coverage_chart, weight_chart, sharing_chart, throughput_chart)


def task_charts(figures: Figures, task: str, colour: Colour) -> list[Chart]:
    """The charts of one task; those that would show nothing are left out."""
    return [chart for make in OF_A_TASK if (chart := make(figures, task, colour)) is not None]


def common_charts(figures: Figures, colour: Colour) -> dict[str, Chart]:
    """The charts about the whole run, by name."""
    made = [chart for make in OF_ALL if (chart := make(figures, colour)) is not None]
    return {chart.name: chart for chart in made}


def all_charts(figures: Figures, colour: Colour) -> list[Chart]:
    """Every chart."""
    of_tasks = [chart for task in figures["tasks"] for chart in task_charts(figures, task, colour)]
    return [*common_charts(figures, colour).values(), *of_tasks]
