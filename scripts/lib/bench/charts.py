"""Bar charts as SVG, readable on a light and on a dark background."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _ROW, _TOP = 760, 250, 34, 64
_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 16px }
.note { font-size: 12px; fill: #59636e }
.bar { fill: #8c959f } .bar.ours { fill: #0969da } .bar.part { opacity: .55 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .note { fill: #9198a1 }
  .bar { fill: #656c76 } .bar.ours { fill: #4493f8 }
}
"""


class Bar(NamedTuple):
    """A row of a chart. `first` is the part of `value` that is drawn darker, or None."""

    label: str
    value: float
    text: str
    is_ours: bool = False
    first: float | None = None


def bars(title: str, note: str, rows: Sequence[Bar]) -> str:
    """Return a chart with one horizontal bar for each row. `note` explains what is drawn."""
    height = _TOP + _ROW * len(rows) + 8
    largest = max((row.value for row in rows), default=0) or 1
    scale = (_WIDTH - _LABEL - 110) / largest
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
        f'<text class="note" x="0" y="42">{escape(note)}</text>',
    ]
    for index, row in enumerate(rows):
        top = _TOP + _ROW * index
        kind = "bar ours" if row.is_ours else "bar"
        width, first = row.value * scale, (row.first or 0) * scale
        parts.append(f'<text x="0" y="{top + 16}">{escape(row.label)}</text>')
        if row.first is not None:
            parts.append(_rectangle(kind, 0, top, first))
            kind += " part"
        parts.append(_rectangle(kind, first, top, width - first))
        parts.append(f'<text x="{_LABEL + width + 8:.1f}" y="{top + 16}">{escape(row.text)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _rectangle(kind: str, left: float, top: int, width: float) -> str:
    return (
        f'<rect class="{kind}" x="{_LABEL + left:.1f}" y="{top}" '
        f'width="{max(width, 0):.1f}" height="22"/>'
    )
