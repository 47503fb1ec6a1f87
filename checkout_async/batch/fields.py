"""The members of a session request by their paths, as columns of a table name them: `source.number`.

A path consists of the API's names; a number is a position in a list, counted from 0 (`preferred_experiences.0`). The
paths and the types of their values are read from `SessionRequest`.
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

from checkout_async.errors import BatchFileError
from checkout_async.models import sessions
from checkout_async.redaction import sanitize

__all__ = [
    "Field",
    "FieldNode",
    "FieldPath",
    "Step",
    "field_paths",
    "find_field",
    "reject_duplicates",
    "typed_request",
    "unflatten",
]

_NUMBER: Final = re.compile("[0-9]{1,4}")
_WHOLE_NUMBER: Final = re.compile("-?[0-9]{1,18}")  # what fits into 64 bits, also with leading zeros as in a month
_NAME: Final = re.compile(r"(?!.*\d{3})[^\W\d].{0,99}")  # what may be shown of a header
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}

Step = str | int
"""One step of a path: a member's name, or a number in a list."""

FieldPath = tuple[tuple[Step, ...], Step]
"""The steps to an object or list, and the last step inside it."""


@dataclass(slots=True)
class FieldNode:
    """What a path leads to: an object with members, a list of items, or a value.

    `kinds` are the types that a value may have in addition to text.
    """

    members: dict[str, FieldNode] = field(default_factory=dict["str", "FieldNode"])
    item: FieldNode | None = None
    kinds: set[type] = field(default_factory=set[type])

    @property
    def is_value(self) -> bool:
        """Whether this is a single value."""
        return not self.members and self.item is None

    def inside(self, step: str) -> FieldNode | None:
        """Return the node that a step leads to, or None."""
        if self.item is not None:
            return self.item if _NUMBER.fullmatch(step) else None
        return self.members.get(step)

    def paths(self, path: str = "") -> Iterator[str]:
        """Yield the paths of all values, with the first position of each list."""
        if self.item is not None:
            yield from self.item.paths(f"{path}.0")
        for name, member in self.members.items():
            yield from member.paths(f"{path}.{name}" if path else name)
        if self.is_value:
            yield path

    def typed(self, value: object) -> object:
        """Return a value as in JSON: the text of a whole number or a boolean becomes one where no text is allowed.

        A text that is neither stays as it is, and the check before sending refuses it. That includes `65.00`: an
        amount written like that is probably not in the minor unit.
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
        """Add what a type of the specification allows here."""
        match type_:
            case inspect.UnionType():
                for each in type_.types:
                    self.merge(each)
            case inspect.StructType():
                if type_.tag_field is not None:
                    self.members.setdefault(type_.tag_field, FieldNode())
                for member in type_.fields:
                    self.members.setdefault(member.encode_name, FieldNode()).merge(member.type)
            case inspect.ListType():
                self.item = (self.item or FieldNode()).merge(type_.item_type)
            case inspect.IntType():
                self.kinds.add(int)
            case inspect.BoolType():
                self.kinds.add(bool)
            case inspect.DateTimeType():
                self.kinds.add(datetime)
            case _:
                pass  # a text, including texts that the specification restricts
        return self


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list)


@cache
def _request() -> FieldNode:
    return FieldNode().merge(inspect.type_info(sessions.SessionRequest))


def field_paths() -> Sequence[str]:
    """Return the paths of all members that a session request may have, in the order of the specification."""
    return tuple(_request().paths())


def typed_request(request: Mapping[str, object]) -> Mapping[str, object]:
    """Return a request of known fields as in JSON; see `FieldNode.typed`."""
    return cast("Mapping[str, object]", _request().typed(request))


@dataclass(frozen=True, slots=True)
class Field:
    """A column: the path that names it, its place in the request, and the node there."""

    path: str
    place: FieldPath
    node: FieldNode = field(repr=False)

    def read(self, text: str) -> object:
        """Return the value of a cell's text; see `FieldNode.typed`."""
        return self.node.typed(text) if self.node.kinds else text


def find_field(path: str, column: int = 0) -> Field:
    """Return the field at a path, a value or an object, for the column with this number, if that is known.

    Raises BatchFileError that names the path and the nearest known one.
    """
    node = _request()
    steps: list[Step] = []
    for name in path.split("."):
        inner = node.inside(name)
        if inner is None:
            raise BatchFileError(f"unknown column {_named(path, column)}")
        steps.append(name if node.item is None else int(name))
        node = inner
    return Field(path, (tuple(steps[:-1]), steps[-1]), node)


def _named(path: str, column: int) -> str:
    if path and not _NAME.fullmatch(path):
        # The first row may be one of values, such as a card number and its CVV.
        return f"{column or 'name'}: it is not shown, since it may be a value; the first row has to name the fields"
    near = difflib.get_close_matches(path, field_paths(), n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    return f'"{sanitize(path)}"{hint}: a session request has no such member'


def reject_duplicates(fields: Sequence[Field]) -> None:
    """Raise BatchFileError if two columns are the same field."""
    names = {each.place: each.path for each in fields}
    for place, count in Counter(each.place for each in fields).most_common(1):
        if count > 1:
            raise BatchFileError(f'{count} columns are named "{names[place]}"; keep one of them')


def unflatten(cells: Iterable[tuple[FieldPath, object]]) -> dict[str, object]:
    """Return the request with these values at these places. A list has its items in order, without gaps."""
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
