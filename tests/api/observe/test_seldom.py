"""What would be told with every request is told once a minute, with how often it came."""

from __future__ import annotations

from structlog.testing import capture_logs

from spfcheck.api.observe.seldom import EVERY_SECONDS, Seldom


def test_a_line_a_minute_and_event() -> None:
    now = [100.0]
    with capture_logs() as told:
        seldom = Seldom(clock=lambda: now[0])
        for _ in range(3):
            seldom.error("broken", why="a")
            seldom.warning("crowded")
        now[0] += EVERY_SECONDS
        seldom.error("broken", why="b")
        seldom.error("broken", why="c")
    assert told == [
        {"event": "broken", "log_level": "error", "times": 1, "why": "a"},
        {"event": "crowded", "log_level": "warning", "times": 1},
        {"event": "broken", "log_level": "error", "times": 3, "why": "b"},
    ]
