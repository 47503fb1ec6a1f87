"""Renders findings as text for a terminal, as JSON for a program, or as Markdown for a changelog."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from codegen.diff.finding import Finding
from codegen.diff.kinds import ChangeClass


def render(findings: list[Finding], style: str) -> str:
    """Return the findings in a style: `text`, `json` or `markdown`."""
    if style == "json":
        return json.dumps([_record(each) for each in findings], indent=1) + "\n"
    return "".join(f"{line}\n" for line in (_markdown(findings) if style == "markdown" else _text(findings)))


def _record(finding: Finding) -> dict[str, object]:
    return {
        "class": finding.severity,
        "side": finding.side,
        "kind": finding.kind,
        "place": finding.place,
        "text": finding.text,
        "advice": finding.advice,
        "operations": finding.operations,
        "old": finding.old,
        "new": finding.new,
    }


def _text(findings: list[Finding]) -> Iterator[str]:
    for same in _together(findings):
        first = same[0]
        yield f"{first.severity} ({first.side}) {', '.join(each.place for each in same)} {first.text}."
        if first.advice:
            yield f"    {first.advice}"
        if first.operations:
            yield f"    Reaches {', '.join(first.operations)}."
        for each in same:
            if places := " -> ".join(place for place in (each.old, each.new) if place):
                yield f"    {places}"
    if findings:
        yield _count(findings)


def _markdown(findings: list[Finding]) -> Iterator[str]:
    """Yield a list for a changelog: what a caller has to know, the worst first, and documentation as a number."""
    for same in _together(each for each in findings if each.severity is not ChangeClass.DOCUMENTATION):
        first = same[0]
        places = ", ".join(f"`{each.place}`" for each in same)
        advice = f" {first.advice}" if first.advice else ""
        yield f"- **{first.severity}** {places} {first.text}.{advice}"
    if texts := sum(each.severity is ChangeClass.DOCUMENTATION for each in findings):
        yield f"- **{ChangeClass.DOCUMENTATION}** {texts} text{'s' if texts > 1 else ''} or examples changed."


def _together(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    """Yield the findings that say the same of several places together: they have one cause, such as a parameter."""

    def said(finding: Finding) -> tuple[str, str, str, tuple[str, ...]]:
        return finding.severity, finding.kind, finding.text, finding.operations

    order = {severity: number for number, severity in enumerate(ChangeClass)}
    in_order = sorted(findings, key=lambda each: (order[each.severity], *said(each)[1:], each.place))
    groups = [list(group) for _, group in groupby(in_order, key=said)]
    yield from sorted(groups, key=lambda group: group[0].rank)


def _count(findings: Iterable[Finding]) -> str:
    counts = Counter(each.severity for each in findings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in ChangeClass if counts[severity]) + "."
