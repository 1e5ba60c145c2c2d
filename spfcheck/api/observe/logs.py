"""The log: one event one line, JSON unless a person reads it on a terminal, hostile text escaped in both."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from spfcheck.names import shown

LogFormat = Literal["auto", "json", "console"]

LINES_WAIT = 0.05
"""Seconds that a request's line may wait for others."""

MANY_LINES = 64
"""Lines that are written at once: some 16 KB, which are still in the processor's cache."""

MANY_HEADS = 1_000
"""Beginnings of lines that are kept: there are few routes, statuses and callers at a time."""

request_now: ContextVar[str] = ContextVar("request_now", default="-")
"""The id of the request that is answered, for what logs without knowing of it."""

_terminal = False

MAX_VALUE = 1_000
"""Characters of one value in the log; a record of 4 KB must not make a line of 4 KB."""


def configure(log_format: LogFormat) -> None:
    """Send every event to standard error in *log_format*; the libraries' warnings too."""
    global _terminal
    _terminal = terminal = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    before: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if terminal else json_line
    structlog.configure(
        processors=[*before, structlog.processors.format_exc_info, _visible, renderer] if terminal else [_complete],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr)
        if terminal
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


# json.dumps keeps to ASCII, so CR, LF, ESC and U+2028 stand as escapes and one event is one line.
_encode = json.JSONEncoder(default=repr).encode
_quoted = json.encoder.encode_basestring_ascii


def json_line(_logger: Any, _name: str, event: Any) -> str:
    """*event* as one line of JSON."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > MAX_VALUE and key != "exception":
            event[key] = value[:MAX_VALUE] + "..."
    return _encode(event)


def _complete(logger: Any, name: str, event: Any) -> bytes:
    """All that a JSON line needs in one step: there is one for each request, and steps cost more than what they do."""
    event["level"] = name
    event["timestamp"] = datetime.now(UTC).isoformat()
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, name, event)
    return json_line(logger, name, event).encode("ascii")


class RequestLines:
    """The lines of requests, written several at a time: one write for each would cost more than the answer itself.

    A line is at most `LINES_WAIT` seconds late; where a person reads the terminal nothing is held back.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._stamp = ""
        self._heads: dict[tuple[str, str, int, str], str] = {}

    def add(
        self, request_id: str, method: str, route: str, status: int, ms: float, caller: str, notes: dict[str, Any]
    ) -> None:
        """Write the line of one request soon; *request_id* is of letters, digits, `-` and `_`."""
        if _terminal:
            self._log.info(
                "request", id=request_id, method=method, route=route, status=status, ms=ms, caller=caller, **notes
            )
            return
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINES_WAIT, self._waited)
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._stamp = datetime.fromtimestamp(self._second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        same = (method, route, status, caller)
        head = self._heads.get(same)
        if head is None:
            if len(self._heads) >= MANY_HEADS:
                self._heads.clear()
            fields = {"event": "request", "method": method, "route": route, "status": status, "caller": caller}
            head = self._heads[same] = _encode({**fields, "level": "info"})[:-1]
        # The values of a request's line are ours and short: the route, a checked domain, words of closed lists.
        told = "".join([f', "{k}": {_quoted(v) if type(v) is str else _encode(v)}' for k, v in notes.items()])
        self._lines.append(
            f'{head}, "id": "{request_id}", "ms": {ms:.3f}{told}, '
            f'"timestamp": "{self._stamp}.{int(now % 1 * 1_000_000):06d}Z"}}\n'
        )
        if len(self._lines) >= MANY_LINES:
            self.flush()

    def _waited(self) -> None:
        self._timer = None
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._lines:
            lines, self._lines = self._lines, []
            sys.stderr.write("".join(lines))
            sys.stderr.flush()


def _visible(_logger: Any, _name: str, event: Any) -> Any:
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = shown(value, MAX_VALUE)
    return event
