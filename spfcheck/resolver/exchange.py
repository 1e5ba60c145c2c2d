"""One question on its way to the resolvers: which packets answer it, when it is sent again, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spfcheck.resolver.reading import Reading, interpret, interpret_usual
from spfcheck.resolver.types import Outcome
from spfcheck.resolver.wire import QR, TC, MalformedError, query, question_bytes, read_fast, read_general

if TYPE_CHECKING:
    from spfcheck.resolver.transport import Port, Server, Transport


REFUSED_PAUSE: Final = 0.5
"""Seconds before a resolver whose port is closed is asked again; it may be restarting."""
SILENT_AFTER: Final = 5
"""Time-outs in a row, with nothing heard in between, after which a resolver goes to the end of the line."""
SILENT_FOR: Final = 10.0
"""Seconds for which it stays there."""
SETTLED_AFTER: Final = 0.25
"""Seconds after which a packet is in nobody's receive buffer any more: its question no longer holds up others."""
_OK: Final = Outcome.OK  # an attribute of an enum takes three times as long to find
_TRIES_AFTER_ERROR: Final = 2
"""A failure is asked about once more, at the next resolver or at the only one (RFC 9520 3.1)."""
_QR, _TC = QR >> 8, TC >> 8  # as they stand in the third byte
_NONE, _ONE = b"\0\0", b"\0\1"  # how many questions a message holds
_EMPTY_QUESTION_RCODES: Final = frozenset((1, 2, 4, 5))
"""FORMERR, SERVFAIL, NOTIMP and REFUSED may come from a server that could not even read the question."""
_FALLBACK_RCODES: Final = frozenset((1, 4))
"""FORMERR and NOTIMP are what a server without EDNS says to it (RFC 6891 7)."""
_ASK_AGAIN: Final = frozenset((Outcome.SERVFAIL, Outcome.REFUSED, Outcome.RCODE, Outcome.REFERRAL, Outcome.MALFORMED))


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait, in seconds."""

    retry_after: float = 2.0
    """Without an answer the question is sent again; the answer to any of the packets counts."""
    tries: int = 4
    """Packets for one question; it is given up *retry_after* after the last, 8 s in all."""
    tcp: float = 5.0
    """One whole exchange over TCP, from connecting to the last byte (RFC 7766 6.2.3 leaves it to us)."""


class Exchange:
    """One question on its way: sent, sent again, failed over, and answered exactly once through *done*."""

    __slots__ = (
        "_answered", "_done", "_edns", "_errors", "_idents", "_order", "_seen", "_stream", "_transport", "_tries",
        "due", "failure", "give_up", "name", "question", "rtype", "server", "settled", "young",
    )  # fmt: skip

    def __init__(
        self,
        transport: Transport,
        name: bytes,
        rtype: int,
        seen: tuple[bytes, ...],
        order: Sequence[Server],
        done: Callable[[Reading, str], None],
    ) -> None:
        self._transport = transport
        self.name = name
        self.rtype = rtype
        self.question = question_bytes(name, rtype)
        self._seen = seen
        self._order = order
        self._done = done
        self._idents: list[tuple[Port, bytes]] = []
        self._tries = 0
        self._errors = 0
        self._edns = True
        self._stream: asyncio.Task[None] | None = None
        self._answered = False
        self.server = order[0]
        self.failure: Reading | None = None
        self.due = self.give_up = self.settled = 0.0
        self.young = False

    def begin(self, now: float) -> None:
        """Send the first packet; from here on the time counts."""
        timing = self._transport.timing
        self.give_up = now + timing.retry_after * timing.tries
        self.due = now + timing.retry_after
        self.settled = now + min(timing.retry_after, SETTLED_AFTER)
        self._tries = 1
        self._transmit(self.server)

    def send(self, now: float) -> None:
        """Send the question to the next resolver in line."""
        transport = self._transport
        self.server = self._order[self._tries % len(self._order)]
        self._tries += 1
        self.due = now + transport.timing.retry_after
        self._transmit(self.server)

    def _transmit(self, server: Server) -> None:
        try:
            port, ident = self._transport.reserve(server, self)
        except OSError as error:
            self.unreachable(server, error)
            return
        self._idents.append((port, ident))
        self._transport.send(port, query(ident, self.question, self._edns))

    def received(self, packet: bytes, server: Server) -> None:
        """Take *packet* if it answers the question, else drop it and keep waiting."""
        if self._answered:
            return
        reading = interpret_usual(packet, self.question) or self._judge(packet)
        if reading is None:
            self._transport.counts.dropped += 1
            return
        server.silent = 0
        if reading.outcome is _OK:
            self.server = server
            self.finish(reading)
        elif reading.rcode in _FALLBACK_RCODES and self._edns:
            # RFC 6891 7: a server that does not know EDNS says FORMERR; ask again as in 1987.
            self._edns = False
            self._transmit(server)
        elif reading.outcome is Outcome.TRUNCATED:
            if self._stream is None:
                self._stream = self._transport.stream(self, server)
        else:
            self.settle(reading, server)

    def _judge(self, packet: bytes) -> Reading | None:
        """What *packet* says; None when it is no answer to this question or cannot be read."""
        if len(packet) < 12 or not packet[2] & _QR:
            return None
        if (packet.startswith(self.question, 12) and packet[4:6] == _ONE) or self._same_question(packet):
            if packet[2] & _TC:
                # RFC 2181 9: what a truncated answer holds is not used, whatever its response code.
                return Reading(Outcome.TRUNCATED)
        elif packet[4:6] != _NONE or packet[3] & 15 not in _EMPTY_QUESTION_RCODES:
            # RFC 5452 9.1: the whole question must come back. Servers that could not even read it leave it out.
            return None
        try:
            message = read_fast(packet, self.question) or read_general(packet)
        except MalformedError as error:
            self.failure = self.failure or Reading(Outcome.MALFORMED, detail=f"an answer cannot be read: {error}")
            return None
        return interpret(message, self.name, self.rtype, self._seen)

    def _same_question(self, packet: bytes) -> bool:
        # RFC 4343: case means nothing. We do not hide bits in it (0x20) and so need not insist on it.
        end = 12 + len(self.name)
        question = packet[12:end].lower() + packet[end : end + 4]
        return packet[4:6] == _ONE and question == self.question

    def settle(self, reading: Reading, server: Server) -> None:
        """Finish with *reading*, or ask the next resolver where it is a failure that another may not share."""
        self.server = server
        elsewhere = reading.outcome is Outcome.TRUNCATED and len(self._order) > 1
        if reading.outcome in _ASK_AGAIN or elsewhere:
            self._errors += 1
            self.failure = reading
            if self._errors < max(_TRIES_AFTER_ERROR, len(self._order)) and self._tries < self._transport.timing.tries:
                self._stream = None
                self._transport.counts.resent += 1
                self.send(self._transport.clock())
                return
        self.finish(reading)

    def unreachable(self, server: Server, error: OSError) -> None:
        """There is no way to *server*: ask another at once, or the same after a pause."""
        if self._answered or server is not self.server or self._stream is not None:
            return
        server.silent_until = self._transport.clock() + SILENT_FOR
        reason = error.strerror or type(error).__name__
        self.failure = self.failure or Reading(Outcome.UNREACHABLE, detail=f"no resolver can be reached: {reason}")
        # The sweeper sends again: at once where another resolver is next.
        pause = 0.0 if self._tries < len(self._order) else REFUSED_PAUSE
        self.due = self.settled = min(self.due, self._transport.clock() + pause)

    def overdue(self, now: float) -> None:
        """The time for an answer is over: send again, or give up."""
        timing = self._transport.timing
        if self._stream is None and self.failure is None and not self._answered:
            self.server.silent += 1
            if self.server.silent >= SILENT_AFTER:
                self.server.silent_until = now + SILENT_FOR
        if self._stream is None and self._tries < timing.tries and now < self.give_up:
            self._transport.counts.resent += 1
            self.send(now)
        elif self._stream is not None and now < self.give_up:
            self.due = self.give_up
        else:
            self._transport.counts.timeouts += 1
            self.finish(self.failure or Reading(Outcome.TIMEOUT, detail="no answer came in time"))

    def finish(self, reading: Reading) -> None:
        """Hand over *reading*; whatever comes later is dropped."""
        if self._answered:
            return
        self._answered = True
        for port, ident in self._idents:
            port.pending.pop(ident, None)
            if port.retired:
                port.close_when_done()
        if self._stream is not None and self._stream is not asyncio.current_task():
            self._stream.cancel()
        transport = self._transport
        transport.counts.finished += 1
        transport.running.discard(self)
        if self.young:
            transport.grow_old(self)
        self._done(reading, self.server.label)

    @property
    def answered(self) -> bool:
        """True when *done* has been called."""
        return self._answered

    def judge_stream(self, packet: bytes, ident: bytes) -> Reading:
        """What an answer over TCP says; a wrong or cut one is a failure, since nothing else will come."""
        if packet[:2] == ident:
            reading = self._judge(packet)
            if reading is not None and reading.outcome is not Outcome.TRUNCATED:
                return reading
        return Reading(Outcome.TRUNCATED, detail="the answer over TCP is no answer to the question")
