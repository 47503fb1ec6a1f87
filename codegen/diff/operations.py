"""Compares the operations of two contracts: how each is sent, repeated and authorised, its arguments and replies."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from codegen.contract import Contract
from codegen.diff.finding import Finding, change
from codegen.diff.guesses import guess_renames

# A fact of an operation that is one value, and the kind of its change.
_FACTS: Final = {
    "line": "http-line",
    "repetition": "retry-class",
    "key": "idempotency-header",
    "key_lifetime": "key-lifetime",
    "reference": "reference",
    "scopes": "scopes",
    "session_secret": "session-secret",
    "secret_key": "secret-key",
    "alternatives": "body-recognition",
}


_SEVERAL: Final = {"": "", "repeated": ", repeated for each value", "joined": ", its values joined by commas"}


class _Argument(NamedTuple):
    annotation: str
    required: bool
    positional: bool


def compare_operations(old: Contract, new: Contract) -> Iterator[Finding]:
    """Yield the changes from the operations of one contract to those of another."""
    before, after = flat(old["operations"]), flat(new["operations"])
    gone, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    renamed = guess_renames(
        {name: _essence(before[name]) for name in gone}, {name: _essence(after[name]) for name in added}
    )
    for name in gone:
        if name in renamed:
            yield change("operation-renamed", name, new=renamed[name], became=renamed[name])
            yield from _operation(renamed[name], before[name], after[renamed[name]])
        else:
            yield change("operation-gone", name)
    yield from (change("operation-new", name) for name in added if name not in renamed.values())
    for name in sorted(before.keys() & after.keys()):
        yield from _operation(name, before[name], after[name])
    yield from _servers(old.get("servers", {}), new.get("servers", {}))
    yield from _facts(old.get("facts", {}), new.get("facts", {}))


def flat(tree: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries of all groups by `group.name`."""
    return {f"{group}.{name}": value for group, members in tree.items() for name, value in members.items()}


def _essence(operation: Contract) -> list[str]:
    return [operation["line"], *(f"{name} {each['in']}" for name, each in operation["parameters"].items())]


def _servers(old: Contract, new: Contract) -> Iterator[Finding]:
    """Yield the changes of where calls go. A place is `servers.group.environment`."""
    before, after = flat(old), flat(new)
    for name in sorted(before.keys() | after.keys()):
        place = f"servers.{name}"
        if name not in after:
            yield change("server-gone", place, old=before[name])
        elif name not in before:
            yield change("server-new", place, new=after[name])
        elif before[name] != after[name]:
            yield change("server", place, old=before[name], new=after[name])


def _facts(old: Contract, new: Contract) -> Iterator[Finding]:
    """Yield the changes of what the package reads by itself. What an older version did not state was no fact then."""
    kinds = (("names", "read-name", None), ("visible", "visible-header", "hidden"), ("amounts", "amount", None))
    for group, kind, missing in kinds if old else ():
        before, after = old.get(group, {}), new.get(group, {})
        for name in sorted(before.keys() | after.keys()):
            was, now = (each.get(name, each.get("other", missing)) for each in (before, after))
            if was != now:
                yield change(kind, f"facts.{name}", old=was, new=now)


def _operation(name: str, old: Contract, new: Contract) -> Iterator[Finding]:
    has_key = "key" in old and "key" in new
    for fact, kind in _FACTS.items():
        if old.get(fact) != new.get(fact) and (has_key or kind != "key-lifetime"):
            yield change(kind, name, old=old.get(fact), new=new.get(fact))
    yield from _statuses(name, old["statuses"], new["statuses"])
    yield from _signature(name, old["signature"], new["signature"])
    yield from _parameters(name, old["parameters"], new["parameters"])
    yield from _paging(name, old, new)
    formats = [each.get("body", "").split(" ")[0] for each in (old, new)]
    if all(formats) and formats[0] != formats[1]:
        yield change("body-format", name, old=formats[0], new=formats[1])


def _statuses(name: str, old: Contract, new: Contract) -> Iterator[Finding]:
    for status in sorted(old.keys() | new.keys()):
        if old.get(status) != new.get(status):
            is_success = status.startswith("2")
            missing = "an error" if is_success else "nothing"
            kind = "success-status" if is_success else "error-status"
            shown = {side: _body(each.get(status, missing)) for side, each in (("old", old), ("new", new))}
            yield change(kind, name, status=status, **shown)


def _body(type_: str) -> str:
    return "a reply without a body" if type_ == "None" else type_


def _signature(name: str, old: str, new: str) -> Iterator[Finding]:
    (before, old_result), (after, new_result) = _parse_signature(old), _parse_signature(new)
    gone = {each: [before[each].annotation, str(before[each].required)] for each in before.keys() - after.keys()}
    added = {each: [after[each].annotation, str(after[each].required)] for each in after.keys() - before.keys()}
    renamed = guess_renames(gone, added) if len(gone) == len(added) == 1 else {}
    for argument in sorted(gone):
        kind = "argument-renamed" if argument in renamed else "argument-gone"
        yield change(kind, name, old=argument, new=renamed.get(argument))
    for argument in sorted(added.keys() - {*renamed.values()}):
        yield change("argument-required" if after[argument].required else "argument-new", name, new=argument)
    for argument in sorted(before.keys() & after.keys()):
        yield from _argument(name, argument, before[argument], after[argument])
    yield from _order(name, before, after)
    if old_result != new_result:
        yield change("result", name, old=old_result, new=new_result)


