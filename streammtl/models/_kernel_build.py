"""Compiles a kernel, once per architecture and machine: what was compiled is kept in a folder of the user's.

The folder holds the generated source, whose name is a digest of its text, and beside it what numba compiled from it
(which numba checks against its own version and the processor). Processes may build the same kernel at the same time:
a source appears complete or not at all and never changes, each source has an index of its own, and numba replaces its
files in one step. Of processes that want the same kernel one compiles, the others wait for it. Where
nothing can be kept the kernel is compiled in memory, and a log line says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.util
import linecache
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import xxhash

from streammtl.models._kernel_source import kernel_source
from streammtl.models._kernel_spec import KernelSpec
from streammtl.models._passes import passes_source

#: Takes `streammtl.models._kernel_loop.ARGUMENTS`; returns steps taken and steps skipped.
Kernel: TypeAlias = Callable[..., tuple[int, int]]

#: Loops of a constant length become vector instructions only where they are still loops when the compiler looks for
#: some: else those of up to about 32 turns are written out, one number at a time, before. It is the option of the whole
#: process, and what else numba compiles there obeys it too.
_LLVM_OPTION = "-unroll-full-max-count=2"

_log = logging.getLogger(__name__)


@functools.cache
def build_kernel(spec: KernelSpec) -> Kernel:
    """The compiled loop over operations. Some seconds where this architecture was never compiled here."""
    widths = "-".join(map(str, spec.hidden)) or "none"
    what = f"the kernel of a network with hidden layers {widths} and the optimizer {spec.optimizer}"
    kernel: Kernel = _build("kernel", what, lambda is_cached: kernel_source(spec, is_cached)).advance
    return kernel


@functools.cache
def build_passes() -> Any:
    """A module with the compiled functions of `streammtl.models._passes`."""
    return _build("passes", "the mixture of experts", passes_source)


def _build(kind: str, what: str, source_of: Callable[[bool], str]) -> ModuleType:
    """The compiled module of a text, which depends on whether what is compiled can be kept."""
    source = source_of(True)
    versions = f"{version('numba')} {np.__version__} {_LLVM_OPTION}"
    name = f"streammtl_{kind}_{xxhash.xxh3_128_hexdigest(f'{versions} {source}'.encode())}"
    try:
        path = _kept(cache_folder() / f"{name}.py", source)
        with _alone(path, what):
            _announce(what, path)
            _set_option()
            return _import(name, path)
    except Exception as error:  # no home directory, no place to write, or whatever a damaged file makes of numba
        _log.warning("what is compiled cannot be kept (%s): compiling in memory, for this process only", error)
        _forget(name)
    _set_option()
    return _compile_in_memory(name, source_of(False))


@functools.cache
def _set_option() -> None:
    from llvmlite import binding  # type: ignore[import-untyped]

    binding.set_option("streammtl", _LLVM_OPTION)


@contextlib.contextmanager
def _alone(path: Path, what: str) -> Iterator[None]:
    """No two processes at a time; the operating system ends it when a process ends, however it ends."""
    with path.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process, which compiles %s", what)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cache_folder() -> Path:
    """Where kernels are kept."""
    return Path.home() / ".cache" / "streammtl" / "kernels"


def _forget(name: str) -> None:
    """Remove what was kept of a kernel: it may be damaged, and the next process shall compile anew."""
    with contextlib.suppress(OSError, RuntimeError):
        for path in (cache_folder() / "__pycache__").glob(f"{name}.*"):
            path.unlink()


def _announce(what: str, path: Path) -> None:
    if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.nbi")):
        _log.info("compiling %s, once on this machine: some seconds", what)


def _kept(path: Path, source: str) -> Path:
    """Write the source, unless it is there; it appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") == source:
        return path
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".draft")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(source)
    try:
        # Unlike a rename this leaves alone what another process has put there meanwhile, and its time stamp.
        os.link(draft, path)
    except FileExistsError:
        if path.read_text(encoding="utf-8") != source:  # damaged
            os.replace(draft, path)
            return path
    os.unlink(draft)
    return path


def _import(name: str, path: Path) -> ModuleType:
    plan = importlib.util.spec_from_file_location(name, path)
    assert plan is not None
    assert plan.loader is not None
    module = importlib.util.module_from_spec(plan)
    sys.modules[name] = module
    try:
        plan.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _compile_in_memory(name: str, source: str) -> ModuleType:
    module: Any = ModuleType(name)
    module.__file__ = f"<{name}>"
    # So that an error of the compiler can show the line that it is about.
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    sys.modules[name] = module
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    return module  # type: ignore[no-any-return]
