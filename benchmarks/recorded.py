"""The recorded streams of the examples: as run configurations, cut to their first rows, and as columns.

Shape suffixes as in `streammtl.types`: E events, T tasks, D dense columns, C categorical columns.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import isnan
from pathlib import Path

import numpy as np

from streammtl.config import RunConfig
from streammtl.decode import Decoder
from streammtl.tasks.base import Task
from streammtl.types import Floats, Floats32, Ints32, RowLayout, Turn

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"

#: The data of each example.
FILES = {
    "gas_turbine": DATA / "gas_turbine" / "gas_turbine.csv.gz",
    "elec2": DATA / "elec2" / "elec2.csv.gz",
    "hydraulic": DATA / "hydraulic" / "hydraulic_cycles.csv.gz",
    "fraud_handbook": DATA / "fraud_handbook" / "fraud_handbook.csv.gz",
}


def example(name: str, overrides: Sequence[str] = (), n_rows: int | None = None, folder: Path = Path()) -> RunConfig:
    """The example of this name on its data; with `n_rows` on a copy of its first rows, which is kept in `folder`."""
    path = FILES[name] if n_rows is None else first_rows(FILES[name], n_rows, folder)
    return RunConfig.load(ROOT / "examples" / f"{name}.yaml", [f"source.path={path}", *overrides], environment={})


def first_rows(path: Path, n_rows: int, folder: Path) -> Path:
    """A CSV file of the header and the first rows of a gzipped one, made where it is not there yet."""
    cut = folder / f"{path.name.removesuffix('.csv.gz')}-{n_rows}.csv"
    if not cut.exists():
        draft = cut.with_suffix(".draft")
        with gzip.open(path, "rb") as lines, draft.open("wb") as file:
            file.writelines(islice(lines, n_rows + 1))
        draft.replace(cut)
    return cut


@dataclass(frozen=True, slots=True)
class Recorded:
    """The events of a stream in order, each beside all the labels that ever came for it."""

    tasks: tuple[Task, ...]
    layout: RowLayout
    dense_ED: Floats32
    category_EC: Ints32
    labels_ET: Floats

    def dictionaries(self) -> list[dict[str, float | str]]:
        """The features as River takes them: categories as text, and a missing value is a missing key."""
        dense_names, category_names = self.layout.dense_names, self.layout.category_names
        events: list[dict[str, float | str]] = []
        for values, codes in zip(self.dense_ED.astype(np.float64).tolist(), self.category_EC.tolist(), strict=True):
            event: dict[str, float | str] = {}
            event.update((name, value) for name, value in zip(dense_names, values, strict=True) if not isnan(value))
            event.update((name, str(code)) for name, code in zip(category_names, codes, strict=True) if code)
            events.append(event)
        return events


def read(config: RunConfig) -> Recorded:
    """The whole stream of a configuration, decoded by streammtl's own decoder; label delays are left out."""
    learner = config.learner()
    decoder = Decoder(config.event_schema, learner.features, learner.tasks)
    source = config.source.build()
    source.open({})
    turns: list[Turn] = []
    while (records := source.poll(timeout_s=0.0)) is not None:
        turns.append(decoder.decode(records))
    source.close()
    return Recorded(
        tasks=learner.tasks,
        layout=learner.layout,
        dense_ED=np.concatenate([turn.dense_ED for turn in turns]),
        category_EC=np.concatenate([turn.category_EC for turn in turns]),
        labels_ET=_labels(turns),
    )


def _labels(turns: list[Turn]) -> Floats:
    ids = [event_id for turn in turns for event_id in turn.ids]
    labels_NT = np.concatenate([turn.labels_NT for turn in turns])
    event_N = np.flatnonzero(np.concatenate([turn.is_event_N for turn in turns]))
    labels_ET = labels_NT[event_N]
    row_of = {ids[record]: row for row, record in enumerate(event_N.tolist())}
    for record in np.flatnonzero(~np.concatenate([turn.is_event_N for turn in turns])).tolist():
        row = row_of.get(ids[record])
        if row is not None:
            labels_ET[row] = np.where(np.isnan(labels_NT[record]), labels_ET[row], labels_NT[record])
    return labels_ET
