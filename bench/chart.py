"""The chart of the results: bars of CPU a request against nginx, as SVG.

Never draws a number that the run did not measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_SHOWN = {"nginx": "#9aa0a6", "cdnserve": "#1a73e8", "lighttpd": "#bdc1c6", "caddy": "#dadce0"}
_WIDTH, _LABEL, _BAR, _GAP = 760, 220, 14, 16
_FULL = 3.0


def bars(results: Mapping[str, Mapping[str, float]]) -> str:
    """Draw each case's ratio to nginx (longer: less CPU a request); ratios beyond 3 are cut and labelled."""
    rows: list[str] = []
    y = 40
    for case, ratios in results.items():
        rows.append(_text(10, y + 12, case, 'font-weight="600"'))
        for name, colour in _SHOWN.items():
            if name in ratios:
                rows.append(_bar(y, name, ratios[name], colour))
                y += _BAR + 2
        y += _GAP
    scale = (_WIDTH - _LABEL - 120) / _FULL
    line = _LABEL + scale
    rows.append(f'<line x1="{line}" x2="{line}" y1="30" y2="{y}" stroke="#5f6368" stroke-dasharray="3 3"/>')
    title = _text(10, 20, "Requests per CPU second, as a ratio to nginx in the same run (longer is better)")
    size = f'width="{_WIDTH}" height="{y + 10}" font-family="sans-serif" font-size="12"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<rect width="100%" height="100%" fill="#fff"/>\n{title}\n'
        + "\n".join(rows)
        + "\n</svg>\n"
    )


def _bar(y: int, name: str, ratio: float, colour: str) -> str:
    scale = (_WIDTH - _LABEL - 120) / _FULL
    width = min(ratio, _FULL) * scale
    shape = f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'
    return shape + _text(_LABEL + width + 6, y + 11, f"{name} {ratio:.2f}")


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="#202124" {more}>{escape(text)}</text>'
