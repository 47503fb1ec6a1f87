"""Parses the document, after all passes, into the intermediate representation in `ir`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, cast

from codegen.document import EMPTY, Object
from codegen.ir import Api, Body, Operation, Pagination, Parameter, Response, Scalar, Security, TypeRef
from codegen.names import snake_name
from codegen.passes.annotations import describe, describe_default, name_table
from codegen.passes.directions import in_direction
from codegen.passes.patterns import python_pattern
from codegen.passes.unions import alternatives
from codegen.passes.walk import (
    Call,
    bodies,
    calls,
    idempotency_keys,
    module_of,
    parameters,
    reference_name,
    references,
    resolve,
    schemas,
)

SESSION_SECRET: Final = "sessionSecret"  # noqa: S105 - the name of a security scheme
SECRET_KEY: Final = "secretKey"  # noqa: S105 - the same
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

_FORMATS: Final[dict[str, Literal["JSON", "FORM", "MULTIPART"]]] = {JSON: "JSON", FORM: "FORM", MULTIPART: "MULTIPART"}
SCALARS: Final[dict[tuple[str, str], Scalar]] = {
    ("string", ""): "str",
    ("string", "uri"): "str",
    ("string", "date"): "date",
    ("string", "date-time"): "datetime",
    ("integer", ""): "int",
    ("number", ""): "float",
    ("boolean", ""): "bool",
}
# The limits that are checked on parameters, with their names in checkout_async._core.
PARAMETER_LIMITS: Final = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minimum": "minimum",
    "maximum": "maximum",
    "minItems": "min_items",
    "maxItems": "max_items",
}


class PagingSchemas(NamedTuple):
    """The schemas that pagination involves: the request body, the page, and an item of the page."""

    body: Object
    page: Object
    item: Object
    item_name: str


def parse(document: Object) -> tuple[Api, ...]:
    """Return the APIs in the order of the tags, each with its operations in the order of the paths."""
    tagged = [(call.operation.texts("tags")[0], call) for call in calls(document.object("paths"))]
    return tuple(
        Api(
            name=api_name(tag.text("name")),
            title=tag.text("name"),
            description=tag.text("description"),
            operations=tuple(_operation(document, call) for name, call in tagged if name == tag.text("name")),
        )
        for tag in document.array("tags").objects()
    )


def api_name(tag: str) -> str:
    """Return the name of an API's modules."""
    return snake_name(tag, {}) or tag


def parameter_name(document: Object, parameter: Object) -> str | None:
    """Return the Python name of a parameter, or None if `x-python-name` must give one."""
    return parameter.text("x-python-name") or snake_name(parameter.text("name"), name_table(document))


def is_list(parameter: Object) -> bool:
    """Return whether a parameter has a list of values."""
    return parameter.object("schema").get("type") == "array"


def several(parameter: Object) -> Literal["", "repeated", "joined"]:
    """Return how a list of values is written. OpenAPI's default is to repeat the name for each value."""
    if not is_list(parameter):
        return ""
    return "joined" if parameter.get("explode") is False else "repeated"


def security(document: Object, operation: Object) -> Security:
    """Return the credentials an operation accepts: its own `security`, or else that of the whole API."""
    holder = operation if "security" in operation else document
    schemes: set[str] = set()
    scopes: list[str] = []
    for alternative in holder.array("security").objects():
        for name in alternative:
            schemes.add(name)
            scopes += [scope for scope in alternative.texts(name) if scope not in scopes]
    return Security(scopes=tuple(scopes), session_secret=SESSION_SECRET in schemes, secret_key=SECRET_KEY in schemes)


def _operation(document: Object, call: Call) -> Operation:
    operation = call.operation
    replies = [_response(document, int(status), value) for status, value in operation.object("responses").objects()]
    keys = idempotency_keys(document, call)
    plain = (_parameter(document, value) for value in parameters(document, call) if value not in keys)
    return Operation(
        name=operation.text("operationId"),
        method=call.method.upper(),
        path=call.path,
        summary=operation.text("summary"),
        description=operation.text("description"),
        deprecated=operation.get("deprecated") is True,
        idempotency=operation.text("x-idempotency"),
        idempotency_header=keys[0].text("name") if keys else None,
        key_lifetime=cast("int | None", keys[0].get("x-key-lifetime")) if keys else None,
        reference=operation.text("x-reference") or None,
        parameters=_path_parameters_first(call.path, plain),
        body=_body(document, operation.object("requestBody")) if "requestBody" in operation else None,
        responses=tuple(reply for reply in replies if reply.status < 300),
        errors=tuple(reply for reply in replies if reply.status >= 300),
        security=security(document, operation),
        pagination=_pagination(document, call) if "x-pagination" in operation else None,
    )


