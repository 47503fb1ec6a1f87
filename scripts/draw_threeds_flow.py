"""Draws the diagram in docs/threeds.md from the flow's tables in checkout_async/threeds/table.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from checkout_async.threeds import steps
from checkout_async.threeds.table import CALLS, DECISIONS, TRANSITIONS, Decision, Effect

PAGE = Path(__file__).resolve().parent.parent / "docs" / "threeds.md"
BLOCK = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)
REPLY = "Reply"


def label(row: Decision) -> str:
    """Return the label of an arrow: status, next action and condition."""
    parts = [str(part) for part in (row.status, row.action, row.condition) if part is not None]
    return ", ".join(parts) or "anything else"


def arrows() -> Iterator[str]:
    """Yield the lines of the diagram."""
    yield f"[*] --> {REPLY}: request_session"
    for decision in DECISIONS:
        yield f"{REPLY} --> {decision.step.__name__}: {label(decision)}"
    for step, operation in CALLS.items():
        yield f"{step.__name__} --> {REPLY}: {operation}"
    for transition in TRANSITIONS:
        target = REPLY if transition.effect is Effect.SETTLE_METHOD else steps.ReadSession.__name__
        yield f"{transition.step.__name__} --> {target}: {transition.label}"
    yield f"{steps.Done.__name__} --> [*]"


def diagram() -> str:
    """Return the diagram as a Markdown block in Mermaid's language."""
    lines = ["stateDiagram-v2", f"    state {REPLY} <<choice>>", *(f"    {arrow}" for arrow in arrows())]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: diagram(), text, count=1), encoding="utf-8")
