"""The server answers its users, and whoever abuses it gets nowhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus

import pytest

from streammtl.errors import ConfigError
from streammtl.ops.server import Request, Response, Server
from tests.ops.scraping import get


def echo(request: Request) -> Response:
    if request.path == "/bug":
        raise ValueError("a bug")
    return Response(HTTPStatus.OK, "text/plain", f"{request.path} {dict(request.query)}".encode())


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server("127.0.0.1", 0, echo)
    yield made
    made.close()


def connect(server: Server) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=30)


def send(server: Server, request: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    with connect(server) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


def test_it_answers_with_path_and_query(server: Server) -> None:
    assert get(f"{server.url}/x?a=1")[2] == b"/x {'a': '1'}"


def test_a_head_is_answered_without_a_body(server: Server) -> None:
    found, headers, body = get(f"{server.url}/x", method="HEAD")
    assert (found, headers["Content-Length"], body) == (200, "5", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_allowed(server: Server, method: str) -> None:
    found, headers, _ = get(f"{server.url}/x", method=method)
    assert (found, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"\r\n\r\n", 400),
        (b"GET /x\r\n\r\n", 400),
        (b"\xff\xfe / HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 505),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: attacker.example\r\n\r\n", 421),
        (b"GET /bug HTTP/1.1\r\nHost: localhost\r\n\r\n", 500),
    ],
)
def test_a_request_that_is_wrong_is_refused(server: Server, request_: bytes, expected: int) -> None:
    assert status(send(server, request_)) == expected


def test_a_huge_body_is_not_read(server: Server) -> None:
    head = b"GET /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head + b"x" * 100_000)
        assert status(connection.recv(65536)) == 200


def test_slow_requests_do_not_keep_others_out(server: Server) -> None:
    """More connections without a whole request than there is room for: the oldest of them make room."""
    with ExitStack() as stack:
        for _ in range(90):
            stack.enter_context(connect(server)).sendall(b"GET / HTT")
        assert get(f"{server.url}/x")[0] == 200


@pytest.mark.slow
def test_a_thousand_connections_at_once_are_served_or_dropped_and_then_all_is_well(server: Server) -> None:
    threads_before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(1000):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex((server.host, server.port))
        assert threading.active_count() <= threads_before
    assert get(f"{server.url}/x")[0] == 200


def test_a_port_that_is_taken_is_a_mistake_in_the_settings(server: Server) -> None:
    with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{server.port} \(Address already in use\); set"):
        Server("127.0.0.1", server.port, echo)


def test_a_host_that_is_not_here_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ConfigError, match="no address of this machine"):
        Server("no.such.host.invalid", 0, echo)


def test_it_ends_while_somebody_waits_and_frees_its_port() -> None:
    server = Server("127.0.0.1", 0, echo)
    with connect(server) as connection:
        connection.sendall(b"GET / HTT")
        server.close()
        server.close()
        Server("127.0.0.1", server.port, echo).close()


def test_pages_may_load_nothing_from_elsewhere_and_are_framed_by_nobody(server: Server) -> None:
    headers = get(f"{server.url}/x")[1]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
