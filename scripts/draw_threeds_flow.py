"""Draw the 3DS flow in docs/threeds.md from its tables in checkout_async/threeds/table.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from checkout_async.threeds import steps
from checkout_async.threeds.table import CALLS, DECISIONS, REACTIONS, Decision, Effect

PAGE = Path(__file__).resolve().parent.parent / "docs" / "threeds.md"
BLOCK = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)
REPLY = "Reply"


def label(row: Decision) -> str:
    """Return what leads to a step: status, next action, and what else must hold."""
    parts = [str(part) for part in (row.status, row.action, row.given) if part is not None]
    return ", ".join(parts) or "anything else"


def arrows() -> Iterator[str]:
    """Yield the lines of the diagram."""
    yield f"[*] --> {REPLY}: request_session"
    for decision in DECISIONS:
        yield f"{REPLY} --> {decision.step.__name__}: {label(decision)}"
    for step, operation in CALLS.items():
        yield f"{step.__name__} --> {REPLY}: {operation}"
    for reaction in REACTIONS:
        target = REPLY if reaction.effect is Effect.SETTLE_METHOD else steps.ReadSession.__name__
        yield f"{reaction.step.__name__} --> {target}: {reaction.label}"
    yield f"{steps.Done.__name__} --> [*]"


def diagram() -> str:
    """Return the diagram as a Markdown block in Mermaid's language."""
    lines = ["stateDiagram-v2", f"    state {REPLY} <<choice>>", *(f"    {arrow}" for arrow in arrows())]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: diagram(), text, count=1), encoding="utf-8")
