"""Ways through a bundled document that checks and passes share: operations, parameters, bodies, schemas, references."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from codegen.document import Array, Object
from codegen.vocabulary import IDEMPOTENCY_KEY

METHODS: Final = ("get", "put", "post", "delete", "patch")
SCHEMAS: Final = "#/components/schemas/"
_CHOICES: Final = ("oneOf", "anyOf")


class Call(NamedTuple):
    """An operation with the path item it stands in; `path` is the URL template, or names a callback or webhook."""

    path: str
    method: str
    item: Object
    operation: Object


def schemas(document: Object) -> Object:
    """Return the named schemas."""
    return document.object("components").object("schemas")


def home(schema: Object) -> str:
    """Return the name of the module a schema belongs to: the folder of its fragment under components/schemas/."""
    return schema.origin.file.split("/")[-2]


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
    """Iterate over the operations that the API calls back."""
    for _, callback in operation.object("callbacks").objects():
        yield from calls(callback)


def told_by_api(document: Object) -> Iterator[Call]:
    """Iterate over the operations that the API calls at the merchant's: callbacks, then webhooks."""
    for call in calls(document.object("paths")):
        yield from callbacks(call.operation)
    yield from calls(document.object("webhooks"))


def resolved(document: Object, value: Object) -> Object:
    """Return what an object that may be a reference means; an unresolved reference means an empty object."""
    reference = value.text("$ref")
    if not reference:
        return value
    _, _, kind, name = reference.split("/") if reference.startswith("#/components/") else ("", "", "", "")
    return document.object("components").object(kind).object(name)


def parameters(document: Object, call: Call) -> Iterator[Object]:
    """Iterate over the parameters of an operation, those of its path item first."""
    for value in (*call.item.array("parameters").objects(), *call.operation.array("parameters").objects()):
        yield resolved(document, value)


def idempotency_keys(document: Object, call: Call) -> list[Object]:
    """Return the parameters of an operation that take its idempotency key."""
    return [found for found in parameters(document, call) if found.text("x-role") == IDEMPOTENCY_KEY]


def bodies(holder: Object) -> Iterator[Object]:
    """Iterate over the schemas of a request body's or a response's media types."""
    for _, media in holder.object("content").objects():
        if "schema" in media:
            yield media.object("schema")


def type_names(schema: Object) -> list[str]:
    """Return the types that a schema names; none where it has no `type`."""
    value = schema.get("type")
    return schema.texts("type") if isinstance(value, Array) else [schema.text("type")] if value else []


def referred_name(schema: Object) -> str:
    """Return the name of the schema that a reference means; empty if this is no reference to a schema."""
    reference = schema.text("$ref")
    return reference.removeprefix(SCHEMAS) if reference.startswith(SCHEMAS) else ""


def parts(schema: Object) -> Iterator[Object]:
    """Iterate over the schemas that stand directly inside a schema."""
    yield from (value for _, value in schema.object("properties").objects())
    for key in _CHOICES:
        yield from schema.array(key).objects()
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield schema.object(key)


def referred(schema: Object) -> Iterator[str]:
    """Iterate over the names of the schemas that a schema refers to, at any depth of what stands inline."""
    if name := referred_name(schema):
        yield name
    for part in parts(schema):
        yield from referred(part)


def rewritten(value: object, change: Callable[[Object], Object]) -> object:
    """Return any part of a document with a change applied to every object in it, the innermost first."""
    if isinstance(value, Array):
        return value.derive(rewritten(item, change) for item in value)
    if isinstance(value, Object):
        return change(value.derive({key: rewritten(member, change) for key, member in value.items()}))
    return value


def schema_rewritten(schema: Object, change: Callable[[Object], Object]) -> Object:
    """Return a schema with a change applied to it and to every schema inside it, the innermost first."""
    members = dict(schema)
    for key in ("items", "additionalProperties"):
        if key in schema:
            members[key] = schema_rewritten(schema.object(key), change)
    if "properties" in schema:
        properties = schema.object("properties")
        changed = {name: schema_rewritten(value, change) for name, value in properties.objects()}
        members["properties"] = properties.derive(changed)
    for key in (key for key in _CHOICES if key in schema):
        choices = schema.array(key)
        members[key] = choices.derive(schema_rewritten(value, change) for value in choices.objects())
    return change(schema.derive(members))