def _argument(name: str, argument: str, old: _Argument, new: _Argument) -> Iterator[Finding]:
    if old.required != new.required:
        optional = "argument-optional" if new.positional else "argument-keyword"
        yield change("argument-required" if new.required else optional, name, new=argument)
    arms = [{*each.annotation.split(" | ")} - {"None"} for each in (old, new)]
    if arms[0] != arms[1]:
        kind = "argument-wider" if arms[0] <= arms[1] else "argument-type"
        yield change(kind, name, name=argument, old=old.annotation, new=new.annotation)


def _order(name: str, before: dict[str, _Argument], after: dict[str, _Argument]) -> Iterator[Finding]:
    """Yield a change of the order of what is passed by position. If each place keeps its type, no checker sees it."""
    by_position = [[name for name, argument in side.items() if argument.positional] for side in (before, after)]
    kept = [[each for each in side if each in by_position[0] and each in by_position[1]] for side in by_position]
    if kept[0] != kept[1]:
        types = [[before[each].annotation for each in order] for order in kept]
        kind = "argument-order" if types[0] == types[1] else "argument-places"
        yield change(kind, name, old=kept[0], new=kept[1])


def _parse_signature(signature: str) -> tuple[dict[str, _Argument], str]:
    """Return the arguments of a signature in order, and the type of the result."""
    (function,) = ast.parse(f"def f{signature}: ...").body
    assert isinstance(function, ast.FunctionDef)
    assert function.returns is not None
    positional, keyword = function.args.args, function.args.kwonlyargs
    first_default = len(positional) - len(function.args.defaults)
    found = {each.arg: (each, index < first_default, True) for index, each in enumerate(positional)}
    found |= {
        each.arg: (each, default is None, False)
        for each, default in zip(keyword, function.args.kw_defaults, strict=True)
    }
    arguments = {
        name: _Argument(ast.unparse(each.annotation) if each.annotation else "", required, by_position)
        for name, (each, required, by_position) in found.items()
    }
    return arguments, ast.unparse(function.returns)


def _parameters(name: str, old: Contract, new: Contract) -> Iterator[Finding]:
    """Yield how the parameters of both versions are sent and checked otherwise. What is gone or new is an argument."""
    by_name: list[dict[str, Contract]] = [
        {each["name"]: {**each, "sent": _sent(own, each)} for own, each in side.items()} for side in (old, new)
    ]
    for argument in sorted(by_name[0].keys() & by_name[1].keys()):
        before, after = (side[argument] for side in by_name)
        place = f"{name}.{argument}"
        if before["sent"] != after["sent"]:
            yield change("parameter-sent", place, old=before["sent"], new=after["sent"])
        limits: list[Contract] = [each.get("limits", {}) for each in (before, after)]
        enforced = [{key: each["limits"][key] for key in each.get("enforced", [])} for each in (before, after)]
        if enforced[0] != enforced[1]:
            yield change("parameter-enforced", place, old=enforced[0], new=enforced[1])
        elif limits[0] != limits[1]:
            yield change("parameter-documented", place, old=limits[0], new=limits[1])


def _sent(name: str, parameter: Contract) -> str:
    return f"{parameter['in']} `{name}`{_SEVERAL[parameter.get('several', '')]}"


def _paging(name: str, old: Contract, new: Contract) -> Iterator[Finding]:
    before: Contract | None = old.get("paging")
    after: Contract | None = new.get("paging")
    if before is None or after is None:
        if after is not None:
            yield change("paging-new", name, new=after["iterator"])
        elif before is not None:
            yield change("paging-gone", name, old=before["iterator"])
        return
    if _has_own_change(old, new):
        yield change("iterator", name, old=before["iterator"], new=after["iterator"])
    rules = [{key: value for key, value in each.items() if key != "iterator"} for each in (before, after)]
    if rules[0] != rules[1]:
        yield change("paging-rule", name, old=rules[0], new=rules[1])


def _has_own_change(old: Contract, new: Contract) -> bool:
    """Return whether an iterator changed otherwise than the operation, whose arguments it takes, too."""
    sides = [each["paging"]["iterator"].partition("(") for each in (old, new)]
    (before, old_item), (after, new_item) = (_parse_signature(f"({signature}") for _, _, signature in sides)
    if sides[0][0] != sides[1][0] or old_item != new_item:
        return True
    of_call = [_parse_signature(each["signature"])[0] for each in (old, new)]
    changed = [each for each in before.keys() | after.keys() if before.get(each) != after.get(each)]
    return any([before.get(each), after.get(each)] != [side.get(each) for side in of_call] for each in changed)
