"""What one of our modules has logged: threads of a client library that another test has left say something, too."""

from __future__ import annotations

import pytest


def logged(caplog: pytest.LogCaptureFixture, by: str) -> list[str]:
    """The messages of the loggers whose name begins so, since the log was last cleared."""
    return [record.getMessage() for record in caplog.records if record.name.startswith(by)]
