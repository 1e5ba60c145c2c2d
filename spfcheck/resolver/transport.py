"""Questions over UDP and TCP: the only module that opens a DNS socket.

Many questions share a few sockets. Each socket is connected, so that the kernel drops what does not come from the
resolver's address and port; ids and ports come from the system's entropy. A packet that is not a readable answer to the
question is dropped and the wait goes on, so that a forger gains nothing by being first (RFC 5452 9.1). One sweeper
looks after all time-outs.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spfcheck.resolver.exchange import Exchange, Timing
from spfcheck.resolver.nameservers import label
from spfcheck.resolver.reading import Reading
from spfcheck.resolver.types import Outcome
from spfcheck.resolver.wire import query

__all__ = ["Counts", "Port", "Server", "Timing", "Transport"]

PORTS: Final = 8
"""Sockets for each resolver: enough that a burst does not overflow one buffer and that a forger must guess the port."""
PORT_LIFE = 20000
"""Questions that one socket asks before another, with another port, takes its place."""
RECEIVE_BUFFER: Final = 4 * 2**20
"""Bytes; with the system's default, packets are lost from about 200 questions in flight on."""
BATCH: Final = 64
"""Packets read from one socket before others have their turn."""
BURST: Final = 32
"""Packets that are sent together at most: more would keep the first of them waiting."""
TICK: Final = 0.05
"""Seconds between two looks of the sweeper."""
MOST_STREAMS: Final = 64
"""TCP connections at a time."""
_LONGEST_UDP: Final = 65535
"""Bytes that one datagram can hold, whatever we offered."""


@dataclass(slots=True)
class Counts:
    """What happened since the start, for the metrics."""

    sent: int = 0
    finished: int = 0
    """Questions that ended, one way or another."""
    dropped: int = 0
    """Packets that were no answer to a question of ours, or could not be read."""
    resent: int = 0
    streams: int = 0
    """Exchanges over TCP."""
    timeouts: int = 0


class Server:
    """One resolver and the sockets through which it is asked."""

    __slots__ = ("address", "family", "host", "label", "ports", "silent", "silent_until")

    def __init__(self, host: str, port: int) -> None:
        found: Sequence[tuple[int, int, int, str, Any]] = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
        self.family, _, _, _, self.address = found[0]
        self.host = host
        self.label = label(host, port)
        self.ports: list[Port] = []
        self.silent = 0
        self.silent_until = 0.0


class Port:
    """One UDP socket and the questions that wait for an answer on it, by id."""

    __slots__ = ("_transport", "asked", "pending", "retired", "server", "socket")

    def __init__(self, transport: Transport, server: Server) -> None:
        self._transport = transport
        self.server = server
        self.pending: dict[bytes, Exchange] = {}
        self.asked = 0
        self.retired = False
        self.socket = socket.socket(server.family, socket.SOCK_DGRAM)
        try:
            self._prepare(transport)
        except OSError:
            self.socket.close()
            raise
        transport.loop.add_reader(self.socket, self._readable)

    def _prepare(self, transport: Transport) -> None:
        self.socket.setblocking(False)
        for option in (getattr(socket, "SO_RCVBUFFORCE", 33), socket.SO_RCVBUF):
            try:
                self.socket.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
            except OSError:  # the first needs a privilege, the second is cut to what is allowed
                continue
            break
        anywhere = "::" if self.server.family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - the source of a question
        for _ in range(16):
            # RFC 5452 9.2: a port that cannot be predicted. A taken one is drawn again.
            port = 1024 + int.from_bytes(transport.random(2), "big") % (65536 - 1024)
            try:
                self.socket.bind((anywhere, port))
            except OSError:
                continue
            break
        self.socket.connect(self.server.address)

    def _readable(self) -> None:
        transport = self._transport
        pending = self.pending
        receive = self.socket.recv
        for _ in range(BATCH):
            try:
                packet = receive(_LONGEST_UDP)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.fail(error)
                return
            exchange = pending.get(packet[:2])
            if exchange is None:
                transport.counts.dropped += 1
            else:
                exchange.received(packet, self.server)
            if self.socket.fileno() < 0:
                return

    def fail(self, error: OSError) -> None:
        """The system says that the resolver's port is closed or that there is no way to it."""
        for exchange in set(self.pending.values()):
            exchange.unreachable(self.server, error)

    def close_when_done(self) -> None:
        """Close if nothing is waited for any more."""
        if not self.pending:
            self.close()

    def close(self) -> None:
        """Close the socket; again does nothing."""
        if self.socket.fileno() >= 0:
            self._transport.loop.remove_reader(self.socket)
            self.socket.close()