def _path_parameters_first(path: str, unsorted: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Return the parameters, first those of the path in its own order: they are passed by position."""
    return tuple(sorted(unsorted, key=lambda each: (each.place != "path", path.find(f"{{{each.name}}}"))))


def _parameter(document: Object, value: Object) -> Parameter:
    whole = value.object("schema")
    schema = whole.object("items") if is_list(value) else whole
    reference = next(references(schema), None)
    enforced = [*schema.object("x-enforced"), *(whole.object("x-enforced") if is_list(value) else ())]
    return Parameter(
        name=value.text("name"),
        python_name=parameter_name(document, value) or "",
        place=cast("Literal['path', 'query', 'header']", value.text("in")),
        type=_type(document, schema) if reference else SCALARS[schema.text("type"), schema.text("format")],
        required=value.get("required") is True,
        description=describe_default(describe(value), whole),
        limits=(*_limits(schema), *(_limits(whole) if is_list(value) else ())),
        enforced=tuple(PARAMETER_LIMITS[keyword] for keyword in enforced),
        several=several(value),
    )


def _limits(schema: Object) -> Iterator[tuple[str, str | int | float]]:
    for keyword, name in PARAMETER_LIMITS.items():
        value = schema.get(keyword)
        if keyword == "pattern" and isinstance(value, str):
            yield name, python_pattern(value)
        elif isinstance(value, int | float):
            yield name, value


def _body(document: Object, value: Object) -> Body:
    media_type, media = next(value.object("content").objects())
    type_ = _type(document, media.object("schema"))
    choices = alternatives(schemas(document).object(type_.name))
    return Body(
        type=type_,
        alternatives=tuple((_type_ref(document, name), tuple(members)) for name, members in choices.items()),
        format=_FORMATS[media_type],
        required=value.get("required") is True,
        description=value.text("description"),
    )


def _response(document: Object, status: int, value: Object) -> Response:
    response = resolve(document, value)
    schema = next(bodies(response), None)
    return Response(
        status=status,
        type=_type(document, schema) if schema is not None else None,
        description=response.text("description"),
    )


def _type(document: Object, schema: Object) -> TypeRef:
    return _type_ref(document, next(references(schema)), many=schema.get("type") == "array")


def _type_ref(document: Object, name: str, *, many: bool = False) -> TypeRef:
    return TypeRef(module=module_of(schemas(document).object(name)), name=name, many=many)


def paging_schemas(document: Object, operation: Object) -> PagingSchemas:
    """Return the schemas that `x-pagination` of an operation refers to; a missing one is empty."""
    named, items = schemas(document), operation.object("x-pagination").text("items")
    body = next(bodies(operation.object("requestBody")), EMPTY)
    pages = [
        named.object(reference_name(schema))
        for status, value in operation.object("responses").objects()
        if status.startswith("2")
        for schema in bodies(resolve(document, value))
    ]
    page = pages[0] if len(pages) == 1 else EMPTY
    item_name = reference_name(page.object("properties").object(items).object("items"))
    sent = in_direction(named.object(reference_name(body)), "sent")
    received, item = (in_direction(each, "received") for each in (page, named.object(item_name)))
    return PagingSchemas(sent, received, item, item_name)


def identifiers(schema: Object) -> list[str]:
    """Return the members with `x-identifier: true`: without them an object is meaningless."""
    return [name for name, member in schema.object("properties").objects() if member.get("x-identifier") is True]


def _pagination(document: Object, call: Call) -> Pagination:
    stated, table = call.operation.object("x-pagination"), name_table(document)
    paged = paging_schemas(document, call.operation)
    own = {value.text("name"): parameter_name(document, value) for value in parameters(document, call)}

    def name(api_name: str) -> str:
        return snake_name(api_name, table) or ""

    return Pagination(
        iterator=stated.text("iterator"),
        style=cast("Literal['skip', 'link']", stated.text("style")),
        limit=own.get(stated.text("limit")) or name(stated.text("limit")),
        items=name(stated.text("items")),
        item=_type_ref(document, paged.item_name),
        key=name(identifiers(paged.item)[0]),
        skip=own.get(stated.text("skip")) or "",
        total=name(stated.text("total")),
        next=tuple(map(name, stated.texts("next"))),
    )
