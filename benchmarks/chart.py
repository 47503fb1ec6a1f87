"""Draws the processor time of a call as bars, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

__all__ = ["draw"]

_ROW, _LEFT, _WIDTH = 22, 150, 460


def draw(results: Mapping[str, Mapping[str, Mapping[int, Mapping[str, Mapping[str, float]]]]]) -> str:
    """Return a bar for each contender's processor time a call at 64 in flight, for each operation."""
    tables = [
        (f"{operation}, {loop}", tables[64])
        for loop, operations in results.items()
        for operation, tables in operations.items()
        if 64 in tables
    ]
    most = max((each["processor_us"] for _, table in tables for each in table.values()), default=1.0)
    rows: list[str] = []
    top = 20
    for title, table in tables:
        rows.append(f'<text x="0" y="{top}" font-weight="bold">{escape(title)}: processor time a call, us</text>')
        for name, each in table.items():
            top += _ROW
            length = each["processor_us"] / most * _WIDTH
            color = "#2b6cb0" if name.startswith("ours") else "#a0aec0"
            rows.append(f'<text x="{_LEFT - 8}" y="{top}" text-anchor="end">{escape(name)}</text>')
            rows.append(f'<rect x="{_LEFT}" y="{top - 12}" width="{length:.0f}" height="15" fill="{color}"/>')
            rows.append(f'<text x="{_LEFT + length + 5:.0f}" y="{top}">{each["processor_us"]:.0f}</text>')
        top += 2 * _ROW
    body = "\n".join(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 60}" height="{top}" '
        f'font-family="sans-serif" font-size="13">\n{body}\n</svg>\n'
    )
