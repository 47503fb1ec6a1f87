"""JSON as the commands print it: indented, and with secrets masked unless somebody asks for them."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from checkout_async._core.model import RequestModel, ResponseModel, fields_of
from checkout_async.models import to_json
from checkout_async.redaction import mask

__all__ = ["as_json"]


def as_json(value: object, *, show_secrets: bool) -> str:
    """Return a value as indented JSON.

    With secrets, the whole value of a reply is the bytes received. Without, it is what this version knows of it.
    """
    if show_secrets:
        body = to_json(value) if isinstance(value, RequestModel | ResponseModel) else msgspec.json.encode(value)
    else:
        body = msgspec.json.encode(_masked(value))
    return msgspec.json.format(body, indent=2).decode()


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
        return {name: _masked(each) for name, each in cast("dict[str, object]", value).items()}
    return value
