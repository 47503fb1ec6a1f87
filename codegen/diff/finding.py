"""A finding: one change of one place, with the operations it reaches and where the specification states it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from codegen.contract import ACCEPTED, Contract
from codegen.diff.kinds import KINDS, ChangeClass, Side

_ORDER: Final = list(ChangeClass)


@dataclass(frozen=True, slots=True)
class Finding:
    """A change: its kind, its place as `api.operation`, `module.Class` or `module.Class.member`, and what it is."""

    kind: str
    place: str
    text: str
    operations: tuple[str, ...] = ()
    """The operations that a type reaches."""
    old: str = ""
    new: str = ""
    """File and line on both sides; empty where there is none."""
    became: str = ""
    """The place in the new version, if it is probably another."""

    @property
    def severity(self) -> ChangeClass:
        """How bad it is for a caller's source."""
        return KINDS[self.kind].severity

    @property
    def side(self) -> Side:
        """The side of a call that it concerns."""
        return KINDS[self.kind].side

    @property
    def advice(self) -> str:
        """What a caller does about it; empty if there is nothing to do."""
        return KINDS[self.kind].advice

    @property
    def subject(self) -> str:
        """What a person accepts: this kind of change, of this place."""
        return f"{self.severity} {self.kind} {self.place}"

    @property
    def key(self) -> str:
        """What a reviewer reads of it in the snapshot."""
        return f"{self.subject}: {self.text}"

    @property
    def rank(self) -> tuple[int, str, str, str]:
        """The order of findings: the worst first."""
        return _ORDER.index(self.severity), self.place, self.kind, self.text


def change(kind: str, place: str, *, became: str = "", **values: object) -> Finding:
    """Return a finding. `values` are what its text names: usually `old` and `new`."""
    text = KINDS[kind].text.format_map({key: show(each) for key, each in values.items()})
    return Finding(kind, place, text, became=became)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 2 if a change is silent, 1 if one is breaking, else 0."""
    found = {each.severity for each in findings}
    return 2 if ChangeClass.SILENT in found else 1 if ChangeClass.BREAKING in found else 0


def without_accepted(findings: Iterable[Finding], old: Contract, new: Contract) -> list[Finding]:
    """Return the findings that no person accepted between two versions, the worst first.

    A kind of change of a place is accepted, not its values: several accepted steps are one change in the end. What the
    old version accepted had happened before it, so it excuses nothing.
    """
    before = old.get(ACCEPTED, [])
    entries = [entry for entry in new.get(ACCEPTED, []) if entry not in before]
    accepted = {change.partition(": ")[0] for entry in entries for change in entry["changes"]}
    return sorted((each for each in findings if each.subject not in accepted), key=lambda each: each.rank)


def show(value: object) -> str:
    """Return a value of a contract as a text shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return ", ".join(f"{key} ({show(each)})" for key, each in members.items()) or "nothing"
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value))) or "none"
    return "none" if value is None else str(value)
