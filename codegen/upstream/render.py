"""Renders a comparison as text for a terminal, as JSON for a program, or as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from codegen.upstream.compare import EXTRA, MISSING, Agreement, Difference


def render_comparison(differences: list[Difference], agreements: list[Agreement], settled: int, style: str) -> str:
    """Return the news and the agreement of each operation in a style: `text`, `json` or `markdown`."""
    if style == "json":
        shares = [{**each._asdict(), "percent": each.percent} for each in agreements]
        content = {"agreement": shares, "settled": settled, "news": [asdict(each) for each in differences]}
        return json.dumps(content, indent=1) + "\n"
    lines = _markdown(differences, agreements) if style == "markdown" else _text(differences, agreements)
    return "".join(f"{line}\n" for line in lines) + f"{len(differences)} news, {settled} settled by decisions.\n"


def _text(differences: list[Difference], agreements: list[Agreement]) -> Iterator[str]:
    for share in agreements:
        yield f"{share.percent:3} % of {share.parts} parts agree: {share.operation}, {share.line}"
    for operations, same in _together(differences):
        yield ""
        yield operations
        for each in same:
            places = " <> ".join(place for place in (each.our_origin, each.their_origin) if place)
            yield f"    {' '.join(filter(None, (each.side, each.place)))}: {_said(each)} ({places})"


def _markdown(differences: list[Difference], agreements: list[Agreement]) -> Iterator[str]:
    yield "| Operation | Parts | Agree |"
    yield "|---|---|---|"
    for share in agreements:
        yield f"| `{share.operation}` | {share.parts} | {share.percent} % |"
    for operations, same in _together(differences):
        yield ""
        yield f"**{operations}**"
        yield ""
        for each in same:
            yield f"- {each.side} `{each.place}`: {_said(each)}" if each.place else f"- {each.side}: {_said(each)}"
    yield ""


def _said(difference: Difference) -> str:
    if difference.fact == MISSING:
        return "we lack it"
    if difference.fact == EXTRA:
        return "they lack it"
    return f"{difference.fact}: ours {difference.ours or 'none'}, theirs {difference.theirs or 'none'}"


def _together(differences: list[Difference]) -> Iterator[tuple[str, list[Difference]]]:
    """Yield the differences by the operations that have them: what several operations share is one entry."""
    holders: dict[tuple[str, ...], list[Difference]] = {}
    for each in differences:
        key = (each.side, each.place, each.fact, each.ours, each.theirs, each.our_origin, each.their_origin)
        holders.setdefault(key, []).append(each)
    groups: dict[str, list[Difference]] = {}
    for same in holders.values():
        groups.setdefault(", ".join(each.operation for each in same), []).append(same[0])
    yield from groups.items()
