"""The members of a session request by their paths, as columns of a table name them: `source.number`.

A path is made of the API's names; a number is a place in a list, counted from 0 (`preferred_experiences.0`). Which
paths there are, and what kind of value stands there, is read from `SessionRequest`.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final, Self, TypeGuard, cast

from msgspec import inspect

from checkout_async.errors import ConfigurationError
from checkout_async.models import sessions
from checkout_async.redaction import sanitize

__all__ = ["Field", "Node", "Place", "Step", "field_paths", "find_field", "nest", "refuse_twice", "typed_request"]

_NUMBER: Final = re.compile("[0-9]{1,4}")
_WHOLE_NUMBER: Final = re.compile("-?[0-9]{1,18}")  # what fits into 64 bits, also with leading zeros as in a month
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}

Step = str | int
"""One step of a path: a member's name, or a number in a list."""

Place = tuple[tuple[Step, ...], Step]
"""The steps to an object or list, and the last one, inside it."""


@dataclass(slots=True)
class Node:
    """What may stand at a path: an object with members, a list of items, or a value.

    `kinds` says what a value may be beside text.
    """

    members: dict[str, Node] = field(default_factory=dict["str", "Node"])
    item: Node | None = None
    kinds: set[type] = field(default_factory=set[type])

    @property
    def is_value(self) -> bool:
        """Whether a single value stands here."""
        return not self.members and self.item is None

    def inside(self, step: str) -> Node | None:
        """Return what a step leads to, or None."""
        if self.item is not None:
            return self.item if _NUMBER.fullmatch(step) else None
        return self.members.get(step)

    def paths(self, path: str = "") -> Iterator[str]:
        """Yield the paths of all values, the first place for each list."""
        if self.item is not None:
            yield from self.item.paths(f"{path}.0")
        for name, member in self.members.items():
            yield from member.paths(f"{path}.{name}" if path else name)
        if self.is_value:
            yield path

    def typed(self, value: object) -> object:
        """Return a value as JSON would have it: where no text belongs, whole numbers and booleans for their texts.

        What cannot be read as such stays as it is; the check before sending refuses it. So it is with `65.00`: who
        writes an amount like that does not mean the minor unit.
        """
        if _is_object(value):
            return {name: self.members[name].typed(member) for name, member in value.items()}
        if _is_list(value) and self.item is not None:
            return [self.item.typed(each) for each in value]
        if int in self.kinds and isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            return int(value)
        if bool in self.kinds and isinstance(value, str):
            return _BOOLEANS.get(value.lower(), value)
        return value

    def merge(self, type_: inspect.Type) -> Self:
        """Add what a type of the specification lets stand here."""
        match type_:
            case inspect.UnionType():
                for each in type_.types:
                    self.merge(each)
            case inspect.StructType():
                if type_.tag_field is not None:
                    self.members.setdefault(type_.tag_field, Node())
                for member in type_.fields:
                    self.members.setdefault(member.encode_name, Node()).merge(member.type)
            case inspect.ListType():
                self.item = (self.item or Node()).merge(type_.item_type)
            case inspect.IntType():
                self.kinds.add(int)
            case inspect.BoolType():
                self.kinds.add(bool)
            case inspect.DateTimeType():
                self.kinds.add(datetime)
            case _:
                pass  # a text, also where the specification makes more of it
        return self


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list)


@cache
def _request() -> Node:
    return Node().merge(inspect.type_info(sessions.SessionRequest))


def field_paths() -> Sequence[str]:
    """Return the paths of all members that a session request may have, in the order of the specification."""
    return tuple(_request().paths())


def typed_request(request: Mapping[str, object]) -> Mapping[str, object]:
    """Return a request of known fields as JSON would have it; see `Node.typed`."""
    return cast("Mapping[str, object]", _request().typed(request))


@dataclass(frozen=True, slots=True)
class Field:
    """A column: the path that names it, its place, and what stands there."""

    path: str
    place: Place
    node: Node = field(repr=False)

    def read(self, text: str) -> object:
        """Return the value that a text means here; see `Node.typed`."""
        return self.node.typed(text) if self.node.kinds else text


def find_field(path: str) -> Field:
    """Return the field at a path, a value or an object.

    Raises ConfigurationError that names the path, and the nearest one there is.
    """
    node = _request()
    steps: list[Step] = []
    for name in path.split("."):
        inner = node.inside(name)
        if inner is None:
            raise ConfigurationError(f"unknown column {_named(path)}: a session request has no such member")
        steps.append(name if node.item is None else int(name))
        node = inner
    return Field(path, (tuple(steps[:-1]), steps[-1]), node)


def _named(path: str) -> str:
    near = difflib.get_close_matches(path, field_paths(), n=1)
    return f'"{sanitize(path)}"' + (f' (did you mean "{near[0]}"?)' if near else "")


def refuse_twice(fields: Sequence[Field]) -> None:
    """Raise ConfigurationError if two columns are the same field."""
    names = {each.place: each.path for each in fields}
    for place, count in Counter(each.place for each in fields).most_common(1):
        if count > 1:
            raise ConfigurationError(f'{count} columns are "{names[place]}"; leave one of them')


def nest(cells: Iterable[tuple[Place, object]]) -> dict[str, object]:
    """Return the request whose members stand at these places. A list has its items in order, without gaps."""
    root: dict[Step, object] = {}
    objects: dict[tuple[Step, ...], dict[Step, object]] = {(): root}
    has_lists = False
    for (path, step), value in cells:
        inner = objects.get(path)
        if inner is None:
            inner = objects[path] = _object_at(root, path)
            has_lists = has_lists or any(isinstance(each, int) for each in (*path, step))
        inner[step] = value
    return cast("dict[str, object]", _with_lists(root) if has_lists else root)


def _object_at(root: dict[Step, object], path: tuple[Step, ...]) -> dict[Step, object]:
    for step in path:
        root = cast("dict[Step, object]", root.setdefault(step, {}))
    return root


def _with_lists(value: object) -> object:
    if not isinstance(value, dict):
        return value
    members = cast("dict[Step, object]", value)
    if all(isinstance(step, int) for step in members):
        return [_with_lists(members[step]) for step in sorted(members, key=int)]
    return {step: _with_lists(member) for step, member in members.items()}
