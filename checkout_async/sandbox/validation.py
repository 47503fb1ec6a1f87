"""Request validation by the document's own schemas, with failures as the API's error codes.

Requests are held to more than the document's letter: a member that no schema names is refused, so that a misspelt
optional field shows. Error codes carry member names, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import cast

import msgspec
from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from checkout_async.sandbox.errors import invalid
from checkout_async.sandbox.payload import JsonObject, is_object, member
from checkout_async.sandbox.spec import ApiSpec, Operation

_BODY = "request"
_NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)


def read_body(spec: ApiSpec, operation: Operation, body: bytes, content_type: str) -> JsonObject:
    """Decode and validate a request body.

    Raises 422 `content_type_invalid`, `request_required` (empty), `json_invalid` (no JSON, or nested too deep),
    `request_invalid` (no object), or one code per failing member: `{member}_required`, `{member}_invalid`.
    """
    if content_type != "application/json":
        raise invalid("content_type_invalid")
    if not body.strip():
        raise invalid(f"{_BODY}_required")
    try:
        decoded: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise invalid("json_invalid") from None
    validator = _body_validator(spec, operation.id)
    if not validator.is_valid(decoded) or not is_object(decoded):
        raise invalid(*_codes(validator.iter_errors(decoded), _BODY))
    return decoded


def check_headers(spec: ApiSpec, operation: Operation, headers: Mapping[str, str]) -> None:
    """Validate the operation's header parameters; raises 422 `{header}_invalid`."""
    for name, _ in operation.headers:
        value = headers.get(name)
        if value is not None and not _header_validator(spec, operation.id, name).is_valid(value):
            raise invalid(f"{name}_invalid")


@cache
def _body_validator(spec: ApiSpec, operation_id: str) -> Draft202012Validator:
    return _compile(spec, spec.operations[operation_id].body or {})


@cache
def _header_validator(spec: ApiSpec, operation_id: str, name: str) -> Draft202012Validator:
    return _compile(spec, dict(spec.operations[operation_id].headers)[name])


def _compile(spec: ApiSpec, schema: JsonObject) -> Draft202012Validator:
    strict = {name: _strict(node) for name, node in spec.schemas.items()}
    return Draft202012Validator({**schema, "components": {"schemas": strict}}, validate_formats=True)


def _strict(node: object) -> object:
    """Copy a schema; objects are closed, and discriminated unions say which variant failed, and where."""
    if isinstance(node, list):
        return [_strict(item) for item in cast("list[object]", node)]
    if not is_object(node):
        return node
    if "oneOf" in node and "discriminator" in node:
        return _branches(member(node, "discriminator"))
    copy = {key: _strict(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        copy.setdefault("additionalProperties", False)
    return copy


def _branches(discriminator: JsonObject) -> JsonObject:
    tag = str(discriminator["propertyName"])
    mapping = member(discriminator, "mapping")
    return {
        "type": "object",
        "required": [tag],
        "properties": {tag: {"enum": list(mapping)}},
        "allOf": [
            {"if": {"required": [tag], "properties": {tag: {"const": value}}}, "then": {"$ref": target}}
            for value, target in mapping.items()
        ],
    }


def _codes(failures: Iterator[ValidationError], root: str) -> list[str]:
    codes: dict[str, None] = {}
    for failure in failures:
        codes.update(dict.fromkeys(_code(failure, root)))
    return list(codes)


def _code(failure: ValidationError, root: str) -> list[str]:
    named = [step for step in failure.instance_path if isinstance(step, str)]
    owner = named[-1] if named else root
    if isinstance(failure.kind, ValidationErrorKind.Required):
        return [f"{failure.kind.property}_required"]
    if isinstance(failure.kind, ValidationErrorKind.AdditionalProperties):
        return [f"{name if _NAME.fullmatch(name) else owner}_invalid" for name in failure.kind.unexpected]
    return [f"{owner}_invalid"]
