"""Events and labels in the order in which they arrive.

Shape suffixes: E events of a batch, L labels, O published columns of all tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
import numpy as np

from streammtl.types import Floats, Ints
from streammtl.worlds.base import WorldRecords
from streammtl_simulators.dirt import Timed
from streammtl_simulators.documents import encode_documents


class Document(Protocol):
    """A record before it is encoded: a struct with an id."""

    id: str


def merged(
    encoder: msgspec.json.Encoder,
    events: Sequence[Document],
    event_ms_E: Ints,
    best_EO: Floats,
    labels: Sequence[Document],
    label_ms_L: Ints,
) -> Iterator[Timed]:
    """The batch of these events and labels by time, at the same millisecond events first; nothing where none is."""
    documents = [*events, *labels]
    if not documents:
        return
    ms = np.concatenate([event_ms_E, label_ms_L])
    order = np.argsort(ms, kind="stable")
    in_order = [documents[place] for place in order.tolist()]
    keys = [document.id for document in in_order]
    event_ids = [document.id for document in events]  # these come in the order of their times
    is_label = (order >= len(events)).tolist()
    yield Timed(WorldRecords(encode_documents(encoder, in_order), is_label, event_ids, best_EO, keys), ms[order])
