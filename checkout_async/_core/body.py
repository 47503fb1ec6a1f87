"""Request bodies: checked by level, then written as JSON or as a form.

A body is packed, read again as its type, and written from the value that was read. So what is sent is what was checked,
a Struct and a mapping of the same content give the same bytes, and enum values are sent in the listed spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin
from urllib.parse import urlencode

import msgspec

from checkout_async._core.model import RequestModel, module_beside
from checkout_async._core.validation import encode, explain, pack, read, refuse_what_json_lacks, to_builtin
from checkout_async.config import Validation
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import SecretBytes, sanitize

__all__ = ["documented_lengths", "encode_body", "encode_form", "strict_type"]

_json = msgspec.json.Encoder(enc_hook=to_builtin)


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
    encoder = _json if validate == "off" else pack
    encoded, defect = encode(encoder, body)
    packed = encode(pack, body)[0] if validate == "off" else encoded
    del body  # a traceback may show the locals
    if defect:
        reason = f"the body cannot be written as JSON: {defect}"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, reason=reason)
    if validate == "off":
        refuse_what_json_lacks(operation, packed, "$")
    else:
        value = read(operation, packed, type_ if validate == "shape" else strict_type(type_))
        encoded = SecretBytes(_json.encode(value))
        del value
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
        module = module_beside(type_.__module__, "strict")
        return type_ if module is None else getattr(import_module(module), type_.__name__)
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


def _with_extra(operation: str, encoded: SecretBytes, extra: Mapping[str, object]) -> SecretBytes:
    """Return a body with the members of `extra` added. Objects merge at any depth, lists replace."""
    is_mapping = isinstance(cast("object", extra), Mapping)
    added, defect = encode(_json, extra) if is_mapping else (SecretBytes(), "it must be a mapping of names to values")
    packed = encode(pack, extra)[0] if is_mapping else SecretBytes()
    del extra  # a traceback may show the locals
    if defect:
        reason = f"extra_body cannot be written as JSON: {defect}"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, path="extra_body", reason=reason)
    refuse_what_json_lacks(operation, packed, "extra_body")
    body: Any = msgspec.json.decode(encoded)
    if not isinstance(body, dict):
        reason = "extra_body can be added to an object only"
        raise InvalidRequest(f"{operation}: {reason}", operation=operation, path="extra_body", reason=reason)
    path = _merge(cast("dict[str, Any]", body), msgspec.json.decode(added), "$")
    if path is None:
        return SecretBytes(_json.encode(body))
    del body
    reason = "extra_body has a member that the body sets already; set it in one of them"
    message = f"{operation}: {path}: {reason}"
    raise InvalidRequest(message, operation=operation, path=path, reason=reason, argument="extra_body")


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
