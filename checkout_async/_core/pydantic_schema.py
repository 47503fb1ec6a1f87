"""What pydantic asks a Struct for: how to check an input, how to write a value, and its JSON schema.

Only pydantic imports this module, through `__get_pydantic_core_schema__` of the common base. It checks an input as the
client checks a body, and its errors contain no values of the body: web frameworks send errors back to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from inspect import cleandoc
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

import msgspec
from msgspec import UnsetType
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from checkout_async._core.body import encode_body
from checkout_async._core.codec import DecodeError, decode
from checkout_async._core.model import RequestModel, fields_of
from checkout_async.errors import InvalidRequest

__all__ = ["schema_of"]

_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\"(.*?)\"\]")


def schema_of(model: type[msgspec.Struct], handler: GetCoreSchemaHandler) -> CoreSchema:
    """Return the schema of a Struct.

    The members serve for the JSON schema alone: pydantic checks none of them itself, and its errors would show them.
    """
    check = _check_request if issubclass(model, RequestModel) else _check_response

    def validate(value: object, _members: Callable[[Any], Any]) -> msgspec.Struct:
        return value if isinstance(value, model) else check(model, value)

    validate.__qualname__ = validate.__name__ = model.__name__  # names a variant of a union in an error
    return core_schema.no_info_wrap_validator_function(
        validate,
        core_schema.typed_dict_schema(
            _members(model, handler), total=False, metadata={"pydantic_js_updates": _description(model)}
        ),
        # As pydantic itself names a class: so it finds what it has made, and stops where a class contains itself.
        ref=f"{model.__module__}.{model.__qualname__}:{id(model)}",
        serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins),
    )


def _description(model: type[msgspec.Struct]) -> dict[str, str | int | bool]:
    described: dict[str, str | int | bool] = {"title": model.__name__}
    if model.__doc__ is not None:
        described["description"] = cleandoc(model.__doc__)
    if model.__struct_config__.forbid_unknown_fields:
        described["additionalProperties"] = False
    return described


def _members(model: type[msgspec.Struct], handler: GetCoreSchemaHandler) -> dict[str, core_schema.TypedDictField]:
    members: dict[str, core_schema.TypedDictField] = {}
    config = model.__struct_config__
    if config.tag_field is not None and isinstance(config.tag, str | int):
        tag = core_schema.literal_schema([config.tag])
        members[config.tag_field] = core_schema.typed_dict_field(tag, required=True)
    for field in fields_of(model):
        schema = handler.generate_schema(_without_msgspec(field.type))
        members[field.encode_name] = core_schema.typed_dict_field(schema, required=field.required)
    return members


def _without_msgspec(type_: Any) -> Any:
    """Return a type without the parts that only msgspec knows: `UnsetType` and `Meta`."""
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _without_msgspec(arguments[0])
    if origin in {Union, UnionType}:
        return reduce(_union, (_without_msgspec(each) for each in arguments if each is not UnsetType))
    if origin is Literal or not arguments:
        return type_
    return origin[tuple(_without_msgspec(each) for each in arguments)]


def _union(left: Any, right: Any) -> Any:
    return left | right


def _check_request(model: type[msgspec.Struct], value: object) -> msgspec.Struct:
    if not isinstance(value, Mapping):
        raise _refusal(model, "$", "must be an object")
    try:
        body = encode_body(model.__name__, cast("object", value), model)
    except InvalidRequest as error:
        path, reason = error.path or "$", error.reason or "is invalid"
    else:
        return msgspec.json.decode(body, type=model)
    # Raised outside the handler: the context would carry values of the input.
    raise _refusal(model, path, reason)


def _check_response(model: type[msgspec.Struct], value: object) -> msgspec.Struct:
    try:
        return decode(model, msgspec.json.encode(value))[0]
    except DecodeError as error:
        path, _, reason = str(error).rpartition(": ")
    except TypeError:
        path, reason = "$", "must be an object"
    raise _refusal(model, path or "$", reason)


def _refusal(model: type[msgspec.Struct], path: str, reason: str) -> ValidationError:
    """Return the error of pydantic. It has an empty object in place of the input, which may contain a card number."""
    steps = tuple(int(number) if number else name or quoted for name, number, quoted in _STEP.findall(path))
    kind = PydanticCustomError("invalid_request", "{reason}", {"reason": reason})
    return ValidationError.from_exception_data(
        model.__name__, [InitErrorDetails(type=kind, loc=steps, input={})], hide_input=True
    )
