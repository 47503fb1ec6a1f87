"""Request validation by the document's own schemas, with failures as the API's error codes.

Validation is stricter than the document: a member that no schema names is refused, so that a misspelt optional field
shows. Error codes contain names of members, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import cast

import msgspec

try:
    from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind
except ModuleNotFoundError as error:
    message = "the sandbox needs jsonschema-rs: pip install 'checkout-async[sandbox]'"
    raise ModuleNotFoundError(message, name=error.name) from None

from checkout_async.sandbox.core.errors import invalid
from checkout_async.sandbox.core.payload import JsonObject, array, is_object, member, texts
from checkout_async.sandbox.core.spec import ApiOperation, ApiParameter, ApiSpec

_BODY = "request"
_NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)


def read_body(spec: ApiSpec, operation: ApiOperation, body: bytes, content_type: str) -> JsonObject:
    """Decode and validate a request body; an empty one is an empty object if the body is optional.

    Raises 422 `content_type_invalid`, `request_required` (empty), `json_invalid` (not JSON, or nested too
    deep), `request_invalid` (not an object), or one code per failing member: `{member}_required`, `{member}_invalid`.
    """
    if not body.strip() and not operation.body_required:
        return {}
    if content_type != "application/json":
        raise invalid("content_type_invalid", api=operation.api)
    if not body.strip():
        raise invalid(f"{_BODY}_required", api=operation.api)
    try:
        decoded: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise invalid("json_invalid", api=operation.api) from None
    return check_body(spec, operation, decoded)


def check_body(spec: ApiSpec, operation: ApiOperation, body: object) -> JsonObject:
    """Validate a decoded body; raises 422 with one code per failing member, as `read_body` does."""
    validator = _body_validator(spec, operation.id)
    if not validator.is_valid(body) or not is_object(body):
        raise invalid(*_codes(validator.iter_errors(body), _BODY), api=operation.api)
    return body


def check_headers(spec: ApiSpec, operation: ApiOperation, headers: Mapping[str, str]) -> None:
    """Validate the operation's header parameters; raises 422 `{header}_invalid`."""
    for parameter in operation.parameters_in("header"):
        value = headers.get(parameter.name)
        if value is not None and not _parameter_validator(spec, operation.id, parameter.name).is_valid(value):
            raise invalid(f"{parameter.name.lower().replace('-', '_')}_invalid", api=operation.api)


def read_query(spec: ApiSpec, operation: ApiOperation, query: Mapping[str, str]) -> JsonObject:
    """Read and validate the operation's query parameters; unknown ones are refused.

    Raises 422 `{parameter}_required`, `{parameter}_invalid`.
    """
    known = {parameter.name: parameter for parameter in operation.parameters_in("query")}
    problems = [f"{name}_invalid" for name in query if name not in known and _NAME.fullmatch(name)]
    values: JsonObject = {}
    for name, parameter in known.items():
        value = _query_value(parameter, query.get(name))
        if value is not None and _parameter_validator(spec, operation.id, name).is_valid(value):
            values[name] = value
        elif value is not None or parameter.required:
            problems.append(f"{name}_{'required' if value is None else 'invalid'}")
    if problems:
        raise invalid(*problems, api=operation.api)
    return values


def _query_value(parameter: ApiParameter, text: str | None) -> object | None:
    if text is None:
        return parameter.schema.get("default")
    is_number = parameter.schema.get("type") == "integer" and _INTEGER.fullmatch(text)
    return int(text) if is_number else text


@cache
def _body_validator(spec: ApiSpec, operation_id: str) -> Draft202012Validator:
    return _compile(spec, spec.operations[operation_id].body or {})


@cache
def _parameter_validator(spec: ApiSpec, operation_id: str, name: str) -> Draft202012Validator:
    parameters = {parameter.name: parameter.schema for parameter in spec.operations[operation_id].parameters}
    return _compile(spec, parameters[name])


def _compile(spec: ApiSpec, schema: JsonObject) -> Draft202012Validator:
    strict = {name: _close(node) for name, node in spec.schemas.items()}
    return Draft202012Validator({**schema, "components": {"schemas": strict}}, validate_formats=True)


def _close(node: object) -> object:
    """Copy a schema with closed objects, and with unions rewritten so that failures name the variant's member."""
    if isinstance(node, list):
        return [_close(item) for item in cast("list[object]", node)]
    if not is_object(node):
        return node
    if "oneOf" in node and "discriminator" in node:
        return _variant_by_tag(member(node, "discriminator"))
    if "x-recognised-by" in node:
        return _variant_by_members(array(node, "anyOf"), member(node, "x-recognised-by"))
    copy = {key: _close(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        copy.setdefault("additionalProperties", False)
    return copy


def _variant_by_tag(discriminator: JsonObject) -> JsonObject:
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


def _variant_by_members(variants: list[object], members: JsonObject) -> JsonObject:
    """Choose the first variant whose identifying members are all present."""
    chosen: JsonObject = {}
    for variant in reversed([entry for entry in variants if is_object(entry)]):
        identifying = texts(members, str(variant["$ref"]).rpartition("/")[2])
        chosen = {"if": {"required": list(identifying)}, "then": variant, "else": chosen} if identifying else variant
    return chosen


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
