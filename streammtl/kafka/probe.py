"""Why a cluster cannot be reached: one connection by hand, because client libraries only say that they timed out.

Both libraries answer a wrong password, an unknown authority and an expired certificate with the same time-out as a
broker that is away. The first three never get better by waiting.
"""

from __future__ import annotations

import socket
import ssl
import struct
from dataclasses import dataclass

from streammtl.kafka.security import kafka_python_security
from streammtl.kafka.settings import KafkaConnection, KafkaSecurity

_API_VERSIONS, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 18, 17, 36
_MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What one connection came to."""

    reason: str
    is_final: bool  # waiting does not help


def probe(connection: KafkaConnection) -> Finding | None:
    """Why the servers cannot be used; None: one of them can, now.

    A reason that is final counts more than one that is not: a server that is away says nothing about the settings.
    """
    kafka_python_security(connection.security)  # a secret that is not there is a mistake, whoever answers or does not
    findings = []
    for server in connection.servers:
        finding = _probe_server(server, connection)
        if finding is None:
            return None
        findings.append(finding)
    return next((finding for finding in findings if finding.is_final), findings[0])


def _probe_server(server: str, connection: KafkaConnection) -> Finding | None:
    host, _, port = server.rpartition(":")
    try:
        plain = socket.create_connection((host.strip("[]"), int(port)), connection.connect_timeout_s)
    except socket.gaierror as error:
        return Finding(f"the name of {server} is not known: {error.strerror}", False)
    except OSError as error:
        return Finding(f"{server} does not answer: {error.strerror or error}", False)
    with plain:
        return _speak(plain, server, host.strip("[]"), connection.security)


def _speak(plain: socket.socket, server: str, host: str, security: KafkaSecurity) -> Finding | None:
    try:
        if not security.is_encrypted:
            return _log_in(plain, server, security)
        with _context(security).wrap_socket(plain, server_hostname=host) as encrypted:
            return _log_in(encrypted, server, security)
    except ssl.SSLCertVerificationError as error:
        return Finding(f"the certificate of {server} is refused: {error.verify_message}; see security.ca", True)
    except ssl.SSLEOFError:
        return Finding(f"{server} closes the connection instead of speaking TLS; see security.protocol", False)
    except ssl.SSLError as error:
        return Finding(f"{server} and we do not agree on TLS: {error.reason or error}; see security.protocol", True)
    except (OSError, EOFError) as error:
        hint = "it closes the connection" if isinstance(error, EOFError) else str(error)
        return Finding(f"{server} does not answer to protocol {security.protocol!r}: {hint}", False)


def _context(security: KafkaSecurity) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=security.ca)
    context.check_hostname = security.check_hostname
    settings = kafka_python_security(security)
    if security.certificate is not None:
        context.load_cert_chain(settings["ssl_certfile"], settings["ssl_keyfile"], settings.get("ssl_password"))
    return context


def _log_in(connection: socket.socket, server: str, security: KafkaSecurity) -> Finding | None:
    _ask(connection, _API_VERSIONS, 0, b"")
    if not security.has_user:
        return None
    from kafka.net.sasl import get_sasl_mechanism

    assert security.mechanism is not None, "checked by the settings"
    answer = _ask(connection, _SASL_HANDSHAKE, 1, _text(security.mechanism))
    if struct.unpack_from(">h", answer)[0] != 0:
        return Finding(f"{server} does not know the mechanism {security.mechanism}; see security.mechanism", True)
    mechanism = get_sasl_mechanism(security.mechanism)(host=server, **kafka_python_security(security))
    while not mechanism.is_done():
        token = mechanism.auth_bytes()
        answer = _ask(connection, _SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
        (code,) = struct.unpack_from(">h", answer)
        if code != 0:
            # The broker's own words are left out: what they contain is not ours to vouch for.
            return Finding(
                f"{server} refuses the user {security.username!r} with this password and mechanism "
                f"{security.mechanism}",
                True,
            )
        mechanism.receive(_bytes_after_message(answer))
    return None


def _bytes_after_message(answer: bytes) -> bytes:
    """Of a SaslAuthenticate answer: an error code, a text that may be null, and bytes."""
    (n_text,) = struct.unpack_from(">h", answer, 2)
    at = 4 + max(0, n_text)
    (n_bytes,) = struct.unpack_from(">i", answer, at)
    return answer[at + 4 : at + 4 + n_bytes]


def _ask(connection: socket.socket, api: int, version: int, body: bytes) -> bytes:
    """One request of Kafka's protocol and its answer, without the headers."""
    request = struct.pack(">hhi", api, version, 1) + _text("streammtl") + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    (n_bytes,) = struct.unpack(">i", _receive(connection, 4))
    if not 4 <= n_bytes <= _MAX_ANSWER_BYTES:
        raise EOFError  # it speaks something else
    return _receive(connection, n_bytes)[4:]


def _receive(connection: socket.socket, n_bytes: int) -> bytes:
    received = b""
    while len(received) < n_bytes:
        more = connection.recv(n_bytes - len(received))
        if not more:
            raise EOFError
        received += more
    return received


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded
