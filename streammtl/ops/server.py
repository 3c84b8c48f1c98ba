"""A small HTTP server that nobody can use to disturb the learner.

It answers GET and HEAD with what functions return, changes nothing, and runs in one thread. A request has a few seconds
and 8 KiB to arrive in, a response a few seconds to be taken; a request's body is not read. Where too many connections
are open, the one that has waited longest without a whole request is dropped, so slow ones cannot keep others out; and
only so many are taken per second as cost the learner a few percent of the interpreter's time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import final
from urllib.parse import parse_qsl, urlsplit

from streammtl.errors import ConfigError

_log = logging.getLogger(__name__)

_MAX_HEAD_BYTES = 8192  # as most servers allow
_TIMEOUT_S = 5.0  # for a request to come, and again for its response to be taken
_MAX_CONNECTIONS = 64
_MAX_PER_S = 200.0  # connections taken; about 0.2 ms of Python each
_BURST = 100.0

#: Nothing is loaded from elsewhere, and nobody may frame or cache what is shown.
_HEADERS = (
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks."""

    path: str
    query: Mapping[str, str]
    accept: str


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: HTTPStatus
    content_type: str
    body: bytes


@final
class Server:
    """Serves `answer` on a host and port, from its construction until `close`.

    `answer` is called on the server's thread, one request at a time, and must be quick. Raises `ConfigError` when the
    address cannot be had.

    >>> import urllib.request
    >>> def answer(request: Request) -> Response:
    ...     return Response(HTTPStatus.OK, "text/plain", f"you asked for {request.path}".encode())
    >>> with_any_port = Server("127.0.0.1", 0, answer)
    >>> with urllib.request.urlopen(f"{with_any_port.url}/me") as response:
    ...     response.read()
    b'you asked for /me'
    >>> with_any_port.close()
    """

    def __init__(self, host: str, port: int, answer: Callable[[Request], Response]) -> None:
        self._answer = answer
        self._listener = _listen(host, port)
        # A page of another site that has its name point here (DNS rebinding) shows by its Host header.
        self._hosts = _LOOPBACK if _is_loopback(host) else None
        self.host, self.port = host, int(self._listener.getsockname()[1])
        self._waiting: dict[asyncio.Task[None], None] = {}  # connections without a whole request, oldest first
        self._open: dict[asyncio.Task[None], socket.socket] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="streammtl-http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def close(self) -> None:
        """Drop all connections and let go of the port. May be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    # -- on the thread of the server

    def _run(self) -> None:
        self._budget, self._budget_s = _BURST, self._loop.time()
        self._loop.add_reader(self._listener, self._take)
        try:
            self._loop.run_forever()
            self._loop.remove_reader(self._listener)
            for task in self._open:
                task.cancel()
            self._loop.run_until_complete(self._all_ended())
        finally:
            self._listener.close()
            self._loop.close()

    async def _all_ended(self) -> None:
        while self._open:
            await asyncio.sleep(0)

    def _take(self) -> None:
        """Take one connection; more than the budget allows wait in the operating system's queue."""
        now_s = self._loop.time()
        self._budget = min(_BURST, self._budget + (now_s - self._budget_s) * _MAX_PER_S)
        self._budget_s = now_s
        if self._budget < 1.0:
            return self._pause((1.0 - self._budget) / _MAX_PER_S)
        self._budget -= 1.0
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # whoever came has gone
            return None
        except OSError as error:  # no more file descriptors, say: there will be some again
            _log.warning("cannot take a connection: %s", error.strerror)
            return self._pause(1.0)
        connection.setblocking(False)
        if len(self._open) >= _MAX_CONNECTIONS:
            oldest = next(iter(self._waiting or self._open))
            self._waiting.pop(oldest, None)
            oldest.cancel()
        task = self._loop.create_task(self._serve(connection))
        self._open[task] = connection
        self._waiting[task] = None
        task.add_done_callback(self._forget)
        return None

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._loop.call_later(seconds, self._loop.add_reader, self._listener, self._take)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._waiting.pop(task, None)
        self._open.pop(task).close()  # here, since a task that is cancelled may never have begun

    async def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, TimeoutError):
            head = await asyncio.wait_for(self._head(connection), _TIMEOUT_S)
            if (task := asyncio.current_task()) is not None:
                self._waiting.pop(task, None)
            response, with_body = self._respond(head)
            await asyncio.wait_for(self._loop.sock_sendall(connection, _bytes(response, with_body)), _TIMEOUT_S)
            # What the client still sends (a body) is left unread; closing at once would then reset the connection
            # before the response was read.
            connection.shutdown(socket.SHUT_WR)
            await asyncio.wait_for(self._drain(connection), 1.0)

    async def _head(self, connection: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head and len(head) <= _MAX_HEAD_BYTES:
            piece = await self._loop.sock_recv(connection, _MAX_HEAD_BYTES)
            if not piece:
                raise ConnectionError
            head += piece
        return head

    async def _drain(self, connection: socket.socket) -> None:
        for _ in range(16):
            if not await self._loop.sock_recv(connection, 65536):
                return

    def _respond(self, head: bytes) -> tuple[Response, bool]:
        """The response, and whether its body is sent."""
        end = head.find(b"\r\n\r\n")
        if not 0 <= end <= _MAX_HEAD_BYTES:
            return _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), True
        try:
            first, *lines = head[:end].decode("ascii").split("\r\n")
            method, target, version = first.split(" ")
            url = urlsplit(target)
        except (UnicodeDecodeError, ValueError):
            return _refusal(HTTPStatus.BAD_REQUEST), True
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not version.startswith("HTTP/1."):
            return _refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED), True
        if method not in ("GET", "HEAD"):
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED), True
        if self._hosts is not None and _host_name(headers.get("host", "")) not in self._hosts:
            return _refusal(HTTPStatus.MISDIRECTED_REQUEST), True
        request = Request(url.path, dict(parse_qsl(url.query)), headers.get("accept", ""))
        try:
            return self._answer(request), method == "GET"
        except Exception:  # a bug in a page must not end the probes
            _log.exception("cannot answer %s", url.path)
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR), True


_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1", ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_name(header: str) -> str:
    """The name in a Host header, without the port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"monitoring.http.host: {host!r} is no address of this machine ({error.strerror})") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"monitoring.http: cannot listen on {host}:{port} ({error.strerror}); set monitoring.http.port to one that "
            "is free, to auto for any, or to null for no server"
        ) from None
    return listener


def _refusal(status: HTTPStatus) -> Response:
    return Response(status, "text/plain; charset=utf-8", f"{status.value} {status.phrase}\n".encode())


def _bytes(response: Response, with_body: bool) -> bytes:
    allow = "Allow: GET, HEAD\r\n" if response.status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    head = (
        f"HTTP/1.1 {response.status.value} {response.status.phrase}\r\n"
        f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n{allow}{_HEADERS}\r\n"
    )
    return head.encode("ascii") + (response.body if with_body else b"")
