"""Functions to walk a bundled document, shared by checks and passes: operations, bodies, schemas, references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from codegen.document import EMPTY, Array, Object
from codegen.keywords import ANY, IDEMPOTENCY_KEY

METHODS: Final = ("get", "put", "post", "delete", "patch")
SCHEMAS: Final = "#/components/schemas/"
_CHOICES: Final = ("oneOf", "anyOf")


class Call(NamedTuple):
    """An operation with its path item. `path` is the URL template, or the name of a callback or webhook."""

    path: str
    method: str
    item: Object
    operation: Object


def schemas(document: Object) -> Object:
    """Return the named schemas."""
    return document.object("components").object("schemas")


def module_of(schema: Object) -> str:
    """Return the name of the module of a schema: the folder of its fragment under components/schemas/."""
    return schema.origin.module or schema.origin.file.split("/")[-2]


def with_schemas(document: Object, members: dict[str, object]) -> Object:
    """Return the document with other named schemas, each keeping the origin of its definition."""
    old = schemas(document)
    origins = {name: value.origin for name, value in members.items() if isinstance(value, Object)}
    new = Object(members, old.origin, {**origins, **old.origins})
    components = document.object("components")
    return document.derive({**document, "components": components.derive({**components, "schemas": new})})


def calls(paths: Object) -> Iterator[Call]:
    """Iterate over the operations of `paths`, of `webhooks` or of a callback."""
    for path, item in paths.objects():
        for method, operation in item.objects():
            if method in METHODS:
                yield Call(path, method, item, operation)


def callbacks(operation: Object) -> Iterator[Call]:
    """Iterate over the callbacks of an operation."""
    for _, callback in operation.object("callbacks").objects():
        yield from calls(callback)


def incoming_operations(document: Object) -> Iterator[Call]:
    """Iterate over the operations that the API calls on the merchant's server: callbacks, then webhooks."""
    for call in calls(document.object("paths")):
        yield from callbacks(call.operation)
    yield from calls(document.object("webhooks"))


def resolve(document: Object, value: Object) -> Object:
    """Follow a reference, if the object is one. Return an empty object if the reference is unresolved."""
    reference = value.text("$ref")
    if not reference:
        return value
    _, _, kind, name = reference.split("/") if reference.startswith("#/components/") else ("", "", "", "")
    return document.object("components").object(kind).object(name)


def parameters(document: Object, call: Call) -> Iterator[Object]:
    """Iterate over the parameters of an operation, those of its path item first, without unresolved references."""
    for value in (*call.item.array("parameters").objects(), *call.operation.array("parameters").objects()):
        if (resolved := resolve(document, value)) is not EMPTY:
            yield resolved


def idempotency_keys(document: Object, call: Call) -> list[Object]:
    """Return the parameters of an operation that carry its idempotency key."""
    return [value for value in parameters(document, call) if value.text("x-role") == IDEMPOTENCY_KEY]


def bodies(holder: Object) -> Iterator[Object]:
    """Iterate over the schemas of a request body's or a response's media types."""
    for _, media in holder.object("content").objects():
        if "schema" in media:
            yield media.object("schema")


def type_names(schema: Object) -> list[str]:
    """Return the types of a schema; empty if it has no `type`."""
    value = schema.get("type")
    return schema.texts("type") if isinstance(value, Array) else [schema.text("type")] if value else []


def is_any(schema: Object) -> bool:
    """Return whether a schema is one of any value: it has every type, or it is empty, inside a list or a map."""
    return not schema or {*type_names(schema)} >= ANY


def reference_name(schema: Object) -> str:
    """Return the name of the schema that this refers to; empty if this is not a reference to a schema."""
    reference = schema.text("$ref")
    return reference.removeprefix(SCHEMAS) if reference.startswith(SCHEMAS) else ""


def parts(schema: Object) -> Iterator[Object]:
    """Iterate over the schemas directly inside a schema."""
    yield from (value for _, value in schema.object("properties").objects())
    for key in _CHOICES:
        yield from schema.array(key).objects()
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield schema.object(key)


def references(schema: Object) -> Iterator[str]:
    """Iterate over the names of the schemas that a schema refers to, itself or in its inline parts."""
    if name := reference_name(schema):
        yield name
    for part in parts(schema):
        yield from references(part)


def rewrite(value: object, change: Callable[[Object], Object]) -> object:
    """Return a part of a document with a change applied to every object in it, innermost first."""
    if isinstance(value, Array):
        return value.derive(rewrite(item, change) for item in value)
    if isinstance(value, Object):
        return change(value.derive({key: rewrite(member, change) for key, member in value.items()}))
    return value


def rewrite_schema(schema: Object, change: Callable[[Object], Object]) -> Object:
    """Return a schema with a change applied to it and to every schema inside it, innermost first."""
    members = dict(schema)
    for key in ("items", "additionalProperties"):
        if key in schema:
            members[key] = rewrite_schema(schema.object(key), change)
    if "properties" in schema:
        properties = schema.object("properties")
        changed = {name: rewrite_schema(value, change) for name, value in properties.objects()}
        members["properties"] = properties.derive(changed)
    for key in (key for key in _CHOICES if key in schema):
        choices = schema.array(key)
        members[key] = choices.derive(rewrite_schema(value, change) for value in choices.objects())
    return change(schema.derive(members))


def reachable(members: Iterable[str], named: Mapping[str, Object]) -> set[str]:
    """Return the members and every schema they refer to, directly or not."""
    found: set[str] = set()
    waiting = list(members)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [reference for reference in references(named[name]) if reference in named]
    return found
