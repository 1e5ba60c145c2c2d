"""Answers by their TTL, bounded by the memory that they take.

An answer is kept as one short ``bytes``: a million small objects would cost several times more, and the garbage
collector would walk over them again and again. What is asked for often is kept ready-made beside it.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from dataclasses import replace
from sys import getsizeof
from typing import Final

from spfcheck.resolver.types import Answer, Outcome, Question

MAX_TTL: Final = 86400
"""Seconds for which a record is believed at most, whatever its TTL says."""
MAX_NEGATIVE_TTL: Final = 3600
"""Seconds for which "there is nothing" is believed at most (RFC 2308 5 suggests one to three hours)."""
FAILURE_TTL: Final = 5
"""Seconds for which a failure is remembered (RFC 9520 3.2): spares a broken zone, over before a person asks again."""
MAX_STALE: Final = 86400
"""Seconds past its TTL for which an answer may still be shown to a person (RFC 8767 5 suggests one to three days)."""

SLOT: Final = 128
"""Bytes of one place in a dict at its emptiest, and of what the allocator adds to the two objects in it."""
READY_SHARE: Final = 8
"""One part in this many of the memory is for ready-made answers."""
READY_FACTOR: Final = 8
"""How much larger a ready-made answer is than its packed form, with a fixed part of `READY_FIXED` bytes."""
READY_FIXED: Final = 1000
MOST_FAILURES: Final = 20000
"""Failures remembered before all are forgotten; they live for seconds."""

_OUTCOMES: Final = tuple(Outcome)
_NUMBER: Final = {outcome: number for number, outcome in enumerate(_OUTCOMES)}
_LONGEST_READY: Final = 4096


class AnswerCache:
    """A bounded store of answers; *clock* is monotonic seconds.

    `fresh` gives what its TTL still covers, `stale` what it no longer covers (never a failure), `size` the estimate of
    the memory in use, which stays below *limit* bytes.
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready_limit = limit // READY_SHARE
        # Two halves: when the young one is full it becomes the old one, and the old one is dropped whole. What is asked
        # for moves to the young one. That needs no list of what was used when.
        self._half = (limit - self._ready_limit) // 2
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._young_size = self._old_size = 0
        self._ready: dict[Question, tuple[float, Answer]] = {}
        self._ready_size = 0
        self._failures: dict[Question, tuple[float, Answer]] = {}
        self._servers: list[str] = []
        self._server_numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def size(self) -> int:
        """The memory that the answers take, estimated from the measured sizes of what is stored."""
        return self._young_size + self._old_size + self._ready_size

    def fresh(self, question: Question) -> Answer | None:
        """An answer that its TTL still covers, else a failure of the last few seconds."""
        now = self._clock()
        ready = self._ready.get(question)
        if ready is not None and ready[0] > now:
            return ready[1]
        key = _key(question)
        packed = self._young.get(key) or self._find(key)
        if packed is not None:
            expires, answer = self._unpack(question, packed)
            if expires > now:
                if len(packed) <= _LONGEST_READY:
                    self._make_ready(question, expires, answer, len(packed))
                return answer
        failure = self._failures.get(question) if self._failures else None
        return failure[1] if failure is not None and failure[0] > now else None

    def stale(self, question: Question) -> Answer | None:
        """An answer whose time is over by no more than `MAX_STALE`, or one that is still fresh; never a failure."""
        packed = self._find(_key(question))
        if packed is None:
            return None
        expires, answer = self._unpack(question, packed)
        now = self._clock()
        if expires > now:
            return answer
        return replace(answer, stale=True) if expires + MAX_STALE > now else None

    def clear(self) -> None:
        """Forget everything."""
        self._young.clear()
        self._old.clear()
        self._young_size = self._old_size = 0
        self._ready.clear()
        self._ready_size = 0
        self._failures.clear()

    def put(self, answer: Answer) -> None:
        """Keep *answer* for as long as its TTL says; a failure for seconds, beside the last good answer."""
        question = answer.question
        now = self._clock()
        if not answer.ttl and answer.failed:
            if len(self._failures) >= MOST_FAILURES:
                self._failures = {asked: kept for asked, kept in self._failures.items() if kept[0] > now}
                if len(self._failures) >= MOST_FAILURES:
                    self._failures.clear()
            self._failures[question] = (now + FAILURE_TTL, answer)
            return
        if self._failures and question in self._failures:
            del self._failures[question]
        if self._ready and question in self._ready:
            del self._ready[question]
        self._store(_key(question), self._pack(now + answer.ttl, answer))

    def _store(self, key: bytes, packed: bytes) -> None:
        size = getsizeof(key) + getsizeof(packed) + SLOT
        if key in self._young:
            self._young_size -= getsizeof(key) + getsizeof(self._young.pop(key)) + SLOT
        elif key in self._old:
            self._old_size -= getsizeof(key) + getsizeof(self._old.pop(key)) + SLOT
        if size > self._half:
            return
        if self._young_size + size > self._half:
            self._old, self._old_size = self._young, self._young_size
            self._young, self._young_size = {}, 0
        self._young[key] = packed
        self._young_size += size

    def _find(self, key: bytes) -> bytes | None:
        packed = self._young.get(key)
        if packed is None:
            packed = self._old.get(key)
            if packed is not None:  # in use: out of the way of the next drop
                self._store(key, packed)
        return packed

    def _make_ready(self, question: Question, expires: float, answer: Answer, packed: int) -> None:
        self._ready_size += READY_FIXED + READY_FACTOR * packed
        if self._ready_size > self._ready_limit:
            self._ready.clear()
            self._ready_size = READY_FIXED + READY_FACTOR * packed
        self._ready[question] = (expires, answer)

    def _pack(self, expires: float, answer: Answer) -> bytes:
        server = self._server_numbers.get(answer.resolver)
        if server is None:
            server = self._server_numbers[answer.resolver] = len(self._servers)
            self._servers.append(answer.resolver)
        bits = answer.authenticated | answer.soa_seen << 1 | answer.illegal_cname << 2
        fields = (
            expires,
            answer.received_at,
            answer.ttl,
            answer.took_ms,
            # Small numbers share one integer: each on its own would cost five bytes.
            _NUMBER[answer.outcome] | bits << 8 | server << 16,
            answer.rcode,
            answer.records,
        )
        return marshal.dumps((*fields, answer.chain, answer.detail) if answer.chain or answer.detail else fields)

    def _unpack(self, question: Question, packed: bytes) -> tuple[float, Answer]:
        # The bytes are our own and never left this process.
        fields = marshal.loads(packed)  # noqa: S302
        expires, received_at, ttl, took_ms, small, rcode, records = fields[:7]
        bits = small >> 8
        return expires, Answer(
            question=question,
            outcome=_OUTCOMES[small & 0xFF],
            records=records,
            ttl=ttl,
            resolver=self._servers[small >> 16],
            took_ms=took_ms,
            rcode=rcode,
            authenticated=bool(bits & 1),
            soa_seen=bool(bits & 2),
            chain=fields[7] if len(fields) > 7 else (),
            illegal_cname=bool(bits & 4),
            detail=fields[8] if len(fields) > 7 else "",
            received_at=received_at,
        )


def _key(question: Question) -> bytes:
    return question.name.encode("utf-8", "surrogatepass") + _SUFFIXES[question.rtype]


_SUFFIXES: Final = [b"." + bytes([rtype]) for rtype in range(256)]
