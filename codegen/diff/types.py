"""Compares the types of two contracts: classes, enums and unions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from codegen.contract import Contract
from codegen.diff.finding import Finding, change
from codegen.diff.guesses import guess_renames
from codegen.diff.members import compare_documented, compare_members
from codegen.diff.operations import flat
from codegen.passes.directions import SUFFIX


def rename_types(old: Contract, new: Contract) -> dict[str, str]:
    """Guess which types have another name now: those that have most of their members, values or variants in common."""
    before, after = _by_name(old["types"]), _by_name(new["types"])
    gone = {name: _essence(before[name]) for name in before.keys() - after.keys()}
    added = {name: _essence(after[name]) for name in after.keys() - before.keys()}
    return guess_renames(gone, added)


def with_names(contract: Contract, renamed: Mapping[str, str]) -> Contract:
    """Return a contract with other names of types, so that a renamed type is one change and not one for each use."""
    if not renamed:
        return contract
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, renamed))})\b")
    return {
        **contract,
        **{
            part: json.loads(pattern.sub(lambda found: renamed[found[0]], json.dumps(contract[part])))
            for part in ("operations", "types", "strict")
        },
    }


def compare_types(old: Contract, new: Contract, renamed: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the changes of types. The old contract has the new names of types that were renamed."""
    before, after = _by_name(old["types"]), _by_name(new["types"])
    modules = [_modules(each["types"]) for each in (old, new)]
    reached = [_reached_operations(each) for each in (old, new)]
    for name in sorted(before.keys() | after.keys()):
        operations = tuple(sorted({*reached[0].get(name, ()), *reached[1].get(name, ())}))
        for finding in _named(name, before, after, modules, renamed):
            yield replace(finding, operations=operations)
        if name in before and name in after and before[name]["kind"] == after[name]["kind"] == "sent":
            limits = (_strict(old, modules[0][name], name), _strict(new, modules[1][name], name))
            place = f"{modules[1][name]}.{name}"
            for finding in compare_documented(place, before[name], after[name], limits):
                yield replace(finding, operations=operations)


def _strict(contract: Contract, module: str, name: str) -> Contract:
    """Return the members of a class with limits that the level `strict` checks."""
    found: Contract = contract["strict"].get(module, {}).get(name, {})
    return found


def _named(
    name: str,
    before: Mapping[str, Contract],
    after: Mapping[str, Contract],
    modules: list[dict[str, str]],
    renamed: Mapping[str, str],
) -> Iterator[Finding]:
    if name not in after:
        yield change("type-gone", f"{modules[0][name]}.{name}")
        return
    place = f"{modules[1][name]}.{name}"
    if name not in before:
        yield change("type-new", place)
        return
    for old_name in (old for old, new in renamed.items() if new == name and not _is_twin(old, new, renamed)):
        yield change("type-renamed", f"{modules[0][name]}.{old_name}", new=name, became=place)
    if modules[0][name] != modules[1][name]:
        moved = f"{modules[0][name]}.{name}"
        yield change("type-moved", moved, old=modules[0][name], new=modules[1][name], became=place)
    yield from _compare(place, before[name], after[name])


def _compare(place: str, old: Contract, new: Contract) -> Iterator[Finding]:
    if old["kind"] != new["kind"]:
        yield change("type-kind", place, old=old["kind"], new=new["kind"])
    elif old["kind"] == "enum":
        yield from _enum(place, old, new)
    elif old["kind"] == "union":
        for name in sorted({*new["members"]} - {*old["members"]}):
            yield change("union-wider", place, new=name)
        for name in sorted({*old["members"]} - {*new["members"]}):
            yield change("union-narrower", place, old=name)
    else:
        if old.get("tag") != new.get("tag"):
            yield change("tag", place, old=old.get("tag"), new=new.get("tag"))
        yield from compare_members(place, old, new)


def _enum(place: str, old: Contract, new: Contract) -> Iterator[Finding]:
    before, after = old["values"], new["values"]
    renamed = {
        name: other
        for name in before.keys() - after.keys()
        for other in after.keys() - before.keys()
        if before[name] == after[other]
    }
    for name in sorted(before.keys() - after.keys()):
        if name in renamed:
            yield change("value-renamed", f"{place}.{name}", new=renamed[name], became=f"{place}.{renamed[name]}")
        else:
            yield change("value-gone", f"{place}.{name}")
    for name in sorted(after.keys() - before.keys() - {*renamed.values()}):
        yield change("value-new", f"{place}.{name}")
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield change("value-text", f"{place}.{name}", old=before[name], new=after[name])
    if old.get("aliases") != new.get("aliases"):
        yield change("value-aliases", place, old=old.get("aliases"), new=new.get("aliases"))


def _by_name(types: Mapping[str, Mapping[str, Any]]) -> dict[str, Contract]:
    """Return the types by name, which is unique across modules."""
    return {name: value for members in types.values() for name, value in members.items()}


def _modules(types: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: module for module, members in types.items() for name in members}


def _essence(type_: Contract) -> list[str]:
    held = type_.get("members") or type_.get("values") or ()
    return [f"kind {type_['kind']}", *held]


def _is_twin(old: str, new: str, renamed: Mapping[str, str]) -> bool:
    """Return whether this is the class for replies of a schema that has another class for requests."""
    return old.endswith(SUFFIX) and renamed.get(old.removesuffix(SUFFIX)) == new.removesuffix(SUFFIX)


def one_finding(findings: Iterable[Finding], old: Contract, new: Contract) -> Iterator[Finding]:
    """Yield the findings, for a schema that is sent and received one for both of its classes."""
    types = {**_by_name(old["types"]), **_by_name(new["types"])}
    merged: dict[tuple[str, str, str], Finding] = {}
    for found in findings:
        each, (module, _, rest) = found, found.place.partition(".")
        name, dot, member = rest.partition(".")
        request = name.removesuffix(SUFFIX)
        is_twin = request != name and types.get(request, {}).get("kind") == "sent"
        other = merged.get((each.kind, f"{module}.{request}{dot}{member}", each.text)) if is_twin else None
        if other:
            each = replace(other, operations=tuple(sorted({*other.operations, *each.operations})))
        merged[each.kind, each.place, each.text] = each
    yield from merged.values()


def _reached_operations(contract: Contract) -> dict[str, set[str]]:
    """Return the operations that each type reaches, by its name."""
    types = _by_name(contract["types"])
    uses = {name: _uses(type_) & types.keys() - {name} for name, type_ in types.items()}
    found: dict[str, set[str]] = {}
    for place, operation in flat(contract["operations"]).items():
        texts = [
            operation["signature"],
            operation.get("paging", {}).get("iterator", ""),
            *operation["statuses"].values(),
        ]
        waiting = [*(_names(texts) & types.keys())]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                found.setdefault(name, set()).add(place)
                waiting += uses[name]
    return found


def _uses(type_: Contract) -> set[str]:
    """Return the names in the annotations of a class, or the variants of a union; values of enums are no names."""
    members: dict[str, str] | list[str] = type_.get("members", {})
    annotations = [*members.values()] if isinstance(members, dict) else members
    return _names(text.partition(", in the API ")[0] for text in annotations)


def _names(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in re.findall(r"\w+", text)}
