"""JSON as the commands print it: indented, and with secrets masked unless somebody asks for them."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from checkout_async._core.model import RequestModel, ResponseModel, fields_of
from checkout_async.batch.command.console import printable_json
from checkout_async.models import to_json
from checkout_async.redaction import MASK, mask, sanitize

__all__ = ["as_json"]

_MAX_DEPTH: Final = 64
"""A value that is nested deeper in a map is masked as a whole: the interpreter's stack would not hold it."""


def as_json(value: object, *, show_secrets: bool) -> str:
    """Return a value as indented JSON without control characters, which a terminal would obey.

    With secrets, the whole value of a reply is the bytes received. Without, it is what this version knows of it. Of a
    map whose names the specification does not list, such as `metadata`, only the names are shown.
    """
    if show_secrets:
        body = to_json(value) if isinstance(value, RequestModel | ResponseModel) else msgspec.json.encode(value)
    else:
        body = msgspec.json.encode(_masked(value))
    try:
        text = msgspec.json.format(body, indent=2).decode()
    except RecursionError:  # it is nested too deep to be indented
        text = body.decode()
    return printable_json(text)


def _masked(value: object) -> Any:
    if isinstance(value, RequestModel | ResponseModel):
        sensitive = value.__sensitive__
        members: dict[str, Any] = {}
        for field in fields_of(type(value)):
            member = getattr(value, field.name)
            if member is not None and member is not msgspec.UNSET:
                kind = sensitive.get(field.name)
                members[field.encode_name] = _masked(member) if kind is None else mask(member, kind)
        return members
    if isinstance(value, list):
        return [_masked(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        return _masked_map(cast("dict[str, object]", value), 0)
    return value


def _masked_map(members: dict[str, object], depth: int) -> dict[str, Any]:
    """Return a map whose values may be anything: card numbers and tokens included, under names of any spelling."""
    return {sanitize(name): _masked_content(each, depth + 1) for name, each in members.items()}


def _masked_content(value: object, depth: int) -> Any:
    if isinstance(value, RequestModel | ResponseModel):
        return _masked(value)
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return _masked_map(cast("dict[str, object]", value), depth)
    if depth < _MAX_DEPTH and isinstance(value, list):
        return [_masked_content(each, depth + 1) for each in cast("list[object]", value)]
    return MASK
