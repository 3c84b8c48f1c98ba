"""Everything that streammtl raises on purpose.

    StreamMtlError
    ├── ConfigError            a setting is wrong: the message names the key, the value and what is allowed
    ├── SourceError            a source cannot be opened, read or positioned
    │   └── SourceUnavailableError    it does not answer now; the same call may succeed later
    ├── SinkError              a sink cannot be opened or did not take what was published
    │   ├── SinkUnavailableError      it does not answer now; the same call may succeed later
    │   ├── SinkAbortedError          a transaction failed: the run goes back to the last committed checkpoint
    │   └── SinkFencedError           another process has taken over its transactions
    ├── LimitError             more records were rejected than the limits of the run allow
    ├── RecordError            an event or label given to a `*_one` verb cannot be read
    ├── CheckpointError        a checkpoint cannot be written or used
    │   ├── CheckpointDamagedError    its bytes are not those that were written
    │   └── CheckpointMismatchError   it belongs to another configuration or version
    └── MissingExtraError      an optional package is not installed; the message says which extra brings it

Bad records *of a stream* never raise: they become `Rejected` rows (see `streammtl.types`).
"""

from __future__ import annotations


class StreamMtlError(Exception):
    """Base of every error that streammtl raises on purpose."""


class ConfigError(StreamMtlError):
    """A setting is wrong. The command line ends with exit code 2."""


class SourceError(StreamMtlError):
    """A source cannot be opened, read or positioned."""


class SourceUnavailableError(SourceError):
    """A source does not answer now; the same call may succeed later, and nothing is lost or repeated meanwhile."""


class SinkError(StreamMtlError):
    """A sink cannot be opened, or did not take what was published."""


class SinkUnavailableError(SinkError):
    """A sink does not answer now; the same call may succeed later, and nothing is lost or repeated meanwhile."""


class SinkAbortedError(SinkError):
    """A transaction failed, and what it held never counts: the run goes back to the last committed checkpoint."""


class SinkFencedError(SinkError):
    """The broker ended the transactions of this process: another one has taken over, or it was away for too long."""


class LimitError(StreamMtlError):
    """More records were rejected than the limits of the run allow. The command line ends with exit code 3."""


class RecordError(StreamMtlError):
    """An event or a label that was handed to a `*_one` verb cannot be read."""


class CheckpointError(StreamMtlError):
    """A checkpoint cannot be written or used."""


class CheckpointDamagedError(CheckpointError):
    """The bytes of a checkpoint are not those that were written."""


class CheckpointMismatchError(CheckpointError):
    """A checkpoint belongs to another configuration or to another version of its format."""


class MissingExtraError(StreamMtlError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'streammtl[{extra}]'"
        )
