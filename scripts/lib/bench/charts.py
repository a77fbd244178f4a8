"""Charts as SVG, readable on a light and on a dark background."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _ROW, _TOP, _AXIS = 760, 250, 34, 64, 48
_RIGHT = 100  # for the value after the longest bar, or the name of a line
_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 16px }
.note, .tick { font-size: 12px; fill: #59636e }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.bar { fill: #8c959f } .bar.ours { fill: #0969da } .bar.part { opacity: .55 }
.line { fill: none; stroke: #8c959f; stroke-width: 2 } .line.ours { stroke: #0969da }
.line.model { stroke-dasharray: 5 4 }
.point { fill: #8c959f } .point.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .note, .tick { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .bar { fill: #656c76 } .bar.ours { fill: #4493f8 }
  .line { stroke: #9198a1 } .line.ours { stroke: #4493f8 }
  .point { fill: #9198a1 } .point.ours { fill: #4493f8 }
}
"""


class Bar(NamedTuple):
    """A row of a chart. `first` is the part of `value` that is drawn darker, or None."""

    label: str
    value: float
    text: str
    is_ours: bool = False
    first: float | None = None


class Line(NamedTuple):
    """A line of a chart: its points (x, y), of which the last `modelled` were not measured."""

    label: str
    points: Sequence[tuple[float, float]]
    modelled: int
    is_ours: bool = False


def bars(title: str, note: str, axis: str, rows: Sequence[Bar]) -> str:
    """Return a chart with one horizontal bar for each row.

    `note` explains what is drawn, and `axis` names the quantity and its unit.
    """
    bottom = _TOP + _ROW * len(rows)
    largest = max((row.value for row in rows), default=0) or 1
    scale = (_WIDTH - _LABEL - _RIGHT) / largest
    parts = []
    for tick in _ticks(largest):
        x = _LABEL + tick * scale
        parts.append(_segment(x, _TOP - 8, x, bottom))
        parts.append(_text(f"{tick:g}", x, bottom + 16, "tick", "middle"))
    parts.append(_text(axis, _LABEL, bottom + 36, "tick"))
    for index, row in enumerate(rows):
        top = _TOP + _ROW * index
        kind = "bar ours" if row.is_ours else "bar"
        width, first = row.value * scale, (row.first or 0) * scale
        parts.append(_text(row.label, 0, top + 16))
        if row.first is not None:
            parts.append(_rectangle(kind, 0, top, first))
            kind += " part"
        parts.append(_rectangle(kind, first, top, width - first))
        parts.append(_text(row.text, _LABEL + width + 8, top + 16))
    return _drawing(title, note, bottom + _AXIS, parts)


class _Scale(NamedTuple):
    """An axis: its ticks and their texts, and the place (0 to 1) of a value."""

    ticks: Sequence[tuple[float, str]]
    place: Callable[[float], float]


def lines(
    title: str, note: str, axes: tuple[str, str], rows: Sequence[Line], *, linear: bool = False
) -> str:
    """Return a chart of lines. `axes` names the quantities of x and y.

    The axes are logarithmic, or `linear` from 0.
    """
    left, right, top, bottom = 84, _WIDTH - 180, _TOP + 24, 400
    points = [point for row in rows for point in row.points]
    scale = _linear if linear else _logarithmic
    x_scale, y_scale = (scale([point[axis] for point in points]) for axis in (0, 1))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = x_scale.place(point[0]), y_scale.place(point[1])
        return left + x * (right - left), bottom - y * (bottom - top)

    parts = []
    for value, text in y_scale.ticks:
        _, y = place((x_scale.ticks[0][0], value))
        parts.append(_segment(left, y, right, y))
        parts.append(_text(text, left - 8, y + 4, "tick", "end"))
    for value, text in x_scale.ticks:
        x, _ = place((value, y_scale.ticks[0][0]))
        parts.append(_text(text, x, bottom + 18, "tick", "middle"))
    parts.append(_text(axes[1], 0, top - 16, "tick"))
    parts.append(_text(axes[0], left, bottom + 40, "tick"))
    for row in rows:
        kind = " ours" if row.is_ours else ""
        places = [place(point) for point in row.points]
        measured = len(places) - row.modelled
        parts.append(_path(f"line{kind}", places[:measured]))
        parts.append(_path(f"line model{kind}", places[measured - 1 :]))
        parts += [
            f'<circle class="point{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
            for x, y in places[:measured]
        ]
        x, y = places[-1]
        parts.append(_text(row.label, x + 10, y + 5))
    return _drawing(title, note, bottom + _AXIS, parts)


def _drawing(title: str, note: str, height: int, parts: Sequence[str]) -> str:
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        _text(title, 0, 20, "title"),
        _text(note, 0, 42, "note"),
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def _ticks(largest: float) -> Iterator[float]:
    """Yield round numbers from 0 to `largest`, at most six."""
    rough = largest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    for number in range(int(largest / step) + 1):
        yield round(number * step, 10)


def _linear(values: Sequence[float]) -> _Scale:
    """Return the scale from 0 to the largest value."""
    largest = max(values)
    return _Scale([(tick, f"{tick:g}") for tick in _ticks(largest)], lambda value: value / largest)


def _logarithmic(values: Sequence[float]) -> _Scale:
    """Return the scale of the powers of ten that enclose the values."""
    first = math.floor(math.log10(min(values)))
    last = max(first + 1, math.ceil(math.log10(max(values))))
    return _Scale(
        [(10.0**power, f"{10**power:,}") for power in range(first, last + 1)],
        lambda value: (math.log10(value) - first) / (last - first),
    )


def _text(text: str, x: float, y: float, kind: str = "", anchor: str = "") -> str:
    attributes = (f' class="{kind}"' if kind else "") + (
        f' text-anchor="{anchor}"' if anchor else ""
    )
    return f'<text{attributes} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _segment(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _path(kind: str, places: Sequence[tuple[float, float]]) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline class="{kind}" points="{points}"/>'


def _rectangle(kind: str, left: float, top: int, width: float) -> str:
    return (
        f'<rect class="{kind}" x="{_LABEL + left:.1f}" y="{top}" '
        f'width="{max(width, 0):.1f}" height="22"/>'
    )
