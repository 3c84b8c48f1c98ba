"""Programs that some tests need and not every machine has."""

from __future__ import annotations

import os
import shutil

import pytest

COMPLETE = "STREAMMTL_TEST_COMPLETE"


def program(name: str, brought_by: str, *, is_packaged: bool = True) -> str:
    """Where the program is; without it the test is skipped, or fails where nothing may be left out.

    What no distribution packages in a version that would do is skipped everywhere.
    """
    found = shutil.which(name)
    if found is None:
        message = f"needs {name} ({brought_by})"
        if is_packaged and os.environ.get(COMPLETE):
            pytest.fail(message)
        pytest.skip(message)
    return found
