"""Request bodies: checked by level, then written as JSON or as a form.

A body is packed, read again as its type, and written from the value that was read. So what is sent is what was checked,
a Struct and a mapping of the same content give the same bytes, and enum values are sent in the listed spelling.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import UnionType
from typing import Any, Final, Union, cast, get_args, get_origin
from urllib.parse import urlencode

import msgspec

from checkout_async._core.model import RequestModel, known_values_only
from checkout_async._core.validation import explain, respell_tag
from checkout_async.config import Validation
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import SecretBytes, sanitize

__all__ = ["SEND_ANYWAY", "documented_lengths", "encode_body", "encode_form", "strict_type"]

SEND_ANYWAY: Final = 'pass validate="off" to send it all the same'
_ADD_MEMBER: Final = 'pass a member that the specification does not know yet as extra_body, or validate="off"'


def _to_builtin(value: object) -> object:
    """Convert what msgspec does not encode by itself: any mapping, and subclasses of str."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


# NaN and the infinities as MessagePack writes them. In text these bytes cannot follow one another.
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")

_json = msgspec.json.Encoder(enc_hook=_to_builtin)
# MessagePack keeps bytes apart from text, while the JSON encoder would write them as base64 without asking.
_pack = msgspec.msgpack.Encoder(enc_hook=_to_builtin)


def encode_body(
    operation: str,
    body: object,
    type_: Any,
    *,
    validate: Validation = "shape",
    extra: Mapping[str, object] | None = None,
) -> SecretBytes:
    """Return a request body, a Struct or a mapping of the same shape, as JSON.

    `validate` is the level it is checked at: `shape` against `type_`, `strict` against the type with every documented
    limit, `off` not at all. `extra` is merged into the body after the check. Raises InvalidRequest, without a value of
    the body.
    """
    encoder = _json if validate == "off" else _pack
    encoded, defect = _encode(encoder, body)
    packed = _encode(_pack, body)[0] if validate == "off" else encoded
    del body  # a traceback may show the locals
    if defect:
        reason = f"the body cannot be written as JSON: {defect}"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, reason=reason)
    if validate == "off":
        _refuse_what_json_lacks(operation, packed, "$")
    else:
        encoded = _checked_json(operation, packed, type_ if validate == "shape" else strict_type(type_))
    return encoded if extra is None else _with_extra(operation, encoded, extra)


def encode_form(operation: str, body: bytes) -> SecretBytes:
    """Convert an encoded JSON object of text members to `application/x-www-form-urlencoded`."""
    try:
        members = msgspec.json.decode(body, type=dict[str, str])
        return SecretBytes(urlencode(members).encode("ascii"))
    except msgspec.ValidationError as error:
        path, reason = explain(str(error), [], dict[str, str])
    raise InvalidRequest(f"{operation}: {path}: {reason}", operation=operation, path=path, reason=reason)


@cache
def strict_type(type_: Any) -> Any:
    """Return the type with every documented limit that stands beside a generated request type.

    The strict modules are loaded here, when the first call asks for them.
    """
    if isinstance(type_, type) and issubclass(type_, RequestModel):
        module = type_.__module__.replace("._generated.models.", "._generated.strict.")
        return type_ if module == type_.__module__ else getattr(import_module(module), type_.__name__)
    if get_origin(type_) in {Union, UnionType}:
        union: Any = Union
        return union[tuple(strict_type(each) for each in get_args(type_))]
    return cast("Any", type_)


@cache
def documented_lengths(type_: type[RequestModel]) -> dict[str, int]:
    """Return the documented maximum lengths of the text members of a generated request type, by Python name."""
    lengths: dict[str, int] = {}
    for member in msgspec.structs.fields(strict_type(type_)):
        kind = msgspec.inspect.type_info(member.type)
        for each in kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,):
            if isinstance(each, msgspec.inspect.StrType) and each.max_length is not None:
                lengths[member.name] = each.max_length
    return lengths


def _encode(encoder: Any, body: object) -> tuple[SecretBytes, str]:
    """Return an encoded body and an empty text, or nothing and the reason why it cannot be encoded."""
    try:
        return SecretBytes(encoder.encode(body)), ""
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return SecretBytes(), sanitize(str(error))


