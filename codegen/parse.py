"""From the document, after all passes, to the operations as `ir` describes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, cast

from codegen.document import Object
from codegen.ir import Api, Body, Operation, Parameter, Response, Scalar, Security, TypeRef
from codegen.names import snake
from codegen.passes.defaults import default_told, told
from codegen.passes.enums import name_table
from codegen.passes.patterns import python_pattern
from codegen.passes.walk import Call, bodies, calls, home, parameters, referred, resolved, schemas

SESSION_SECRET: Final = "sessionSecret"  # noqa: S105 - the name of a security scheme
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

_FORMATS: Final[dict[str, Literal["JSON", "FORM"]]] = {JSON: "JSON", FORM: "FORM"}
SCALARS: Final[dict[tuple[str, str], Scalar]] = {
    ("string", ""): "str",
    ("string", "uri"): "str",
    ("string", "date"): "date",
    ("string", "date-time"): "datetime",
    ("integer", ""): "int",
    ("number", ""): "float",
    ("boolean", ""): "bool",
}


def parse(document: Object) -> tuple[Api, ...]:
    """Return the APIs in the order of the tags, each with its operations in the order of the paths."""
    found = [(call.operation.texts("tags")[0], call) for call in calls(document.object("paths"))]
    return tuple(
        Api(
            name=api_name(tag.text("name")),
            title=tag.text("name"),
            description=tag.text("description"),
            operations=tuple(_operation(document, call) for name, call in found if name == tag.text("name")),
        )
        for tag in document.array("tags").objects()
    )


def api_name(tag: str) -> str:
    """Return the name of an API's modules."""
    return snake(tag, {}) or tag


def parameter_name(document: Object, parameter: Object) -> str | None:
    """Return the Python name of a parameter, or None where `x-python-name` has to give one."""
    return parameter.text("x-python-name") or snake(parameter.text("name"), name_table(document))


def security(document: Object, operation: Object) -> Security:
    """Return what an operation accepts, its own requirements before those of the whole API."""
    holder = operation if "security" in operation else document
    schemes: dict[str, None] = {}
    scopes: list[str] = []
    for alternative in holder.array("security").objects():
        for name in alternative:
            schemes[name] = None
            scopes += [scope for scope in alternative.texts(name) if scope not in scopes]
    return Security(scopes=tuple(scopes), session_secret=SESSION_SECRET in schemes, schemes=tuple(schemes))


def _operation(document: Object, call: Call) -> Operation:
    operation = call.operation
    replies = [_response(document, int(status), value) for status, value in operation.object("responses").objects()]
    return Operation(
        name=operation.text("operationId"),
        method=call.method.upper(),
        path=call.path,
        summary=operation.text("summary"),
        description=operation.text("description"),
        deprecated=operation.get("deprecated") is True,
        idempotency=operation.text("x-idempotency"),
        parameters=_paths_first(_parameter(document, value) for value in parameters(document, call)),
        body=_body(document, operation.object("requestBody")) if "requestBody" in operation else None,
        responses=tuple(reply for reply in replies if reply.status < 300),
        errors=tuple(reply for reply in replies if reply.status >= 300),
        security=security(document, operation),
    )


def _paths_first(found: Iterable[Parameter]) -> tuple[Parameter, ...]:
    return tuple(sorted(found, key=lambda parameter: parameter.place != "path"))


def _parameter(document: Object, value: Object) -> Parameter:
    schema = value.object("schema")
    reference = next(referred(schema), None)
    return Parameter(
        name=value.text("name"),
        python_name=parameter_name(document, value) or "",
        place=cast("Literal['path', 'query', 'header']", value.text("in")),
        type=_type(document, schema) if reference else SCALARS[schema.text("type"), schema.text("format")],
        required=value.get("required") is True,
        description=default_told(told(value), schema),
        pattern=python_pattern(schema.text("pattern")) if "pattern" in schema else None,
    )


def _body(document: Object, value: Object) -> Body:
    media_type, media = next(value.object("content").objects())
    return Body(
        type=_type(document, media.object("schema")),
        format=_FORMATS[media_type],
        required=value.get("required") is True,
        description=value.text("description"),
    )


def _response(document: Object, status: int, value: Object) -> Response:
    response = resolved(document, value)
    schema = next(bodies(response), None)
    return Response(
        status=status,
        type=_type(document, schema) if schema is not None else None,
        description=response.text("description"),
    )


def _type(document: Object, schema: Object) -> TypeRef:
    name = next(referred(schema))
    return TypeRef(module=home(schemas(document).object(name)), name=name, many=schema.get("type") == "array")
