"""Log lines on standard error: for people on a terminal, one JSON object per line for machines.

A JSON line has `time` (UTC), `level`, `logger` and `message`; `fields` where the line has some, which code gives with
`extra={"fields": {...}}`; and `error` with the traceback of an exception. The clients of Kafka repeat themselves in
floods while a broker is away: of theirs, each message is written once in a while, with the number of those left out.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, final

from streammtl.config import Monitoring

#: Loggers of client libraries: warnings and worse, and each message only now and then.
_CLIENTS = ("kafka", "confluent_kafka")
_CLIENT_EVERY_S = 10.0
_MAX_CLIENT_MESSAGES = 1000  # remembered; a client has a few dozens
#: What kafka-python warns of though nobody can do anything about it: that its own thread took a tenth of a second, and
#: that it was in the middle of a request when it was closed.
_NO_NEWS = re.compile(r"^Task .* ran for [\d.]+s \(>|\bCancelled\]?\.?$")

# Nothing of ours logs a secret. A library may quote its settings or an address with a password in it.
_SECRET = re.compile(
    r"(?i)([\"']?[\w.]*(?:password|passwd|secret|token|api[_-]?key|sasl\.jaas\.config)[\"']?\s*[=:]\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s,;)}\]]+)"
)
_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]+:)[^\s/@]+@")


def set_up_logs(monitoring: Monitoring, *, is_daemon: bool = False) -> None:
    """Write log lines of the configured level and above to standard error, in the configured format."""
    as_json = monitoring.log_format == "json" or (
        monitoring.log_format == "auto" and is_daemon and not sys.stderr.isatty()
    )
    handler, quiet = _ToStandardError(), _ToStandardError()
    for each in (handler, quiet):
        each.setFormatter(JsonLines() if as_json else HumanLines())
    quiet.addFilter(lambda record: _NO_NEWS.search(record.getMessage()) is None)
    quiet.addFilter(OnceInAWhile(_CLIENT_EVERY_S))
    quiet.addFilter(_as_warning)
    own = logging.getLogger("streammtl")
    own.setLevel(monitoring.log_level.upper())
    own.handlers = [handler]
    for name in _CLIENTS:
        client = logging.getLogger(name)
        client.setLevel(max(logging.WARNING, own.level))
        client.handlers = [quiet]
        client.propagate = False
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not isinstance(each, _ToStandardError)]
    if as_json:  # then every line is: what any other library says or warns of, too
        others = _ToStandardError()
        others.setFormatter(JsonLines())
        others.addFilter(lambda record: record.name.partition(".")[0] != own.name)
        logging.captureWarnings(True)
        root.addHandler(others)


def without_secrets(text: str) -> str:
    """The text without what looks like a password.

    >>> without_secrets("cannot reach kafka://me:hunter2@broker: sasl_plain_password='hunter2', retries=3")
    'cannot reach kafka://me:***@broker: sasl_plain_password=***, retries=3'
    """
    return _SECRET.sub(r"\1***", _URL_PASSWORD.sub(r"\1***@", text))


def _as_warning(record: logging.LogRecord) -> bool:
    """A client's error is none of the run, which says itself what it makes of it; and nobody wants its traceback."""
    if record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    if record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = record.exc_text = None
    return True


@final
class HumanLines(logging.Formatter):
    """Time, level, logger and message; fields stand in the message already."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, or several where there is a traceback."""
        return without_secrets(super().format(record))


@final
class JsonLines(logging.Formatter):
    """One JSON object per line.

    >>> record = logging.makeLogRecord({"name": "streammtl.x", "msg": "%d left", "args": (3,), "created": 0.0})
    >>> JsonLines().format(record)
    '{"time": "1970-01-01T00:00:00.000Z", "level": "info", "logger": "streammtl.x", "message": "3 left"}'
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line; never more than one, whatever the message holds."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower() if record.levelno else "info",
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            line["fields"] = {str(key): _plain(value) for key, value in fields.items()}
        if record.exc_info:
            line["error"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON has no NaN
    return value if value is None or isinstance(value, int) else without_secrets(str(value))


@final
class OnceInAWhile(logging.Filter):
    """Lets each message through once per `every_s`; the next one tells how many were left out.

    Messages are told apart by their logger and by their text before values are filled in, with numbers left out, so
    that "node 3" and "node 4", or port numbers, make no new message.
    """

    def __init__(self, every_s: float) -> None:
        super().__init__()
        self._every_s = every_s
        self._last: dict[tuple[str, str], tuple[float, int]] = {}  # time of the last line, lines left out since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        key = (record.name, re.sub(r"\d+", "#", str(record.msg)))
        last_s, n_left_out = self._last.get(key, (-math.inf, 0))
        if 0 <= record.created - last_s < self._every_s:
            self._last[key] = (last_s, n_left_out + 1)
            return False
        if len(self._last) >= _MAX_CLIENT_MESSAGES:
            self._last.clear()
        self._last[key] = (record.created, 0)
        if n_left_out:
            record.msg, record.args = f"{record.getMessage()} ({n_left_out} more like it)", ()
        return True


@final
class _ToStandardError(logging.StreamHandler[Any]):
    """Looks up `sys.stderr` for every line: a progress bar puts itself in its place while it is shown."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """Standard error as it is now."""
        return sys.stderr
