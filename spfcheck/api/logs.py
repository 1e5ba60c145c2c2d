"""The log: one event one line, JSON unless a person reads it on a terminal, hostile text escaped in both."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

from spfcheck.audit.names import shown

LogFormat = Literal["auto", "json", "console"]

MAX_VALUE = 1_000
"""Characters of one value in the log; a record of 4 KB must not make a line of 4 KB."""


def configure(log_format: LogFormat) -> None:
    """Send every event to standard error in *log_format*; the libraries' warnings too."""
    terminal = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if terminal
        # json.dumps keeps to ASCII, so CR, LF, ESC and U+2028 stand as escapes and one event is one line.
        else structlog.processors.JSONRenderer()
    )
    before: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[
            *before,
            structlog.processors.format_exc_info,
            _visible if terminal else _short,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
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


def _short(_logger: Any, _name: str, event: Any) -> Any:
    for key, value in event.items():
        if isinstance(value, str) and len(value) > MAX_VALUE and key != "exception":
            event[key] = value[:MAX_VALUE] + "..."
    return event


def _visible(_logger: Any, _name: str, event: Any) -> Any:
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = shown(value, MAX_VALUE)
    return event
