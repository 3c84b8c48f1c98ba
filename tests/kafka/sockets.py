"""kafka-python 3.0.12 forgets the sockets of connections that were not made: they are closed here.

Left to the garbage collector, each is a warning in whatever test it is found in, which makes that test fail.
"""

from __future__ import annotations

from typing import Any

from kafka.net.inet import KafkaNetSocket
from kafka.net.transport import KafkaSSLTransport

_connect, _handshake = KafkaNetSocket.sock_connect, KafkaSSLTransport.handshake


async def _connect_or_close(self: Any, net: Any, sock: Any, *arguments: Any, **settings: Any) -> Any:
    try:
        return await _connect(self, net, sock, *arguments, **settings)
    except BaseException:
        sock.close()
        raise


async def _handshake_or_close(self: Any) -> Any:
    try:
        return await _handshake(self)
    except BaseException:
        self._sock.close()
        raise


def close_what_is_forgotten() -> None:
    """From now on, in this process."""
    KafkaNetSocket.sock_connect = _connect_or_close
    KafkaSSLTransport.handshake = _handshake_or_close
