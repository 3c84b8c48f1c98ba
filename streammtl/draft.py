"""Records on their way from columns to a turn: which are still good, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import msgspec
import numpy as np

from streammtl.types import Records, Rejected
from streammtl.wire import Columns

#: Bytes of a rejected record that are kept.
MAX_REJECTED_BYTES = 1000


@final
class Draft:
    """The records that could be read, N of them, as columns; the steps of decoding reject some.

    The first fault of a record is the one that counts.
    """

    def __init__(self, read: Columns, records: Records) -> None:
        self._records = records
        self._faults = {fault.row: (fault.reason, fault.detail) for fault in read.faults}
        self._row_N = read.row_N
        self.columns = read.columns
        self.n_unknown_fields = read.n_unknown_fields
        self.partition_N = records.partition_N[read.row_N]
        self.offset_N = records.offset_N[read.row_N]
        self.is_good_N = np.ones(len(read.row_N), dtype=np.bool_)

    def __len__(self) -> int:
        """N."""
        return len(self._row_N)

    @property
    def partitions(self) -> tuple[str, ...]:
        """Names of the partitions that `partition_N` counts in."""
        return self._records.partitions

    def written(self, index: int, name: str) -> Any:
        """What stands in the field `name` of a record that is a JSON document."""
        return msgspec.json.decode(self._records.values[self._row_N[index]])[name]

    def reject(self, index: int, reason: str, detail: str) -> None:
        """Record `index` cannot be used."""
        self.is_good_N[index] = False
        self._faults.setdefault(int(self._row_N[index]), (reason, detail))

    def rejected(self) -> tuple[Rejected, ...]:
        """All that was rejected, in record order."""
        records = self._records
        return tuple(
            Rejected(
                partition=records.partitions[records.partition_N[row]],
                offset=int(records.offset_N[row]),
                reason=reason,
                detail=detail,
                value=raw_bytes(records.values[row]),
            )
            for row, (reason, detail) in sorted(self._faults.items())
        )


def raw_bytes(value: Any) -> bytes:
    """A record as it came, cut to `MAX_REJECTED_BYTES`; a mapping as JSON.

    >>> raw_bytes({"amount": "much"}), raw_bytes({"": "1,2,"}), raw_bytes(None)
    (b'{"amount":"much"}', b'1,2,', b'')
    """
    if value is None:
        return b""
    if isinstance(value, Mapping):
        raw = value.get("")
        return raw_bytes(raw) if isinstance(raw, str | bytes) else _as_json(value)[:MAX_REJECTED_BYTES]
    if isinstance(value, str):
        return value[:MAX_REJECTED_BYTES].encode("utf-8", "surrogatepass")[:MAX_REJECTED_BYTES]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[:MAX_REJECTED_BYTES])
    return _as_text(value)


def _as_json(row: Mapping[Any, Any]) -> bytes:
    try:
        return msgspec.json.encode({str(name): value for name, value in row.items()}, enc_hook=str)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return _as_text(row)  # a lone surrogate, an integer of more than 64 bits, a mapping that holds itself


def _as_text(value: Any) -> bytes:
    try:
        return repr(value).encode("utf-8", "backslashreplace")[:MAX_REJECTED_BYTES]
    except (ValueError, RecursionError):
        return type(value).__name__.encode()
