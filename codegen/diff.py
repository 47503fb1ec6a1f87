"""Compares what two versions of the specification promise, and says what each change means for a caller.

SILENT: the caller's source still type-checks, and behaves otherwise. BREAKING: it has to change. Compatible: it need
not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, cast

from codegen.contract import ACCEPTED, Contract


class ChangeClass(StrEnum):
    """What a change means for a caller's source, the worst first."""

    SILENT = "SILENT"
    BREAKING = "BREAKING"
    COMPATIBLE = "compatible"


@dataclass(frozen=True, slots=True)
class Finding:
    """A change: where it is, which side of a call it concerns, and what it means, with the operations it reaches."""

    severity: ChangeClass
    side: str
    place: str
    text: str
    operations: tuple[str, ...] = ()
    old: str = ""
    new: str = ""
    """File and line on both sides; empty where there is none."""

    @property
    def key(self) -> str:
        """What a person accepts: the place and what happened there."""
        return f"{self.severity} {self.place}: {self.text}"


# A changed fact of an operation: its side and what it means. The first value is the old one, the second the new one.
_FACTS: Final = {
    "line": ("request", "is sent as `{1}` instead of `{0}`"),
    "repetition": ("retry", "is retried by the rule `{1}` instead of `{0}`"),
    "key": ("retry", "sends its idempotency key as `{1}` instead of `{0}`"),
    "reference": ("retry", "is looked up by `{1}` instead of `{0}`"),
    "scopes": ("credentials", "accepts tokens with the scopes {1} instead of {0}"),
    "session_secret": ("credentials", "accepts a session secret: {1} instead of {0}"),
    "secret_key": ("credentials", "accepts a secret key: {1} instead of {0}"),
    "parameters": ("request", "sends or checks its parameters as {1} instead of {0}"),
}
_META: Final = re.compile(r"Annotated\[(.*?), Meta\((.*?)\)\]")


