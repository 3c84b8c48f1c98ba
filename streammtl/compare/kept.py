"""Results that are kept: one file per run, there in full or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from streammtl.compare.jobs import Job
from streammtl.durable import Disk

DRAFT = ".draft"


def path_of(job: Job, folder: Path) -> Path:
    """Where the result of a job is kept."""
    return folder / f"{job.key}.json"


def keep(result: dict[str, Any], path: Path) -> None:
    """Write a result in one step."""
    draft = path.with_name(f"{path.stem}-{os.getpid()}{DRAFT}")
    draft.unlink(missing_ok=True)
    disk = Disk()
    disk.write(draft, (json.dumps(result, indent=1) + "\n").encode())
    disk.rename(draft, path)
    disk.sync_folder(path.parent)


def read_kept(path: Path) -> dict[str, Any] | None:
    """A result that is kept; None where there is none."""
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # ValueError: somebody else wrote there; a result is never there in part
        return None
    return result
