"""Request validation by the document's own schemas, with failures as the API's error codes.

A documented limit is not a refusal by the API: only limits that the document marks with `x-enforced`, each with its
ground, are enforced. So are JSON types, required members, union tags, listed enum values, dates and times. Error codes
contain names of members, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import cast

import msgspec

try:
    from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind
except ModuleNotFoundError as _error:
    _message = "the sandbox needs jsonschema-rs: pip install 'checkout-async[sandbox]'"
    raise ModuleNotFoundError(_message, name=_error.name) from None

from checkout_async.sandbox.core.calls import ApiCall
from checkout_async.sandbox.core.errors import invalid
from checkout_async.sandbox.core.payload import JsonObject, array, is_object, member, texts
from checkout_async.sandbox.core.reading import MEMBER_NAME, BodyReader
from checkout_async.sandbox.core.spec import ApiOperation, ApiParameter, ApiSpec

_BODY = "request"
_UNDEFINED = "undefined"
"""What programs in JavaScript send for a header that they do not set; the API ignores it."""
_LIMITS = frozenset(
    {
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
    }
)
_TYPES = frozenset({"date", "date-time"})
"""Formats that are a type of their own rather than a limit of a text."""
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)


class RequestReader:
    """Reads and validates what requests bring: bodies, headers and query parameters.

    A lenient reader forgives what the API was observed to forgive, and records it in the call. An `exact` one refuses
    members that no schema names, nulls, and numbers written as text. Both enforce only the limits that the document
    marks with `x-enforced`.
    """

    def __init__(self, spec: ApiSpec, *, exact: bool = False) -> None:
        self._spec = spec
        self._exact = exact

    def body(self, call: ApiCall) -> JsonObject:
        """Decode and validate the body of a call; an empty one, or `null`, is an empty object if the body is optional.

        Raises 422 `content_type_invalid`, `request_required` (empty), `json_invalid` (not JSON, or nested too deep),
        `request_invalid` (not an object), or one code per failing member: `{member}_required`, `{member}_invalid`.
        """
        operation, body = call.operation, call.body
        if not operation.body_required and (not body.strip() or (body.strip() == b"null" and not self._exact)):
            return {}
        if call.content_type != "application/json":
            raise invalid("content_type_invalid", api=operation.api)
        if not body.strip():
            raise invalid(f"{_BODY}_required", api=operation.api)
        try:
            decoded: object = msgspec.json.decode(body)
            return self.decoded_body(operation, decoded, call.notes.forgiven)
        except (msgspec.DecodeError, RecursionError):
            raise invalid("json_invalid", api=operation.api) from None

    def decoded_body(self, operation: ApiOperation, body: object, forgiven: list[str] | None = None) -> JsonObject:
        """Validate a decoded body; raises 422 with one code per failing member, as `body` does, or RecursionError."""
        reader = BodyReader(self._spec, exact=self._exact)
        read = reader.read(operation.body, body)
        if forgiven is not None:
            forgiven += reader.forgiven
        validator = _body_validator(self._spec, operation.id)
        try:
            if validator.is_valid(read) and is_object(read):
                return read
            codes = _codes(validator.iter_errors(read), _BODY)
        except ValueError:  # jsonschema-rs says so of what is nested more deeply than it can follow
            raise RecursionError from None
        raise invalid(*codes, api=operation.api)

    def headers(self, call: ApiCall) -> JsonObject:
        """Read the operation's header parameters that a call has; raises 422 `{header}_invalid`."""
        values: JsonObject = {}
        for parameter in call.operation.parameters_in("header"):
            value = call.headers.get(parameter.name)
            if value == _UNDEFINED and not self._exact:
                call.notes.forgiven.append(f"header {parameter.name}")
            elif value is not None:
                read = BodyReader(self._spec, exact=True).read(parameter.schema, value)
                if not _parameter_validator(self._spec, call.operation.id, parameter.name).is_valid(read):
                    code = f"{parameter.name.lower().replace('-', '_')}_invalid"
                    raise invalid(code, api=call.operation.api)
                values[parameter.name] = read
        return values

    def query(self, call: ApiCall) -> JsonObject:
        """Read the operation's query parameters; raises 422 `{parameter}_required`, `{parameter}_invalid`.

        The bounds of numbers are enforced: they are those of paging, for which the API has error codes of its own.
        """
        operation, query = call.operation, call.query
        known = {parameter.name: parameter for parameter in operation.parameters_in("query")}
        unknown = [name for name in query if name not in known and MEMBER_NAME.fullmatch(name)]
        problems = [f"{name}_invalid" for name in unknown if self._exact]
        if not self._exact:
            call.notes.forgiven.extend(f"query {name}" for name in unknown)
        values: JsonObject = {}
        for name, parameter in known.items():
            value = _query_value(parameter, query.get(name))
            if value is not None and _parameter_validator(self._spec, operation.id, name).is_valid(value):
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
    schema = {parameter.name: parameter.schema for parameter in spec.operations[operation_id].parameters}[name]
    if schema.get("type") == "integer":
        return Draft202012Validator(schema)
    return _compile(spec, schema)


def _compile(spec: ApiSpec, schema: JsonObject) -> Draft202012Validator:
    closed = {name: _close(node) for name, node in spec.schemas.items()}
    whole = cast("JsonObject", _close(schema))
    return Draft202012Validator({**whole, "components": {"schemas": closed}}, validate_formats=True)


def _close(node: object) -> object:
    """Copy a schema with closed objects, without limits that are not enforced, and with unions by variant.

    Unions are rewritten so that failures name the variant's member.
    """
    if isinstance(node, list):
        return [_close(item) for item in cast("list[object]", node)]
    if not is_object(node):
        return node
    if "oneOf" in node and "discriminator" in node:
        return _variant_by_tag(member(node, "discriminator"))
    if "x-recognised-by" in node:
        return _variant_by_members(array(node, "anyOf"), member(node, "x-recognised-by"))
    copy = {key: _close(value) for key, value in node.items() if key != "properties" and _is_enforced(key, node)}
    if "properties" in node:
        copy["properties"] = {name: _close(schema) for name, schema in member(node, "properties").items()}
        if node.get("type") == "object":
            copy.setdefault("additionalProperties", False)
    return copy


def _is_enforced(keyword: str, node: JsonObject) -> bool:
    if keyword not in _LIMITS or keyword in member(node, "x-enforced"):
        return True
    return keyword == "format" and node["format"] in _TYPES


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
        return [f"{name if MEMBER_NAME.fullmatch(name) else owner}_invalid" for name in failure.kind.unexpected]
    return [f"{owner}_invalid"]
