"""Compares the members of two versions of a class: what requests set, what replies give, and what is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final

from codegen.contract import Contract
from codegen.diff.finding import Finding, change

_META: Final = re.compile(r"Annotated\[(.*?), Meta\((.*?)\)\]")
_MISSING: Final = frozenset({"None", "UnsetType"})
_SIMILAR: Final = 0.6


@dataclass(frozen=True)
class _Member:
    """A member of a class, read from its text in a contract."""

    checked: str
    """Its type with the limits that are checked."""
    type: str
    types: frozenset[str]
    required: bool
    sends_null: bool
    """Whether None is sent as null. Else it leaves the member out."""
    api_name: str
    deprecated: bool
    """Whether it is a property that warns when it is read: a deprecated member of a reply."""


def compare_members(place: str, old: Contract, new: Contract) -> Iterator[Finding]:
    """Yield the changes from one version of a class to another. Both are sent, or both are received."""
    sent = old["kind"] == "sent"
    before, after = _members(old), _members(new)
    former = _former_names(before, after, new)
    renamed = _guess(before, after) | former
    for name, present in sorted(former.items()):
        stated = present if present != name else after[name].api_name
        yield change("member-former-name", f"{place}.{name}", new=stated, became=f"{place}.{present}")
        # All but its name is compared as of any member.
        after[present] = replace(after[present], api_name=before[name].api_name)
    yield from _former_names_gone(place, old, new)
    for name in sorted(before.keys() - after.keys() - former.keys()):
        if name in renamed:
            yield change("member-renamed", f"{place}.{name}", new=renamed[name], became=f"{place}.{renamed[name]}")
        else:
            yield change("member-gone", f"{place}.{name}")
    for name in sorted(after.keys() - before.keys()):
        required = sent and after[name].required
        if name not in renamed.values():
            yield change("member-required-new" if required else "member-new", f"{place}.{name}")
    both = {name: name for name in before.keys() & after.keys()} | former
    for name, present in sorted(both.items()):
        yield from (_request if sent else _reply)(f"{place}.{present}", before[name], after[present])
    for fact, kind in (("masks", "mask"), ("echoes", "echo")):
        later = {_public(name): value for name, value in new.get(fact, {}).items()}
        earlier = {_public(name): value for name, value in old.get(fact, {}).items()}
        earlier = {renamed.get(name, name): value for name, value in earlier.items()}
        # What is new with a mask, or gone with it, is no change of what was hidden.
        kept = {*before, *renamed.values()} & after.keys()
        for name in sorted(kept & {*earlier, *later}):
            if earlier.get(name) != later.get(name):
                yield change(kind, f"{place}.{name}", old=earlier.get(name), new=later.get(name))


def _former_names(before: dict[str, _Member], after: dict[str, _Member], new: Contract) -> dict[str, str]:
    """Return the members that keep their old name for a release, with their new names.

    If only the name in the API is another, both are the same name in Python.
    """
    stated = {_public(name): _public(each) for name, each in new.get("former_names", {}).items()}
    found = {name: stated[name] for name in stated.keys() & before.keys() if name not in after}
    keys = new.get("former_keys", {})
    both = before.keys() & after.keys()
    return found | {name: name for name in both if keys.get(before[name].api_name) == after[name].api_name}


def _former_names_gone(place: str, old: Contract, new: Contract) -> Iterator[Finding]:
    kept = new.get("former_names", {})
    for name, present in sorted(old.get("former_names", {}).items()):
        if name not in kept and present in new["members"]:
            yield change("former-name-gone", f"{place}.{_public(present)}", old=name)


def compare_documented(
    place: str, old: Contract, new: Contract, strict: tuple[Contract, Contract]
) -> Iterator[Finding]:
    """Yield the limits of a class that only the level `strict` checks otherwise; `strict` has what it checks."""
    for name in sorted(old["members"].keys() & new["members"].keys()):
        plain = [_parse(name, each["members"][name]) for each in (old, new)]
        checked = [
            _parse(name, each.get(name, side["members"][name])) for each, side in zip(strict, (old, new), strict=True)
        ]
        if plain[0] == plain[1] and checked[0].checked != checked[1].checked:
            yield change("documented-limit", f"{place}.{name}", old=checked[0].checked, new=checked[1].checked)


def _members(type_: Contract) -> dict[str, _Member]:
    """Return the members of a class by the names under which they are read."""
    return {_public(name): _parse(name, text) for name, text in type_["members"].items()}


def _public(name: str) -> str:
    """Return the name of a member without the underscore of the field behind a deprecated one."""
    return name.removeprefix("_")


def _parse(name: str, text: str) -> _Member:
    typed, _, api_name = text.partition(", in the API ")
    annotation, _, default = typed.partition(" = ")
    plain = _META.sub(r"\1", annotation).split(" | ")
    types = [each for each in plain if each not in _MISSING]
    return _Member(
        checked=" | ".join(each for each in annotation.split(" | ") if each not in _MISSING),
        type=" | ".join(types),
        types=frozenset(types),
        required=not default,
        sends_null="None" in plain and default != "None",
        api_name=api_name or name,
        deprecated=name.startswith("_"),
    )


def _guess(before: dict[str, _Member], after: dict[str, _Member]) -> dict[str, str]:
    """Guess which members were renamed: those with the same name in the API, or with the same type and a like name."""
    gone = {name: before[name] for name in before.keys() - after.keys()}
    added = {name: after[name] for name in after.keys() - before.keys()}
    found: dict[str, str] = {}
    only = len(gone) == len(added) == 1
    for name in sorted(gone):
        ratios = {
            other: 2.0 if each.api_name == gone[name].api_name else SequenceMatcher(None, name, other).ratio() + only
            for other, each in added.items()
            if (each.types == gone[name].types or each.api_name == gone[name].api_name) and other not in found.values()
        }
        best = max(sorted(ratios), key=lambda other: ratios[other], default="")
        if best and ratios[best] >= _SIMILAR:
            found[name] = best
    return found


def _request(place: str, old: _Member, new: _Member) -> Iterator[Finding]:
    if old.api_name != new.api_name:
        yield change("api-name", place, old=old.api_name, new=new.api_name)
    if old.required != new.required:
        yield change("member-required" if new.required else "member-optional", place)
    if old.types != new.types:
        kind = "member-wider" if old.types <= new.types else "member-type"
        yield change(kind, place, old=old.type, new=new.type)
    elif old.checked != new.checked:
        yield change("enforced-limit", place, old=old.checked, new=new.checked)
    if old.sends_null != new.sends_null and not (old.required or new.required):
        words = ("left out", "sent as null")
        yield change("member-null", place, old=words[old.sends_null], new=words[new.sends_null])
    elif old.sends_null != new.sends_null:
        yield change("member-wider" if new.sends_null else "member-type", place, **_with_null(old, new))


def _with_null(old: _Member, new: _Member) -> dict[str, str]:
    shown = [each.type + (" | None" if each.sends_null else "") for each in (old, new)]
    return {"old": shown[0], "new": shown[1]}


def _reply(place: str, old: _Member, new: _Member) -> Iterator[Finding]:
    if old.deprecated != new.deprecated:
        yield change("member-deprecated" if new.deprecated else "member-undeprecated", place)
    if old.api_name != new.api_name:
        yield change("reply-name", place, old=old.api_name, new=new.api_name)
    if old.required != new.required:
        words = ("an optional member", "an identifier")
        yield change("identifier", place, old=words[old.required], new=words[new.required])
    if old.types != new.types:
        related = not old.types.isdisjoint(new.types)
        kind = "reply-type" if not related else "reply-wider" if old.types <= new.types else "reply-narrower"
        yield change(kind, place, old=old.type, new=new.type)