_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def _checked_json(operation: str, packed: SecretBytes, type_: Any) -> SecretBytes:
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.msgpack.Decoder(type_)
    # Most bodies have no float at all, and a search for its first byte is over at once.
    if packed.find(b"\xcb") >= 0 and _NOT_FINITE.search(packed):
        _refuse_what_json_lacks(operation, packed, "$")
    with known_values_only() as refused:
        try:
            return SecretBytes(_json.encode(decoder.decode(packed)))
        except msgspec.ValidationError as error:
            message = str(error)
        corrected, message = _correct(packed, type_, message)
        if corrected is not None:
            return SecretBytes(_json.encode(corrected))
        path, reason = explain(message, refused, type_)
    # Raised outside the handlers: the cause would carry the offending value into tracebacks.
    hint = _ADD_MEMBER if "unknown field" in reason else SEND_ANYWAY
    raise InvalidRequest(f"{operation}: {path}: {reason} ({hint})", operation=operation, path=path, reason=reason)


def _refuse_what_json_lacks(operation: str, packed: bytes, root: str) -> None:
    """Raise InvalidRequest for bytes and for numbers that are not finite, as MessagePack writes them.

    The JSON encoder would write base64 and null in their place. An amount that is null captures everything.
    """
    found = _path_to_unwritable(msgspec.msgpack.decode(packed), root) if packed else None
    del packed  # a traceback may show the locals
    if found is not None:
        path, reason = found
        raise InvalidRequest(f"{operation}: {path}: {reason}", operation=operation, path=path, reason=reason)


def _path_to_unwritable(value: object, path: str) -> tuple[str, str] | None:
    """Return the JSON path of the first value that JSON cannot write, and what is wrong with it, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        return path, "must be a finite number"
    if isinstance(value, bytes):
        return path, "must be text, not bytes"
    members: list[tuple[str, object]] = []
    if isinstance(value, dict):
        members = [(f".{sanitize(str(name))}", member) for name, member in cast("dict[object, object]", value).items()]
    elif isinstance(value, list):
        members = [(f"[{index}]", item) for index, item in enumerate(cast("list[object]", value))]
    found = (_path_to_unwritable(member, path + step) for step, member in members)
    return next((each for each in found if each is not None), None)


def _correct(packed: SecretBytes, type_: Any, message: str) -> tuple[object, str]:
    """Correct what the API does not mind, and try again; return the checked value, or None and the last message.

    100.0 is a whole number, since JSON has one kind of number. The tag of a variant may be spelt loosely, as an enum
    value may: msgspec compares tags exactly.
    """
    body: Any = msgspec.msgpack.decode(packed)
    seen: set[str] = set()
    while message not in seen:
        seen.add(message)
        if "got `float`" in message:
            body = _with_whole_numbers(body)
        elif message.startswith("Invalid value"):
            respell_tag(body, message, type_)
        try:
            return msgspec.convert(body, type_), ""
        except msgspec.ValidationError as error:
            message = str(error)
    return None, message


def _with_whole_numbers(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _with_whole_numbers(member) for name, member in cast("dict[str, object]", value).items()}
    return [_with_whole_numbers(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def _with_extra(operation: str, encoded: SecretBytes, extra: Mapping[str, object]) -> SecretBytes:
    """Return a body with the members of `extra` added. Objects merge at any depth, lists replace."""
    is_mapping = isinstance(cast("object", extra), Mapping)
    added, defect = _encode(_json, extra) if is_mapping else (SecretBytes(), "it must be a mapping of names to values")
    packed = _encode(_pack, extra)[0] if is_mapping else SecretBytes()
    del extra  # a traceback may show the locals
    if defect:
        reason = f"extra_body cannot be written as JSON: {defect}"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, path="extra_body", reason=reason)
    _refuse_what_json_lacks(operation, packed, "extra_body")
    body: Any = msgspec.json.decode(encoded)
    if not isinstance(body, dict):
        reason = "extra_body can be added to an object only"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, path="extra_body", reason=reason)
    path = _merge(cast("dict[str, Any]", body), msgspec.json.decode(added), "$")
    if path is None:
        return SecretBytes(_json.encode(body))
    del body
    reason = "extra_body has a member that the body sets already; set it in one of them"
    raise InvalidRequest(f"{operation}: {path}: {reason}", operation=operation, path=path, reason=reason)


def _merge(body: dict[str, Any], extra: dict[str, Any], path: str) -> str | None:
    """Add members to a body in place. Return the path of a member that is set already, or None."""
    for name, value in extra.items():
        present, here = body.get(name), f"{path}.{sanitize(name)}"
        if isinstance(present, dict) and isinstance(value, dict):
            conflict = _merge(cast("dict[str, Any]", present), cast("dict[str, Any]", value), here)
            if conflict is not None:
                return conflict
        elif name in body and not (isinstance(present, list) and isinstance(value, list)):
            return here
        else:
            body[name] = value
    return None
