"""What was marked sensitive in a request, so that no text about the request repeats it: a server may echo anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from checkout_async._core.model import RequestModel, fields_of
from checkout_async._core.validation import union_types
from checkout_async._core.wire import ApiRequest, BodyFormat
from checkout_async.redaction import MASK, Secret

__all__ = ["black_out", "sent_secrets"]

# A CVV has three digits. Shorter values, such as the country of an address, are parts of too many words.
_MIN_LENGTH = 3


def sent_secrets(request: ApiRequest[Any], body: bytes | None) -> list[Secret]:
    """Return the sensitive texts of a request as it was sent, the longest first: one may be a part of another."""
    operation, options = request.operation, request.options
    found = {each for each in (options.session_secret, options.idempotency_key) if each}
    value: object = None
    if body and operation.body_format is BodyFormat.JSON:
        value = msgspec.json.decode(body)
    elif body and operation.body_format is BodyFormat.MULTIPART:
        from checkout_async._core.multipart import text_members  # noqa: PLC0415  # few applications upload files

        value = text_members(request.body)
    if value is not None:
        types = [each.type for each in operation.alternatives] or [operation.request]
        found.update(text for type_ in types for text in _sensitive_texts(value, type_))
    return sorted((Secret(each) for each in found if len(each) >= _MIN_LENGTH), key=len, reverse=True)


def black_out(text: str, secrets: list[Secret]) -> str:
    """Return a text with each secret masked where it stands as a word of its own, in any letter case."""
    for secret in secrets:
        text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", MASK, text, flags=re.IGNORECASE)
    return text


def _sensitive_texts(value: object, type_: Any) -> Iterator[str]:
    """Yield the texts in the members that a type marks as sensitive, at any depth."""
    if isinstance(value, list):
        items = {each for option in union_types(type_) for each in getattr(option, "__args__", ())}
        yield from (
            text for item in cast("list[object]", value) for kind in items for text in _sensitive_texts(item, kind)
        )
    if not isinstance(value, dict):
        return
    members = cast("dict[str, object]", value)
    for option in union_types(type_):
        if not (isinstance(option, type) and issubclass(option, RequestModel)):
            continue
        former = {name: key for key, name in option.__former_keys__.items()}
        for field in fields_of(option):
            # A body that was not checked is sent under the name that it came with.
            for name in {field.encode_name, former.get(field.encode_name, field.encode_name)}:
                member, masked = members.get(name), field.name in option.__sensitive__
                yield from _texts(member) if masked else _sensitive_texts(member, field.type)


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        members = cast("dict[str, object]", value).values() if isinstance(value, dict) else cast("list[object]", value)
        yield from (text for member in members for text in _texts(member))
