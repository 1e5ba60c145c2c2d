"""A UDP name server whose answers are a function of the packet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

Script = Callable[[bytes], bytes | None]


class Scripted(asyncio.DatagramProtocol):
    """*packets* are those that came, *ports* where they came from."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._transport: Any = None
        self.packets: list[bytes] = []
        self.ports: list[int] = []
        self.address = ("", 0)
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def send(self, packet: bytes, port: int) -> None:
        """Send *packet* to the client at *port*, unasked."""
        self._transport.sendto(packet, ("127.0.0.1", port))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.packets.append(data)
        self.ports.append(addr[1])
        answer = self._script(data)
        if answer is not None:
            self._transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def answering(script: Script, host: str = "127.0.0.1") -> AsyncIterator[Scripted]:
    """A server that sends what *script* makes of each packet; None is silence."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Scripted(script), local_addr=(host, 0)
    )
    server.address = transport.get_extra_info("sockname")[:2]
    try:
        yield server
    finally:
        transport.close()
        await server.closed.wait()
