"""Draws what the API saw while something failed, second by second, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.simulation.scale.measures import Figures

__all__ = ["draw"]

_LEFT, _WIDTH, _HEIGHT, _GAP = 50, 590, 80, 56
_SENT, _REFUSED, _FAILED, _LINE = "#2b6cb0", "#c53030", "#dd9b2b", "#718096"


def draw(events: Sequence[Figures], workers: int = 100) -> str:
    """Return a panel for each event with this number of workers: requests a second, and those that got a 429."""
    panels: list[str] = []
    top = 24
    panels.append(
        f'<text x="0" y="14"><tspan fill="{_SENT}">&#9632;</tspan> requests a second at the API &#160; '
        f'<tspan fill="{_REFUSED}">&#9632;</tspan> of them answered 429 &#160; '
        f'<tspan fill="{_FAILED}">&#9632;</tspan> with 503 &#160; '
        f'<tspan fill="{_LINE}">- -</tspan> limit of the account</text>'
    )
    for figures in (each for each in events if each.workers == workers):
        panels.append(_panel(figures, top))
        top += _HEIGHT + _GAP
    body = "\n".join(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 10} {top}" '
        f'width="{_LEFT + _WIDTH + 10}" height="{top}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _panel(figures: Figures, top: int) -> str:
    most = max(1.4 * figures.limit, *figures.arrivals_a_second)
    bottom, step = top + 22 + _HEIGHT, _WIDTH / len(figures.arrivals_a_second)
    title = figures.name.replace("`", "")
    rows = [f'<text x="0" y="{top + 14}" font-weight="bold">{escape(title[0].upper() + title[1:])}</text>']
    for values, color in (
        (figures.arrivals_a_second, _SENT),
        (figures.refusals_a_second, _REFUSED),
        (figures.failures_a_second, _FAILED),
    ):
        for second, value in enumerate(values):
            if height := round(value / most * _HEIGHT, 1):
                rows.append(
                    f'<rect x="{_LEFT + second * step:.1f}" y="{bottom - height:.1f}" width="{step - 1:.1f}" '
                    f'height="{height}" fill="{color}"/>'
                )
    limit = bottom - figures.limit / most * _HEIGHT
    rows.append(
        f'<path d="M{_LEFT} {limit:.1f}H{_LEFT + _WIDTH}" stroke="{_LINE}" stroke-dasharray="5 4"/>'
        f'<text x="{_LEFT - 6}" y="{limit + 4:.1f}" text-anchor="end">{figures.limit:.0f}</text>'
    )
    if most > 2 * figures.limit:
        rows.append(f'<text x="{_LEFT - 6}" y="{top + 32}" text-anchor="end">{most:.0f}</text>')
    rows += [
        f'<text x="{_LEFT + second * step:.1f}" y="{bottom + 15}" text-anchor="middle">{second} s</text>'
        for second in range(0, len(figures.arrivals_a_second) + 1, 10)
    ]
    return "\n".join(rows)
