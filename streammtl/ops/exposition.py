"""The metrics in the formats of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from streammtl.ops.metrics import METRICS
from streammtl.ops.metrics import Metric as Declared
from streammtl.ops.samples import Samples, Scrape


@final
class Exposition(Collector):
    """Renders a scrape of all declared metrics; asks for nothing between scrapes."""

    def __init__(self, scrape: Callable[[], Scrape]) -> None:
        self._scrape = scrape
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Every declared metric that has a value now."""
        scrape = self._scrape()
        for declared in METRICS:
            samples = declared.read(scrape)
            if samples:
                yield _family(declared, samples)

    def render(self, accept: str) -> tuple[str, bytes]:
        """Content type and text, in the format that the header `Accept` asks for."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self._registry)


def _family(declared: Declared, samples: Samples) -> Metric:
    if declared.type == "histogram":
        buckets = [(labels[0], value) for labels, value in samples.items() if labels != ("sum",)]
        return HistogramMetricFamily(declared.name, declared.meaning, buckets=buckets, sum_value=samples["sum",])
    kind = CounterMetricFamily if declared.type == "counter" else GaugeMetricFamily
    family = kind(declared.name, declared.meaning, labels=declared.labels)
    for labels, value in samples.items():
        family.add_metric(labels, value)
    return family


@final
class ProcessFigures:
    """What the operating system knows of this process, by the names that Prometheus gives it."""

    def __init__(self) -> None:
        self._collector = ProcessCollector(registry=None)

    def read(self) -> dict[str, float]:
        """The figures now; empty where the system does not tell."""
        return {sample.name: sample.value for family in self._collector.collect() for sample in family.samples}
