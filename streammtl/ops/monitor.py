"""The monitor of a run: its observer, and the server that tells what it saw."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from http import HTTPStatus
from importlib import metadata, resources
from types import TracebackType
from typing import final

from streammtl.clock import Clock
from streammtl.component import Component
from streammtl.config import RunConfig
from streammtl.engine import Engine
from streammtl.errors import ConfigError
from streammtl.ops.exposition import Exposition, ProcessFigures
from streammtl.ops.health import Health, Verdict
from streammtl.ops.live import live_document
from streammtl.ops.recorder import EVERY_S, SHARE, Recorder
from streammtl.ops.samples import Scrape
from streammtl.ops.server import Request, Response, Server
from streammtl.report.theme import colours
from streammtl.run.observe import Observer, Observers
from streammtl.sources.base import Source
from streammtl.worlds.base import TrueDrift

DEFAULT_PORT = 9108
OPEN_METRICS = "application/openmetrics-text"
_RENDER_EVERY_S = 0.2  # at most: however many ask
_NOT_FOUND = b"not here; there are /, /metrics, /livez and /readyz\n"
_PAGE = {
    "/": ("live.html", "text/html; charset=utf-8"),
    "/live.css": ("live.css", "text/css; charset=utf-8"),
    "/live.js": ("live.js", "text/javascript; charset=utf-8"),
}


@final
class Monitor:
    """Watches one run and serves `/metrics`, `/livez`, `/readyz` and the live page, as `monitoring.http` says.

    Use it as a context manager around the whole run: it serves from its construction, so that probes are answered
    while the model is compiled. `attach` says what is run; `observer` goes into the loop.
    """

    def __init__(self, config: RunConfig, clock: Clock, *, every_s: float = EVERY_S, share: float = SHARE) -> None:
        self._config = config
        self._clock = clock
        self.health = Health(clock, config.monitoring.hang_after_s)
        self.recorder = Recorder(config, clock, every_s, share)
        self.observer: Observer = Observers(self.health, self.recorder)
        self._engine: Engine | None = None
        self._drifts: Sequence[TrueDrift] = ()
        self._exposition = Exposition(self._scrape)
        self._process = ProcessFigures()
        self._rendered: dict[str, tuple[float, str, bytes]] = {}
        self._build = (_version("streammtl"), platform.python_version(), _version("torch"))
        self._run = (config.name, _kind(config.model), _kind(config.weighting))
        self._pages = {path: (_read(name), content_type) for path, (name, content_type) in _PAGE.items()}
        self.server = _serve(config, self._answer)

    def attach(self, engine: Engine, source: Source, drifts: Sequence[TrueDrift] = ()) -> None:
        """Say what is run, before its first poll, and, in simulations, where it drifts."""
        self._engine, self._drifts = engine, drifts
        self.recorder.attach(engine, source)

    def ended(self) -> None:
        """Take the last snapshot: the run is over, though it may still be looked at."""
        self.recorder.refresh()
        self.health.ended()

    def close(self) -> None:
        """Stop serving. May be called twice."""
        self.health.ended()
        if self.server is not None:
            self.server.close()

    def __enter__(self) -> Monitor:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self.close()

    # -- on the thread of the server

    def _answer(self, request: Request) -> Response:
        match request.path:
            case "/metrics":
                return self._metrics(request.accept)
            case "/livez":
                return _verdict(self.health.liveness())
            case "/readyz":
                return _verdict(self.health.readiness())
            case "/live.json":
                return self._live(request)
        if request.path in self._pages:
            body, content_type = self._pages[request.path]
            return Response(HTTPStatus.OK, content_type, body)
        return Response(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", _NOT_FOUND)

    def _metrics(self, accept: str) -> Response:
        """Rendered anew a few times per second at most, so that asking without end costs the learner little."""
        # Two formats, of which the header asks for one: the key must not grow with what strangers send.
        form = OPEN_METRICS if OPEN_METRICS in accept else ""
        now_s = self._clock.monotonic()
        known = self._rendered.get(form)
        if known is None or now_s - known[0] >= _RENDER_EVERY_S:
            known = (now_s, *self._exposition.render(form))
            self._rendered[form] = known
        return Response(HTTPStatus.OK, known[1], known[2])

    def _scrape(self) -> Scrape:
        return Scrape(
            snapshot=self.recorder.snapshot,
            now_s=self._clock.monotonic(),
            wall_s=self._clock.now(),
            is_ready=self.health.readiness().ok,
            is_troubled=self.health.is_troubled,
            n_troubles=self.health.n_troubles,
            silence_s=self.health.silence_s(),
            idle_s=self.health.idle_s(),
            build=self._build,
            run=self._run,
            process=self._process.read(),
        )

    def _live(self, request: Request) -> Response:
        body = live_document(
            self._config.name,
            self.recorder.snapshot,
            self.recorder.history,
            self.health,
            alarms=() if self._engine is None else self._engine.alarms,
            drifts=self._drifts,
            now_s=self._clock.monotonic(),
            after=_number(request.query.get("after", "")),
            generation=_number(request.query.get("generation", "")),
        )
        return Response(HTTPStatus.OK, "application/json", body)


def _serve(config: RunConfig, answer: Callable[[Request], Response]) -> Server | None:
    host, port = config.monitoring.http.host, config.monitoring.http.port
    if port is None:
        return None
    if port != "auto":
        return Server(host, port, answer)
    try:
        return Server(host, DEFAULT_PORT, answer)
    except ConfigError:
        return Server(host, 0, answer)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run from a checkout; an image without torch
        return "none"


def _kind(settings: Component.Config) -> str:
    return str(type(settings).model_fields["kind"].default)


def _read(name: str) -> bytes:
    content = (resources.files("streammtl.ops") / "page" / name).read_bytes()
    return _theme().encode() + content if name.endswith(".css") else content


def _theme() -> str:
    """The colours of the report, as variables of a style sheet."""
    light, dark = (
        ":root { " + " ".join(f"--{role}: {colour};" for role, colour in colours()[theme].items()) + " }"
        for theme in ("light", "dark")
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"


def _verdict(verdict: Verdict) -> Response:
    status = HTTPStatus.OK if verdict.ok else HTTPStatus.SERVICE_UNAVAILABLE
    body = {"ok": verdict.ok} if verdict.ok else {"ok": False, "reason": verdict.reason}
    return Response(status, "application/json", json.dumps(body).encode() + b"\n")


def _number(text: str) -> int:
    """A number of at most nine digits; -1 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
