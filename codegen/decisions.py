"""Reads openapi/decisions.yaml: what was chosen where sources disagree, and which differences that settles.

The tables in openapi/README.md are made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from codegen.diagnostics import Origin, Problem, Problems, SpecificationError
from codegen.document import Array, Object
from codegen.files import replace_file
from codegen.load import DECISIONS, load_file

README: Final = "README.md"
_KEYS: Final = frozenset({"place", "choice", "sources", "ground", "document", "settles"})
_TABLE: Final = re.compile(r"(<!-- decisions: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was chosen for a place, what the sources say, and why; without a ground, the order of sources decides.

    `settles` are patterns of differences: of any document, or of those whose title and version match `document`.
    """

    group: str
    place: str
    choice: str
    sources: str
    ground: str
    document: str
    settles: tuple[str, ...]
    origin: Origin


def read_decisions(folder: Path, problems: Problems) -> list[Decision]:
    """Return the decisions of a folder of fragments in order; none if it has no such file."""
    path = folder / DECISIONS
    if not path.exists():
        return []
    groups = load_file(path, f"{folder.name}/{DECISIONS}", problems)
    found: list[Decision] = []
    for group, entries in groups.items() if groups else ():
        if not isinstance(entries, Array):
            problems.add(groups.at(group) if groups else Origin(DECISIONS, 1), f"'{group}' must be a list of decisions")
            continue
        for entry, origin in zip(entries, entries.origins, strict=True):
            if isinstance(entry, Object) and (decision := _read(group, entry, problems)):
                found.append(decision)
            elif not isinstance(entry, Object):
                problems.add(origin, "a decision must be a mapping")
    return found


def _read(group: str, entry: Object, problems: Problems) -> Decision | None:
    for key in entry.keys() - _KEYS:
        problems.add(entry.at(key), f"unknown keyword '{key}' in a decision; there are {', '.join(sorted(_KEYS))}")
    for key in ("place", "choice"):
        if not isinstance(entry.get(key), str):
            problems.add(entry.at(key), f"a decision needs a '{key}', which is a text")
            return None
    patterns = entry.get("settles", Array([], entry.origin, []))
    if not isinstance(patterns, Array) or not all(isinstance(each, str) for each in patterns):
        problems.add(entry.at("settles"), "'settles' must be a list of patterns")
        return None
    texts = {key: str(entry.get(key, "")) for key in ("place", "choice", "sources", "ground")}
    document = str(entry.get("document", "*"))
    return Decision(group=group, document=document, settles=tuple(map(str, patterns)), origin=entry.origin, **texts)


def is_settled(key: str, decisions: Iterable[Decision], document: str) -> bool:
    """Return whether a decision settles a difference, by its key, from a document, by its title and version."""
    return any(
        fnmatchcase(document, each.document) and any(fnmatchcase(key, pattern) for pattern in each.settles)
        for each in decisions
    )


def render_tables(text: str, decisions: Iterable[Decision]) -> str:
    """Return a README with the table of each group of decisions between its marks."""
    groups: dict[str, list[Decision]] = {}
    for decision in decisions:
        groups.setdefault(decision.group, []).append(decision)
    return _TABLE.sub(lambda found: f"{found[1]}{_table(groups.get(found[2], []))}{found[3]}", text)


def check_tables(folder: Path, decisions: list[Decision], problems: Problems) -> None:
    """Report a README whose tables are not made from the decisions."""
    text = _read_readme(folder)
    if text != render_tables(text, decisions):
        message = f"the tables of {README} are not those of {DECISIONS}: run `python -m codegen lint --fix`"
        problems.add(Origin(f"{folder.name}/{DECISIONS}", 1), message)


def fix_tables(folder: Path, decisions: list[Decision]) -> bool:
    """Make the tables of the README from the decisions. Return whether that changed it."""
    text = _read_readme(folder)
    made = render_tables(text, decisions)
    if made != text:
        replace_file(folder / README, made)
    return made != text


def _read_readme(folder: Path) -> str:
    path = folder / README
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError:
        problem = Problem(Origin(f"{folder.name}/{README}", 1), "the file must be UTF-8 text")
        raise SpecificationError((problem,)) from None


def _table(decisions: list[Decision]) -> str:
    rows = "".join(f"| {_question(each)} | {_cell(each.choice)} |\n" for each in decisions)
    return f"\n| Question | Chosen |\n|---|---|\n{rows}\n"


def _question(decision: Decision) -> str:
    return _cell(f"{decision.place} ({decision.sources})" if decision.sources else decision.place)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
