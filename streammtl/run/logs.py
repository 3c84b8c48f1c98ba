"""Log lines on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Any, final

from streammtl.config import Monitoring


def set_up_logs(monitoring: Monitoring) -> None:
    """Write our log lines of the configured level and above to standard error."""
    logger = logging.getLogger("streammtl")
    logger.setLevel(monitoring.log_level.upper())
    handler = _ToStandardError()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.handlers = [handler]


@final
class _ToStandardError(logging.StreamHandler[Any]):
    """Looks up `sys.stderr` for every line: a progress bar puts itself in its place while it is shown."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """Standard error as it is now."""
        return sys.stderr
