"""A proxy between clients and a broker that knows Kafka's frames: it cuts connections, drops answers, and is slow.

A broker sends clients of its listener PROXIED on to `Endpoints.proxy_port`, where the proxy listens.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from types import TracebackType
from typing import Self, final

from streammtl.clock import SystemClock
from tests.kafka.broker import Endpoints

#: Numbers of some requests of the protocol.
PRODUCE, FETCH, METADATA, OFFSET_COMMIT, END_TXN, TXN_OFFSET_COMMIT = 0, 1, 3, 8, 26, 28


@final
class Proxy:
    """Forwards whole frames, and does to them what a test asks for."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.servers = f"127.0.0.1:{endpoints.proxy_port}"
        self._upstream = endpoints.proxied
        self._port = endpoints.proxy_port
        self._lock = threading.Lock()
        self._drop: Counter[int] = Counter()  # answers to swallow, by request
        self._dropped: Counter[int] = Counter()
        self._delay_s = 0.0
        self._is_closed = False
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listening: socket.socket | None = None

    def __enter__(self) -> Self:
        """Listen."""
        self._listening = socket.create_server(("127.0.0.1", self._port))
        self._start(self._accept, self._listening)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        self._is_closed = True
        assert self._listening is not None
        _shut(self._listening)
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    def drop(self, request: int, n: int = 1) -> None:
        """Let the broker do the next `n` requests of a kind, keep its answers, and close the connection."""
        with self._lock:
            self._drop[request] += n

    def n_dropped(self, request: int) -> int:
        """How many answers to requests of a kind were kept so far."""
        with self._lock:
            return self._dropped[request]

    def slow(self, delay_s: float) -> None:
        """Keep every answer for so long."""
        self._delay_s = delay_s

    def cut(self) -> None:
        """Close all connections, in the middle of whatever they do."""
        with self._lock:
            sockets = list(self._sockets)
        for connected in sockets:
            _shut(connected)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket) -> None:
        while not self._is_closed:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            host, _, port = self._upstream.rpartition(":")
            try:
                broker = socket.create_connection((host, int(port)))
            except OSError:  # it is away: so are we
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, broker}
            asked: dict[int, int] = {}  # the kind of each request under way, by its number
            self._start(self._forward_requests, client, broker, asked)
            self._start(self._forward_answers, broker, client, asked)

    def _forward_requests(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        try:
            while True:
                frame = _frame(client)
                request, _, number = struct.unpack_from(">hhi", frame, 4)
                asked[number] = request
                broker.sendall(frame)
        except (OSError, EOFError):
            self._forget(client, broker)

    def _forward_answers(self, broker: socket.socket, client: socket.socket, asked: dict[int, int]) -> None:
        clock = SystemClock()
        try:
            while True:
                frame = _frame(broker)
                (number,) = struct.unpack_from(">i", frame, 4)
                request = asked.pop(number, -1)
                if self._is_dropped(request):
                    raise EOFError
                if self._delay_s:
                    clock.sleep(self._delay_s)
                client.sendall(frame)
        except (OSError, EOFError):
            self._forget(client, broker)

    def _is_dropped(self, request: int) -> bool:
        with self._lock:
            if self._drop[request] == 0:
                return False
            self._drop[request] -= 1
            self._dropped[request] += 1
            return True

    def _forget(self, *sockets: socket.socket) -> None:
        for connected in sockets:
            _shut(connected)
            connected.close()
        with self._lock:
            self._sockets -= set(sockets)


def _frame(connected: socket.socket) -> bytes:
    """A length and as many bytes."""
    head = _receive(connected, 4)
    (n_bytes,) = struct.unpack(">i", head)
    return head + _receive(connected, n_bytes)


def _receive(connected: socket.socket, n_bytes: int) -> bytes:
    received = bytearray()
    while len(received) < n_bytes:
        more = connected.recv(min(1 << 20, n_bytes - len(received)))
        if not more:
            raise EOFError
        received += more
    return bytes(received)


def _shut(connected: socket.socket) -> None:
    """End it for whoever waits on it, in another thread too."""
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was not connected any more