def compare(old: Contract, new: Contract) -> list[Finding]:
    """Return the changes from one contract to another, the worst first, without those that the new one accepts."""
    found = [*_operations(old["operations"], new["operations"]), *_all_types(old, new)]
    accepted = {key for entry in new.get(ACCEPTED, ()) for key in entry["changes"]}
    order = list(ChangeClass)
    kept = [each for each in _shared(found) if each.key not in accepted]
    return sorted(kept, key=lambda each: (order.index(each.severity), each.place, each.text))


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 2 if a change is silent, 1 if one is breaking, else 0."""
    found = {each.severity for each in findings}
    return 2 if ChangeClass.SILENT in found else 1 if ChangeClass.BREAKING in found else 0


def render(findings: list[Finding], style: str) -> str:
    """Return the changes as text, JSON, or Markdown for a changelog."""
    if style == "json":
        return json.dumps([asdict(each) for each in findings], indent=1) + "\n"
    if style == "markdown":
        return "".join(f"- **{each.severity}** `{each.place}` {each.text}.{_reach(each)}\n" for each in findings)
    return "".join(f"{each.severity} ({each.side}) {each.place} {each.text}.{_reach(each)}\n" for each in findings)


def _reach(finding: Finding) -> str:
    reach = f" Reaches {', '.join(finding.operations)}." if finding.operations else ""
    places = " -> ".join(each for each in (finding.old, finding.new) if each)
    return f"{reach} ({places})" if places else reach


def _flat(tree: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{group}.{name}": value for group, members in tree.items() for name, value in members.items()}


def _operations(old: Contract, new: Contract) -> Iterator[Finding]:
    before, after = _flat(old), _flat(new)
    renamed = _renamed(before, after, "line")
    for name in before.keys() - after.keys():
        hint = f"; probably it is `{renamed[name]}` now" if name in renamed else ""
        yield Finding(ChangeClass.BREAKING, "caller", name, f"is gone{hint}")
    for name in after.keys() - before.keys() - {*renamed.values()}:
        yield Finding(ChangeClass.COMPATIBLE, "caller", name, "is new")
    for name in before.keys() & after.keys():
        yield from _operation(name, before[name], after[name])


def _operation(name: str, old: Contract, new: Contract) -> Iterator[Finding]:
    for fact, (side, text) in _FACTS.items():
        if old.get(fact) != new.get(fact):
            shown = text.format(_shown(old.get(fact)), _shown(new.get(fact)))
            yield Finding(ChangeClass.SILENT, side, name, shown)
    yield from _statuses(name, old["statuses"], new["statuses"])
    yield from _signature(name, old["signature"], new["signature"])
    yield from _paging(name, old.get("paging"), new.get("paging"))
    if old.get("body", "").split()[:1] != new.get("body", "").split()[:1] and "body" in old and "body" in new:
        yield Finding(ChangeClass.SILENT, "request", name, f"sends `{new['body']}` instead of `{old['body']}`")


def _statuses(name: str, old: Contract, new: Contract) -> Iterator[Finding]:
    for status in sorted(old.keys() | new.keys()):
        if status.startswith("2") and old.get(status) != new.get(status):
            before, after = old.get(status, "an error"), new.get(status, "an error")
            yield Finding(
                ChangeClass.SILENT, "reply", name, f"takes the status {status} as {after} instead of {before}"
            )


def _signature(name: str, old: str, new: str) -> Iterator[Finding]:
    (before, old_result), (after, new_result) = _arguments(old), _arguments(new)
    for argument in before.keys() - after.keys():
        yield Finding(ChangeClass.BREAKING, "caller", name, f"has no argument `{argument}` any more")
    for argument in after.keys() - before.keys():
        required = " = " not in after[argument]
        severity = ChangeClass.BREAKING if required else ChangeClass.COMPATIBLE
        yield Finding(severity, "caller", name, f"{'needs' if required else 'takes'} the argument `{argument}`")
    for argument in before.keys() & after.keys():
        if before[argument] != after[argument]:
            text = f"takes `{argument}` as `{after[argument]}` instead of `{before[argument]}`"
            yield Finding(_widened(before[argument], after[argument]), "caller", name, text)
    positions = [[each for each in side if " = " not in side[each]] for side in (before, after)]
    if sorted(positions[0]) == sorted(positions[1]) and positions[0] != positions[1]:
        text = f"takes its arguments as {', '.join(positions[1])} instead of {', '.join(positions[0])}"
        yield Finding(ChangeClass.SILENT, "caller", name, text)
    if old_result != new_result:
        yield Finding(ChangeClass.BREAKING, "reply", name, f"returns `{new_result}` instead of `{old_result}`")


def _arguments(signature: str) -> tuple[dict[str, str], str]:
    """Return the arguments of a signature with their types, and the type of the result."""
    inside, _, result = signature.rpartition(") -> ")
    parts = re.split(r", (?=\w+: )", inside[1:]) if len(inside) > 1 else []
    return {part.partition(": ")[0]: part.partition(": ")[2] for part in parts}, result


def _paging(name: str, old: Contract | None, new: Contract | None) -> Iterator[Finding]:
    if old is None and new is not None:
        yield Finding(ChangeClass.COMPATIBLE, "caller", name, f"has pages: `{new['iterator']}`")
    elif old is not None and new is None:
        yield Finding(ChangeClass.BREAKING, "caller", name, f"has no pages any more: `{old['iterator']}`")
    elif old is not None and new is not None and old != new:
        named = [each["iterator"].partition("(")[0] for each in (old, new)]
        severity = ChangeClass.SILENT if named[0] == named[1] else ChangeClass.BREAKING
        yield Finding(severity, "reply", name, f"reads its pages as {_shown(new)} instead of {_shown(old)}")


def _all_types(old: Contract, new: Contract) -> Iterator[Finding]:
    before, after = _flat(old["types"]), _flat(new["types"])
    reached = _reached(new if len(after) >= len(before) else old)
    for finding in _types(before, after):
        class_name = finding.place.split(".")[1]
        yield replace(finding, operations=tuple(sorted(reached.get(class_name, ()))))
    for place, members in _flat(old["strict"]).items():
        later = _flat(new["strict"]).get(place, {})
        for member in members.keys() & later.keys():
            if members[member] != later[member] and before[place] == after.get(place):
                text = f"is documented, and checked with `strict`, as `{later[member]}` instead of `{members[member]}`"
                yield Finding(ChangeClass.SILENT, "request", f"{place}.{member}", text)


def _types(before: Contract, after: Contract) -> Iterator[Finding]:
    renamed = _renamed(before, after, "members")
    for place in before.keys() - after.keys():
        hint = f"; probably it is `{renamed[place]}` now" if place in renamed else ""
        yield Finding(ChangeClass.BREAKING, "caller", place, f"is gone{hint}")
    for place in after.keys() - before.keys() - {*renamed.values()}:
        yield Finding(ChangeClass.COMPATIBLE, "caller", place, "is new")
    for place in before.keys() & after.keys():
        old, new = before[place], after[place]
        if old["kind"] != new["kind"]:
            yield Finding(ChangeClass.BREAKING, "caller", place, f"is a type {new['kind']} instead of {old['kind']}")
        elif old["kind"] == "enum":
            yield from _enum(place, old, new)
        elif old["kind"] == "union":
            if old["members"] != new["members"]:
                text = f"is one of {_shown(new['members'])} instead of {_shown(old['members'])}"
                yield Finding(ChangeClass.SILENT, "request", place, text)
        else:
            yield from _struct(place, old, new)


def _enum(place: str, old: Contract, new: Contract) -> Iterator[Finding]:
    for name in old["values"].keys() - new["values"].keys():
        yield Finding(ChangeClass.BREAKING, "caller", f"{place}.{name}", "is gone")
    for name in new["values"].keys() - old["values"].keys():
        yield Finding(ChangeClass.COMPATIBLE, "caller", f"{place}.{name}", "is new")
    for name in old["values"].keys() & new["values"].keys():
        if old["values"][name] != new["values"][name]:
            text = f"is sent as `{new['values'][name]}` instead of `{old['values'][name]}`"
            yield Finding(ChangeClass.SILENT, "request", f"{place}.{name}", text)
    if old.get("aliases") != new.get("aliases"):
        yield Finding(ChangeClass.SILENT, "reply", place, "is read from other spellings")


def _struct(place: str, old: Contract, new: Contract) -> Iterator[Finding]:
    sent, before, after = old["kind"] == "sent", old["members"], new["members"]
    gone, added = before.keys() - after.keys(), after.keys() - before.keys()
    for name in gone:
        same = [each for each in added if after[each].partition(",")[0] == before[name].partition(",")[0]]
        hint = f"; probably it is `{same[0]}` now" if len(gone) == len(added) == len(same) == 1 else ""
        yield Finding(ChangeClass.BREAKING, "caller", f"{place}.{name}", f"is gone{hint}")
    for name in added:
        required = sent and " = " not in after[name]
        severity = ChangeClass.BREAKING if required else ChangeClass.COMPATIBLE
        yield Finding(severity, "caller", f"{place}.{name}", "is new and required" if required else "is new")
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            yield _member(f"{place}.{name}", before[name], after[name], sent=sent)
    if old.get("masks") != new.get("masks"):
        text = f"hides {_shown(new.get('masks'))} instead of {_shown(old.get('masks'))} in logs"
        yield Finding(ChangeClass.SILENT, "masking", place, text)
    for fact, side in (("tag", "request"), ("echoes", "reply")):
        if old.get(fact) != new.get(fact):
            text = f"has the {fact} {_shown(new.get(fact))} instead of {_shown(old.get(fact))}"
            yield Finding(ChangeClass.SILENT, side, place, text)


def _member(place: str, old: str, new: str, *, sent: bool) -> Finding:
    side = "request" if sent else "reply"
    plain = [_META.sub(r"\1", each) for each in (old, new)]
    if plain[0] == plain[1]:
        return Finding(ChangeClass.SILENT, side, place, f"is checked as `{new}` instead of `{old}`")
    (old_type, old_name), (new_type, new_name) = (each.partition(", in the API ")[::2] for each in plain)
    if old_type == new_type:
        own = place.rpartition(".")[2]
        text = f"is `{new_name or own}` in the API instead of `{old_name or own}`"
        return Finding(ChangeClass.SILENT, side, place, text)
    text = f"is `{new_type}` instead of `{old_type}`"
    if not sent and (" = " in old_type) != (" = " in new_type):
        return Finding(ChangeClass.SILENT, side, place, f"{text}: a reply without it is read otherwise")
    if sent and " = " in old_type and " = " not in new_type:
        return Finding(ChangeClass.BREAKING, "caller", place, f"{text}: it is required")
    return Finding(_widened(old_type, new_type) if sent else _narrowed(old_type, new_type), side, place, text)


def _arms(annotation: str) -> set[str]:
    return {*annotation.partition(" = ")[0].split(" | ")} - {"UnsetType", "None"}


def _widened(old: str, new: str) -> ChangeClass:
    """Return the class of a change of what is sent: what was sent before must still be taken."""
    return ChangeClass.COMPATIBLE if _arms(old) <= _arms(new) else ChangeClass.BREAKING


def _narrowed(old: str, new: str) -> ChangeClass:
    """Return the class of a change of what is received: other types in a union reach code that expects the old ones."""
    related = not _arms(old).isdisjoint(_arms(new))
    return ChangeClass.SILENT if related else ChangeClass.BREAKING


def _renamed(before: Contract, after: Contract, fact: str) -> dict[str, str]:
    """Guess which names that are gone came back under another: those with the same value of a fact."""
    added = {name: json.dumps(after[name].get(fact)) for name in after.keys() - before.keys()}
    found: dict[str, str] = {}
    for name in before.keys() - after.keys():
        value = json.dumps(before[name].get(fact))
        same = [other for other, its in added.items() if its == value and value != "null"]
        if len(same) == 1:
            found[name] = same[0]
    return found


def _reached(contract: Contract) -> dict[str, set[str]]:
    """Return the operations that each class reaches, by its name."""
    types = {place.split(".")[1]: json.dumps(value) for place, value in _flat(contract["types"]).items()}
    uses = {name: {*re.findall(r"\w+", text)} & types.keys() - {name} for name, text in types.items()}
    found: dict[str, set[str]] = {}
    for place, operation in _flat(contract["operations"]).items():
        waiting = [*({*re.findall(r"\w+", json.dumps(operation))} & types.keys())]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                found.setdefault(name, set()).add(place)
                waiting += uses[name]
    return found


def _shared(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings, of a schema that is sent and received only one for both of its classes."""
    merged: dict[tuple[str, str, str], Finding] = {}
    for each in findings:
        place = re.sub(r"^(\w+\.\w+?)Response\b", r"\1", each.place)
        key = (each.severity, place, each.text)
        if other := merged.get(key):
            side = other.side if other.side == each.side else f"{other.side}, {each.side}"
            operations = tuple(sorted({*other.operations, *each.operations}))
            merged[key] = replace(other, side=side, place=place, operations=operations)
        else:
            merged[key] = each
    yield from merged.values()


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} ({each})" for key, each in cast("Mapping[str, Any]", value).items()) or "nothing"
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value))) or "none"
    return "none" if value is None else str(value)