class Transport:
    """Asks resolvers over UDP, and over TCP where an answer does not fit.

    *entropy* gives unpredictable bytes, *clock* monotonic seconds. Sockets open at the first question, in the loop that
    runs then.
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]],
        *,
        entropy: Callable[[int], bytes],
        clock: Callable[[], float],
        timing: Timing,
        most_in_flight: int,
    ) -> None:
        self.servers = [Server(host, port) for host, port in nameservers]
        self._alone = len(self.servers) == 1
        self.clock = clock
        self.timing = timing
        self.counts = Counts()
        self._entropy = entropy
        self._pool = b""
        self._drawn = 0
        self._most_young = most_in_flight
        self._young = 0
        self._outgoing: list[tuple[Port, bytes]] = []
        self._queue: deque[Exchange] = deque()
        self.running: set[Exchange] = set()
        self._streams: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MOST_STREAMS)
        self._sweeper: asyncio.TimerHandle | None = None
        self._ports: set[Port] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop in which the sockets live."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    @property
    def in_flight(self) -> int:
        """Questions that are sent or wait to be sent."""
        return len(self.running) + len(self._queue)

    def ask(
        self,
        name: bytes,
        rtype: int,
        seen: tuple[bytes, ...],
        done: Callable[[Reading, str], None],
        server: int | None,
        now: float,
    ) -> None:
        """Put the question; *done* is called once, with the reading and who gave it. *server*: ask that one only."""
        order = self.servers if self._alone else self._line() if server is None else [self.servers[server]]
        exchange = Exchange(self, name, rtype, seen, order, done)
        if self._young < self._most_young:
            self._start(exchange, now)
        else:
            self._queue.append(exchange)

    def random(self, count: int) -> bytes:
        """*count* unpredictable bytes."""
        if self._drawn + count > len(self._pool):
            self._pool = self._entropy(4096)
            self._drawn = 0
        self._drawn += count
        return self._pool[self._drawn - count : self._drawn]

    def reserve(self, server: Server, exchange: Exchange) -> tuple[Port, bytes]:
        """A socket and an unused id for one more packet; raises OSError when no socket can be had."""
        at = self._drawn
        if at + 3 > len(self._pool):
            self._pool = self._entropy(4096)
            at = 0
        self._drawn = at + 3
        ident = self._pool[at : at + 2]
        ports = server.ports
        if len(ports) < PORTS:
            port = Port(self, server)
            ports.append(port)
            self._ports.add(port)
        else:
            port = ports[self._pool[at + 2] % PORTS]
        self.counts.sent += 1
        port.asked += 1
        if port.asked >= PORT_LIFE:
            ports.remove(port)
            port.retired = True
        pending = port.pending
        while ident in pending:
            ident = self.random(2)
        pending[ident] = exchange
        return port, ident

    def send(self, port: Port, packet: bytes) -> None:
        """Send *packet* with the others of this turn of the event loop.

        A resolver on the same machine is woken once for all of them and not by each; that costs as much as the rest of
        a question.
        """
        outgoing = self._outgoing
        outgoing.append((port, packet))
        if len(outgoing) == 1:
            self.loop.call_soon(self._send_all)
        elif len(outgoing) == BURST:
            self._send_all()

    def _send_all(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        for port, packet in outgoing:
            try:
                port.socket.send(packet)
            except (BlockingIOError, InterruptedError):
                continue  # counts as lost on the way; it is sent again
            except OSError as error:
                # An error report about an earlier packet may surface here; everyone on this port learns of it.
                port.fail(error)

    def stream(self, exchange: Exchange, server: Server) -> asyncio.Task[None]:
        """Ask again over TCP."""
        task = self.loop.create_task(self._stream(exchange, server), name="dns-tcp")
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        return task

    async def close(self) -> None:
        """End every question as unreachable, and close every socket."""
        for exchange in [*self.running, *self._queue]:
            exchange.finish(Reading(Outcome.UNREACHABLE, detail="the resolver is being closed"))
        self._queue.clear()
        self._outgoing.clear()
        for task in list(self._streams):
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for port in self._ports:
            port.close()
        self._ports.clear()
        for server in self.servers:
            server.ports.clear()

    def _line(self) -> list[Server]:
        """The resolvers in the order given, those that are silent or unreachable last."""
        servers = self.servers
        if not any(server.silent_until for server in servers):
            return servers
        now = self.clock()
        return sorted(servers, key=lambda server: server.silent_until > now)

    def _start(self, exchange: Exchange, now: float) -> None:
        self._young += 1
        exchange.young = True
        self.running.add(exchange)
        exchange.begin(now)
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(TICK, self._sweep)

    def grow_old(self, exchange: Exchange) -> None:
        """A question that is answered, or slow, no longer holds up others: only a burst must be kept small."""
        if exchange.young:
            exchange.young = False
            self._young -= 1
        while self._queue and self._young < self._most_young:
            waiting = self._queue.popleft()
            if not waiting.answered:
                self._start(waiting, self.clock())

    def _sweep(self) -> None:
        now = self.clock() + TICK / 2
        for exchange in [exchange for exchange in self.running if exchange.settled <= now]:
            self.grow_old(exchange)
            if exchange.due <= now:
                exchange.overdue(now)
        for port in [port for port in self._ports if port.socket.fileno() < 0]:
            self._ports.discard(port)
        self._sweeper = self.loop.call_later(TICK, self._sweep) if self.running or self._queue else None

    async def _stream(self, exchange: Exchange, server: Server) -> None:
        self.counts.streams += 1
        ident = self.random(2)
        try:
            # One deadline over the whole exchange: a server that drips bytes gains nothing.
            async with asyncio.timeout(self.timing.tcp), self._slots:
                packet = await self._converse(server, query(ident, exchange.question))
            reading = exchange.judge_stream(packet, ident)
        except TimeoutError:
            reading = Reading(Outcome.TRUNCATED, detail="the answer did not fit, and none came over TCP in time")
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or "the connection ended early"
            reading = Reading(Outcome.TRUNCATED, detail=f"the answer did not fit, and TCP failed: {reason}")
        if not exchange.answered:
            exchange.settle(reading, server)

    async def _converse(self, server: Server, packet: bytes) -> bytes:
        """Send one query over a connection of its own and read one answer; raises OSError or EOFError."""
        reader, writer = await asyncio.open_connection(server.host, server.address[1], family=server.family)
        try:
            writer.write(len(packet).to_bytes(2, "big") + packet)
            length = int.from_bytes(await reader.readexactly(2), "big")
            return await reader.readexactly(length)
        finally:
            writer.transport.abort()
