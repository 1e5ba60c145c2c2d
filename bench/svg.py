"""Small pictures of figures, drawn as SVG by hand: horizontal bars and lines, for light pages and dark ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Bar", "Line", "bars", "lines"]

STYLE = """<style>
svg { color: #24292f; font: 13px system-ui, sans-serif }
text { fill: currentColor } .soft { opacity: .65 } .grid { stroke: currentColor; opacity: .15 }
.ours { fill: #1a7f5a; stroke: #1a7f5a } .peer { fill: #8c959f; stroke: #8c959f } .limit { fill: none; stroke: #8c959f }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
svg { color: #d1d7de } .ours { fill: #3fb886; stroke: #3fb886 } .peer { fill: #6e7681; stroke: #6e7681 }
}
</style>"""
WIDTH = 720
LABELS = 290
"""Pixels for the names at the left of bars."""
STEP = 26
HEAD = 44


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its length, what is written at its end, and whether it is `ours`, a `peer` or a `limit`."""

    name: str
    value: float
    told: str
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, its points, and whether it is `ours` or a `peer`."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str


def bars(title: str, subtitle: str, items: Sequence[Bar]) -> str:
    """Horizontal bars in the order given, the longest across."""
    longest = max(item.value for item in items)
    room = WIDTH - LABELS - 90
    parts = []
    for place, item in enumerate(items):
        y = HEAD + 10 + place * STEP
        length = max(1.0, item.value / longest * room)
        parts.append(f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(item.name)}</text>')
        parts.append(f'<rect class="{item.kind}" x="{LABELS}" y="{y + 2}" width="{length:.1f}" height="{STEP - 9}"/>')
        parts.append(f'<text x="{LABELS + length + 6:.1f}" y="{y + 14}">{escape(item.told)}</text>')
    return _page(title, subtitle, HEAD + 20 + len(items) * STEP, parts)


def lines(title: str, subtitle: str, across: str, items: Sequence[Line]) -> str:
    """Lines over a logarithmic axis from left to right and a linear one from zero up."""
    left, right, top, bottom = 70, WIDTH - 130, HEAD + 12, 300
    xs = [x for item in items for x, _ in item.points]
    low, high = math.log10(min(xs)), math.log10(max(xs))
    most = _round_up(max(y for item in items for _, y in item.points))

    def at(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - low) / ((high - low) or 1)
        return left + share * (right - left), bottom - y / most * (bottom - top)

    parts = []
    for quarter in range(5):
        value = most * quarter / 4
        _, y = at(min(xs), value)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="soft" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    for x in sorted(set(xs)):
        place, _ = at(x, 0)
        parts.append(f'<text class="soft" x="{place:.1f}" y="{bottom + 18}" text-anchor="middle">{x:,.0f}</text>')
    parts.append(f'<text class="soft" x="{(left + right) / 2}" y="{bottom + 36}" text-anchor="middle">{across}</text>')
    for item in items:
        points = [at(x, y) for x, y in item.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="{item.kind} line" style="fill:none" points="{path}"/>')
        parts += [f'<circle class="{item.kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
        parts.append(f'<text x="{points[-1][0] + 8:.1f}" y="{points[-1][1] + 4:.1f}">{escape(item.name)}</text>')
    return _page(title, subtitle, bottom + 50, parts)


def _round_up(value: float) -> float:
    """The next round number: 1, 2, 4 or 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)


def _page(title: str, subtitle: str, height: float, parts: Sequence[str]) -> str:
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        STYLE,
        f'<text x="8" y="18" font-weight="600">{escape(title)}</text>',
        f'<text class="soft" x="8" y="36">{escape(subtitle)}</text>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])
